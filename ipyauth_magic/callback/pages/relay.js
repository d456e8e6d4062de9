// Hands the response in this page's address to the kernel that waits for it: to this page's own origin,
// as a form body, and nowhere else. Shows no part of it.
"use strict";

const main = document.querySelector("main");

function show({ outcome, title, message }) {
  main.className = outcome;
  document.title = title;
  main.querySelector("h1").textContent = title;
  main.querySelector("p").textContent = message;
}

// Jupyter's own check of who posts: what its cookie says now. A hub changes it whenever it lets a browser in anew, also in
// another tab, and this page may have been made before.
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

const notLetIn = {
  outcome: "failed",
  title: "This was not let through",
  message: "Follow the link in the notebook once more, in a browser that is signed in to Jupyter.",
};

// Has Jupyter set its cookie anew. A browser that it does not know any more is sent to a log-in, which only a person
// can follow: a hub would lead this request round in a circle.
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
    show(isRefused() ? notLetIn : await answer.json());
  } catch {
    show({
      outcome: "failed",
      title: "The notebook is no longer waiting",
      message: "This sign-in has ended or was interrupted. Run the cell again.",
    });
    return;
  }
  // Only tabs that a script or a link opened can be closed by a script; the others keep the message.
  if (main.className === "done") setTimeout(() => window.close(), 600);
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
    title: "Nothing arrived here",
    message:
      "This page waits for the provider's answer. Follow the link in the notebook to sign in; " +
      "if you had to log in to Jupyter just now, follow it once more.",
  });
}
