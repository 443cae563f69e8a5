const detail = byId("detail");
let opened = 0;

function route() {
  const key = current();
  /* The skip link and whatever else names an element is no scenario. */
  if (key === "detail") { detail.focus(); return; }
  const entry = byKey.get(key);
  for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  document.documentElement.classList.toggle("chosen", Boolean(entry));
  opened += 1;
  if (!entry) { overview(key); return; }
  const link = entry.item.firstElementChild;
  link.setAttribute("aria-current", "true");
  link.scrollIntoView({ block: "nearest" });
  show(entry, opened);
}

function overview(missing) {
  document.title = `callspec: ${index.about}`;
  const cards = ORDER.filter((result) => index.counts[result] > 0).map((result) =>
    make("div", { class: "card" }, make("b", { class: result }, String(index.counts[result])), result));
  const wrong = scenarios.filter((entry) => !["passed", "skipped"].includes(entry.result));
  const broken = new Map();
  for (const entry of wrong) for (const rule of entry.broken) broken.set(rule, [...(broken.get(rule) || []), entry]);
  const held = Object.values(index.tallies).filter((tally) => tally.held > 0 && !tally.broken).length;
  const links = (entries, most) => [entries.slice(0, most).flatMap((entry, at) => [at ? ", " : "", make("a", { href: `#${entry.key}` }, titleOf(entry))]),
    entries.length > most ? ` and ${entries.length - most} more` : ""].flat();
  const table = (heads, rows) => make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.join(", ") }, make("table", { class: "plain" },
    make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows)));
  fill(detail,
    make("h2", {}, index.about),
    missing ? make("p", { class: "quiet" }, "This report has no scenario by the name that the link asks for.") : null,
    make("div", { class: "cards" }, cards),
    make("p", { class: "quiet" }, `${held} rules held. Choose a scenario to see its ladder.`),
    broken.size ? [make("h3", {}, "Rules that were broken"), table(["Rule", "What it asks for", "Where"], [...broken.keys()].sort().map((rule) => make("tr", {},
      make("td", { class: "mono" }, rule), make("td", {}, (index.rules[rule] || {}).text || ""), make("td", {}, links(broken.get(rule), 4)))))] : null,
    wrong.length ? [make("h3", {}, "What is not passed"), table(["Result", "Scenario", "First finding"], wrong.slice(0, 200).map((entry) => make("tr", {},
      make("td", { class: entry.result }, entry.result), make("td", {}, make("a", { href: `#${entry.key}` }, titleOf(entry))),
      make("td", {}, entry.reason || (entry.findings[0] || {}).message || ""))))] : null);
}

const titleOf = (entry) => [entry.name, ...entry.matrix].join(" ");
const fact = (name, ...value) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value));

function show(entry, turn) {
  document.title = `${titleOf(entry)}: ${entry.result}`;
  const facts = make("dl", { class: "facts" },
    entry.file ? fact("file", make("code", {}, entry.line ? `${entry.file}:${entry.line}` : entry.file)) : null,
    entry.seconds ? fact("took", `${entry.seconds.toFixed(2)} s`) : null,
    entry.rules.length ? fact("about", entry.rules.flatMap((rule, at) => [at ? ", " : "", ruleName(rule)])) : null,
    entry.tags.length ? fact("tags", entry.tags.flatMap((tag) => [make("span", { class: "tag" }, tag), " "])) : null,
    entry.transcript ? fact("transcript", make("code", {}, entry.transcript)) : null);
  const board = make("section", { class: "board", "aria-label": "Ladder" }, make("p", { class: "quiet" }, "Drawing …"));
  fill(detail,
    make("a", { class: "back", href: "#" }, "← all scenarios"),
    make("div", { class: "headline" }, make("h2", {}, entry.name), entry.matrix.length ? make("span", { class: "matrix mono" }, entry.matrix.join("  ")) : null,
      make("span", { class: `badge ${entry.result}` }, entry.result),
      make("button", { type: "button", on: { click: (event) => copy(location.href, event.currentTarget) } }, "Copy link")),
    entry.about ? make("p", { class: "about" }, entry.about) : null,
    entry.reason ? make("p", { class: "about" }, entry.reason) : null,
    facts,
    entry.again ? make("div", { class: "again" }, make("code", { tabindex: "0" }, entry.again),
      make("button", { type: "button", on: { click: (event) => copy(entry.again, event.currentTarget) } }, "Copy")) : null,
    ...entry.findings.map((found) => findingCard(found)),
    board);
  detail.scrollTop = 0;
  load(entry).then((played) => { if (turn === opened) draw(board, entry, played); })
    .catch((error) => { fill(board, make("p", { class: "quiet" }, `The ladder cannot be shown: ${error.message}`)); });
}

function ruleName(rule) {
  const known = index.rules[rule];
  return make("abbr", { class: "mono", title: known ? `${known.text} (${known.source})` : false }, rule);
}

async function copy(text, button) {
  const before = button.textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
  catch { button.textContent = "Not allowed here"; }
  setTimeout(() => { button.textContent = before; }, 1500);
}

const BLAMES = { server: "the server", client: "the client under test", ourselves: "callspec's own bot: no verdict on the target",
  announced: "nobody: the scenario breaks it on purpose", nobody: "nobody: the source can be read in two ways" };

function findingCard(found) {
  const rule = index.rules[found.rule] || {};
  const theirs = found.blame === "server" || found.blame === "client";
  const tone = found.known || !theirs || found.level === "info" ? "quiet" : found.excuse || found.level === "should" ? "mild" : "";
  const pair = (name, value) => (value ? [make("dt", {}, name), make("dd", {}, value)] : []);
  const events = found.events.map((n) => make("button", { type: "button", "aria-label": `Show event ${n}`, on: { click: () => pick(n) } }, String(n)));
  return make("section", { class: `finding ${tone}`, "aria-label": `Finding ${found.rule}` },
    make("h3", {}, make("span", { class: "id mono" }, found.rule), make("span", {}, found.text || rule.text || ""),
      make("small", {}, `${found.level}, ${found.subject} · ${found.source}`)),
    make("p", { class: "message" }, found.message),
    make("dl", { class: "pairs" }, pair("wanted", found.wanted), pair("seen", found.seen), pair("blame", BLAMES[found.blame] || found.blame),
      pair("party", found.party), pair("excused if", found.excuse),
      found.known ? pair("known", `${found.known.reason} (${found.known.place})`) : [],
      events.length ? [make("dt", {}, "events"), make("dd", {}, events)] : []),
    rule.breach || rule.mend ? make("details", {}, make("summary", {}, "What a breach looks like, and how to mend it"),
      make("dl", { class: "pairs" }, pair("breach", rule.breach), pair("mend", rule.mend), pair("source", rule.source))) : null);
}

/* The details of a scenario lie compressed at the end of the page, and are read when they are looked at. */
async function load(entry) {
  if (!entry.block) return null;
  if (document.readyState === "loading") await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
  const block = byId(entry.block);
  if (!block) throw new Error("the file is cut off");
  const bytes = Uint8Array.from(atob(block.textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

let playing = null;

function draw(board, entry, played) {
  playing = null;
  if (!played) {
    fill(board, make("p", { class: "quiet" }, entry.without || "There is no transcript of it."));
    return;
  }
  const picture = make("div", { class: "picture", tabindex: "0", role: "region", "aria-label": "Ladder, scrolls sideways" });
  const stanza = make("aside", { class: "stanza", hidden: true, "aria-label": "Stanza", "aria-live": "polite", tabindex: "-1" });
  const answers = make("input", { type: "checkbox", on: { change: () => fill(picture, svgOf(answers.checked ? played.svg_answers : played.svg)) } });
  const left = make("div", {}, make("div", { class: "board-head" }, make("h3", {}, "What happened"),
    played.svg_answers ? make("label", {}, answers, " IQ answers too") : null,
    make("span", { class: "hint" }, "Choose a row to see its stanza; ↑ ↓ go from row to row."),
    played.left_out ? make("span", { class: "hint" }, played.left_out) : null), picture);
  fill(board, left, stanza);
  fill(picture, svgOf(played.svg));
  playing = { board, picture, stanza, answers, events: new Map(played.events.map((event) => [event.n, event])) };
}

function svgOf(text) {
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  const rows = [...svg.querySelectorAll("[data-events]")];
  const choose = (row) => {
    for (const other of rows) { other.setAttribute("tabindex", "-1"); other.setAttribute("aria-pressed", "false"); }
    row.setAttribute("tabindex", "0");
    row.setAttribute("aria-pressed", "true");
    showStanza(row.getAttribute("data-events").split(" ").map(Number));
    uncover(row);
  };
  rows.forEach((row, at) => {
    row.setAttribute("aria-pressed", "false");
    row.addEventListener("click", () => choose(row));
    row.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by) {
        const next = rows[at + by];
        if (next) { next.setAttribute("tabindex", "0"); next.focus(); if (!playing.stanza.hidden) choose(next); }
      } else if (event.key === "Enter" || event.key === " ") choose(row);
      else return;
      event.preventDefault();
    });
  });
  if (rows[0]) rows[0].setAttribute("tabindex", "0");
  return svg;
}

/* Scrolls a row out from under its stanza. */
function uncover(row) {
  const [above, under] = [row.getBoundingClientRect(), playing.stanza.getBoundingClientRect()];
  const beside = under.left > playing.picture.getBoundingClientRect().left + 20;
  const box = getComputedStyle(detail).overflowY === "auto" ? detail : document.scrollingElement;
  if (!beside && above.bottom + 24 > under.top) box.scrollTop += above.bottom + 24 - under.top;
}

/* Shows the row of one event, wherever it stands. */
function pick(n) {
  if (!playing) return;
  const find = () => [...playing.picture.querySelectorAll("[data-events]")].find((row) => row.getAttribute("data-events").split(" ").includes(String(n)));
  if (!find() && playing.answers.isConnected && !playing.answers.checked) playing.answers.click();
  const row = find();
  if (row) { row.dispatchEvent(new MouseEvent("click")); row.focus({ preventScroll: true }); row.scrollIntoView({ block: "center" }); uncover(row); }
  else showStanza([n]);
}

start();
