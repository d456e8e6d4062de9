// Posts the response in this page's address to this page's own origin, as a form body, and nowhere else.
// Shows no part of it.
"use strict";

const main = document.querySelector("main");

function show({ outcome, title, message }) {
  main.className = outcome;
  document.title = title;
  main.querySelector("h1").textContent = title;
  main.querySelector(".message").textContent = message;
}

// A script can close only a tab that a script opened, or that has shown no other page.
function closeTab() {
  if (window.opener || history.length === 1) main.querySelector(".closing").textContent = "This tab closes by itself.";
  setTimeout(() => window.close(), 600);
}

// The token for Jupyter's XSRF check, from its cookie. A hub sets a new cookie at each login, also from another tab, so
// the token in this page may be out of date.
function xsrfToken() {
  const made = main.dataset.xsrfToken;
  const cookie = made && document.cookie.match(/(?:^|; )_xsrf=([^;]*)/);
  return cookie ? decodeURIComponent(cookie[1]) : made;
}

function post(response, where) {
  const headers = { "Content-Type": "application/x-www-form-urlencoded", "X-Ipyauth-Response-In": where };
  if (xsrfToken()) headers["X-XSRFToken"] = xsrfToken();
  return fetch(location.pathname, {
    method: "POST",
    headers,
    body: response,
    cache: "no-store",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
}

const refused = {
  outcome: "failed",
  title: "Jupyter refused the response",
  message: "Follow the link in the notebook again, in a browser that is logged in to Jupyter.",
};

// Asks Jupyter for a new cookie. Jupyter redirects a browser without a session to a login, which only a person can
// complete, and a hub would redirect this request in a circle: hence `redirect: "error"`.
async function cookieIsThere() {
  try {
    return (await fetch(location.pathname, { cache: "no-store", redirect: "error", referrerPolicy: "no-referrer" })).ok;
  } catch {
    return false;
  }
}

async function relay(response, where) {
  try {
    let answer = await post(response, where);
    const isRefused = () => answer.status === 403 && main.dataset.xsrfToken;
    if (isRefused() && (await cookieIsThere())) answer = await post(response, where);
    show(isRefused() ? refused : await answer.json());
  } catch {
    show({
      outcome: "failed",
      title: "The notebook is no longer waiting",
      message: "This sign-in has ended or was interrupted. Run the cell again.",
    });
    return;
  }
  if (main.className === "done") closeTab();
}

const fragment = location.hash.slice(1);
const query = location.search.slice(1);
history.replaceState(null, "", location.pathname);
if (fragment && (!query || fragment.includes("state="))) {
  relay(fragment, "fragment");
} else if (query) {
  relay(query, "query");
} else {
  show({
    outcome: "waiting",
    title: "No response arrived here",
    message:
      "This page receives the provider's response. Follow the link in the notebook to sign in. " +
      "If you had to log in to Jupyter just now, follow the link again.",
  });
}
