// The matrix of layers and heads: how much of its attention each puts on the picture, and the way to its map.

const TALL = 300;
const LOWEST = 7;

function headsPart() {
  const status = make("p", { class: "vm-lens-note" }), back = make("button", { type: "button", class: "vm-lens-button" }, words.head_back);
  const canvas = make("canvas", { class: "vm-lens-matrix", tabindex: "0", role: "application" });
  const note = make("p", { class: "vm-lens-note" }, words.heads_note);
  const least = make("span", {}, "0 %"), most = make("span", {});
  const legend = make("p", { class: "vm-lens-legend" }, least, bar("heat"), most, make("span", { class: "vm-lens-unit" }, words.head_unit));
  const some = make("p", { class: "vm-lens-note" });
  const held = { root: make("div", {}, note, some, canvas, legend, status, back), canvas, some, legend, status, back, most, pane: null, at: { layer: 0, head: 0 } };
  canvas.addEventListener("keydown", (event) => headKey(event, held));
  canvas.addEventListener("click", (event) => {
    const { x, y } = placeOf(event, canvas);
    held.at = { layer: Math.min(held.pane.heads.layers - 1, Math.floor(y * held.pane.heads.layers)),
      head: Math.min(held.pane.heads.heads - 1, Math.floor(x * held.pane.heads.heads)) };
    pickHead(held);
  });
  back.addEventListener("click", () => {
    delete state.heads[held.pane.key];
    canvas.focus();
    redraw();
  });
  return held;
}

// The share of one head's attention that the picture gets, for the chosen token or in the mean over those that have
// theirs; null for a token that has not.
function headShare(pane, layer, head) {
  if (!attended(pane, state.token)) return null;
  const { tokens, layers, heads } = pane.heads, { share: shares } = headsOf(pane);
  const size = layers * heads, at = layer * heads + head;
  if (state.token !== WHOLE) return shares[state.token * size + at] / 255;
  let sum = 0;
  for (let token = 0; token < tokens; token += 1) sum += shares[token * size + at];
  return sum / 255 / tokens;
}

function showHeads(held, pane) {
  const { tokens, layers, heads } = pane.heads, there = attended(pane, state.token);
  held.some.hidden = !there || tokens >= pane.answer.tokens.length;
  setText(held.some, say("heads_some", { tokens }));
  held.canvas.hidden = held.legend.hidden = !there;
  held.canvas.style.width = `min(100%, ${heads * 36}px)`;
  held.canvas.style.height = `${layers * clamp(Math.round(TALL / layers), LOWEST, 26)}px`;
  const area = fit(held.canvas);
  held.canvas.setAttribute("aria-label", say("heads_label", { layers, heads, label: pane.label }));
  held.back.hidden = !state.heads[pane.key];
  setText(held.status, waits(held) ? `${headText(held)} ${words.head_waits}` : headText(held));
  if (!area) return;
  const all = Array.from({ length: layers * heads }, (_, at) => headShare(pane, Math.floor(at / heads), at % heads));
  const most = Math.max(...all, 1e-9), colours = coloursOf("heat"), wide = area.width / heads, high = area.height / layers;
  setText(held.most, percent(most));
  all.forEach((share, at) => {
    const entry = 3 * Math.round((share / most) * 255), x = (at % heads) * wide, y = Math.floor(at / heads) * high;
    area.context.fillStyle = `rgb(${colours[entry]}, ${colours[entry + 1]}, ${colours[entry + 2]})`;
    area.context.fillRect(x + 0.75, y + 0.75, Math.max(1, wide - 1.5), Math.max(1, high - 1.5));
  });
  const { layer, head } = held.at, chosen = state.heads[pane.key];
  if (document.activeElement === held.canvas) doubleStroke(area, () => area.context.rect(head * wide + 2, layer * high + 2, wide - 4, high - 4), [4, 3]);
  if (chosen) doubleStroke(area, () => area.context.rect(chosen.head * wide + 2, chosen.layer * high + 2, wide - 4, high - 4));
}

function headText({ pane, at: { layer, head } }) {
  if (!attended(pane, state.token)) return words.no_attention;
  return say("head_status", { layer: layer + 1, head: head + 1, share: percent(headShare(pane, layer, head)) });
}

// A map that was not sent is asked for, and only while nothing else is under way.
function waits({ pane, at }) {
  return data.busy && attended(pane, state.token) && !headOf(pane, at, state.token);
}

function headKey(event, held) {
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }, move = moves[event.key];
  const { layers, heads } = held.pane.heads;
  if (move) {
    held.at = { layer: clamp(held.at.layer + move[0], 0, layers - 1), head: clamp(held.at.head + move[1], 0, heads - 1) };
    announce(headText(held));
    redraw();
  } else if (event.key === "Enter" || event.key === " ") pickHead(held);
  else return;
  event.preventDefault();
}

function pickHead(held) {
  if (!attended(held.pane, state.token)) return;
  if (waits(held)) {
    announce(words.head_waits);
    return;
  }
  state.heads[held.pane.key] = { ...held.at };
  if (!["heat", "kept"].includes(state.view)) state.view = "heat";
  if (!mapOf(held.pane)) trigger("pick_head", { key: held.pane.key, ...held.at, token: state.token });
  announce(headText(held));
  redraw();
}
