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

function parse(xml) {
  const bound = /^<[\w.-]+:/.test(xml) ? xml.replace(/^<([\w.-]+):([\w.-]+)/, (all, prefix) => (xml.includes(`xmlns:${prefix}=`) ? all : `${all} xmlns:${prefix}="urn:unbound"`)) : xml;
  const parsed = new DOMParser().parseFromString(bound, "text/xml");
  return parsed.querySelector("parsererror") ? null : parsed.documentElement;
}

function callText(xml) {
  const root = parse(xml);
  const call = root && [...root.children].find((child) => child.localName === "call");
  return call ? call.textContent : null;
}

function readable(xml) {
  const root = parse(xml);
  const wire = make("details", {}, make("summary", {}, "On the wire, to the byte"), make("pre", { class: "mono" }, xml));
  if (!root) return [make("p", { class: "quiet" }, "This is no well-formed XML:"), make("pre", { class: "mono" }, xml)];
  const out = [make("h4", {}, "XML"), make("pre", { class: "mono" }, ...xmlLines(root, 0))];
  const call = [...root.children].find((child) => child.localName === "call");
  if (call) out.push(...signal(call.textContent));
  out.push(wire);
  return out;
}

function xmlLines(element, depth) {
  if (depth > 30) return ["…"];
  const pad = "  ".repeat(depth);
  const out = [pad, make("span", { class: "x-tag" }, `<${element.tagName}`)];
  for (const attribute of element.attributes) {
    out.push(" ", make("span", { class: "x-attr" }, `${attribute.name}=`), make("span", { class: "x-value" }, JSON.stringify(attribute.value)));
  }
  const children = [...element.childNodes].filter((node) => node.nodeType === 1 || node.nodeValue.trim());
  if (!children.length) return [...out, make("span", { class: "x-tag" }, "/>")];
  out.push(make("span", { class: "x-tag" }, ">"));
  const texts = children.every((node) => node.nodeType !== 1);
  for (const node of children) {
    if (node.nodeType === 1) out.push("\n", ...xmlLines(node, depth + 1));
    else if (element.localName === "call" && isJson(node.nodeValue)) out.push(make("span", { class: "quiet" }, "{…} the JSON below"));
    else out.push(texts ? "" : `\n${pad}  `, node.nodeValue);
  }
  out.push(texts ? "" : `\n${pad}`, make("span", { class: "x-tag" }, `</${element.tagName}>`));
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
