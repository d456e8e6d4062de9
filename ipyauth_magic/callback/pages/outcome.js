// Clears the address bar, and with it the form data that the browser would keep. Closes the tab of a finished sign-in.
"use strict";

history.replaceState(null, "", location.pathname);
if (document.querySelector("main").className === "done") setTimeout(() => window.close(), 600);
