// The live widget of an Auth. What it shows for ever is in `state`; the link, the claims and the token come by
// messages, are used, and are kept nowhere but in the page. Others may read those messages too, so the token is sealed.

const PATIENCE = 1000; // milliseconds after which the kernel counts as busy
const BUSY = "The kernel is busy; this happens when the cell has ended.";
const UNKNOWN = `${BUSY} If no cell is running, run this one again.`;
const GONE = "The kernel of this sign-in has ended: run this cell again.";

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  const page = build(el);
  const unheard = new Map(); // what the kernel has not answered yet, with the timers that tell so
  let present = { doing: "", note: "", url: "" };
  let met = false; // the kernel has spoken to this page
  let said = ""; // by this view; what the kernel says goes before it
  let blocked = false; // the browser kept the sign-in page from opening
  let pair = null; // the key pair of this view, for the token; a promise
  // The browser has neither on a page of http, unless it is on this machine.
  const canCopy = Boolean(globalThis.crypto?.subtle && navigator.clipboard);

  // What is shown

  function draw() {
    const focused = page.root.contains(document.activeElement) ? document.activeElement : null;
    const state = model.get("state");
    const left = secondsLeft(state);
    const known = state.who !== "";
    const usable = isUsable(state);
    const busy = present.doing !== "";
    const calm = usable && present.doing !== "waiting"; // a renewal takes a moment, and changes no colour
    const mood = calm ? (state.in_vain ? "warning" : "good") : busy ? "waiting" : present.note ? "bad" : "still";
    page.root.dataset.mood = mood;
    setText(page.mark, MARKS[mood]);
    setText(page.title, !usable && busy ? "Signing in…" : titleOf(state, usable));
    setText(page.provider, state.issuer);
    tell(page.api, state.audience || (!known ? "" : state.opaque ? "none: the access token is opaque" : "none was asked for"));
    setText(page.scopes, state.scope || "none");
    tell(page.missing, state.not_granted ?? "");
    tell(page.account, state.account);
    tell(page.before, state.before);
    tell(page.renewal, state.renewal);
    drawEnd(state, known, left);
    drawButtons(state, known, usable, busy);
    if (!known) close();
    drawPending();
    drawNote();
    tick();
    if (focused?.closest("[hidden]")) firstButton(page.root)?.focus();
  }

  function drawEnd(state, known, left) {
    page.ends.hidden = !known;
    const ended = left <= 0;
    setText(page.end, ended ? "Expired" : "Expires");
    page.until.dateTime = state.expires_at;
    page.until.title = state.expires_at ? fullTime(state.expires_at) : "";
    setText(page.until, state.expires_at ? timeOfDay(state.expires_at) : "not known: the token works until an API refuses it");
    page.left.hidden = ended || !state.expires_at;
    const then = ended ? ", renewed when it is next used" : ", then renewed automatically";
    setText(page.then, state.renewable && state.expires_at ? then : "");
  }

  function drawButtons(state, known, usable, busy) {
    page.actions.hidden = present.doing === "waiting";
    page.go.hidden = usable;
    page.copy.hidden = !usable || !canCopy;
    page.renew.hidden = !usable;
    for (const button of [page.inspect, page.out, page.clear]) button.hidden = !known;
    setText(page.renew, state.renewable ? "Renew" : "Sign in again");
    for (const button of [page.go, page.renew, page.out]) disable(button, busy);
  }

  function drawPending() {
    const { doing, url, code } = present;
    const waiting = doing === "waiting";
    page.pending.hidden = page.countdown.hidden = !waiting;
    page.leave.hidden = !present.end;
    page.leave.href = safe(present.end ?? "");
    tell(page.get, (waiting && present.get) || "");
    tell(page.hint, (waiting && present.hint) || "");
    setText(page.address, (waiting && present.address) || "");
    if (!waiting) return forget(page.link, page.place, page.image, page.code);
    page.link.href = safe(url);
    const withCode = url === present.page ? "Open the page" : "Open with the code filled in";
    setText(page.link, code ? withCode : blocked ? "Open the sign-in page" : "Open it again");
    page.link.className = code || blocked ? "ipyauth-button ipyauth-primary" : "ipyauth-button";
    page.device.hidden = !code;
    page.copyCode.hidden = !code || !navigator.clipboard;
    if (code) {
      setText(page.code, code);
      setText(page.place, present.page);
      page.place.href = safe(present.page);
    }
    const [source, width] = present.image ?? ["", 0];
    page.image.hidden = !source;
    if (source && page.image.src !== source) Object.assign(page.image, { src: source, width });
  }

  function drawNote() {
    const doing = DOING[present.doing + (blocked ? " blocked" : present.code ? " code" : "")];
    const state = model.get("state");
    const next = isUsable(state) && state.next;
    page.note.toggleAttribute("data-bad", present.note !== "");
    setText(page.note, present.note || said || doing || present.told || next || "");
  }

  function tick() {
    if (present.doing === "waiting") {
      const left = Math.max(0, (present.endsAt - performance.now()) / 1000);
      setText(page.wait, `Waiting for the sign-in: ${clock(left)} left.`);
      page.bar.style.width = `${Math.min(100, (100 * left) / present.whole).toFixed(1)}%`;
    }
    const state = model.get("state");
    if (state.who === "" || !state.expires_at) return;
    const left = secondsLeft(state);
    setText(page.time, clock(left));
    if (left <= 0 && page.root.dataset.ended !== state.expires_at) {
      page.root.dataset.ended = state.expires_at;
      draw();
    }
  }

  function say(text) {
    said = text;
    drawNote();
  }

  // What the buttons do

  function ask(action, more = {}) {
    if (unheard.has(action)) return;
    if (!send(action, more)) return say(GONE);
    unheard.set(action, setTimeout(() => say(met ? BUSY : UNKNOWN), PATIENCE));
  }

  function send(action, more = {}) {
    try {
      model.send({ action, view, ...more });
    } catch {
      return false; // the kernel was restarted
    }
    return true;
  }

  function press(button, work) {
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      if (unheard.size === 0) say("");
      work();
    });
  }

  function open(url) {
    // Without a way back: the provider's page must not move the notebook's own.
    const tab = window.open("", "_blank");
    blocked = tab === null;
    if (blocked) return;
    tab.opener = null;
    tab.location.replace(safe(url));
  }

  function close() {
    page.inspect.setAttribute("aria-expanded", "false");
    page.claims.hidden = true;
    page.claims.replaceChildren();
  }

  function toggle() {
    if (page.inspect.getAttribute("aria-expanded") === "true") return close();
    ask("inspect");
  }

  async function askForToken() {
    pair ??= newKeyPair();
    ask("copy", { key: await crypto.subtle.exportKey("jwk", (await pair).publicKey) });
  }

  async function copy(sealed) {
    const token = await opened(sealed, (await pair).privateKey);
    try {
      await navigator.clipboard.writeText(token);
      say("The token is on the clipboard.");
    } catch {
      say("The browser does not let the clipboard be written to. In a cell, auth.access_token is the token.");
    }
  }

  // What the kernel says

  const heard = {
    heard({ action }) {
      clearTimeout(unheard.get(action));
      unheard.delete(action);
      if (unheard.size === 0 && isAboutTheKernel(said)) say("");
    },
    claims({ sections, note }) {
      page.claims.replaceChildren(...claims(sections, note));
      page.claims.hidden = false;
      page.inspect.setAttribute("aria-expanded", "true");
    },
    token({ sealed }) {
      copy(sealed);
    },
  };

  function receive(message) {
    met = true;
    if (message?.event !== "present") {
      if (message?.view === view) heard[message.event]?.(message);
      return;
    }
    if (message.url !== present.url) blocked = false;
    if (message.open === view) open(message.url);
    if (present.doing === "renewing" && message.doing === "" && message.note === "") said = "Renewed.";
    // A length of time, not a moment: the clocks of kernel and browser need not agree.
    present = { ...message, endsAt: performance.now() + 1000 * (message.left ?? 0), whole: message.whole || 1 };
    draw();
  }

  function change() {
    if (!isAboutTheKernel(said)) said = "";
    draw();
    if (!page.claims.hidden) ask("inspect");
  }

  async function copyCode() {
    try {
      await navigator.clipboard.writeText(present.code);
      say("The code is on the clipboard.");
    } catch {
      say("The browser does not let the clipboard be written to. Click the code to select it.");
    }
  }

  press(page.go, () => ask("sign_in"));
  press(page.renew, () => ask("renew"));
  press(page.inspect, toggle);
  press(page.out, () => ask("sign_out"));
  press(page.clear, () => ask("clear"));
  press(page.copyCode, copyCode);
  press(page.stop, () => ask("stop"));
  press(page.copy, askForToken);
  model.on("msg:custom", receive);
  model.on("change:state", change);
  const stopTicking = everySecond(tick);
  draw();
  send("hello");
  return () => {
    stopTicking();
    for (const timer of unheard.values()) clearTimeout(timer);
    model.off("msg:custom", receive);
    model.off("change:state", change);
  };
}

// As MARKS of card.py has them.
const MARKS = { good: "✓", waiting: "…", bad: "✕", warning: "!", still: "" };

const DOING = {
  asking: "Asking the provider for its address…",
  renewing: "Renewing…",
  leaving: "Signing out…",
  waiting: "Finish signing in in the new tab. This page updates automatically.",
  "waiting blocked": 'The browser kept the sign-in page from opening. Use "Open the sign-in page".',
  "waiting code": "If the page shows a code, compare it with this one. Once you have allowed it, this updates automatically.",
};

function isAboutTheKernel(said) {
  return [BUSY, UNKNOWN, GONE].includes(said);
}

// The page

function build(el) {
  const page = {
    mark: make("span", { className: "ipyauth-mark", ariaHidden: "true" }),
    title: make("span"),
    account: make("dd"),
    before: make("dd"),
    provider: make("dd"),
    api: make("dd"),
    scopes: make("dd"),
    missing: make("dd", { className: "ipyauth-missing" }),
    renewal: make("dd"),
    end: make("dt"),
    until: make("time"),
    time: make("span", { className: "ipyauth-time", role: "timer" }),
    then: make("span"),
    go: button("Sign in", "ipyauth-primary"),
    copy: button("Copy token", "ipyauth-primary"),
    inspect: button("Inspect"),
    out: button("Sign out"),
    clear: button("Forget"),
    renew: button("Renew", "ipyauth-small"),
    leave: link("ipyauth-button"),
    note: make("p", { className: "ipyauth-note", role: "status" }),
    code: make("p", { className: "ipyauth-code", dir: "ltr" }),
    place: link(),
    link: link("ipyauth-button"),
    copyCode: button("Copy code"),
    stop: button("Stop"),
    image: make("img", { alt: "QR code of the link" }),
    get: make("span"),
    bar: make("div"),
    wait: make("span", { role: "timer" }),
    hint: make("span"),
    address: make("code", { className: "ipyauth-address", dir: "ltr" }),
    claims: make("div", { className: "ipyauth-claims", hidden: true }),
  };
  page.out.title = "Deletes the tokens here and in their store, has them revoked, and asks the provider to end its session.";
  page.clear.title = "Deletes the tokens here and in their store. The provider is not told, so you stay signed in there.";
  page.inspect.setAttribute("aria-expanded", "false");
  page.leave.append("End the session at the provider");
  page.left = make("span", {}, " (in ", page.time, ")");
  page.ends = make("div", {}, page.end, make("dd", {}, page.until, page.left, page.then));
  const [use, end] = [
    [page.go, page.copy, page.inspect],
    [page.out, page.clear, page.renew],
  ].map((each) => make("div", { className: "ipyauth-buttons" }, ...each));
  page.actions = make("div", { className: "ipyauth-actions" }, use, end);
  page.device = make(
    "div",
    {},
    make("p", {}, "Open ", page.place, " on any device, and enter"),
    page.code,
    make("p", { className: "ipyauth-select" }, "Click to select."),
  );
  page.pending = make(
    "div",
    { className: "ipyauth-pending", hidden: true },
    make("div", {}, page.device, make("div", { className: "ipyauth-buttons" }, page.link, page.copyCode, page.stop)),
    page.image,
  );
  page.countdown = make(
    "div",
    { className: "ipyauth-countdown", hidden: true },
    make("div", { className: "ipyauth-bar", ariaHidden: "true" }, page.bar),
    page.wait,
  );
  page.missing.append(make("span", { className: "ipyauth-mark ipyauth-warning", ariaHidden: "true" }, "!"), " ");
  page.missing = page.missing.appendChild(make("bdi"));
  page.root = make(
    "section",
    // The last two classes keep MathJax from what a provider's text has between dollar signs.
    { className: "ipyauth mathjax_ignore tex2jax_ignore", ariaLabel: "Sign-in" },
    make("p", { className: "ipyauth-title", role: "status", dir: "auto" }, page.mark, " ", page.title),
    make(
      "dl",
      { className: "ipyauth-facts" },
      row("Account", page.account),
      row("Last time", page.before),
      row("Provider", page.provider),
      row("API", page.api),
      row("Scopes", page.scopes),
      row("Not granted", page.missing.parentElement),
      page.ends,
      row("Renewal", page.renewal),
    ),
    page.actions,
    page.pending,
    page.note,
    make("div", { className: "ipyauth-buttons" }, page.leave),
    page.countdown,
    make("p", { className: "ipyauth-said" }, page.get),
    make("div", { className: "ipyauth-said" }, page.hint, page.address),
    page.claims,
  );
  el.append(page.root);
  return page;
}

function make(name, properties = {}, ...children) {
  const { role, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  if (role) made.setAttribute("role", role);
  made.append(...children);
  return made;
}

function row(label, dd) {
  return make("div", {}, make("dt", {}, label), dd);
}

function button(label, more = "") {
  return make("button", { type: "button", className: `ipyauth-button ${more}`.trim() }, label);
}

function link(className = "") {
  return make("a", { className, target: "_blank", rel: "noopener" });
}

function claims(sections, note) {
  const parts = sections.flatMap(([title, rows]) => [
    make("h4", {}, title),
    make("dl", {}, ...rows.map(([name, value]) => row(name, make("dd", {}, value)))),
  ]);
  return note ? [make("p", { className: "ipyauth-quiet" }, note), ...parts] : parts;
}

// Only what has changed is touched: a new text node would be read aloud again, and a selection in it lost.
function setText(element, text) {
  if (element.textContent === text) return;
  if (element.firstChild) element.firstChild.data = text;
  else element.append(text);
}

function tell(element, text) {
  (element.closest("dl > div") ?? element.parentElement).hidden = !text;
  setText(element, text);
}

function disable(element, off) {
  // Not `disabled`: that would take the focus away from whoever has just pressed it.
  element.setAttribute("aria-disabled", String(off));
}

function firstButton(root) {
  return [...root.querySelectorAll("button, a[href]")].find((each) => !each.closest("[hidden]"));
}

function forget(link, place, image, code) {
  for (const each of [link, place]) each.removeAttribute("href");
  image.removeAttribute("src");
  setText(code, "");
}

function safe(url) {
  return /^https?:\/\//.test(url) ? url : "about:blank";
}

// The token, sealed for this page: JWE with ECDH-ES on P-256 and A256GCM (RFC 7518, 4.6 and 5.3)

const CURVE = { name: "ECDH", namedCurve: "P-256" };
// The length and the name of the algorithm, no party's data, and the length of its key in bits (4.6.2).
const KEY_FOR = [0, 0, 0, 7, ...new TextEncoder().encode("A256GCM"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];

function newKeyPair() {
  return crypto.subtle.generateKey(CURVE, false, ["deriveBits"]); // false: no script reads the private key
}

async function opened(sealed, privateKey) {
  const [header, , iv, ciphertext, tag] = sealed.split(".");
  const { epk } = JSON.parse(new TextDecoder().decode(decoded(header)));
  const publicKey = await crypto.subtle.importKey("jwk", epk, CURVE, false, []);
  const agreed = new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: publicKey }, privateKey, 256));
  const secret = await crypto.subtle.digest("SHA-256", new Uint8Array([0, 0, 0, 1, ...agreed, ...KEY_FOR]));
  const key = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: decoded(iv), additionalData: new TextEncoder().encode(header) };
  const token = await crypto.subtle.decrypt(how, key, new Uint8Array([...decoded(ciphertext), ...decoded(tag)]));
  return new TextDecoder().decode(token);
}

function decoded(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
}

// Time

function titleOf(state, usable) {
  if (state.who === "") return "Not signed in";
  const vain = state.in_vain ? ", but with none of the scopes that you asked for" : "";
  return usable ? `Signed in as ${state.who}${vain}` : `The sign-in of ${state.who} has ended`;
}

function isUsable(state) {
  return state.who !== "" && (secondsLeft(state) > 0 || state.renewable);
}

function secondsLeft(state) {
  // Without an end the token is good until an API refuses it.
  return state.expires_at ? Math.max(0, (Date.parse(state.expires_at) - Date.now()) / 1000) : Infinity;
}

function clock(seconds) {
  const whole = Math.ceil(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// As time_of_day of cards.py writes it, in the zone of the browser, which is the user's.
function timeOfDay(iso) {
  const [at, now] = [new Date(iso), new Date()];
  const time = [at.getHours(), at.getMinutes()].map((each) => String(each).padStart(2, "0")).join(":");
  if (at.toDateString() === now.toDateString()) return time;
  const day = `${at.getDate()} ${at.toLocaleString("en", { month: "short" })}`;
  return `${day}${at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`}, ${time}`;
}

function fullTime(iso) {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
}

function everySecond(work) {
  const timer = setInterval(work, 250); // a second is never late, and never left out
  return () => clearInterval(timer);
}

export default { render };
