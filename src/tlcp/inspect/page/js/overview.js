// Above the ladder: who talked with whom, and at a glance whether all is well.
function topBar() {
  return el("header", {class: "top"},
    el("a", {class: "skip", href: "#ladder", onclick: (e) => {
      e.preventDefault();
      rows()[0]?.focus();
    }}, t("skip")),
    el("span", {class: "brand"}, "TLCP"),
    el("span", {class: "source"}, DATA.source),
    el("button", {type: "button", id: "lang", title: t("languageHint"), onclick: switchLanguage}, t("language")),
    el("button", {type: "button", id: "theme", title: t("themeHint"), onclick: switchTheme},
      t(state.theme === "dark" ? "light" : "dark")));
}

function banners() {
  const found = [];
  if (DATA.with_keys) {
    const count = DATA.with_keys === 1 ? t("bannerOne") : t("bannerMany", {n: DATA.with_keys});
    found.push(el("p", {class: "banner secret", id: "keys-banner"}, icon("key"),
      el("span", {}, t("banner", {count}), el("span", {class: "aside"}, t("bannerHow")))));
  } else if (!DATA.keys && DATA.connections.some((c) => c.decryption.possible)) {
    found.push(el("p", {class: "banner plain"}, icon("note"), el("span", {}, t("noKeys"))));
  }
  if (DATA.left_out) {
    const {connections: most, page_mib: mib} = DATA.limits;
    found.push(el("p", {class: "banner left"}, icon("warn"),
      el("span", {}, t("leftOut", {n: DATA.left_out, most, mib}))));
  }
  return found;
}

function connectionsNav() {
  if (DATA.connections.length < 2) return null;
  return el("nav", {class: "panel connections", "aria-label": t("connections")},
    el("h2", {}, t("connections"), el("span", {class: "muted"}, String(DATA.connections.length))),
    el("ol", {}, DATA.connections.map((c, i) => el("li", {}, el("button", {
      type: "button", class: "conn", "data-connection": c.name,
      "aria-current": i === state.c ? "true" : null, onclick: () => openConnection(i),
    },
    el("span", {class: "cnum"}, c.name),
    el("span", {class: "cends"}, `${c.client.address || "?"} → ${c.server.address || "?"}`),
    el("span", {class: "csuite"}, c.suite.name || t("suiteUnknown")),
    el("span", {class: "cicons"}, c.resumed ? icon("loop", t("resumed")) : null,
      c.decryption.possible ? icon("unlock", t("decrypted")) : icon("lock", t("notDecrypted")),
      worstNode(c)))))));
}

function worstNode(connection) {
  const worst = ["error", "warning"].find((s) => connection.findings.some((f) => f.severity === s));
  return worst ? el("span", {class: `mark ${worst}`}, severityIcon(worst))
    : el("span", {class: "mark holds"}, icon("check", t("noFindings")));
}

// As short as it can be: the ladder is to be in the first view.
function overview(connection) {
  return el("section", {class: "panel overview"},
    el("header", {class: "headline"},
      el("h1", {}, t("title", {name: connection.name})), el("p", {class: "when"}, whenText(connection))),
    el("div", {class: "parties"}, partyNode(connection, "client"), betweenNode(connection), partyNode(connection, "server")),
    el("ul", {class: "tiles"}, verifiedTile(connection), decryptedTile(connection), handshakeTile(connection), findingsTile(connection)),
    worstLine(connection));
}

// Below the ladder: all that the overview sums up.
function detailsSection(connection) {
  return el("section", {class: "panel details", id: "details"},
    findingsList(connection), checksList(connection),
    el("div", {class: "peers"}, peerNode(connection, "client"), peerNode(connection, "server")));
}

function whenText(connection) {
  const messages = connection.messages;
  if (!messages.length) return "";
  const begin = messages[0].time_s, end = messages[messages.length - 1].time_s;
  const date = new Date(begin * 1000);
  const day = Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 19).replace("T", " ") + " UTC";
  return `${day} · ${durationText(end - begin)} · ${t("messagesN", {n: messages.length})}`;
}

const MOST_NAMED = 3; // stacks; where more are possible, that tells nothing

function partyNode(connection, side) {
  return el("div", {class: `party ${side}`},
    el("h2", {}, t(side === "client" ? "Client" : "Server")),
    el("span", {class: "address"}, connection[side].address || t("address")),
    el("span", {class: "stack"}, stackText(connection[side])));
}

function stackText(peer) {
  const names = peer.stacks.map(stackName);
  if (!names.length || names.length > MOST_NAMED) return t("stackUnknown");
  return t(names.length > 1 ? "couldBe" : "looksLike", {stacks: names.join(", ")});
}

function peerNode(connection, side) {
  const peer = connection[side];
  const ended = {fin: t("closedFin"), reset: t("closedReset")}[peer.ended];
  return el("details", {class: `peer ${side}`},
    el("summary", {}, t(side === "client" ? "seenOfClient" : "seenOfServer"),
      el("span", {class: "muted"}, ` ${peer.quirks.length}`)),
    el("p", {class: "stack"}, stackText(peer)),
    peer.quirks.length ? el("ul", {}, peer.quirks.map((q) => el("li", {}, pick(q.text)))) : null,
    el("p", {class: "small muted"}, t("sent", {n: peer.records, bytes: sizeText(peer.data_bytes)}), ended ? ` · ${ended}` : ""));
}

function stackName(name) {
  const [stack, ...version] = name.split("-");
  const known = {gmssl: "GmSSL", tongsuo: "Tongsuo", tassl: "TASSL", gotlcp: "gotlcp", kona: "Kona", openhitls: "openHiTLS", boc: "BOC"};
  return [known[stack] || stack, ...version].join(" ");
}

function betweenNode(connection) {
  const id = connection.suite.id;
  const number = id === null ? "" : id.toString(16).toUpperCase().padStart(4, "0");
  return el("div", {class: "between"},
    el("span", {class: "wireline", "aria-hidden": "true"}),
    el("span", {class: "suite"}, connection.suite.name || t("suiteUnknown"),
      number ? el("span", {class: "muted"}, ` ${number}`) : null));
}

function tile(kind, symbol, title, more, target) {
  const inside = [icon(symbol), el("span", {class: "ttitle"}, title), el("span", {class: "tmore"}, more)];
  return el("li", {class: `tile ${kind}`}, target ? el("a", {href: target, onclick: jump}, inside) : el("div", {}, inside));
}

// A link within the page that leaves the hash to the messages.
function jump(event) {
  event.preventDefault();
  const target = document.getElementById(event.currentTarget.getAttribute("href").slice(1));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView({block: "start"});
  target.querySelector("summary, button")?.focus({preventScroll: true});
}

function verifiedTile(connection) {
  const all = connection.checks.length;
  const count = (result) => connection.checks.filter((c) => c.result === result).length;
  if (!all) return tile("unknown", "dash", t("nothingVerified"), "");
  if (count("fails")) return tile("fails", "cross", t("notVerified"), t("failsOf", {n: count("fails"), all}), "#checks");
  const more = t("holdsOf", {n: count("holds"), all});
  return count("holds") === all ? tile("holds", "check", t("verified"), more, "#checks")
    : tile("unknown", "dash", t(count("holds") ? "partlyVerified" : "nothingVerified"), more, "#checks");
}

function decryptedTile(connection) {
  const {possible, source, why_not: why} = connection.decryption;
  return possible ? tile("secret", "unlock", t("decrypted"), t("by", {what: pick(source)}), "#schedule-section")
    : tile("unknown", "lock", t("notDecrypted"), pick(why), "#schedule-section");
}

function handshakeTile(connection) {
  if (!connection.handshake_complete) return tile("fails", "cross", t("incomplete"), t("messagesN", {n: handshakeCount(connection)}), null);
  if (!connection.resumed) return tile("holds", "check", t("complete"), t("fullHandshake", {n: handshakeCount(connection)}), null);
  const more = connection.resumes ? t("resumes", {name: connection.resumes}) : t("messagesN", {n: handshakeCount(connection)});
  return tile("holds", "loop", t("resumed"), more, null);
}

function handshakeCount(connection) {
  return connection.messages.filter((m) => m.content_type === 22 || m.content_type === 20).length;
}

function findingsTile(connection) {
  const parts = ["error", "warning", "note"].map((severity) => {
    const n = connection.findings.filter((f) => f.severity === severity).length;
    return n ? {severity, text: t(n === 1 ? `${severity}s1` : `${severity}sN`, {n})} : null;
  }).filter(Boolean);
  if (!parts.length) return tile("holds", "check", t("noFindings"), t("noFindingsMore"));
  const worst = parts[0].severity;
  return tile(worst, {error: "cross", warning: "warn", note: "note"}[worst], t("findings"),
    parts.map((p) => p.text).join(state.lang === "zh" ? "，" : ", "), "#findings");
}

// What is worst, in a line; what is only worth a note waits below.
function worstLine(connection) {
  const worst = (severity) => connection.findings.find((f) => f.severity === severity);
  const failed = connection.checks.find((c) => c.result === "fails");
  const one = worst("error") || failed || worst("warning");
  if (!one) return null;
  const kind = one.severity || "error";
  return el("p", {class: `worst ${kind}`}, severityIcon(kind), el("span", {}, safe(pick(one.text))),
    one.message ? messageLink(one.message) : null);
}

function findingsList(connection) {
  if (!connection.findings.length) return null;
  return el("details", {id: "findings", open: true},
    el("summary", {}, t("findings"), el("span", {class: "muted"}, ` ${connection.findings.length}`)),
    el("ul", {class: "callouts tight"}, connection.findings.map((f) => el("li", {class: `callout ${f.severity}`},
      severityIcon(f.severity), el("p", {}, safe(pick(f.text)), " ", f.message ? messageLink(f.message) : null, " ",
        el("span", {class: "rule"}, `${t(f.severity)}${f.side ? ` · ${t(f.side)}` : ""} · ${f.rule} · ${f.section}`))))));
}

function checksList(connection) {
  if (!connection.checks.length) return null;
  return el("details", {id: "checks", open: connection.checks.some((c) => c.result === "fails") || null},
    el("summary", {}, t("checks"), el("span", {class: "muted"}, ` ${connection.checks.length}`)),
    el("ul", {class: "callouts tight"}, connection.checks.map((c) => el("li", {class: `callout ${c.result}`},
      resultIcon(c.result), el("p", {}, safe(pick(c.text)), " ", c.message ? messageLink(c.message) : null, " ",
        el("span", {class: "rule"}, `${t(c.result)} · ${c.rule} · ${c.section}`))))));
}
