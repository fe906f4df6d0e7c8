// The keyboard, and quoting what somebody reads into their reply. Nothing is decided by a key unless a
// question was chosen before, with j and k or a click.
"use strict";

const asks = () => [...document.querySelectorAll("main article.ask")];
const chosen = () => document.activeElement?.closest("article.ask");

// A link to a question leads to it, and chooses nothing.
addEventListener("load", () => { if (document.activeElement.matches("article.ask")) document.activeElement.blur(); });

// A key that was meant for the question before must not decide the next one.
const PAUSE = 400; // milliseconds
const hasJustMoved = () => performance.now() - Number(document.body.dataset.movedAt ?? -PAUSE) < PAUSE;

const choose = (card) => {
  if (!card) return;
  delete document.body.dataset.movedAt;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
};

const step = (by) => {
  const all = asks();
  const at = all.indexOf(chosen());
  choose(at < 0 ? all[by > 0 ? 0 : all.length - 1] : all[at + by]);
};

// An option of the question: presses its button, or ticks its box.
const pick = (card, number) => {
  const buttons = card.querySelectorAll("form.answer .choice button");
  if (buttons.length > 0) return buttons[number - 1]?.click();
  const empty = [...card.querySelectorAll("form.fill fieldset")].find((field) => field.querySelector("[type=radio]") && !field.querySelector("[type=radio]:checked"));
  const field = empty ?? [...card.querySelectorAll("form.fill fieldset")].findLast((one) => one.querySelector("[type=radio], [type=checkbox]"));
  field?.querySelectorAll("[type=radio], [type=checkbox]")[number - 1]?.click();
};

// What answers several questions at once is chosen by the key and pressed with Enter.
const decide = (card, kind) => {
  const button = card.querySelector(`button.${kind}`);
  if (card.matches(".together")) button?.focus();
  else button?.click();
};

const onCard = {
  a: (card) => decide(card, "agree"),
  d: (card) => decide(card, "refuse"),
  w: (card) => card.querySelector("form.fill textarea")?.focus(),
  o: (card) => card.querySelector(".about a[href^='/tasks/']")?.click(),
};

const anywhere = {
  j: () => step(1),
  k: () => step(-1),
  g: () => choose(asks()[0]),
  "/": () => document.querySelector("main input[type=search], form[action='/command'] input[name=line]")?.focus(),
  "?": () => toggleShortcuts(),
};

const SHORTCUTS = [
  ["j k", "Next or previous question"],
  ["1 … 9", "Choose that option of the question"],
  ["a", "Allow once, or approve"],
  ["d", "Deny"],
  ["w", "Write an answer or a reason"],
  ["o", "Open the task of the question"],
  ["g", "Go to the first question"],
  ["/", "Search, or the command line"],
  ["?", "Show or hide this"],
];

const make = (name, text, ...children) => {
  const node = Object.assign(document.createElement(name), text ? { textContent: text } : {});
  node.append(...children);
  return node;
};

const shortcuts = make("dialog");
shortcuts.setAttribute("aria-label", "Keyboard shortcuts");
const rows = SHORTCUTS.map(([keys, what]) => {
  const head = make("th", "", make("kbd", keys));
  head.scope = "row";
  return make("tr", "", head, make("td", what));
});
const close = make("button", "Close");
close.addEventListener("click", () => shortcuts.close());
shortcuts.append(make("h2", "Keyboard"), make("table", "", make("tbody", "", ...rows)), close);
document.body.append(shortcuts);

const toggleShortcuts = () => (shortcuts.open ? shortcuts.close() : shortcuts.showModal());

const opener = document.getElementById("keys");
opener.hidden = false;
opener.addEventListener("click", toggleShortcuts);

const isTyping = (node) => node.matches("textarea, select, input:not([type=radio], [type=checkbox])");

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { key } = event;
  if (isTyping(event.target)) {
    // Back from the box to its question.
    if (key === "Escape") choose(chosen());
    return;
  }
  if (shortcuts.open && key !== "?") return;
  const card = chosen();
  const action = anywhere[key] ?? (card && (onCard[key] ?? (/^[1-9]$/.test(key) ? () => pick(card, Number(key)) : null)));
  if (!action) return;
  event.preventDefault();
  if (anywhere[key] || !hasJustMoved()) action(card);
});

// ---------------------------------------------------------------- quoting a line

const replyTo = (node) =>
  node.closest("article.ask")?.querySelector("form.fill textarea") ?? document.querySelector("form.line textarea[name=text]");

const quote = (box, text) => {
  const before = box.value.trimEnd();
  box.value = `${before}${before ? "\n\n" : ""}> ${text}\n`;
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
  box.dispatchEvent(new Event("input", { bubbles: true }));
};

const GUTTER = 52; // pixels left of a line, where its number is

document.addEventListener("click", (event) => {
  const line = event.target.closest("pre [data-n]");
  if (!line || event.clientX - line.getBoundingClientRect().left > GUTTER) return;
  const box = replyTo(line);
  const file = line.closest("details.diff")?.querySelector("summary code")?.textContent;
  if (box) quote(box, `${file ? `${file}, ` : ""}line ${line.dataset.n}: ${line.textContent.trimEnd()}`);
});
