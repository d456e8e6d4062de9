// Wipes the address bar, and with it the form that the browser would keep; closes the tab of a sign-in that is done.
"use strict";

history.replaceState(null, "", location.pathname);
if (document.querySelector("main").className === "done") setTimeout(() => window.close(), 600);
