// One message, opened: what it says, its certificates, its bytes and fields, its records.
const RECORD_HEADER = 5;
const RECORD_TYPES = {20: "ChangeCipherSpec", 21: "Alert", 22: "Handshake", 23: "ApplicationData"};

function messageLink(number, text) {
  return el("a", {href: `#c${current().name}m${number}`}, text || t("goMessage", {n: number}));
}

function recordsOf(connection, message) {
  const wanted = new Set(message.parts.map((part) => part.record));
  return connection.records.filter((r) => wanted.has(r.number) || r.messages.includes(message.number));
}

function lockNode(message) {
  if (!message.protected) return null;
  return message.decrypted ? icon("unlock", t("wasEncrypted")) : icon("lock", t("isEncrypted"));
}

// The number that findings, JSON and text call the message by.
function numberNode(message) {
  const label = t("goMessage", {n: message.number});
  return el("span", {class: "number", title: label, role: "img", "aria-label": label}, String(message.number));
}

// Its place among the steps of the standard's figure: several messages may be one step.
function stepNode(message) {
  if (!message.step) return null;
  const place = {n: message.step, all: DATA.steps};
  return el("span", {class: "step", title: t("stepHint", place)}, t("step", place));
}

function sectionText(section) {
  return /^[\d.]+$/.test(section) ? t("section", {n: section}) : section;
}

function messageNode(connection, message, heading, buttons) {
  return el("article", {class: `message ${message.sender}`, "data-number": message.number},
    titleNode(message, heading, buttons),
    el("p", {class: "purpose"}, pick(message.purpose)),
    el("p", {class: "says"}, safe(pick(message.says))),
    calloutsNode(connection, message),
    certificatesNode(message),
    isData(message) && message.decrypted && message.data ? plainNode(bytesOf(message.data)) : null,
    bytesNode(message),
    wireNode(connection, message));
}

function titleNode(message, heading, buttons) {
  const title = state.lang === "zh" ? el("span", {class: "ztitle"}, pick(message.title)) : null;
  const way = t(message.sender === "client" ? "toServer" : "toClient");
  const protection = !message.protected ? t("inClear") : t(message.decrypted ? "wasEncrypted" : "isEncrypted");
  return el("header", {class: "mtitle"},
    el(heading, {tabindex: "-1", class: "mname"}, numberNode(message), el("span", {}, message.name), " ", title),
    buttons || null,
    el("ul", {class: "facts"},
      message.step ? el("li", {}, stepNode(message)) : null,
      el("li", {class: `way ${message.sender}`}, way),
      el("li", {class: message.protected ? "secret" : null}, lockNode(message), protection),
      el("li", {}, sizeText(message.length)),
      el("li", {}, sectionText(message.section))));
}

function calloutsNode(connection, message) {
  const findings = connection.findings.filter((f) => f.message === message.number);
  const rules = new Set(findings.map((f) => f.rule));
  const checks = connection.checks.filter((c) => c.message === message.number && !rules.has(c.rule));
  if (!findings.length && !checks.length) return null;
  return el("ul", {class: "callouts"},
    findings.map((f) => el("li", {class: `callout ${f.severity}`}, severityIcon(f.severity), el("div", {},
      el("p", {}, safe(pick(f.text))),
      el("p", {class: "rule"}, `${t(f.severity)} · ${f.rule} · ${f.section}`)))),
    checks.map((c) => el("li", {class: `callout ${c.result}`}, resultIcon(c.result), el("div", {},
      el("p", {}, safe(pick(c.text))),
      el("p", {class: "rule"}, `${t(c.result)} · ${c.rule} · ${c.section}`)))));
}

function severityIcon(severity) {
  return icon({error: "cross", warning: "warn", note: "note"}[severity], t(severity));
}

function resultIcon(result) {
  return icon({holds: "check", fails: "cross", unknown: "dash"}[result], t(result));
}

function bytesNode(message) {
  if (!message.decrypted) return null;
  const parts = message.parts.map((p) => t("where", {start: p.start, end: Math.max(p.start, p.end - 1), record: p.record, n: p.record}));
  const title = el("h3", {}, t(message.protected ? "contentDecrypted" : "content"),
    message.length ? el("span", {class: "where"}, parts.join(" · ")) : null);
  if (!message.length) return el("section", {class: "bytes"}, title, el("p", {class: "muted"}, t("noContent")));
  if (!message.data) {
    return el("section", {class: "bytes"}, title,
      el("p", {class: "muted"}, t("notKept", {n: message.length.toLocaleString("en")})));
  }
  return el("section", {class: "bytes"}, title,
    dissected(message, bytesOf(message.data), message.fields, "message"));
}

// The record as it went over the wire, if it went encrypted.
function wireNode(connection, message) {
  const records = recordsOf(connection, message).filter((r) => r.protected);
  if (!records.length) return null;
  return el("section", {class: "wire"}, el("h3", {}, icon("lock"), t("onTheWire")),
    records.map((record) => wireRecordNode(connection, message, record)));
}

function wireRecordNode(connection, message, record) {
  const {bytes, fields} = wireOf(connection, record);
  const about = record.sequence === null ? t("wireRecordOnly", {n: record.number})
    : t("wireRecord", {n: record.number, seq: record.sequence});
  const state_ = {holds: "integrityHolds", fails: "integrityFails", unknown: "integrityUnknown"}[record.integrity];
  return el("div", {class: "wirerecord"},
    el("p", {class: "recordhead"}, about, state_ ? el("span", {class: `integrity ${record.integrity}`}, t(state_)) : null),
    record.missing ? el("p", {class: "muted"}, t("missing", {n: record.missing})) : null,
    bytes.length > RECORD_HEADER || !record.length
      ? dissected(message, bytes, fields, "record")
      : el("p", {class: "muted"}, t("notKept", {n: record.length.toLocaleString("en")})));
}

function wireOf(connection, record) {
  const fragment = bytesOf(record.fragment || "");
  const head = [record.content_type, record.version >> 8, record.version & 255, record.length >> 8, record.length & 255];
  const bytes = concat([Uint8Array.from(head), fragment]);
  const fields = [
    {path: "record.type", start: 0, end: 1, value: record.content_type,
      label: `${RECORD_TYPES[record.content_type] || "?"} (${record.content_type})`},
    {path: "record.version", start: 1, end: 3, value: record.version, label: record.version === 0x0101 ? "TLCP 1.1" : ""},
    {path: "record.length", start: 3, end: 5, value: record.length, label: ""},
  ];
  let at = RECORD_HEADER;
  for (const [name, size, meaning] of layoutOf(connection, fragment.length)) {
    fields.push({path: `record.${name}`, start: at, end: at + size, label: "",
      value: hexOf(bytes.subarray(at, at + size)), meaning: DATA.meanings[meaning]});
    at += size;
  }
  return {bytes, fields};
}

// What follows the header, by suite: [name, bytes, meaning].
function layoutOf(connection, size) {
  const cipher = connection.key_schedule && connection.key_schedule.cipher;
  const shapes = {
    SM4_GCM: [["nonce", 8], ["ciphertext", 0, "record.ciphertext.gcm"], ["tag", 16]],
    SM4_CBC: connection.encrypt_then_mac
      ? [["iv", 16], ["ciphertext", 0, "record.ciphertext.etm"], ["mac", 32]]
      : [["iv", 16], ["ciphertext", 0, "record.ciphertext.cbc"]],
  };
  const shape = shapes[cipher] || [["ciphertext", 0]];
  const fixed = shape.reduce((sum, [, n]) => sum + n, 0);
  if (size < fixed) return size ? [["ciphertext", size, "record.ciphertext"]] : [];
  return shape.map(([name, n, meaning]) => [name, n || size - fixed, meaning || `record.${name}`]);
}
