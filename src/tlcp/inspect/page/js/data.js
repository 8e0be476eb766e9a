// Application data as a conversation: HTTP as the report reads it, other bytes as text or hex.
const TEXT_CHARACTERS = 2000;

function isData(message) {
  return message.content_type === 23;
}

function plainNode(bytes) {
  const text = textOf(bytes);
  return text === null ? new HexView(bytes, [], () => {}).node : foldedText(text);
}

function foldedText(raw) {
  const text = raw.replace(/\r\n/g, "\n");
  const pre = el("pre", {class: "text", tabindex: "0"}, safe(text.slice(0, TEXT_CHARACTERS)));
  if (text.length <= TEXT_CHARACTERS) return pre;
  const more = el("button", {type: "button", class: "more", onclick: () => {
    pre.textContent = safe(text);
    more.remove();
  }}, t("showText"));
  return el("div", {}, pre, more);
}

// One line that says what is in it.
function previewOf(message) {
  if (!isData(message) || !message.decrypted || !message.data) return null;
  const text = textOf(bytesOf(message.data.slice(0, 120)));
  const line = text === null ? hexText(message.data.slice(0, 32)) : text.split(/\r?\n/)[0].slice(0, 60);
  return line ? el("span", {class: "preview"}, safe(line)) : null;
}

// The number of the message in which a byte of a side's data lies.
function messageAt(connection, sender, offset) {
  let end = 0;
  for (const message of connection.messages) {
    if (!isData(message) || !message.decrypted || message.sender !== sender) continue;
    end += message.length;
    if (offset < end) return message.number;
  }
  return null;
}

function dataSection(connection) {
  const data = connection.application;
  const turns = [
    ...data.exchanges.flatMap((one) => [
      one.request && httpTurn(connection, "client", "httpRequest", one.request),
      ...one.interim.map((m) => httpTurn(connection, "server", "httpResponse", m)),
      one.response && httpTurn(connection, "server", "httpResponse", one.response),
    ]),
    ...data.blocks.map((block) => blockTurn(connection, block)),
  ].filter(Boolean);
  const closed = data.records_not_decrypted.client + data.records_not_decrypted.server;
  const why = connection.decryption.possible ? t("dataClosedSome", {n: closed})
    : t("dataClosed", {why: pick(connection.decryption.why_not)});
  return el("section", {class: "panel data", id: "data-section"}, el("h2", {}, t("data")),
    turns.length || closed ? null : el("p", {class: "muted"}, t("dataNone")),
    data.why_not_http ? el("p", {class: "muted"}, pick(data.why_not_http)) : null,
    turns.length ? el("ol", {class: "turns"}, turns) : null,
    closed ? el("p", {class: "muted"}, why) : null,
    data.cut ? el("p", {class: "muted"}, t("dataLeftOut", {kib: DATA.limits.data_kib})) : null);
}

function turnNode(connection, sender, kind, from, to, inner) {
  const first = messageAt(connection, sender, from), last = messageAt(connection, sender, Math.max(from, to - 1));
  const where = first === null ? null
    : messageLink(first, t(first === last || last === null ? "inMessage" : "inMessages", {from: first, to: last}));
  return el("li", {class: `turn ${sender}`},
    el("p", {class: "turnhead"},
      el("strong", {}, t(sender === "client" ? "Client" : "Server")),
      el("span", {}, kind), el("span", {}, sizeText(to - from)), where),
    inner);
}

function httpTurn(connection, sender, kind, message) {
  return turnNode(connection, sender, t(kind), message.start, message.end, el("div", {class: "http"},
    el("p", {class: "first"}, safe(message.start_line)),
    headersNode(message.headers), bodyNode(message.body), headersNode(message.trailers),
    message.complete ? null : el("p", {class: "muted small"}, t("httpCut"))));
}

function headersNode(headers) {
  return headers.length ? el("dl", {class: "headers"}, headers.map(({name, value}) =>
    el("div", {}, el("dt", {}, safe(name)), el("dd", {}, safe(value))))) : null;
}

function bodyNode(body) {
  if (!body || (!body.bytes && !body.problem)) return null;
  const coding = body.coding ? ` · ${safe(body.coding)}` : "";
  return el("div", {class: "body"},
    el("p", {class: "muted small"}, t("body", {bytes: sizeText(body.bytes)}), coding),
    body.problem ? el("p", {class: "muted small"}, pick(body.problem)) : null,
    body.text !== null ? foldedText(body.text) : plainNode(bytesOf(body.data)));
}

function blockTurn(connection, block) {
  const bytes = bytesOf(block.data);
  return turnNode(connection, block.sender, t(textOf(bytes) === null ? "binary" : "text"),
    block.offset, block.offset + (block.bytes || bytes.length), plainNode(bytes));
}
