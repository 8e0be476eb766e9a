// Elements are made here, and text goes in as text: no markup is ever read from data.
const SVG_NS = "http://www.w3.org/2000/svg";

function fill(node, props, kids) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const kid of kids.flat(Infinity)) {
    if (kid === null || kid === undefined || kid === false) continue;
    node.append(kid instanceof Node ? kid : String(kid));
  }
  return node;
}

function el(tag, props, ...kids) {
  return fill(document.createElement(tag), props, kids);
}

function svg(tag, props, ...kids) {
  return fill(document.createElementNS(SVG_NS, tag), props, kids);
}

const ICONS = {
  lock: ["M5 7V5a3 3 0 0 1 6 0v2", "M3.5 7h9v6.5h-9z"],
  unlock: ["M5 7V5a3 3 0 0 1 5.8-1", "M3.5 7h9v6.5h-9z"],
  check: ["M3 8.5l3.2 3.2L13 4.8"],
  cross: ["M4 4l8 8", "M12 4l-8 8"],
  dash: ["M3.5 8h9"],
  warn: ["M8 2.2L14.4 13.5H1.6z", "M8 6.5v3.2", "M8 11.4v.4"],
  note: ["M8 1.8a6.2 6.2 0 1 0 0 12.4a6.2 6.2 0 1 0 0-12.4z", "M8 7.2v4", "M8 4.8v.4"],
  key: ["M5 7a3 3 0 1 0 0 6a3 3 0 1 0 0-6z", "M7.2 7.8L13.5 1.5", "M10.5 4.5l2 2"],
  up: ["M3.5 10L8 5.5L12.5 10"],
  down: ["M3.5 6L8 10.5L12.5 6"],
  loop: ["M12.8 6.2A5.2 5.2 0 1 0 13 9", "M13.2 2.6v3.8H9.4"],
};

function icon(name, label) {
  const said = label ? {role: "img", "aria-label": label} : {"aria-hidden": "true"};
  const paths = ICONS[name].map((d) => svg("path", {d}));
  return svg("svg", {class: `icon i-${name}`, viewBox: "0 0 16 16", ...said}, paths);
}

// What a capture holds is shown with every character that could mislead the eye spelled out.
function safe(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    c === "\n" || c === "\t" ? c : `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`);
}

function bytesOf(hex) {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.substr(2 * i, 2), 16);
  return bytes;
}

function hexOf(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

// Text if it is some, else null.
function textOf(bytes) {
  try {
    const text = new TextDecoder("utf-8", {fatal: true}).decode(bytes);
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

function concat(parts) {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// Hex in groups of four bytes, which wraps well.
function hexText(hex) {
  return hex.replace(/.{8}(?=.)/g, "$& ");
}
