// Wipes the address bar, and closes the tab of a sign-in that is done.
"use strict";

history.replaceState(null, "", location.pathname);
if (document.querySelector("main").className === "done") setTimeout(() => window.close(), 600);
