// Clears the address bar, which holds the response if it came in the query. Closes the tab of a finished sign-in.
"use strict";

history.replaceState(null, "", location.pathname);
if (document.querySelector("main").className === "done") {
  setTimeout(() => window.close(), 600);
  // A script can close only tabs that a script or a link opened. Other tabs keep showing the message.
  setTimeout(() => (document.querySelector(".closing").textContent = "You can close this tab."), 1500);
}
