/* A stanza made readable: XML with its JSON, SDP and candidates. What cannot be read is shown as it was. */
const WAYS = { sent: "sent", received: "received", connected: "connected", disconnected: "disconnected", cut: "cut off", closed: "closed" };

function showStanza(numbers) {
  const { board, stanza, events } = playing;
  const known = numbers.map((n) => events.get(n)).filter(Boolean);
  board.classList.add("open");
  stanza.hidden = false;
  const head = known.length ? known.map((event) => `${event.who || "the run"} ${WAYS[event.dir] || event.dir}`).join(", ") : "Not kept in this report";
  fill(stanza, make("header", {}, make("h3", {}, head),
    make("button", { type: "button", "aria-label": "Close", on: { click: closeStanza } }, "×")),
  ...(known.length ? known : []).map((event, at) => {
    /* The second of a pair is shown whole only where it is another text. */
    const same = at > 0 && event.xml && callText(event.xml) !== null && callText(event.xml) === callText(known[0].xml || "");
    return make("section", {}, ...about(event), ...(event.xml ? (same ? sameAgain(event) : readable(event.xml)) : []));
  }));
  stanza.scrollTop = 0;
}

function closeStanza() {
  if (!playing || playing.stanza.hidden) return;
  playing.stanza.hidden = true;
  playing.board.classList.remove("open");
  const row = playing.picture.querySelector("[aria-pressed='true']");
  if (row) row.focus();
}

function about(event) {
  const parts = [["event", `${event.n}, at ${event.t.toFixed(3)} s`], ["who", event.who], ["as", event.jid], ["had come", event.arrived === undefined ? "" : `at ${event.arrived.toFixed(3)} s`],
    ["step", event.step], ["note", event.note], ["wanted", event.wanted], ["seen", event.seen], ["rules", (event.rules || []).join(", ")]];
  return [make("dl", { class: "facts" }, parts.filter(([, value]) => value).map(([name, value]) => fact(name, value)))];
}

function sameAgain(event) {
  return [make("p", { class: "quiet" }, "The same text, as it arrived."), make("details", {}, make("summary", {}, "On the wire"), make("pre", { class: "mono" }, event.xml))];
}

/* (A comment's beginning is written with an escape: as it is, it would mean something to HTML.) Our own reader, and no DOM: a parser of the browser would act on styles in the text, and report what it refuses. */
const TOKEN = /<!\[CDATA\[([\s\S]*?)\]\]>|<!\x2d-[\s\S]*?-->|<\?[\s\S]*?\?>|<\/([^\s<>/]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s=<>/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'" };

function unescaped(text) {
  return text.replace(/&(#x[0-9a-f]+|#\d+|amp|lt|gt|quot|apos);/gi, (all, name) => {
    if (name[0] !== "#") return ENTITIES[name.toLowerCase()];
    const code = name[1].toLowerCase() === "x" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

/* One element as a tree: { name, attributes, children }, its texts { raw, text }; null where it is not well-formed. */
function parse(xml) {
  const root = { name: "", children: [] };
  const open = [root];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < xml.length) {
    const found = TOKEN.exec(xml);
    if (!found || open.length > 100) return null;
    const [raw, cdata, end, begin, attributes, empty, text] = found;
    const inside = open[open.length - 1];
    if (end !== undefined) {
      if (inside.name !== end) return null;
      open.pop();
    } else if (begin !== undefined) {
      const pairs = [...attributes.matchAll(/([^\s=]+)\s*=\s*("[^"]*"|'[^']*')/g)].map((pair) => [pair[1], pair[2]]);
      const element = { name: begin, attributes: pairs, children: [] };
      inside.children.push(element);
      if (!empty) open.push(element);
    } else if (text !== undefined || cdata !== undefined) {
      if (inside === root && raw.trim()) return null;
      inside.children.push({ raw, text: cdata === undefined ? unescaped(text) : cdata });
    }
  }
  const elements = root.children.filter((child) => child.name);
  return open.length === 1 && elements.length === 1 ? elements[0] : null;
}

const isCall = (element) => element.name === "call" || element.name?.endsWith(":call");
const textOf = (element) => element.children.map((child) => child.text ?? "").join("");

function callText(xml) {
  const call = (parse(xml)?.children || []).find(isCall);
  return call ? textOf(call) : null;
}

function readable(xml) {
  const root = parse(xml);
  const wire = make("details", {}, make("summary", {}, "On the wire, to the byte"), make("pre", { class: "mono" }, xml));
  if (!root) return [make("p", { class: "quiet" }, "This is no well-formed XML:"), make("pre", { class: "mono" }, xml)];
  const out = [make("h4", {}, "XML"), make("pre", { class: "mono" }, ...xmlLines(root, 0))];
  const call = root.children.find(isCall);
  if (call) out.push(...signal(textOf(call)));
  out.push(wire);
  return out;
}

function xmlLines(element, depth) {
  const pad = "  ".repeat(depth);
  const out = [pad, make("span", { class: "x-tag" }, `<${element.name}`)];
  for (const [name, value] of element.attributes) out.push(" ", make("span", { class: "x-attr" }, `${name}=`), make("span", { class: "x-value" }, value));
  const children = element.children.filter((child) => child.name || child.raw.trim());
  if (!children.length) return [...out, make("span", { class: "x-tag" }, "/>")];
  out.push(make("span", { class: "x-tag" }, ">"));
  if (depth > 30) return [...out, "…"];
  const texts = children.every((child) => !child.name);
  if (isCall(element) && texts && isJson(textOf(element))) out.push(make("span", { class: "quiet" }, "{…} the JSON below"));
  else for (const child of children) out.push(...(child.name ? ["\n", ...xmlLines(child, depth + 1)] : [texts ? "" : `\n${pad}  `, child.raw]));
  out.push(texts ? "" : `\n${pad}`, make("span", { class: "x-tag" }, `</${element.name}>`));
  return out;
}

function isJson(text) {
  try { return typeof JSON.parse(text) === "object"; } catch { return false; }
}

function signal(text) {
  let value;
  try { value = JSON.parse(text); } catch (error) {
    return [make("h4", {}, `JSON that cannot be read: ${error.message}`), make("pre", { class: "mono" }, text)];
  }
  const out = [make("h4", {}, "JSON"), make("pre", { class: "mono" }, ...jsonLines(value, 0))];
  const payload = value && typeof value === "object" && value.payload && typeof value.payload === "object" ? value.payload : {};
  if (typeof payload.sdp === "string") out.push(make("h4", {}, `SDP, ${payload.sdp.length} characters`), make("pre", { class: "mono" }, ...sdpLines(payload.sdp)));
  if (typeof payload.candidate === "string") out.push(...candidateTable(payload.candidate));
  return out;
}

function jsonLines(value, depth) {
  if (depth > 30) return ["…"];
  const pad = "  ".repeat(depth + 1);
  const list = Array.isArray(value);
  if (value && typeof value === "object") {
    const members = Object.entries(value);
    if (!members.length) return [list ? "[]" : "{}"];
    const out = [list ? "[" : "{"];
    members.forEach(([name, member], at) => {
      out.push(at ? ",\n" : "\n", pad);
      if (!list) out.push(make("span", { class: "j-key" }, JSON.stringify(name)), ": ");
      if (name === "sdp" && typeof member === "string") out.push(make("span", { class: "quiet" }, "\"…\" the SDP below"));
      else out.push(...jsonLines(member, depth + 1));
    });
    return [...out, `\n${"  ".repeat(depth)}${list ? "]" : "}"}`];
  }
  return [make("span", { class: typeof value === "string" ? "j-string" : "j-other" }, JSON.stringify(value))];
}

function sdpLines(sdp) {
  const escaped = !sdp.includes("\n") && sdp.includes("\\r\\n");
  const lines = sdp.split(escaped ? "\\r\\n" : /\r\n|\n|\r/);
  const out = escaped ? [make("span", { class: "failed" }, "The line ends are escaped twice.\n")] : [];
  let inside = false;
  for (const line of lines) {
    if (line.startsWith("m=")) inside = true;
    out.push(make("span", { class: line.startsWith("m=") ? "sdp-m" : false }, `${inside && !line.startsWith("m=") ? "  " : ""}${line}\n`));
  }
  return out;
}

function candidateTable(text) {
  if (!text) return [make("p", { class: "quiet" }, "An empty candidate: there are no more of them.")];
  const words = text.replace(/^(a=)?candidate:/, "").trim().split(/\s+/);
  const names = ["foundation", "component", "transport", "priority", "address", "port"];
  const rows = names.map((name, at) => [name, words[at]]);
  for (let at = names.length; at < words.length; at += 2) rows.push([words[at] === "typ" ? "type" : words[at], words[at + 1]]);
  const component = { 1: "1 (RTP)", 2: "2 (RTCP)" }[words[1]];
  if (component) rows[1][1] = component;
  return [make("h4", {}, "Candidate"), make("table", { class: "plain" }, make("tbody", {}, rows.map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name || ""), make("td", { class: "mono" }, value === undefined ? "—" : value)))))];
}
