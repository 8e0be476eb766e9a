// State, and what clicks, keys, the hash and the printer do to it.
const DATA = JSON.parse(document.getElementById("data").textContent);
const state = {lang: "en", theme: "light", c: 0, m: null};
const WIDE = matchMedia("(min-width: 1080px)");
const DARK = matchMedia("(prefers-color-scheme: dark)");
const PRINTED = 80; // messages that are printed open
const app = document.getElementById("app");
let themeChosen = false;
let panel = null;
let onPaper = false;

function current() {
  return DATA.connections[state.c];
}

function rows() {
  return [...app.querySelectorAll(".msg")];
}

function rowOf(number) {
  return app.querySelector(`.msg[data-number="${Number(number)}"]`);
}

function messageOf(number) {
  return current()?.messages.find((m) => m.number === number) || null;
}

// ---- drawing

function draw() {
  const at = scrollY;
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = state.theme;
  const connection = current();
  if (!connection) {
    document.title = "TLCP";
    app.replaceChildren(topBar(), ...banners(), el("main", {}, el("p", {class: "panel nothing"}, t("none"))));
    return;
  }
  document.title = `${t("title", {name: connection.name})}${DATA.source ? ` · ${DATA.source}` : ""}`;
  panel = el("section", {class: "panel opened", id: "opened", "aria-live": "off"});
  app.replaceChildren(topBar(), el("main", {}, banners(), connectionsNav(), overview(connection),
    el("div", {class: "columns"}, ladderSection(connection), el("aside", {class: "side"}, panel)),
    detailsSection(connection),
    dataSection(connection), scheduleSection(connection),
    el("footer", {}, el("p", {}, t("shortcuts")), el("p", {}, t("made")))));
  show();
  scrollTo(0, at);
}

// Put the opened message where it belongs: beside the ladder, or below its row.
function show() {
  const message = messageOf(state.m);
  for (const row of rows()) {
    const on = Number(row.dataset.number) === state.m;
    row.setAttribute("aria-current", String(on));
    row.setAttribute("aria-expanded", String(on));
    row.tabIndex = -1;
  }
  const chosen = (message && rowOf(message.number)) || rows()[0];
  if (chosen) chosen.tabIndex = 0;
  panel.classList.toggle("nothing", !message);
  panel.setAttribute("aria-label", message ? message.name : t("choose"));
  if (!message) {
    panel.replaceChildren(el("p", {class: "muted"}, t("choose")));
    app.querySelector(".side").append(panel);
    return;
  }
  for (let node = chosen.closest("[hidden]"); node; node = node.closest("[hidden]")) node.hidden = false;
  panel.replaceChildren(messageNode(current(), message, "h2", movers()));
  if (WIDE.matches) {
    app.querySelector(".side").append(panel);
    panel.scrollTop = 0;
  } else {
    chosen.parentElement.append(panel);
  }
}

function movers() {
  const step = (by, name, key) => el("button", {type: "button", class: "mover", title: t(key), "aria-label": t(key),
    onclick: () => move(by)}, icon(name));
  return el("div", {class: "movers"}, step(-1, "up", "previous"), step(1, "down", "next"),
    el("button", {type: "button", class: "mover", title: t("close"), "aria-label": t("close"), onclick: leave}, icon("cross")));
}

// ---- choosing

function open(number, focus) {
  state.m = number;
  show();
  remember();
  const row = number === null ? null : rowOf(number);
  if (row && focus) {
    row.focus({preventScroll: true});
    row.scrollIntoView({block: "nearest"});
  }
}

function chose(number) {
  if (number !== state.m) open(number, true);
  else if (WIDE.matches) panel.querySelector(".mname").focus();
  else leave();
}

function leave() {
  const row = rowOf(state.m);
  state.m = null;
  show();
  remember();
  row?.focus();
}

function move(by) {
  const messages = current().messages;
  if (!messages.length) return;
  const at = messages.findIndex((m) => m.number === state.m);
  const to = at < 0 ? 0 : Math.min(Math.max(at + by, 0), messages.length - 1);
  open(messages[to].number, true);
}

function openConnection(index) {
  if (index < 0 || index >= DATA.connections.length) return;
  state.c = index;
  state.m = WIDE.matches && current().messages.length ? current().messages[0].number : null;
  draw();
  remember();
  app.querySelector(".conn[aria-current]")?.focus({preventScroll: true});
}

// ---- the hash: #c1m4 is message 4 of connection 1

function remember() {
  const hash = `#c${current().name}${state.m === null ? "" : `m${state.m}`}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}

function followHash(atStart) {
  const found = /^#c([^m]+)(?:m(\d+))?$/.exec(location.hash);
  const index = found ? DATA.connections.findIndex((c) => c.name === found[1]) : -1;
  if (index < 0) return false;
  const changed = index !== state.c;
  state.c = index;
  if (changed) draw();
  const number = found[2] ? Number(found[2]) : null;
  open(messageOf(number) ? number : null, !atStart);
  if (atStart) rowOf(state.m)?.scrollIntoView({block: "center"});
  return true;
}

// ---- language and theme, remembered here alone

function switchLanguage() {
  state.lang = state.lang === "zh" ? "en" : "zh";
  draw();
  document.getElementById("lang").focus({preventScroll: true});
}

function switchTheme() {
  themeChosen = true;
  state.theme = state.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = state.theme;
  document.getElementById("theme").textContent = t(state.theme === "dark" ? "light" : "dark");
}

// ---- keys

const KEYS = {
  j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
  "]": () => openConnection(state.c + 1), "[": () => openConnection(state.c - 1),
  l: switchLanguage, t: switchTheme,
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !current()) return;
  if (event.key === "Escape") {
    const back = state.m !== null && panel.contains(document.activeElement) && rowOf(state.m);
    if (back) back.focus();
    else if (state.m !== null && !WIDE.matches) leave();
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (arrow && !event.target.closest?.(".msg")) return; // elsewhere arrows scroll
  const act = KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

addEventListener("hashchange", () => followHash(false));
WIDE.addEventListener("change", () => current() && show());
DARK.addEventListener("change", () => {
  if (themeChosen) return;
  state.theme = DARK.matches ? "dark" : "light";
  draw();
});

// ---- printing: every message behind the ladder, and nothing folded
const PAPER = matchMedia("print");
function toPaper() {
  if (onPaper || !current()) return;
  onPaper = true;
  const messages = current().messages;
  document.getElementById("details").after(el("section", {class: "panel printed"}, el("h2", {}, t("allMessages")),
    messages.slice(0, PRINTED).map((message) => messageNode(current(), message, "h3")),
    messages.length > PRINTED ? el("p", {class: "muted"}, t("notPrinted", {n: messages.length - PRINTED})) : null));
  for (const one of app.querySelectorAll("details:not([open])")) {
    one.open = true;
    one.dataset.printed = "1";
  }
}

function fromPaper() {
  onPaper = false;
  for (const one of app.querySelectorAll(".printed")) one.remove();
  for (const one of app.querySelectorAll("details[data-printed]")) {
    one.open = false;
    delete one.dataset.printed;
  }
}

addEventListener("beforeprint", toPaper);
addEventListener("afterprint", fromPaper);
PAPER.addEventListener("change", () => (PAPER.matches ? toPaper() : fromPaper())); // a preview has no such events

state.lang = DATA.lang || (/^zh/i.test(navigator.language) ? "zh" : "en");
state.theme = DARK.matches ? "dark" : "light";
draw();
if (current() && !followHash(true) && WIDE.matches && current().messages.length) {
  state.m = current().messages[0].number;
  show();
}
if (PAPER.matches) toPaper();
