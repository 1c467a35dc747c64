// What the page knows and how it reckons with it: maps, ranks, what is kept, what lies at a place; draws nothing.

const WHOLE = null;
const SIGNED = 0.02;
const state = {
  view: "heat", method: null, chose: false, token: WHOLE, cells: "all", opacity: 0.7, rule: "map", budget: 0.5,
  place: null, cross: null, focused: null, heads: {}, asked: new Set(), first: null, second: null, step: null,
  radius: 0.06, erase: false, strokes: [],
};
const drawn = new WeakMap();
let data = null;

// The panes on the page: all of them, or on a timeline the one of the chosen step.
function panesOf() {
  if (!data) return [];
  if (data.mode !== "timeline") return data.panes;
  const step = data.timeline?.steps[state.step];
  return step ? [step.pane] : [];
}

function ready(pane) {
  return Boolean(pane.answer && pane.layout);
}

// Tells whether something is under way in a pane.
function working(pane) {
  return !["done", "failed", "stopped", ""].includes(pane.state);
}

// Returns a pane's cells as they lie in the picture; `frame`, `row` and `column` say where in what the model saw.
function cellsOf(pane) {
  return once(pane.layout, ({ boxes, view, frames }) =>
    boxes.map((box, index) => ({ index, box, view: view[index], ...whereabouts(box, view[index], frames) })));
}

function whereabouts(box, view, frames) {
  if (!box) return { x: null, y: null, frame: null };
  const x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
  const frame = frames.findIndex(({ name, box: [left, top, right, bottom] }) =>
    name === view && x >= left && x <= right && y >= top && y <= bottom);
  if (frame < 0) return { x, y, frame: null };
  const { box: [left, top, right, bottom], rows, columns } = frames[frame];
  const row = clamp(Math.floor(((y - top) / (bottom - top)) * rows), 0, rows - 1);
  const column = clamp(Math.floor(((x - left) / (right - left)) * columns), 0, columns - 1);
  return { x, y, frame, row, column };
}

function boxed(pane) {
  return cellsOf(pane).filter((cell) => cell.box);
}

// The cells that are drawn: those of the chosen views, or all where a model has only one kind.
function shownCells(pane) {
  const all = boxed(pane);
  if (state.cells === "all") return all;
  const chosen = all.filter((cell) => (cell.view === "thumbnail") === (state.cells === "thumbnail"));
  return chosen.length ? chosen : all;
}

function cellsAt(pane, { x, y }) {
  return shownCells(pane).filter(({ box: [left, top, right, bottom] }) =>
    x >= left && x < right + (right === 1 ? 1e-9 : 0) && y >= top && y < bottom + (bottom === 1 ? 1e-9 : 0));
}

function cellName(pane, cell) {
  const view = words[`view_${cell.view}`] ?? cell.view;
  if (cell.frame === null || cell.frame === undefined) return say("cell_by_box", { view, box: boxText(cell.box) });
  const same = pane.layout.frames.filter((frame) => frame.name === cell.view);
  const tile = same.length > 1 ? say("cell_tile", { number: same.indexOf(pane.layout.frames[cell.frame]) + 1 }) : view;
  return say("cell_name", { view: tile, row: cell.row + 1, column: cell.column + 1 });
}

function boxText(box) {
  return box.map((side) => Math.round(side * 100)).join(", ");
}

// All methods of all panes, in the order in which they come; the heads have their own matrix.
function methodsOf() {
  const found = new Map();
  for (const pane of panesOf()) {
    for (const map of pane.maps) if (!map.method.startsWith("head:")) found.set(map.method, map);
  }
  return [...found.values()];
}

// Returns what a pane shows: the values of one map and where they come from, or null where it was not computed.
function mapOf(pane, token = state.token) {
  if (!ready(pane)) return null;
  const head = state.heads[pane.key];
  if (head) return headOf(pane, head, token);
  const map = pane.maps.find((one) => one.method === state.method);
  const row = map?.rows.find((one) => one.token === token);
  return row ? { map, row, values: valuesOf(row) } : null;
}

function headOf(pane, { layer, head }, token) {
  const label = say("head_label", { layer: layer + 1, head: head + 1 });
  const values = pane.heads?.rows ? headValues(pane, layer, head, token) : null;
  if (values) {
    const map = { method: "head", label, tier: "attention", unit: words.head_unit, note: words.head_note };
    return { map, row: { token, cost: words.no_cost, badge: null, done: 1, total: 1 }, values };
  }
  const map = pane.maps.find((one) => one.method === `head:${layer}:${head}`);
  const row = map?.rows.find((one) => one.token === token);
  return row ? { map, row, values: valuesOf(row) } : null;
}

// Tells whether the attention of a token was kept: of a long answer, only that of the first tokens is.
function attended(pane, token) {
  return Boolean(pane.heads) && (token === WHOLE || token < pane.heads.tokens);
}

// Returns the shares of attention of all heads, and their rows where they were sent.
function headsOf(pane) {
  return once(pane.heads, ({ share, rows, row_max: top }) => ({
    share: bytes(share), rows: rows && bytes(rows), top: top && new Float32Array(bytes(top).buffer),
  }));
}

function headValues(pane, layer, head, token) {
  if (!attended(pane, token)) return null;
  const { tokens, layers, heads } = pane.heads, { rows, top } = headsOf(pane), cells = pane.layout.boxes.length;
  const wanted = token === WHOLE ? [...Array(tokens).keys()] : [token];
  const found = new Float32Array(cells);
  for (const one of wanted) {
    const at = (one * layers + layer) * heads + head;
    for (let cell = 0; cell < cells; cell += 1) {
      found[cell] += (rows[at * cells + cell] / 255) * top[at] / wanted.length;
    }
  }
  return found;
}

// Returns how the values of cells become colours: from the least to the greatest, or, where some lie clearly below
// nothing, as much to either side of nothing.
function scaleOf(cells, values) {
  let low = Infinity, high = -Infinity;
  for (const { index } of cells) {
    low = Math.min(low, values[index]);
    high = Math.max(high, values[index]);
  }
  if (!cells.length) return { table: "heat", low: 0, high: 0 };
  if (low >= -SIGNED * Math.abs(high)) return { table: "heat", low, high };
  const most = Math.max(-low, high);
  return { table: "difference", low: -most, high: most };
}

// Returns cells from the highest value to the lowest; of equals the lower index comes first.
function ranked(cells, values) {
  return [...cells].sort((a, b) => values[b.index] - values[a.index] || a.index - b.index);
}

// Returns what the rule rejects in a pane, or null where the rule has nothing to go by.
function rejectedOf(pane) {
  if (!ready(pane)) return null;
  if (state.rule === "drawn") return drawnOf(pane);
  const cells = boxed(pane), kept = Math.ceil(state.budget * cells.length - 1e-9);
  if (state.rule === "random") {
    return new Set([...cells].sort((a, b) => pane.random[a.index] - pane.random[b.index]).slice(kept).map((one) => one.index));
  }
  const values = state.rule === "vision" ? pane.vision && valuesOf(pane.vision) : mapOf(pane)?.values;
  return values ? new Set(ranked(cells, values).slice(kept).map((one) => one.index)) : null;
}

// Returns the cells that were drawn over by hand. Strokes are kept in the picture's own coordinates, so that every
// pane has them, whatever its cells; each is applied to a pane once.
function drawnOf(pane) {
  const found = drawn.get(pane.layout) ?? { cells: new Set(), applied: 0 };
  for (; found.applied < state.strokes.length; found.applied += 1) stroke(pane, found.cells, state.strokes[found.applied]);
  drawn.set(pane.layout, found);
  return found.cells;
}

function stroke(pane, rejected, { x, y, radius, erase, key, cell }) {
  if (cell !== undefined) {
    if (key === pane.key) (rejected.has(cell) ? rejected.delete(cell) : rejected.add(cell));
    return;
  }
  const ratio = data.picture.height / data.picture.width;
  for (const one of boxed(pane)) {
    if (Math.hypot(one.x - x, (one.y - y) * ratio) <= radius) (erase ? rejected.delete(one.index) : rejected.add(one.index));
  }
}

function clearStrokes() {
  state.strokes = [];
  for (const pane of panesOf()) if (pane.layout) drawn.delete(pane.layout);
}

// Returns the share of a token's map that lies on the cells at the chosen place; null where the map is not there.
function shareAt(pane, token, cells) {
  const found = mapOf(pane, token);
  if (!found || !cells.length) return null;
  const of = (list) => list.reduce((sum, cell) => sum + Math.max(0, found.values[cell.index]), 0);
  const all = of(shownCells(pane));
  return all > 0 ? of(cells) / all : null;
}

// Spreads cells over a grid of the picture: each point holds the mean of the cells that cover it, weighted by area,
// and not a number where there is none.
function raster(cells, values, width, height) {
  const sum = new Float64Array(width * height), weight = new Float64Array(width * height);
  for (const { index, box: [left, top, right, bottom] } of cells) {
    const x0 = left * width, x1 = right * width, y0 = top * height, y1 = bottom * height;
    for (let y = Math.floor(y0); y < Math.min(height, Math.ceil(y1)); y += 1) {
      const high = Math.min(y + 1, y1) - Math.max(y, y0);
      for (let x = Math.floor(x0); x < Math.min(width, Math.ceil(x1)); x += 1) {
        const area = high * (Math.min(x + 1, x1) - Math.max(x, x0));
        sum[y * width + x] += values[index] * area;
        weight[y * width + x] += area;
      }
    }
  }
  return sum.map((value, at) => (weight[at] > 1e-9 ? value / weight[at] : NaN));
}
