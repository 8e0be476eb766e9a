// The table of fields beside the bytes; choosing in either chooses in both.
const FOLD_FIELDS = 60;
const VALUE_BYTES = 48;

// The bytes that a field's value stands for, or null.
function valueHex(field, bytes) {
  if (field.long) return hexOf(bytes.subarray(field.end - field.value, field.end));
  return typeof field.value === "string" ? field.value : null;
}

// By message and path, by path, or by the longest end of the path that is known.
function meaningOf(name, path) {
  const pattern = path.replace(/\[\d+\]/g, "[]");
  const whole = DATA.meanings[`${name} ${pattern}`] || DATA.meanings[pattern];
  for (let end = `.${pattern}`, at; !whole && end; end = at < 0 ? "" : end.slice(at)) {
    if (DATA.meanings[end]) return DATA.meanings[end];
    at = end.indexOf(".", 1);
  }
  return whole || null;
}

// For each field the fields that it lies in, outer ones first.
function aroundOf(fields) {
  const open = [];
  return fields.map((f, i) => {
    while (open.length && !inside(f.path, fields[open[open.length - 1]].path)) open.pop();
    open.push(i);
    return open.slice(0, -1);
  });
}

// Lengths of vectors and headers of ASN.1: needed to find the way, but of no meaning.
function isFrame(path) {
  return /^(type|length)$|\.(length|header|inner_header)$/.test(path);
}

// Folded at first, and on paper: there is a card for each certificate.
function isFolded(path) {
  return /^certificates\[\d+\](\.tbs\.extensions)?$/.test(path);
}

function inside(path, outer) {
  return path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);
}

function rangeText(f) {
  if (f.start === f.end) return t("rangeNone");
  return f.end - f.start === 1 ? t("rangeOne", f) : t("range", {start: f.start, end: f.end - 1});
}

function numberText(field) {
  const hex = field.value.toString(16).toUpperCase().padStart(2 * (field.end - field.start), "0");
  if (field.label) return field.path.endsWith("version") ? `${hex} ${field.label}` : field.label;
  return field.value > 9 ? `${field.value} (0x${hex})` : String(field.value);
}

function valueNode(message, field, bytes, isMadeOfOthers) {
  if (field.note) return el("span", {}, field.note);
  const at = /^certificates\[(\d+)\]$/.exec(field.path);
  if (at && message.certificates[at[1]] && !message.certificates[at[1]].problem) {
    const one = message.certificates[at[1]];
    return el("span", {}, el("span", {class: `role r-${one.role}`}, t(`${one.role}Short`)), " ", safe(one.subject));
  }
  if (field.value === null) return field.label ? el("span", {}, safe(field.label)) : null;
  if (typeof field.value === "number" && !field.long) return el("span", {}, safe(numberText(field)));
  const hex = valueHex(field, bytes);
  if (hex === null) return null;
  if (!hex) return el("span", {class: "muted"}, t("empty"));
  if (isMadeOfOthers) {
    return field.label ? el("span", {}, safe(field.label)) : el("span", {class: "muted"}, sizeText(hex.length / 2));
  }
  const text = field.label ? el("span", {class: isFrame(field.path) ? null : "quoted"}, safe(field.label)) : null;
  const shown = hex.slice(0, 2 * VALUE_BYTES);
  return el("span", {}, text, text ? " " : null,
    el("code", {class: "hexvalue"}, hexText(shown)),
    hex.length > shown.length ? el("span", {class: "muted"}, ` ${t("moreBytes", {n: hex.length / 2})}`) : null);
}

// Bytes and table, tied together. `fields` in the form of the report.
function dissected(message, bytes, fields, label) {
  let hover = null, pinned = null, table;
  const choose = (index, how) => {
    if (how === "pin") pinned = index === pinned ? null : index;
    else hover = index;
    const chosen = hover ?? pinned;
    const field = chosen === null ? null : fields[chosen];
    view.mark(field ? field.start : null, field ? field.end : null, how === "table" || how === "pin");
    table.mark(chosen, pinned, how);
  };
  const view = new HexView(bytes, fields, choose);
  table = new FieldTable(message, bytes, fields, view.hues, choose);
  return el("div", {class: "dissected", "data-view": label}, bytes.length ? view.node : null, table.node);
}

class FieldTable {
  constructor(message, bytes, fields, hues, choose) {
    this.rows = [];
    this.body = el("tbody");
    this.fields = fields;
    this.choose = choose;
    this.around = aroundOf(fields);
    this.folded = new Set([...fields.keys()].filter((i) => this.outer(i) && isFolded(fields[i].path)));
    this.make = (i) => this.row(message, bytes, i, hues[i]);
    this.table = el("table", {class: "fields"},
      el("thead", {}, el("tr", {}, ...["field", "value", "meaning"].map((k) => el("th", {scope: "col"}, t(k))))),
      this.body);
    this.more = el("button", {type: "button", class: "more", onclick: () => this.grow(fields.length)},
      t("showFields", {n: fields.length}));
    this.node = el("div", {class: "fieldswrap"}, this.table, this.more);
    this.grow(this.first());
  }

  outer(i) {
    return i + 1 < this.fields.length && inside(this.fields[i + 1].path, this.fields[i].path);
  }

  isHidden(i) {
    return this.around[i].some((outer) => this.folded.has(outer));
  }

  // How many rows to begin with.
  first() {
    const seen = [...this.fields.keys()].filter((i) => !this.isHidden(i));
    return !onPaper && seen.length > FOLD_FIELDS + 10 ? seen[FOLD_FIELDS] : this.fields.length;
  }

  fold(i, folded) {
    if (folded) this.folded.add(i);
    else this.folded.delete(i);
    this.rows.forEach((row, at) => { row.hidden = this.isHidden(at); });
    this.rows[i].querySelector(".twist").setAttribute("aria-expanded", String(!folded));
  }

  twist(i) {
    if (!this.outer(i) || !isFolded(this.fields[i].path)) return null;
    return el("button", {type: "button", class: "twist", tabindex: "-1", "aria-label": t("insideOf", {name: this.fields[i].path}),
      "aria-expanded": String(!this.folded.has(i)), onclick: (e) => {
        e.stopPropagation();
        this.fold(i, !this.folded.has(i));
      }}, icon("down"));
  }

  grow(count) {
    while (this.rows.length < count) {
      const row = this.make(this.rows.length);
      row.hidden = this.isHidden(this.rows.length);
      this.rows.push(row);
      this.body.append(row);
    }
    this.more.hidden = this.rows.length === this.fields.length;
  }

  row(message, bytes, i, hue) {
    const field = this.fields[i];
    const meaning = field.meaning || meaningOf(message.name, field.path);
    return el("tr", {
      "data-f": i, "data-path": field.path, tabindex: i ? "-1" : "0", class: isFrame(field.path) ? "frame" : null,
      vars: {"--depth": Math.min(this.around[i].length, 5)},
      onmouseenter: () => this.choose(i, "table"), onmouseleave: () => this.choose(null, "table"),
      onfocus: () => this.choose(i, "table"), onblur: () => this.choose(null, "table"),
      onclick: () => this.choose(i, "pin"),
      onkeydown: (e) => this.key(e, i),
    },
    el("th", {scope: "row"},
      el("span", {class: `swatch h${hue}`, "aria-hidden": "true"}),
      el("span", {class: "fname", title: field.path}, field.path.split(".").pop()), this.twist(i),
      el("span", {class: "frange"}, rangeText(field))),
    el("td", {class: "fvalue"}, valueNode(message, field, bytes, hue === "none")),
    el("td", {class: "fmeaning"}, meaning ? pick(meaning) : null));
  }

  // The next row that is shown, in either direction.
  next(from, by) {
    let to = from;
    while (this.rows[to] && this.rows[to].hidden) to += by;
    return to;
  }

  key(event, i) {
    const to = {ArrowDown: () => this.next(i + 1, 1), ArrowUp: () => this.next(i - 1, -1),
      Home: () => 0, End: () => this.next(this.rows.length - 1, -1)}[event.key]?.();
    const fold = {ArrowRight: false, ArrowLeft: true}[event.key];
    if (fold !== undefined && this.rows[i].querySelector(".twist")) this.fold(i, fold);
    else if (event.key === "Enter" || event.key === " ") this.choose(i, "pin");
    else if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const row = this.rows[to];
    if (row) {
      for (const one of this.rows) one.tabIndex = -1;
      row.tabIndex = 0;
      row.focus();
    }
  }

  mark(chosen, pinned, how) {
    if (chosen !== null && chosen >= this.rows.length) this.grow(this.fields.length);
    if (how === "pin" && chosen !== null && pinned === chosen) {
      for (const outer of this.around[chosen]) if (this.folded.has(outer)) this.fold(outer, false);
    }
    const instead = chosen === null ? null : this.around[chosen].find((outer) => this.folded.has(outer));
    this.rows.forEach((row, i) => {
      row.classList.toggle("on", i === chosen);
      row.classList.toggle("instead", i === instead);
      row.classList.toggle("pinned", i === pinned);
    });
    if (how !== "table" && chosen !== null && pinned === chosen) this.rows[chosen].scrollIntoView({block: "nearest"});
  }
}
