// The table of fields beside the bytes; choosing in either chooses in both.
const FOLD_FIELDS = 60;
const VALUE_BYTES = 48;

// The bytes that a field's value stands for, or null.
function valueHex(field, bytes) {
  if (field.long) return hexOf(bytes.subarray(field.end - field.value, field.end));
  return typeof field.value === "string" ? field.value : null;
}

function meaningOf(name, path) {
  const pattern = path.replace(/\[\d+\]/g, "[]");
  return DATA.meanings[`${name} ${pattern}`] || DATA.meanings[pattern] || null;
}

// For each field how deep it lies in others.
function depthsOf(fields) {
  const open = [];
  return fields.map((f) => {
    while (open.length && !inside(f.path, open[open.length - 1])) open.pop();
    open.push(f.path);
    return open.length - 1;
  });
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

function valueNode(message, field, bytes) {
  if (field.note) return el("span", {}, field.note);
  const at = /^certificates\[(\d+)\]$/.exec(field.path);
  if (at && message.certificates[at[1]] && !message.certificates[at[1]].problem) {
    const one = message.certificates[at[1]];
    return el("span", {}, el("span", {class: `role r-${one.role}`}, t(`${one.role}Short`)), " ", safe(one.subject));
  }
  if (typeof field.value === "number" && !field.long) return el("span", {}, safe(numberText(field)));
  const hex = valueHex(field, bytes);
  if (hex === null) return null;
  if (!hex) return el("span", {class: "muted"}, t("empty"));
  const text = field.label ? el("span", {class: "quoted"}, safe(field.label)) : null;
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
    table.mark(chosen, pinned, how !== "table");
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
    const depths = depthsOf(fields);
    this.make = (i) => this.row(message, bytes, i, hues[i], depths[i]);
    this.outer = (i) => i + 1 < fields.length && inside(fields[i + 1].path, fields[i].path);
    this.table = el("table", {class: "fields"},
      el("thead", {}, el("tr", {}, ...["field", "value", "meaning"].map((k) => el("th", {scope: "col"}, t(k))))),
      this.body);
    this.more = el("button", {type: "button", class: "more", onclick: () => this.grow(fields.length)},
      t("showFields", {n: fields.length}));
    this.node = el("div", {class: "fieldswrap"}, this.table, this.more);
    this.grow(!onPaper && fields.length > FOLD_FIELDS + 10 ? FOLD_FIELDS : fields.length);
  }

  grow(count) {
    while (this.rows.length < count) {
      const row = this.make(this.rows.length);
      this.rows.push(row);
      this.body.append(row);
    }
    this.more.hidden = this.rows.length === this.fields.length;
  }

  row(message, bytes, i, hue, depth) {
    const field = this.fields[i];
    const meaning = field.meaning || meaningOf(message.name, field.path);
    return el("tr", {
      "data-f": i, "data-path": field.path, tabindex: i ? "-1" : "0", vars: {"--depth": Math.min(depth, 5)},
      onmouseenter: () => this.choose(i, "table"), onmouseleave: () => this.choose(null, "table"),
      onfocus: () => this.choose(i, "table"), onblur: () => this.choose(null, "table"),
      onclick: () => this.choose(i, "pin"),
      onkeydown: (e) => this.key(e, i),
    },
    el("th", {scope: "row"},
      el("span", {class: `swatch h${hue}`, "aria-hidden": "true"}),
      el("span", {class: "fname", title: field.path}, (field.show || field.path).split(".").pop()),
      el("span", {class: "frange"}, rangeText(field))),
    el("td", {class: "fvalue"}, this.outer(i) ? null : valueNode(message, field, bytes)),
    el("td", {class: "fmeaning"}, meaning ? pick(meaning) : null));
  }

  key(event, i) {
    const to = {ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: this.rows.length - 1}[event.key];
    if (event.key === "Enter" || event.key === " ") this.choose(i, "pin");
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

  mark(chosen, pinned, reveal) {
    if (chosen !== null && chosen >= this.rows.length) this.grow(this.fields.length);
    this.rows.forEach((row, i) => {
      row.classList.toggle("on", i === chosen);
      row.classList.toggle("pinned", i === pinned);
    });
    if (reveal && chosen !== null && pinned === chosen) this.rows[chosen].scrollIntoView({block: "nearest"});
  }
}
