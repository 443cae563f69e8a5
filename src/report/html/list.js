"use strict";
const index = JSON.parse(document.getElementById("index").textContent);
const byId = (id) => document.getElementById(id);
const ORDER = ["failed", "error", "flaky", "warned", "inconclusive", "known", "passed", "skipped"];
const SIGNS = { failed: "✗", error: "!", flaky: "≈", warned: "▲", inconclusive: "?", known: "◇", skipped: "–", passed: "✓" };

/* Everything from the run goes in as text, never as markup. */
function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...there(children));
  return element;
}

const there = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);

function fill(element, ...children) {
  element.replaceChildren(...there(children));
}

const scenarios = index.scenarios.map((entry, at) => ({ ...entry, at, key: keyOf(entry) }));
function keyOf(entry) {
  return [entry.name, ...entry.matrix].map(encodeURIComponent).join(";").replaceAll("%2F", "/").replaceAll("%3D", "=");
}
const rank = new Map(ORDER.map((result, at) => [result, at]));
scenarios.sort((a, b) => rank.get(a.result) - rank.get(b.result) || a.at - b.at);
const byKey = new Map(scenarios.map((entry) => [entry.key, entry]));
for (const entry of scenarios) {
  const broken = entry.findings.map((found) => found.rule);
  entry.about_rules = new Set([...entry.rules, ...broken]);
  entry.broken = [...new Set(entry.findings.filter((found) => found.level !== "info" && found.blame !== "announced").map((found) => found.rule))];
  const said = entry.findings.flatMap((found) => [found.rule, found.message, found.wanted, found.seen]);
  entry.words = [entry.name, ...entry.matrix, entry.about, entry.file, entry.reason || "", ...entry.tags, ...entry.rules, ...said].join("\n").toLowerCase();
}

const chosen = { results: new Set(), text: "", rule: "", tag: "" };
const list = byId("scenarios");

function chips() {
  const counts = index.counts;
  for (const result of ORDER.filter((result) => counts[result] > 0)) {
    const chip = make("button", { type: "button", class: "chip", "aria-pressed": "false", "data-result": result, on: {
      click() {
        const on = !chosen.results.has(result);
        if (on) chosen.results.add(result); else chosen.results.delete(result);
        chip.setAttribute("aria-pressed", String(on));
        filter();
      },
    } }, make("span", { class: result, "aria-hidden": "true" }, SIGNS[result]), ` ${counts[result]} ${result}`);
    byId("results").append(chip);
  }
}

function options() {
  const rules = new Map();
  const tags = new Map();
  for (const entry of scenarios) {
    for (const rule of entry.about_rules) rules.set(rule, (rules.get(rule) || 0) + 1);
    for (const tag of entry.tags) tags.set(tag, (tags.get(tag) || 0) + 1);
  }
  const add = (select, names) => [...names.keys()].sort().forEach((name) => {
    select.append(make("option", { value: name }, `${name} (${names.get(name)})`));
  });
  add(byId("rule"), rules);
  add(byId("tag"), tags);
}

function item(entry) {
  const more = entry.broken.length ? entry.broken.slice(0, 2).join(" ") : "";
  return make("li", {}, make("a", { href: `#${entry.key}`, "data-key": entry.key },
    make("span", { class: `sign ${entry.result}`, role: "img", "aria-label": entry.result }, SIGNS[entry.result]),
    make("span", { class: "title" }, entry.name, entry.matrix.length ? make("span", { class: "matrix" }, ` ${entry.matrix.join(" ")}`) : null),
    make("span", { class: "more" }, more)));
}

function fits(entry) {
  return (!chosen.results.size || chosen.results.has(entry.result))
    && (!chosen.rule || entry.about_rules.has(chosen.rule))
    && (!chosen.tag || entry.tags.includes(chosen.tag))
    && chosen.text.split(/\s+/).every((word) => entry.words.includes(word));
}

function filter() {
  let shown = 0;
  for (const entry of scenarios) {
    const show = fits(entry);
    entry.item.hidden = !show;
    if (show) shown += 1;
  }
  const all = scenarios.length;
  const word = all === 1 ? "scenario" : "scenarios";
  byId("shown").textContent = shown === all ? `${all} ${word}` : `${shown} of ${all} ${word}`;
}

function step(by) {
  const shown = scenarios.filter((entry) => !entry.item.hidden);
  const at = shown.indexOf(byKey.get(current()));
  const next = shown[at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)];
  if (next) location.hash = next.key;
}

function current() {
  const key = location.hash.slice(1);
  if (!key && scenarios.length === 1) return scenarios[0].key;
  if (byKey.has(key)) return key;
  /* A link that went through a mail program may be encoded more than it has to be. */
  try {
    const decoded = decodeURIComponent(key);
    return [...byKey.keys()].find((known) => decodeURIComponent(known) === decoded) || key;
  } catch { return key; }
}

function themes() {
  const button = byId("theme");
  const names = ["auto", "light", "dark"];
  const set = (name) => {
    if (name === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", name);
    button.lastElementChild.textContent = name;
  };
  let now = "auto";
  /* Storage may be refused where the file is opened from. */
  try { now = names.includes(localStorage.getItem("callspec-theme")) ? localStorage.getItem("callspec-theme") : "auto"; } catch { now = "auto"; }
  set(now);
  button.addEventListener("click", () => {
    now = names[(names.indexOf(now) + 1) % names.length];
    set(now);
    try { localStorage.setItem("callspec-theme", now); } catch { /* It is kept for this page only. */ }
  });
}

function keyboard() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (typing) { typing.blur(); } else { closeStanza(); }
    } else if (!typing && event.key === "/") {
      event.preventDefault();
      document.documentElement.classList.remove("chosen");
      byId("text").focus();
    } else if (!typing && (event.key === "j" || event.key === "k")) {
      step(event.key === "j" ? 1 : -1);
    }
  });
}

function start() {
  themes();
  chips();
  options();
  for (const entry of scenarios) entry.item = item(entry);
  list.append(...scenarios.map((entry) => entry.item));
  byId("text").addEventListener("input", (event) => { chosen.text = event.target.value.trim().toLowerCase(); filter(); });
  byId("rule").addEventListener("change", (event) => { chosen.rule = event.target.value; filter(); });
  byId("tag").addEventListener("change", (event) => { chosen.tag = event.target.value; filter(); });
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  filter();
  keyboard();
  window.addEventListener("hashchange", route);
  route();
}
