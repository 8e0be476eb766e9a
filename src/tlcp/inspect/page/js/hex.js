// Bytes in rows, cut where fields begin and end; each cut piece knows its innermost field.
const FOLD_ROWS = 24;
const HUES = 8;
const PAPER_BYTES = 4096; // are printed whole

// [{start, end, owner}] over all bytes; owner is the index of the innermost field, or -1.
function segmentsOf(length, fields) {
  const cuts = new Set([0, length]);
  for (const f of fields) if (f.end <= length) cuts.add(f.start).add(f.end);
  const places = [...cuts].sort((a, b) => a - b);
  const owners = new Int32Array(length).fill(-1);
  const order = fields.map((_, i) => i)
    .sort((a, b) => (fields[b].end - fields[b].start) - (fields[a].end - fields[a].start) || a - b);
  for (const i of order) owners.fill(i, fields[i].start, Math.min(fields[i].end, length));
  const segments = [];
  for (let i = 0; i + 1 < places.length; i++) {
    segments.push({start: places[i], end: places[i + 1], owner: owners[places[i]]});
  }
  return segments;
}

// The colour of every field: those that have bytes of their own take turns, others have none.
function huesOf(fields, segments) {
  const owners = new Set(segments.map((s) => s.owner));
  let next = 0;
  return fields.map((f, i) => {
    if (isFrame(f.path)) return "head";
    return owners.has(i) ? next++ % HUES : "none";
  });
}

class HexView {
  constructor(bytes, fields, choose) {
    this.bytes = bytes;
    this.fields = fields;
    this.segments = segmentsOf(bytes.length, fields);
    this.hues = huesOf(fields, this.segments);
    this.folded = !onPaper || bytes.length > PAPER_BYTES;
    this.width = 16;
    this.marked = null;
    this.box = el("div", {
      class: "hex", tabindex: "0", role: "group", "aria-label": t("hexLabel"),
      onmouseover: (e) => this.over(e, choose, "hover"),
      onmouseleave: () => choose(null, "hover"),
      onclick: (e) => this.over(e, choose, "pin"),
    });
    this.more = el("button", {type: "button", class: "more", onclick: () => this.unfold()});
    this.node = el("div", {class: "hexwrap"}, this.box, this.more);
    this.draw();
    this.watch();
  }

  watch() {
    const watcher = new ResizeObserver(([entry]) => {
      const width = entry.contentRect.width < 500 ? 8 : 16;
      if (width !== this.width && entry.contentRect.width > 0) {
        this.width = width;
        this.draw();
      }
    });
    watcher.observe(this.node);
  }

  over(event, choose, how) {
    const piece = event.target.closest("[data-f]");
    choose(piece ? Number(piece.dataset.f) : null, how);
  }

  unfold() {
    this.folded = false;
    this.draw();
  }

  draw() {
    const rows = Math.ceil(this.bytes.length / this.width);
    const shown = this.folded && rows > FOLD_ROWS + 8 ? FOLD_ROWS : rows;
    this.box.replaceChildren(...Array.from({length: shown}, (_, row) => this.row(row)));
    this.more.hidden = rows <= FOLD_ROWS + 8;
    this.more.classList.toggle("spent", shown === rows); // keeps its place: nothing jumps
    this.shown = shown * this.width;
    const n = this.bytes.length.toLocaleString("en");
    this.more.textContent = onPaper ? t("firstBytes", {n, shown: this.shown}) : t("showAll", {n});
    if (this.marked) this.mark(...this.marked);
  }

  row(row) {
    const from = row * this.width, to = Math.min(from + this.width, this.bytes.length);
    const hex = el("span", {class: "hx"}), ascii = el("span", {class: "as", "aria-hidden": "true"});
    for (const s of this.cut(from, to)) {
      const start = Math.max(s.start, from), end = Math.min(s.end, to);
      const props = {
        class: s.owner < 0 ? "s" : `s h${this.hues[s.owner]}`,
        "data-s": start, "data-e": end, "data-f": s.owner < 0 ? null : s.owner,
      };
      hex.append(el("span", props, this.hexOf(start, end, from)));
      if (end < to) hex.append((end - from) % 8 ? " " : "  ");
      ascii.append(el("span", props, this.asciiOf(start, end)));
    }
    const pad = this.width - (to - from);
    if (pad) hex.append(" ".repeat(3 * pad + (to - from <= 8 && this.width === 16 ? 1 : 0)));
    return el("div", {class: "row"},
      el("span", {class: "off", "aria-hidden": "true"}, from.toString(16).padStart(4, "0")), hex, ascii);
  }

  *cut(from, to) {
    let low = 0, high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.segments[middle].end <= from) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < this.segments.length && this.segments[i].start < to; i++) yield this.segments[i];
  }

  hexOf(start, end, from) {
    let text = "";
    for (let i = start; i < end; i++) {
      if (i > start) text += (i - from) % 8 ? " " : "  ";
      text += this.bytes[i].toString(16).padStart(2, "0");
    }
    return text;
  }

  asciiOf(start, end) {
    let text = "";
    for (let i = start; i < end; i++) {
      const b = this.bytes[i];
      text += b > 32 && b < 127 ? String.fromCharCode(b) : b === 32 ? "\u00a0" : "·";
    }
    return text;
  }

  // Highlight bytes start to end; unfolds what lies behind the fold if asked to.
  mark(start, end, reveal) {
    this.marked = start === null ? null : [start, end, false];
    if (reveal && this.folded && start !== null && end > this.shown && this.shown < this.bytes.length) {
      this.folded = false;
      this.draw();
    }
    let first = null;
    for (const piece of this.box.querySelectorAll(".s")) {
      const on = start !== null && Number(piece.dataset.s) >= start && Number(piece.dataset.e) <= end;
      piece.classList.toggle("on", on);
      if (on && !first) first = piece;
    }
    if (reveal && first) this.show(first);
  }

  show(piece) {
    const box = this.box.getBoundingClientRect(), at = piece.getBoundingClientRect();
    if (at.top < box.top || at.bottom > box.bottom) this.box.scrollTop += at.top - box.top - 30;
  }
}
