// Refreshes the page: polls every 2.5 s and replaces the content if it has changed, never while somebody types.
"use strict";
const every = 2500;
let tag = null;
let at = Date.now();

const typing = () => {
  const field = document.activeElement;
  if (field && field.tagName === "SELECT") return true;
  return [...document.querySelectorAll("main input:not([type=hidden]), main textarea")].some((one) => one.value !== one.defaultValue);
};

const swap = (text) => {
  const next = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  const main = document.querySelector("main");
  if (!next || !main) return;
  const open = [...main.querySelectorAll("details")].map((one) => one.open);
  const focus = document.activeElement && document.activeElement.getAttribute("aria-label");
  main.replaceWith(next);
  [...next.querySelectorAll("details")].forEach((one, n) => { if (n < open.length) one.open = open[n]; });
  if (focus) { const field = next.querySelector(`[aria-label="${CSS.escape(focus)}"]`); if (field) field.focus(); }
};

const refresh = async () => {
  if (document.hidden || typing() || document.querySelector("pre.reply")) return;
  try {
    const answer = await fetch(location.pathname + location.search, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.redirected) { location.reload(); return; }
    if (answer.ok) { tag = answer.headers.get("etag"); const text = await answer.text(); if (!typing()) swap(text); }
    if (answer.ok || answer.status === 304) at = Date.now();
  } catch { /* shown by the age below */ }
};

// Enter sends and Shift+Enter starts a line. In a box with one line for each question, Enter starts a line and Ctrl+Enter sends.
document.addEventListener("keydown", (event) => {
  const box = event.target;
  if (event.key !== "Enter" || event.isComposing || box.tagName !== "TEXTAREA" || !box.dataset.enter) return;
  const sends = box.dataset.enter === "sends" ? !event.shiftKey : event.ctrlKey || event.metaKey;
  if (!sends) return;
  event.preventDefault();
  box.form.requestSubmit();
});

// Only if logged in: the login page does not poll.
const place = document.getElementById("updated");
if (place) setInterval(refresh, every);
if (place) document.addEventListener("visibilitychange", refresh);
setInterval(() => {
  const seconds = Math.round((Date.now() - at) / 1000);
  if (place) place.textContent = seconds < 4 ? "updated just now" : `updated ${seconds} s ago`;
}, 1000);
