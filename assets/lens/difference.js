// What the map of one pane has that another's has not, on a common grid of the picture.

const WIDE = 96;

function buildDifference() {
  const first = make("select", { id: identifier("first"), onchange: (event) => pick("first", event) });
  const second = make("select", { id: identifier("second"), onchange: (event) => pick("second", event) });
  const canvas = make("canvas", { class: "vm-lens-picture", role: "img" }), legend = make("div", {});
  const pick = (name, event) => {
    state[name] = event.target.value;
    redraw();
  };
  const root = make("details", { class: "vm-lens-difference", ontoggle: () => redraw() }, make("summary", {}, words.difference),
    make("div", { class: "vm-lens-row" }, labelled(first, words.first), labelled(second, words.second)), canvas, legend);
  return { root, first, second, canvas, legend };
}

function showDifference(held) {
  const panes = data.mode === "timeline" ? [] : panesOf().filter(ready), keys = panes.map((pane) => pane.key);
  held.root.hidden = panes.length < 2;
  if (panes.length < 2) return;
  if (!keys.includes(state.first)) state.first = keys.find((key) => key !== state.second);
  if (!keys.includes(state.second)) state.second = keys.findLast((key) => key !== state.first);
  for (const name of ["first", "second"]) {
    part(held[name], panes.map(({ key, label }) => [key, label]), () => panes.map(({ key, label }) => make("option", { value: key }, label)));
    held[name].value = state[name];
  }
  if (!held.root.open) return;
  const [a, b] = [state.first, state.second].map((key) => panes.find((pane) => pane.key === key));
  shape(held.canvas);
  const points = differenceOf(a, b);
  held.canvas.hidden = !points;
  part(held.legend, [a.label, b.label, points && [...points.values].slice(0, 400), points?.most], () => [differenceLegend(a, b, points)]);
  held.canvas.setAttribute("aria-label", say("difference_of", { first: a.label, second: b.label }));
  const area = points && fit(held.canvas);
  if (!area) return;
  area.context.filter = "grayscale(1)";
  paintPicture(area);
  area.context.filter = "none";
  const colours = coloursOf("difference");
  paintPoints(area, points.values, points.columns, points.rows, (value) => ({
    colour: colours, at: 0.5 + value / (2 * points.most || 1), alpha: Math.max(0.3, state.opacity),
  }));
}

// Returns B - A, both as shares of their own sum, in percentage points for each hundredth of the picture's area.
function differenceOf(a, b) {
  const { width, height } = data.picture, rows = clamp(Math.round((WIDE * height) / width), 1, 4 * WIDE);
  const sides = [a, b].map((pane) => {
    const found = mapOf(pane);
    if (!found) return null;
    const points = raster(shownCells(pane), found.values, WIDE, rows);
    const sum = points.reduce((total, value) => total + (value > 0 ? value : 0), 0);
    return sum > 0 ? points.map((value) => (Number.isNaN(value) ? NaN : Math.max(0, value) / sum)) : null;
  });
  if (sides.includes(null)) return null;
  const values = sides[1].map((value, at) => value - sides[0][at]);
  const hundredth = (WIDE * rows) / 100, most = values.reduce((top, value) => Math.max(top, Math.abs(value) || 0), 0);
  return { values, columns: WIDE, rows, most, shown: most * hundredth * 100 };
}

function differenceLegend(a, b, points) {
  if (!points) return make("p", { class: "vm-lens-note" }, words.difference_needs);
  return make("div", {}, make("p", { class: "vm-lens-legend" }, make("span", {}, signed(-points.shown)), bar("difference"),
    make("span", {}, signed(points.shown)), make("span", { class: "vm-lens-unit" }, words.difference_unit)),
  make("p", { class: "vm-lens-note" }, say("difference_note", { first: a.label, second: b.label })));
}
