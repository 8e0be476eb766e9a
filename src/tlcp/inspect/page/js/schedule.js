// From the pre-master secret to the Finished values: boxes, and arrows with their formulas.
function scheduleSection(connection) {
  const plan = connection.key_schedule;
  if (!plan) {
    return el("section", {class: "panel schedule", id: "schedule-section"}, el("h2", {}, t("schedule")),
      el("p", {class: "muted"}, t("scheduleNone")));
  }
  const secrets = connection.secrets || null;
  const full = plan.begins_with === "pre_master";
  const finished = el("div", {class: "finisheds"},
    ["client", "server"].map((side) => finishedNode(connection, plan, side)));
  return el("section", {class: "panel schedule", id: "schedule-section"},
    el("h2", {}, t("schedule")),
    el("p", {class: "intro"}, t("scheduleIntro", {hash: plan.hash.toUpperCase()}), " ", absenceText(connection)),
    el("div", {class: "flow"},
      el("div", {class: full ? "origin" : "origin short"},
        full ? preMasterNode(connection, plan, secrets) : null,
        randomsNode(connection, plan)),
      full ? arrowNode(masterFormula(plan), 48) : el("div", {class: "gap"}),
      secretBox(connection, {
        title: t(full ? "master" : "masterResumed"), size: 48, hex: secrets && secrets.master, kind: "master",
        about: full ? null : sessionText(connection),
      }),
      el("div", {class: "branches"},
        el("div", {class: "branch wide"},
          arrowNode(formula(plan, ["master"], "key expansion", ["server_random", "client_random"]), blockBytes(plan)),
          blockNode(connection, plan, secrets)),
        el("div", {class: "branch"}, finished))));
}

function blockBytes(plan) {
  return 2 * (plan.mac_key_bytes + plan.key_bytes + plan.iv_bytes);
}

function absenceText(connection) {
  if (connection.secrets) return null;
  const text = connection.decryption.possible ? t("leftOutValues")
    : t("unknownValues", {why: pick(connection.decryption.why_not)});
  return el("strong", {}, text);
}

function sessionText(connection) {
  return connection.resumes ? t("fromSession", {name: connection.resumes}) : t("fromSessionUnknown");
}

function formula(plan, secret, label, seeds) {
  return el("code", {class: "formula"}, `PRF-${plan.hash.toUpperCase()}(`,
    el("span", {class: "fsecret"}, secret[0]), ", ", el("span", {class: "flabel"}, `"${label}"`), ", ",
    seeds.map((seed, i) => [i ? " ‖ " : "", el("span", {class: `fseed ${seed.split("_")[0]}`}, seed)]), ")");
}

function masterFormula(plan) {
  return plan.extended_master
    ? formula(plan, ["pre_master"], "extended master secret", [`${plan.hash.toUpperCase()}(messages)`])
    : formula(plan, ["pre_master"], "master secret", ["client_random", "server_random"]);
}

function arrowNode(text, size, kind) {
  return el("div", {class: `arrow ${kind || ""}`},
    svg("svg", {class: "arrowline", viewBox: "0 0 16 48", preserveAspectRatio: "none", "aria-hidden": "true"},
      svg("path", {d: "M8 0V44", "vector-effect": "non-scaling-stroke"})),
    el("div", {class: "arrowtext"}, text, el("span", {class: "muted"}, ` → ${sizeText(size)}`)));
}

function valueBox(connection, hex) {
  if (hex) return el("code", {class: "hexvalue keyvalue"}, hexText(hex));
  return el("span", {class: "absent"}, t(connection.decryption.possible ? "leftOutValue" : "notKnown"));
}

function secretBox(connection, {title, size, hex, about, kind, value}) {
  return el("div", {class: `secretbox ${kind}`},
    el("h4", {}, icon("key"), title, el("span", {class: "muted"}, sizeText(size))),
    about ? el("p", {class: "small"}, about) : null,
    value || valueBox(connection, hex));
}

function preMasterNode(connection, plan, secrets) {
  const carriers = connection.messages.filter((m) =>
    m.name === "ClientKeyExchange" || (plan.key_exchange === "ECDHE" && m.name === "ServerKeyExchange"));
  const origin = {ECC: "fromEcc", RSA: "fromRsa"}[plan.key_exchange] || "fromEcdhe";
  const about = [t(origin), carriers.map((m) => [" · ", messageLink(m.number)])];
  const logged = secrets && !secrets.pre_master;
  return secretBox(connection, {
    title: t("preMaster"), size: 48, hex: secrets && secrets.pre_master, about, kind: "premaster",
    value: logged ? el("span", {class: "absent"}, t("preMasterLogged")) : null,
  });
}

function randomsNode(connection, plan) {
  const hello = (name) => connection.messages.find((m) => m.name === name);
  const one = (side, name) => el("div", {class: `random ${side}`},
    el("h4", {}, `${side}_random`, hello(name) ? messageLink(hello(name).number) : null),
    el("code", {class: "hexvalue"}, hexText(plan[`${side}_random`])));
  return el("div", {class: "randoms"}, one("client", "ClientHello"), one("server", "ServerHello"));
}

function blockNode(connection, plan, secrets) {
  const parts = [["mac", "mac_key", plan.mac_key_bytes], ["key", "key", plan.key_bytes], ["iv", "iv", plan.iv_bytes]]
    .filter(([, , size]) => size);
  const all = parts.flatMap((part) => ["client", "server"].map((side) => [side, ...part]));
  const uses = {mac: t("macUse"), key: t("keyUse"), iv: t(plan.cipher === "SM4_GCM" ? "ivSalt" : "ivUnused")};
  return el("div", {class: "secretbox keyblock"},
    el("h4", {}, icon("key"), t("keyBlock"), el("span", {class: "muted"}, sizeText(blockBytes(plan)))),
    el("div", {class: "bar", "aria-hidden": "true"}, all.map(([side, part, , size]) =>
      el("span", {class: `${side} p-${part}`, vars: {"flex-grow": String(size)}}, size >= 16 ? String(size) : ""))),
    el("ul", {class: "keys"}, all.map(([side, part, name, size]) =>
      el("li", {class: `${side} p-${part}`},
        el("h5", {}, t(`${side}_${part}`), el("span", {class: "muted"}, sizeText(size))),
        el("p", {class: "small"}, uses[part]),
        valueBox(connection, secrets && secrets[side][name])))));
}

function finishedNode(connection, plan, side) {
  const known = plan.finished[side];
  const before = `${plan.hash.toUpperCase()}(messages)`;
  return el("div", {class: "finishedbranch"},
    el("div", {class: "arrowtext"}, formula(plan, ["master"], `${side} finished`, [before]),
      el("span", {class: "muted"}, ` → ${sizeText(12)}`)),
    el("div", {class: "elbow"}, el("div", {class: `secretbox finished ${side}`},
      el("h4", {}, t(`${side}Finished`), known ? messageLink(known.message) : null),
      known && known.handshake_hash ? el("p", {class: "small"}, `${t("hashOf")}: `,
        el("code", {class: "hexvalue"}, hexText(known.handshake_hash))) : null,
      known ? el("code", {class: "hexvalue verify"}, hexText(known.verify_data))
        : el("span", {class: "absent"}, t("notKnown")))));
}
