// One pane a checkpoint: built once, then refreshed part by part, so that the focus and what was opened stay.

function buildPane() {
  const held = { pane: null };
  const name = make("h3", {}), progress = make("span", { class: "vm-lens-state" }), failure = make("div", {});
  const answer = make("div", {}), waiting = make("div", {}), note = make("div", {});
  const how = make("p", { class: "vm-hidden", id: identifier("how") }, words.picture_how);
  const canvas = make("canvas", { class: "vm-lens-picture", tabindex: "0", role: "application", "aria-describedby": how.id });
  const seen = make("canvas", { class: "vm-lens-seen", role: "img" });
  const status = make("p", { class: "vm-lens-cursor" }, words.point);
  const below = make("div", { class: "vm-lens-below" }), facts = make("div", {});
  const matrix = headsPart(), table = make("div", {});
  const heads = make("details", {}, make("summary", {}, words.heads_title), matrix.root);
  const rows = make("details", {}, make("summary", {}, words.table_title), table);
  for (const one of [heads, rows]) one.addEventListener("toggle", redraw);
  const level = (...children) => make("div", { class: "vm-lens-level" }, ...children);
  const root = make("section", { class: "vm-lens-pane" }, level(make("header", {}, name, progress)), level(failure, answer, note),
    level(how, canvas, seen, status, waiting), level(below, heads, rows, facts));
  Object.assign(held, { root, name, progress, failure, answer, note, waiting, canvas, seen, status, below, facts, matrix, heads, table, rows });
  listen(canvas, () => held.pane, status);
  return held;
}

function showPane(held, pane) {
  held.pane = pane;
  held.root.setAttribute("aria-label", say("pane_of", { label: pane.label }));
  held.root.setAttribute("aria-busy", String(working(pane)));
  Object.assign(held.root.dataset, { key: pane.key, state: pane.state });
  setText(held.name, pane.label);
  setText(held.progress, pane.state === "failed" ? words.state_failed : pane.message || words[`state_${pane.state}`] || "");
  part(held.failure, [pane.state, pane.message], () => [
    pane.state === "failed" && pane.message ? make("p", { class: "vm-lens-message" }, pane.message) : null,
  ]);
  const shown = ready(pane), sees = state.view === "sees" && shown && pane.layout.frames.length > 0;
  for (const one of ["answer", "below", "waiting", "facts", "rows", "note"]) held[one].hidden = !shown;
  held.heads.hidden = !shown || !pane.heads;
  held.canvas.hidden = sees || pane.state === "failed";
  held.seen.hidden = !sees;
  held.status.hidden = !shown || sees;
  shape(held.canvas);
  held.canvas.classList.toggle("vm-lens-brushing", brushing());
  held.canvas.setAttribute("aria-label", say("picture_of", { label: pane.label, view: words[`show_${state.view}`] }));
  if (shown) showFound(held, pane, sees);
  if (sees) paintSeen(pane, held.seen);
  else if (!held.canvas.hidden) paint(pane, held.canvas);
}

function showFound(held, pane, sees) {
  const found = mapOf(pane), shown = [found?.row.data?.length, found?.row.done, found?.map.method, state.heads[pane.key], state.token];
  const view = [state.view, state.cells, state.rule];
  held.matrix.pane = pane;
  showAnswer(pane, held.answer);
  part(held.waiting, [shown, [...state.asked], pane.address, data.busy], () => [mapNote(pane)]);
  part(held.note, [pane.without, pane.answer.text], () => [withoutPart(pane)]);
  const rejected = state.view === "kept" ? rejectedOf(pane)?.size ?? null : null;
  const doing = [data.busy, pane.state, state.asked.has(asking(pane))];
  part(held.below, [shown, found?.row, view, state.place, pane.readout, rejected, doing], () => [
    legendPart(pane), unseenNote(pane), sees ? seenNote(pane) : null, placePart(pane), badgePart(pane),
  ]);
  part(held.facts, [pane.facts, pane.layout.source], () => [factsPart(pane)]);
  if (sees) held.seen.setAttribute("aria-label", say("seen_of", { label: pane.label, frames: framesText(pane) }));
  if (pane.heads && held.heads.open) showHeads(held.matrix, pane);
  if (held.rows.open) part(held.table, [shown, found?.row, view, state.place === null], () => tablePart(pane));
}

function framesText(pane) {
  const counted = new Map();
  for (const { name, rows, columns, width, height } of pane.layout.frames) {
    const text = say("frame", { view: words[`view_${name}`] ?? name, width, height, rows, columns });
    counted.set(text, (counted.get(text) ?? 0) + 1);
  }
  return [...counted].map(([text, count]) => (count > 1 ? `${count} × ${text}` : text)).join("; ");
}

function seenNote(pane) {
  return make("p", { class: "vm-lens-note" }, say("seen_note", { frames: framesText(pane) }));
}
