// The ground of the lens: words, elements, numbers and packed arrays; knows nothing of panes or maps.
"use strict";

// WORDS stands before this script: properties of a component in a tab that is not open yet may be absent.
const words = WORDS;
const signatures = new WeakMap();
const unpacked = new WeakMap();
let identifiers = 0;

// Returns a sentence of the page with its places filled.
function say(name, values = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
}

// Makes an element; strings among the children become text, never markup.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function makeSvg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function identifier(name) {
  identifiers += 1;
  return `vm-lens-${name}-${identifiers}-${Math.random().toString(36).slice(2, 8)}`;
}

// Rebuilds what a holder holds only where it would look different; the focus stays on what it was on.
function part(holder, signature, build) {
  const known = JSON.stringify(signature);
  if (signatures.get(holder) === known) return;
  signatures.set(holder, known);
  const active = document.activeElement;
  const focus = holder.contains(active) ? active.dataset.focus : null;
  holder.replaceChildren(...build().filter((child) => child !== null));
  if (focus) [...holder.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focus)?.focus();
}

function setText(holder, text) {
  if (holder.textContent !== text) holder.textContent = text;
}

// Says something to screen readers, and only when a key or a click asked for it.
function announce(text) {
  setText(announcer, text);
}

function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 0.001 && size < 10000 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
  return text.replaceAll("-", "−");
}

function signed(value, digits = 2) {
  const rounded = value.toFixed(digits);
  return value < 0 ? rounded.replace("-", "−") : `+${rounded}`;
}

function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return say("below_tenth");
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)}\u00a0%`;
}

function bytes(text) {
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let index = 0; index < raw.length; index += 1) found[index] = raw.charCodeAt(index);
  return found;
}

// Returns what `decode` makes of a part of the payload, made once for each part.
function once(owner, decode) {
  if (!unpacked.has(owner)) unpacked.set(owner, decode(owner));
  return unpacked.get(owner);
}

// Returns the values of a map: unsigned 16-bit steps between its lowest and its highest value.
function valuesOf(row) {
  return once(row, ({ data, low, high }) => {
    const packed = new DataView(bytes(data).buffer);
    const found = new Float32Array(packed.byteLength / 2);
    for (let index = 0; index < found.length; index += 1) {
      found[index] = low + ((high - low) * packed.getUint16(2 * index, true)) / 65535;
    }
    return found;
  });
}

// Returns the table of colours: 256 times red, green, blue.
function coloursOf(name) {
  return bytes(data.lut[name]);
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
