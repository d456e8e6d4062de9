// Clears the address bar, which holds the response if it came in the query. Closes the tab of a finished sign-in.
"use strict";

history.replaceState(null, "", location.pathname);
if (document.querySelector("main").className === "done") {
  // A script can close only a tab that a script opened, or that has shown no other page.
  if (window.opener || history.length === 1) document.querySelector(".closing").textContent = "This tab closes by itself.";
  setTimeout(() => window.close(), 600);
}
