// What is told beside the picture: legend, badge with its curves, facts, and every map as a table.

const MOST_ROWS = 50;
const CURVES = [["keep", ""], ["random_keep", "2 2"], ["deletion", "6 2"], ["random_deletion", "1 3"]];

// The colours on the picture with their least and greatest value and the unit.
function legendPart(pane) {
  const found = mapOf(pane);
  if (state.view === "kept") return keptLegend(pane);
  if (!found || state.view !== "heat") return null;
  const { table, low, high } = scaleOf(shownCells(pane), found.values);
  return make("p", { class: "vm-lens-legend" }, make("span", {}, number(low)), bar(table), make("span", {}, number(high)),
    make("span", { class: "vm-lens-unit" }, found.map.unit));
}

function bar(name) {
  const canvas = make("canvas", { width: 256, height: 1, class: "vm-lens-bar", role: "img", "aria-label": words[`bar_${name}`] });
  const image = new ImageData(256, 1), colours = coloursOf(name);
  for (let index = 0; index < 256; index += 1) image.data.set([...colours.slice(3 * index, 3 * index + 3), 255], 4 * index);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function keptLegend(pane) {
  const rejected = rejectedOf(pane), all = boxed(pane).length;
  if (!rejected) return make("p", { class: "vm-lens-note" }, state.rule === "vision" ? words.no_vision : words.rule_needs_map);
  return make("p", { class: "vm-lens-note" }, make("span", { class: "vm-lens-swatch", "aria-hidden": "true" }),
    say("kept_legend", { kept: all - rejected.size, all, rejected: rejected.size }));
}

function unseenNote(pane) {
  const [left, top, right, bottom] = pane.layout.seen;
  const seen = (right - left) * (bottom - top);
  return seen > 0.995 || state.view === "original" ? null
    : make("p", { class: "vm-lens-note" }, make("span", { class: "vm-lens-swatch vm-lens-grey", "aria-hidden": "true" }),
      say("unseen_note", { share: percent(1 - seen) }));
}

// How true the map is on this very picture, in a sentence and as curves.
function badgePart(pane) {
  const found = mapOf(pane);
  if (!found) return null;
  const { map, row } = found, name = say("method_line", { method: map.label, tier: words[`tier_${map.tier}`] ?? map.tier });
  const progress = row.done < row.total ? say("gathered", { done: row.done, total: row.total }) : "";
  const rests = row.token === WHOLE && ["attention", "relevance"].includes(map.tier) ? words.whole_note : "";
  return make("div", { class: "vm-lens-badge" },
    row.badge ? sparkline(row.badge) : null,
    make("div", {},
      row.badge ? make("p", {}, badgeText(row.badge)) : measurePart(pane),
      typeof row.mass === "number" ? make("p", {}, say(row.points ? "points" : "misses", { mass: percent(row.mass) })) : null,
      make("p", { class: "vm-lens-note" }, [name, rests, progress, row.cost].filter(Boolean).join("; "))));
}

function badgeText({ kept: [map, random], by_chance: chance }) {
  const told = say("badge", { map: percent(map), random: percent(random) });
  return chance ? `${told} ${words.by_chance}` : told;
}

function sparkline(badge) {
  const width = 108, height = 46, top = Math.max(1, ...CURVES.flatMap(([name]) => badge[name]));
  const at = (value, index) => `${(badge.fractions[index] * width).toFixed(1)},${(height - (Math.max(0, value) / top) * height).toFixed(1)}`;
  const lines = CURVES.map(([name, dash]) => makeSvg("polyline", {
    points: badge[name].map(at).join(" "), class: `vm-lens-curve-${name}`, "stroke-dasharray": dash,
  }));
  const box = makeSvg("svg", { viewBox: `-2 -2 ${width + 4} ${height + 4}`, role: "img", class: "vm-lens-spark", "aria-label": words.spark }, ...lines);
  return make("figure", { title: words.spark }, box, make("figcaption", {}, words.spark_short));
}

function factsPart(pane) {
  const spent = say("spent", { tokens: pane.layout.boxes.length }), { source } = pane.layout;
  const places = pane.layout.boxes.filter((box) => !box).length;
  return make("div", {},
    make("p", { class: "vm-lens-note" }, [spent, places ? say("placeless", { count: places }) : "", source === "measured" ? words.source_measured : say("source", { source })]
      .filter(Boolean).join("; ")),
    pane.facts.length ? make("dl", { class: "vm-lens-facts" }, ...pane.facts.map(([name, value]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, value)))) : null);
}

// A table of the map on the screen: the patches from the highest value down.
function tablePart(pane) {
  const found = mapOf(pane);
  if (!found) return [make("p", { class: "vm-lens-note" }, words.no_map)];
  const cells = ranked(shownCells(pane), found.values);
  const columns = ["column_rank", "column_view", "column_row", "column_column", "column_box", "column_value"];
  const rows = cells.slice(0, MOST_ROWS).map((cell, index) => make("tr", {}, ...[
    index + 1, viewName(pane, cell), cell.row === undefined ? "–" : cell.row + 1, cell.column === undefined ? "–" : cell.column + 1,
    boxText(cell.box), number(found.values[cell.index]),
  ].map((value) => make("td", {}, String(value)))));
  return [
    make("div", { class: "vm-lens-scroll", tabindex: "0", role: "group", "aria-label": say("table_of", { label: pane.label }) },
      make("table", { class: "vm-lens-table" },
        make("caption", {}, say("table_caption", { method: found.map.label, unit: found.map.unit })),
        make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, words[name])))),
        make("tbody", {}, ...rows))),
    cells.length > MOST_ROWS ? make("p", { class: "vm-lens-note" }, say("table_cut", { shown: MOST_ROWS, all: cells.length })) : null,
  ];
}

function viewName(pane, cell) {
  const same = pane.layout.frames.filter((frame) => frame.name === cell.view);
  if (cell.frame === null || same.length < 2) return words[`view_${cell.view}`] ?? cell.view;
  return say("cell_tile", { number: same.indexOf(pane.layout.frames[cell.frame]) + 1 });
}
