// Keeps the page up to date without touching what somebody reads or types, sends forms without leaving
// the place, and keeps what was typed. Everything also works without this script.
"use strict";

const VISIBLE = 2500; // milliseconds between two looks
const HIDDEN = 15000;
const DRAFTS = 7 * 24 * 3600 * 1000; // how long a draft is kept
const AWAY = "AgentVine cannot be reached. What you typed stays here; this page tries again by itself.";
const EXPIRED = "Your login has expired. What you typed stays here.";

// What changes by itself and may be replaced on its own. Anything else is replaced around them.
const UNITS = "article, form, pre, table, details, figure, fieldset, dl, li, p, h1, h2";
const FIELDS = "input:not([type=hidden]), textarea, select";

// ---------------------------------------------------------------- what must not be touched

const isDirty = (field) => {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
};

const isScrolled = (one) => one.scrollTop > 0 || one.scrollLeft > 0;

const isSelected = (node) => {
  const selection = getSelection();
  return selection.rangeCount > 0 && !selection.isCollapsed && selection.getRangeAt(0).intersectsNode(node);
};

// Whether somebody reads, points at or fills in this part right now.
const isHeld = (node) =>
  !node.closest("[data-sent]") &&
  ((document.activeElement !== document.body && node.contains(document.activeElement)) ||
  node.matches(":hover") ||
  isSelected(node) ||
  [node, ...node.querySelectorAll("pre, .scroll")].some(isScrolled) ||
  [...node.querySelectorAll(FIELDS)].some(isDirty));

const morph = (main, next) =>
  Idiomorph.morph(main, next, {
    morphStyle: "innerHTML",
    callbacks: {
      beforeNodeMorphed: (old) => !(old.nodeType === 1 && old.matches(UNITS) && isHeld(old)),
      // The reply to a command stays until the next one.
      beforeNodeRemoved: (old) => !(old.nodeType === 1 && (isHeld(old) || old.matches(".said"))),
      // What somebody opened stays open.
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
    },
  });

// ---------------------------------------------------------------- times in the reader's zone

const ago = (seconds) => {
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
};

const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

const showTimes = () => {
  for (const time of document.querySelectorAll("main time")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || isSelected(time)) continue;
    if (!time.title) time.title = time.dateTime;
    if (time.dataset.ago !== undefined) write(time, ago((Date.now() - at) / 1000));
    else write(time, at.toLocaleString([], { dateStyle: "medium", timeStyle: time.closest(".log") ? "medium" : "short" }));
  }
};

// ---------------------------------------------------------------- drafts

const draftOf = (form) => {
  const about = form.elements.namedItem("reply_to");
  return `vine-draft ${form.getAttribute("action")} ${about ? about.value : ""} ${form.className}`;
};

const forms = () => [...document.querySelectorAll("main form[method=post]")].filter((form) => !form.querySelector("[type=password]"));

const fieldsOf = (form) => [...form.querySelectorAll(FIELDS)].filter((field) => field.name);

const keepDraft = (form) => {
  const fields = fieldsOf(form);
  if (!fields.some(isDirty)) return localStorage.removeItem(draftOf(form));
  const values = fields.map((field) => [field.name, field.value, field.checked === true]);
  localStorage.setItem(draftOf(form), JSON.stringify({ at: Date.now(), values }));
};

const restoreDrafts = () => {
  for (const form of forms()) {
    const fields = fieldsOf(form);
    const kept = JSON.parse(localStorage.getItem(draftOf(form)) || "null");
    if (!kept || fields.some(isDirty)) continue;
    for (const [name, value, checked] of kept.values) {
      for (const field of fields.filter((one) => one.name === name)) {
        if (field.type === "checkbox" || field.type === "radio") field.checked = field.value === value ? checked : field.checked;
        else field.value = value;
      }
    }
    const hidden = form.closest("details");
    if (hidden) hidden.open = true;
  }
};

const dropOldDrafts = () => {
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith("vine-draft "))) {
    const kept = JSON.parse(localStorage.getItem(key) || "null");
    if (!kept || Date.now() - kept.at > DRAFTS) localStorage.removeItem(key);
  }
};

// ---------------------------------------------------------------- what waits, in title, icon and notifications

let waiting = null;

const showWaiting = () => {
  const { waiting: count, first } = document.body.dataset;
  if (count === undefined) return;
  const icon = document.querySelector("link[rel=icon]");
  const address = `/assets/icon.svg?waiting=${Math.min(Number(count), 99)}`;
  if (icon.getAttribute("href") !== address) icon.href = address;
  const more = waiting !== null && Number(count) > waiting;
  waiting = Number(count);
  if (more && "Notification" in window && Notification.permission === "granted" && !document.hasFocus()) {
    const note = new Notification(count === "1" ? "One question is waiting" : `${count} questions are waiting`, { body: first, tag: "vine" });
    note.onclick = () => { window.focus(); note.close(); };
  }
};

const notify = document.getElementById("notify");
if (notify && "Notification" in window && Notification.permission === "default") {
  notify.hidden = false;
  notify.addEventListener("click", async () => { await Notification.requestPermission(); notify.hidden = true; });
}

// ---------------------------------------------------------------- looking and updating

const tagOf = (page) => page.querySelector("meta[name=vine-tag]")?.content ?? null;
const parse = (text) => new DOMParser().parseFromString(text, "text/html");

let tag = tagOf(document);
let seenAt = Date.now();
let misses = 0;

const banner = (text, link) => {
  const place = document.getElementById("banner");
  place.hidden = !text;
  place.textContent = text ?? "";
  if (text && link) {
    const a = Object.assign(document.createElement("a"), { href: link, target: "_blank", textContent: "Log in" });
    place.append(" ", a);
  }
};

// Shows another state of this page.
const update = (page) => {
  const next = page.querySelector("main");
  if (!next) return;
  tag = tagOf(page);
  document.title = page.title;
  // The reply to a command does not say.
  if (page.body.dataset.waiting !== undefined) Object.assign(document.body.dataset, page.body.dataset);
  morph(document.querySelector("main"), next.innerHTML);
  restoreDrafts();
  showTimes();
  showWaiting();
};

const isLogin = (response) => new URL(response.url).pathname === "/login";

const look = async () => {
  let response;
  try {
    response = await fetch(location.pathname + location.search, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
  } catch {
    misses += 1;
    if (misses > 1) banner(AWAY);
    return;
  }
  misses = 0;
  if (isLogin(response)) return banner(EXPIRED, "/login");
  banner(null);
  if (response.ok || response.status === 304) seenAt = Date.now();
  if (response.ok) update(parse(await response.text()));
};

const place = document.getElementById("updated");

const showAge = () => {
  const seconds = Math.round((Date.now() - seenAt) / 1000);
  write(place, seconds < 5 ? "updated just now" : `updated ${seconds} s ago`);
};

let timer = null;
const lookAgain = async () => {
  clearTimeout(timer);
  if (location.pathname !== "/command") await look();
  timer = setTimeout(lookAgain, document.hidden ? HIDDEN : VISIBLE);
};

// ---------------------------------------------------------------- sending

const STAYS = ".answer, .fill, .does, .line";

// Why a form was not accepted, above it. Its fields keep what was typed.
const complain = (form, reasons) => {
  form.previousElementSibling?.classList.contains("refused") && form.previousElementSibling.remove();
  if (!reasons) return;
  const box = Object.assign(document.createElement("div"), { className: "problem refused" });
  box.setAttribute("role", "alert");
  box.append(...reasons);
  form.before(box);
};

const reasonsOf = (page) => {
  const reason = page.querySelector("main [role=alert]");
  const meant = page.querySelector("main form[action='/meant']");
  return [...(reason ? reason.childNodes : ["That did not work."]), ...(meant ? [meant] : [])];
};

const send = async (form, button) => {
  const body = new URLSearchParams(new FormData(form, button));
  let response;
  try {
    response = await fetch(form.action, { method: "POST", body });
  } catch {
    return complain(form, [AWAY]);
  }
  if (isLogin(response)) {
    banner(EXPIRED, "/login");
    return complain(form, ["This was not sent: your login has expired. Log in, then send it again."]);
  }
  const page = parse(await response.text());
  if (!response.ok) return complain(form, reasonsOf(page));
  localStorage.removeItem(draftOf(form));
  complain(form, null);
  form.reset();
  if (form.closest("article.ask")) form.closest("article.ask").dataset.sent = "yes";
  if (form.contains(document.activeElement)) document.activeElement.blur();
  document.querySelector("main .said")?.remove();
  const path = new URL(response.url).pathname;
  if (!form.matches(STAYS)) return location.assign(response.url);
  if (path === location.pathname || path === "/command") return update(page);
  await look();
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const isOurs = form.method === "post" && form.closest("main") && !form.querySelector("[type=password]");
  if (!place || !isOurs) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  await send(form, event.submitter);
  delete form.dataset.busy;
});

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (place && form && forms().includes(form)) keepDraft(form);
});

// Enter sends and Shift+Enter starts a line. In a form of several parts, Enter starts a line and Ctrl+Enter sends.
document.addEventListener("keydown", (event) => {
  const box = event.target;
  if (event.key !== "Enter" || event.isComposing || box.tagName !== "TEXTAREA" || !box.dataset.enter) return;
  const sends = box.dataset.enter === "sends" ? !event.shiftKey : event.ctrlKey || event.metaKey;
  if (!sends) return;
  event.preventDefault();
  box.form.requestSubmit();
});

// Only if logged in: the login page neither looks nor keeps anything.
if (place) {
  dropOldDrafts();
  restoreDrafts();
  showTimes();
  showWaiting();
  setInterval(showAge, 1000);
  setInterval(showTimes, 10000);
  timer = setTimeout(lookAgain, VISIBLE);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) lookAgain(); });
}
