// What the pointer and the keys do on a picture: read values, choose a place, brush patches away.

const STEP = 0.02;
let painting = null;

function brushing() {
  return state.rule === "drawn" && state.view === "kept";
}

function placeOf(event, canvas) {
  const area = canvas.getBoundingClientRect();
  return { x: clamp((event.clientX - area.left) / area.width, 0, 1), y: clamp((event.clientY - area.top) / area.height, 0, 1) };
}

// Listens on a picture; `current` returns the pane that it shows now.
function listen(canvas, current, status) {
  canvas.addEventListener("pointermove", (event) => {
    const place = placeOf(event, canvas);
    setText(status, valueText(current(), place));
    if (brushing()) follow(current(), place);
    if (painting) brushTo(place);
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (!brushing() || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    painting = placeOf(event, canvas);
    brushTo(painting);
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { painting = null; });
  canvas.addEventListener("pointerleave", () => {
    setText(status, words.point);
    if (document.activeElement !== canvas) follow({ key: null }, state.cross);
  });
  canvas.addEventListener("click", (event) => {
    if (!brushing() && ready(current())) choosePlace(placeOf(event, canvas));
  });
  canvas.addEventListener("keydown", (event) => pressed(event, current(), status));
  canvas.addEventListener("focus", () => {
    if (!canvas.matches(":focus-visible")) return;
    follow(current(), state.cross ?? { x: 0.5, y: 0.5 });
  });
  canvas.addEventListener("blur", () => {
    state.focused = null;
    redraw();
  });
}

function follow(pane, place) {
  Object.assign(state, { cross: place, focused: pane.key });
  redraw();
}

function pressed(event, pane, status) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const at = state.cross ?? { x: 0.5, y: 0.5 };
  if (moves[event.key]) {
    const [x, y] = moves[event.key], step = STEP * (event.shiftKey ? 5 : 1);
    const place = { x: clamp(at.x + x * step, 0, 1), y: clamp(at.y + y * step, 0, 1) };
    setText(status, valueText(pane, place));
    announce(valueText(pane, place));
    follow(pane, place);
  } else if (event.key === "Enter") {
    if (ready(pane)) choosePlace(at);
  } else if (event.key === "Escape") {
    choosePlace(null);
  } else if (event.key === " " && state.rule === "drawn") {
    toggleCell(pane, at);
  } else return;
  event.preventDefault();
}

function choosePlace(place) {
  state.place = place;
  announce(place ? say("place_chosen", { x: Math.round(place.x * 100), y: Math.round(place.y * 100) }) : words.place_cleared);
  redraw();
}

// Brushes from where the pointer was to where it is: a fast hand leaves no gaps.
function brushTo(place) {
  const steps = Math.ceil((2 * Math.hypot(place.x - painting.x, place.y - painting.y)) / state.radius);
  for (let step = Math.min(1, steps); step <= steps; step += 1) {
    const share = steps ? step / steps : 1;
    const x = painting.x + share * (place.x - painting.x), y = painting.y + share * (place.y - painting.y);
    state.strokes.push({ x, y, radius: state.radius, erase: state.erase });
  }
  painting = place;
  redraw();
}

function toggleCell(pane, place) {
  if (!ready(pane)) return;
  const cells = cellsAt(pane, place);
  for (const cell of cells) state.strokes.push({ key: pane.key, cell: cell.index });
  const rejected = drawnOf(pane);
  announce(cells.map((cell) => say(rejected.has(cell.index) ? "cell_rejected" : "cell_kept", { cell: cellName(pane, cell) })).join(" "));
  state.view = "kept";
  redraw();
}

// One line on what lies under the pointer: the value, its rank, and where in what the model saw.
function valueText(pane, place) {
  if (!ready(pane)) return words.point;
  const cells = cellsAt(pane, place), found = mapOf(pane);
  if (!cells.length) return outside(pane, place) ? words.unseen : words.no_cell;
  const all = boxed(pane);
  return cells.map((cell) => {
    const name = cellName(pane, cell);
    if (!found) return name;
    const value = found.values[cell.index];
    const rank = 1 + all.filter((one) => found.values[one.index] > value || (found.values[one.index] === value && one.index < cell.index)).length;
    return say("value_line", { value: number(value), rank, all: all.length, cell: name });
  }).join("; ");
}

function outside(pane, { x, y }) {
  const [left, top, right, bottom] = pane.layout.seen;
  return x < left || x > right || y < top || y > bottom;
}

// The patches at the chosen place, each with the way to its read-out.
function placePart(pane) {
  if (!state.place) return null;
  const cells = cellsAt(pane, state.place), found = mapOf(pane);
  if (!cells.length) return null;
  const items = cells.map((cell) => make("li", {},
    make("span", {}, found ? say("value_of", { cell: cellName(pane, cell), value: number(found.values[cell.index]) }) : cellName(pane, cell)),
    make("button", {
      type: "button", class: "vm-lens-button", "data-focus": `read-${cell.index}`,
      onclick: () => trigger("readout", { key: pane.key, cell: cell.index }),
    }, words.read_patch)));
  return make("div", { class: "vm-lens-place" }, make("h4", {}, words.patches_here), make("ul", {}, ...items), readoutPart(pane));
}

// What a patch reads as, layer by layer; a weak instrument, and said to be one.
function readoutPart(pane) {
  if (!pane.readout) return null;
  const cell = cellsOf(pane)[pane.readout.cell];
  const rows = pane.readout.layers.map((layer, index) => make("tr", {}, make("th", { scope: "row" }, String(index)),
    make("td", {}, ...layer.flatMap(([word, share], at) => [at ? ", " : "", make("q", {}, shownText(word)), ` ${percent(share)}`]))));
  return make("div", { class: "vm-lens-scroll", tabindex: "0", role: "group", "aria-label": words.readout_table }, make("table", { class: "vm-lens-table" },
    make("caption", {}, say("readout_caption", { cell: cell.box ? cellName(pane, cell) : String(cell.index) })),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, words.layer), make("th", { scope: "col" }, words.reads_as))),
    make("tbody", {}, ...rows)));
}
