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

// Parts whose form was just accepted: nobody waits for them to stay as they are.
const released = new Set();

const isReleased = (node) => [...released].some((one) => one.contains(node));

// Whether somebody reads, points at or fills in this part right now.
const isHeld = (node) =>
  !isReleased(node) &&
  ((document.activeElement !== document.body && node.contains(document.activeElement)) ||
    node.matches(":hover") ||
    isSelected(node) ||
    [node, ...node.querySelectorAll("pre, .scroll")].some(isScrolled) ||
    [...node.querySelectorAll(FIELDS)].some(isDirty));

// Something was left as it was, so the page differs from what the server shows.
let isBehind = false;

const keep = (node) => {
  const held = isHeld(node);
  isBehind ||= held;
  return held;
};

const GONE = "This has been answered or withdrawn meanwhile.";

// The questions on a card: one, or those that are answered together.
const idsOf = (card) => (card.matches(".together") ? [...card.querySelectorAll("li[id]")].map((one) => one.id) : [card.id]);

// A question that somebody reads stays where it is, without its buttons, although it waits no more.
const keepGone = (main, next) => {
  for (const old of main.querySelectorAll("article.ask[id]")) {
    if (idsOf(old).some((id) => next.querySelector(`#${CSS.escape(id)}`)) || !keep(old)) continue;
    if (!old.querySelector(".gone")) {
      old.querySelectorAll("button").forEach((button) => { button.disabled = true; });
      old.prepend(Object.assign(document.createElement("p"), { className: "problem gone", textContent: GONE }));
    }
    const label = old.parentElement.getAttribute("aria-labelledby");
    const parent = label ? next.querySelector(`[aria-labelledby="${CSS.escape(label)}"]`) : next;
    const at = [...old.parentElement.children].indexOf(old);
    (parent ?? next).insertBefore(old.cloneNode(true), (parent ?? next).children[at] ?? null);
  }
};

const isSameTime = (old, now) => old.tagName === "TIME" && now.tagName === "TIME" && old.dateTime === now.dateTime;

const morph = (main, next) => {
  isBehind = false;
  keepGone(main, next);
  Idiomorph.morph(main, next.childNodes, {
    morphStyle: "innerHTML",
    callbacks: {
      beforeNodeMorphed: (old, now) => !(old.nodeType === 1 && (isSameTime(old, now) || (old.matches(UNITS) && keep(old)))),
      // The reply to a command, and why a form was refused, stay until the next one.
      beforeNodeRemoved: (old) => !(old.nodeType === 1 && (old.matches(".said, .refused") || keep(old))),
      // What somebody opened stays open.
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
    },
  });
  released.clear();
};

// A person who writes into an empty box has seen all that the page shows.
const showSeen = (main, next) => {
  for (const now of next.querySelectorAll("form.line input[name=seen]")) {
    const form = [...main.querySelectorAll("form.line")].find((one) => one.getAttribute("action") === now.form.getAttribute("action"));
    const box = form?.querySelector("textarea");
    if (!box || box.value !== "") continue;
    form.elements.namedItem("seen").value = now.value;
    box.placeholder = now.form.querySelector("textarea").placeholder;
  }
};

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
  return `vine-draft ${document.body.dataset.visitor} ${form.getAttribute("action")} ${about ? about.value : ""} ${form.className}`;
};

const forms = () => [...document.querySelectorAll("main form[method=post]")].filter((form) => !form.querySelector("[type=password]"));

const fieldsOf = (form) => [...form.querySelectorAll(FIELDS)].filter((field) => field.name);

// A browser may refuse to keep anything.
const quietly = (what) => {
  try {
    return what();
  } catch {
    return null;
  }
};

const readDraft = (key) => quietly(() => JSON.parse(localStorage.getItem(key)));
const dropDraft = (key) => quietly(() => localStorage.removeItem(key));

// Only what was changed: the rest may be changed by somebody else meanwhile.
const keepDraft = (form) => {
  const values = fieldsOf(form).filter(isDirty).map((field) => [field.name, field.value, field.checked === true]);
  if (values.length === 0) return dropDraft(draftOf(form));
  quietly(() => localStorage.setItem(draftOf(form), JSON.stringify({ at: Date.now(), values })));
};

const restoreDrafts = () => {
  for (const form of forms()) {
    const fields = fieldsOf(form);
    const kept = readDraft(draftOf(form));
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

const dropDrafts = (is) => {
  const keys = quietly(() => Object.keys(localStorage)) ?? [];
  for (const key of keys.filter((one) => one.startsWith("vine-draft ") && is(one))) dropDraft(key);
};

const isOld = (key) => !(Date.now() - readDraft(key)?.at < DRAFTS);

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
    const title = count === "1" ? "One question is waiting" : `${count} questions are waiting`;
    // Some browsers on phones have the class and refuse to use it.
    const note = quietly(() => new Notification(title, { body: first, tag: "vine" }));
    if (note) note.onclick = () => { window.focus(); note.close(); };
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
  if (place.dataset.says === (text ?? "")) return;
  place.dataset.says = text ?? "";
  place.hidden = !text;
  place.textContent = text ?? "";
  if (text && link) {
    const a = Object.assign(document.createElement("a"), { href: link, target: "_blank", textContent: "Log in" });
    place.append(" ", a);
  }
};

// What the server showed last, to show again what was left as it was.
let shown = null;

// Shows another state of this page.
const update = (text) => {
  const page = parse(text);
  const next = page.querySelector("main");
  if (!next) return;
  // Somebody else has logged in with this browser.
  const { visitor } = page.body.dataset;
  if (visitor !== undefined && visitor !== document.body.dataset.visitor) return location.reload();
  shown = text;
  tag = tagOf(page);
  document.title = page.title;
  // The reply to a command does not say.
  if (page.body.dataset.waiting !== undefined) Object.assign(document.body.dataset, page.body.dataset);
  const main = document.querySelector("main");
  showSeen(main, next);
  morph(main, next);
  showTimes();
  showWaiting();
};

const isLogin = (response) => new URL(response.url).pathname === "/login";

// Counts looks and sent forms: what was asked for before the latest of them is not shown after it.
let turn = 0;

const missed = () => {
  misses += 1;
  if (misses > 1) banner(AWAY);
};

const look = async () => {
  turn += 1;
  const mine = turn;
  let response;
  let text;
  try {
    response = await fetch(location.pathname + location.search, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    text = await response.text();
  } catch {
    return missed();
  }
  if (isLogin(response)) return banner(EXPIRED, "/login");
  if (!response.ok && response.status !== 304) return missed();
  misses = 0;
  banner(null);
  seenAt = Date.now();
  if (mine !== turn) return;
  if (response.ok) update(text);
  else if (isBehind && shown) update(shown);
};

const place = document.getElementById("updated");

const showAge = () => {
  const seconds = Math.round((Date.now() - seenAt) / 1000);
  // Only what is worth knowing, so that nothing moves.
  write(place, seconds < 15 ? "" : `updated ${seconds} s ago`);
};

let timer = null;
const lookAgain = async () => {
  clearTimeout(timer);
  try {
    if (location.pathname !== "/command") await look();
  } finally {
    timer = setTimeout(lookAgain, document.hidden ? HIDDEN : VISIBLE);
  }
};

// ---------------------------------------------------------------- sending

const STAYS = ".answer, .fill, .does, .line";
const UNSENT = "AgentVine cannot be reached, so it is not known whether this arrived. It stays here.";
// Commands have no key, so the same again could do the same twice.
const unsent = (form) => /\/(say|tasks|answers)$/.test(form.getAttribute("action")) ? `${UNSENT} Sending it again does nothing twice.` : `${UNSENT} Look whether it was done before you send it again.`;

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

// The same content has the same key until the server has answered, so that a second try does nothing twice.
const unanswered = new WeakMap();

const keyOf = (form, content) => {
  if (unanswered.get(form)?.content !== content) {
    const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    unanswered.set(form, { content, key });
  }
  return unanswered.get(form).key;
};

// Empties what was sent, and leaves what was typed since.
const clear = (form, sent) => {
  for (const field of fieldsOf(form)) {
    if (field.type === "checkbox" || field.type === "radio") field.checked = field.defaultChecked;
    else if (field.tagName !== "SELECT" && sent.getAll(field.name).includes(field.value)) field.value = field.defaultValue;
  }
  keepDraft(form);
};

// Says for a moment what was done.
let toastTimer = null;
const toast = (text) => {
  const place = document.getElementById("toast");
  if (!place) return;
  place.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { place.textContent = ""; }, 4000);
};

// The question to show next once this one is answered, if somebody is in the middle of answering.
const nextOf = (form) => {
  const card = form.closest("article.ask");
  if (!card?.contains(document.activeElement)) return null;
  const all = [...document.querySelectorAll("main article.ask")];
  const at = all.indexOf(card);
  return (all[at + 1] ?? all[at - 1])?.id ?? null;
};

const goOn = (next) => {
  const card = next && document.getElementById(next);
  if (!card || (document.activeElement && document.activeElement !== document.body)) return;
  card.focus({ preventScroll: true });
  document.body.dataset.movedAt = performance.now();
};

// A form of a refusal belongs to the form below it.
const accepted = (form, sent) => {
  const refusal = form.closest(".refused");
  if (refusal?.nextElementSibling?.matches("form")) accepted(refusal.nextElementSibling, new FormData(refusal.nextElementSibling));
  refusal?.remove();
  complain(form, null);
  clear(form, sent);
  if (!form.matches("[action='/command']")) toast(form.matches(".answer, .fill") ? "Your answer was sent." : "Done.");
  released.add(form.closest("article, table") ?? form);
  const card = form.closest("article.ask") ?? form;
  if (!form.matches(".line") && card.contains(document.activeElement)) document.activeElement.blur();
  document.querySelector("main .said")?.remove();
};

const send = async (form, button) => {
  const sent = new FormData(form, button);
  const body = new URLSearchParams(sent);
  body.append("key", keyOf(form, String(body)));
  turn += 1;
  let response;
  let text;
  try {
    response = await fetch(form.action, { method: "POST", body });
    text = await response.text();
  } catch {
    return complain(form, [unsent(form)]);
  }
  if (isLogin(response)) {
    banner(EXPIRED, "/login");
    return complain(form, ["This was not sent: your login has expired. Log in, then send it again."]);
  }
  // The store could not say whether it has it.
  if (response.status < 500) unanswered.delete(form);
  if (!response.ok) {
    // Words that came second are in the thread already.
    if (response.status === 409) clear(form, sent);
    return complain(form, reasonsOf(parse(text)));
  }
  const next = nextOf(form);
  accepted(form, sent);
  const { pathname, search } = new URL(response.url);
  if (!form.matches(STAYS)) return location.assign(response.url);
  if ((pathname === location.pathname && search === location.search) || pathname === "/command") update(text);
  else await look();
  goOn(next);
  if (pathname === "/command") document.querySelector("main .said")?.scrollIntoView({ block: "nearest" });
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const { confirm: asked } = event.submitter?.dataset ?? {};
  if (asked && !window.confirm(asked)) return event.preventDefault();
  const isOurs = form.method === "post" && form.closest("main") && !form.querySelector("[type=password]");
  if (!place || !isOurs) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  try {
    await send(form, event.submitter);
  } finally {
    delete form.dataset.busy;
  }
});

// What one person typed is not for the next one.
document.querySelector("form[action='/logout']")?.addEventListener("submit", () => dropDrafts(() => true));

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
  dropDrafts(isOld);
  restoreDrafts();
  showTimes();
  showWaiting();
  setInterval(showAge, 1000);
  setInterval(showTimes, 10000);
  timer = setTimeout(lookAgain, VISIBLE);
  // A page that the browser kept while somebody was elsewhere.
  addEventListener("pageshow", (event) => { if (event.persisted) lookAgain(); });
  document.querySelector("nav a[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) lookAgain(); });
}
