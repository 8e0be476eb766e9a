// The handshake as a ladder: lifelines of client and server, and an arrow for every message.
const FOLD_RUN = 12; // messages of application data in a row before they are folded
const RUN_SHOWN = 6;

// [{sender, items}] in the order they came; an item is a record with its messages, or a notice.
function flightsOf(connection) {
  const byNumber = new Map(connection.messages.map((m) => [m.number, m]));
  const notices = [...connection.notices].sort((a, b) => a.number - b.number);
  const flights = [];
  let flight = null;
  const put = (sender, item) => {
    if (!flight || flight.sender !== sender) flights.push(flight = {sender, items: []});
    flight.items.push(item);
  };
  for (const record of connection.records) {
    while (notices.length && notices[0].number < record.number) put("", {notice: notices.shift()});
    const messages = record.messages.map((n) => byNumber.get(n)).filter(Boolean);
    if (messages.length) put(record.sender, {record, messages});
  }
  for (const notice of notices) put("", {notice});
  return flights;
}

function ladderSection(connection) {
  let count = 0;
  const rows = flightsOf(connection).map((flight) =>
    flight.sender ? flightNode(connection, flight, ++count) : flight.items.map(noticeNode));
  return el("section", {class: "panel ladder", id: "ladder", "aria-label": t("handshake"), tabindex: "-1"},
    el("div", {class: "ends"},
      el("span", {class: "end client", "aria-hidden": "true"}, t("Client")),
      el("h2", {}, t("handshake")),
      el("span", {class: "end server", "aria-hidden": "true"}, t("Server"))),
    el("div", {class: "lines"}, el("ol", {class: "flights"}, rows)),
    connection.records_left_out
      ? el("p", {class: "muted"}, t("recordsLeftOut", {n: connection.records_left_out})) : null);
}

function noticeNode(item) {
  const side = t(item.notice.sender === "client" ? "Client" : "Server");
  return el("li", {class: "notice"}, icon("warn"), el("span", {}, `${side}: ${pick(item.notice.text)}`));
}

function flightNode(connection, flight, number) {
  const messages = flight.items.flatMap((item) => item.messages);
  const size = messages.reduce((sum, m) => sum + m.length, 0);
  const about = t(messages.length === 1 ? "flightOne" : "flightOf", {n: messages.length, bytes: sizeText(size)});
  return el("li", {class: `flight ${flight.sender}`},
    el("p", {class: "flighthead"},
      el("span", {class: "who"}, t(flight.sender === "client" ? "Client" : "Server")),
      el("span", {}, t("flight", {n: number})), el("span", {}, about)),
    el("ol", {class: "records"}, foldedRuns(connection, flight.items)));
}

// Long runs of application data show their beginning and their last.
function foldedRuns(connection, items) {
  const nodes = items.map((item) => recordNode(connection, item));
  const plain = items.map((item) => item.messages.every(isData));
  for (let i = 0; i < items.length;) {
    let end = i;
    while (end < items.length && plain[end]) end++;
    if (end - i > FOLD_RUN) {
      const hidden = nodes.slice(i + RUN_SHOWN, end - 1);
      for (const node of hidden) node.hidden = true;
      nodes[i + RUN_SHOWN - 1] = [nodes[i + RUN_SHOWN - 1], unfolder(hidden)];
    }
    i = Math.max(end, i + 1);
  }
  return nodes;
}

function unfolder(hidden) {
  const row = el("li", {class: "unfold"}, el("button", {type: "button", class: "more", onclick: () => {
    for (const node of hidden) node.hidden = false;
    row.remove();
  }}, t("moreMessages", {n: hidden.length})));
  return row;
}

function recordNode(connection, {record, messages}) {
  const several = messages.length > 1;
  return el("li", {class: `record${several ? " several" : ""}`},
    several ? el("p", {class: "recno"}, t("recordHolds", {n: record.number, count: messages.length})) : null,
    el("ol", {class: "msgs"}, messages.map((m) => el("li", {class: `row ${m.sender}`, "data-row": m.number},
      rowButton(connection, record, m)))));
}

function rowButton(connection, record, message) {
  const spread = message.parts.map((p) => p.record);
  const where = spread.length > 1 ? t("records", {n: spread.join(", ")}) : t("record", {n: record.number});
  const bad = record.integrity === "fails" || (message.problem && message.decrypted);
  const closed = message.protected && !message.decrypted;
  return el("button", {
    type: "button", class: `msg ${message.sender}${message.protected ? " protected" : ""}${closed ? " closed" : ""}`,
    "data-number": message.number, "data-name": message.name, tabindex: "-1",
    onclick: () => chose(message.number),
  },
  el("span", {class: "time"}, timeText(connection, message)),
  el("span", {class: "label"}, numberNode(message),
    el("span", {class: "name"}, message.name),
    state.lang === "zh" ? el("span", {class: "ztitle"}, pick(message.title)) : null,
    lockNode(message), bad ? icon("cross", t("fails")) : null, marks(connection, message), stepNode(message)),
  el("span", {class: "track", "aria-hidden": "true"}, el("span", {class: "shaft"})),
  el("span", {class: "meta"}, el("span", {class: "sr"}, t(message.sender === "client" ? "toServer" : "toClient")),
    el("span", {class: "mtime"}, timeText(connection, message)),
    el("span", {}, sizeText(message.length)), el("span", {}, where), previewOf(message)));
}

function marks(connection, message) {
  const worst = connection.findings.filter((f) => f.message === message.number).map((f) => f.severity);
  return ["error", "warning"].filter((s) => worst.includes(s))
    .map((s) => el("span", {class: `mark ${s}`}, severityIcon(s)));
}

function timeText(connection, message) {
  const first = connection.messages[0].time_s;
  return `+${durationText(message.time_s - first)}`;
}

function durationText(s) {
  if (s < 0.00005) return "0 ms";
  if (s < 0.01) return `${(1000 * s).toFixed(2)} ms`;
  if (s < 1) return `${(1000 * s).toFixed(1)} ms`;
  return s < 600 ? `${s.toFixed(2)} s` : `${Math.round(s)} s`;
}
