// Certificates as cards, and who signed whom as a tree.
const USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
  "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"];

function certificatesNode(message) {
  const certificates = message.certificates;
  if (!certificates.length) return null;
  return el("section", {class: "certificates"},
    el("h3", {}, t("certificates")),
    chainNode(certificates),
    el("div", {class: "cards"}, certificates.map((one, i) => cardNode(one, i))));
}

function nameOf(distinguished) {
  const found = /(?:^|,)CN=((?:\\.|[^,\\])*)/.exec(distinguished);
  return safe(found ? found[1].replace(/\\(.)/g, "$1") : distinguished || "?");
}

function cardNode(one, i) {
  if (one.problem) {
    return el("article", {class: "card r-other"}, el("h4", {}, t("other")), el("p", {}, t("certProblem")));
  }
  const day = (iso) => iso.slice(0, 16).replace("T", " ");
  const days = Math.round((Date.parse(one.not_after) - Date.parse(one.not_before)) / 864e5);
  const rows = [
    ["subject", safe(one.subject) || t("empty")],
    ["issuer", safe(one.issuer) || t("empty")],
    ["serial", el("code", {}, one.serial)],
    ["validity", [t("validFromTo", {from: day(one.not_before), to: day(one.not_after)}),
      el("span", {class: "muted"}, ` · ${t("days", {n: days.toLocaleString("en")})}`)]],
    ["keyUsage", usagesNode(one.key_usage)],
    one.extended_key_usage ? ["extendedUsage", one.extended_key_usage.join(", ")] : null,
    one.names.length || !one.is_ca ? ["names", one.names.length ? namesNode(one.names) : t("noNames")] : null,
    one.is_ca ? ["pathLength", one.path_length === null ? t("pathAny") : String(one.path_length)] : null,
    ["publicKey", keyNode(one.public_key)],
    ["signatureAlgorithm", safe(one.signature_algorithm)],
    ["fingerprint", el("code", {class: "hexvalue"}, hexText(one.sm3))],
  ];
  return el("article", {class: `card r-${one.role}`, id: null, "data-cert": i},
    el("h4", {}, el("span", {class: `role r-${one.role}`}, t(one.role)),
      el("span", {class: "cname"}, nameOf(one.subject))),
    el("dl", {}, rows.filter(Boolean).map(([key, value]) =>
      el("div", {}, el("dt", {}, t(key)), el("dd", {}, value)))));
}

function namesNode(names) {
  return el("ul", {class: "tags"}, names.slice(0, 40).map((n) => el("li", {}, safe(n))),
    names.length > 40 ? el("li", {}, "…") : null);
}

function usagesNode(usages) {
  if (!usages) return t("anyUsage");
  const known = WORDS.keyUsages[state.lang === "zh" ? 1 : 0];
  const ordered = USAGES.filter((u) => usages.includes(u));
  return el("ul", {class: "tags"}, ordered.map((u) => el("li", {title: u}, known[u] || u)));
}

function keyNode(key) {
  const kind = key.bits ? t("bits", {kind: safe(key.algorithm), n: key.bits}) : safe(key.algorithm);
  return [kind, key.data ? el("code", {class: "hexvalue"}, hexText(key.data)) : null];
}

// A forest: roots are the certificates whose signer is not in the message, below a dashed box.
function chainNode(certificates) {
  const readable = certificates.map((one, i) => ({one, i})).filter((c) => !c.one.problem);
  const children = (i) => readable.filter((c) => c.one.issued_by === i && c.i !== i);
  const branch = ({one, i}, seen) => {
    if (seen.includes(i)) return null;
    const below = children(i);
    return el("li", {},
      el("span", {class: `link r-${one.role}`},
        el("span", {class: `role r-${one.role}`}, t(`${one.role}Short`)),
        el("span", {}, nameOf(one.subject)),
        one.issued_by === i ? el("span", {class: "muted"}, t("root")) : null),
      below.length ? el("ul", {}, below.map((c) => branch(c, [...seen, i]))) : null);
  };
  const tops = readable.filter((c) => c.one.issued_by === c.i);
  const orphans = new Map();
  for (const c of readable.filter((one) => one.one.issued_by === null)) {
    orphans.set(c.one.issuer, [...(orphans.get(c.one.issuer) || []), c]);
  }
  const outside = [...orphans].map(([issuer, below]) => el("li", {},
    el("span", {class: "link absent"}, el("span", {}, nameOf(issuer)),
      el("span", {class: "muted"}, t("notSent"))),
    el("ul", {}, below.map((c) => branch(c, [])))));
  return el("figure", {class: "chain"}, el("figcaption", {}, t("chain")),
    el("ul", {}, tops.map((c) => branch(c, [])), outside));
}
