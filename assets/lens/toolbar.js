// The choices over all panes: view, map, cells, opacity, rule and budget, brush, and the buttons that ask Python.

const VIEWS = ["original", "heat", "kept", "sees"];
const RULES = ["map", "vision", "random", "drawn"];
const TIERS = ["attention", "relevance", "evidence", "control"];

function buildToolbar() {
  const held = {};
  held.views = radios("view", VIEWS, words.view, (name) => words[`show_${name}`]);
  held.methods = make("select", { id: identifier("map"), onchange: (event) => chooseMethod(event.target.value) });
  held.honest = make("p", { class: "vm-lens-note", id: identifier("honest") });
  held.methods.setAttribute("aria-describedby", held.honest.id);
  held.cells = radios("cells", ["all", "tiles", "thumbnail"], words.cells, (name) => words[`cells_${name}`]);
  held.opacity = slider("opacity", 10, 100, 5, 100, words.opacity);
  held.rule = make("select", { id: identifier("rule"), onchange: (event) => {
    Object.assign(state, { rule: event.target.value, view: "kept" });
    redraw();
  } }, ...RULES.map((name) => make("option", { value: name }, words[`rule_${name}`])));
  held.budget = slider("budget", 5, 100, 5, 100, words.budget, true);
  held.radius = slider("radius", 1, 20, 1, 100, words.radius);
  const erase = make("input", { type: "checkbox", onchange: (event) => { state.erase = event.target.checked; } });
  const clear = make("button", { type: "button", class: "vm-lens-button", onclick: () => {
    clearStrokes();
    redraw();
  } }, words.clear);
  held.brush = make("div", { class: "vm-lens-group", role: "group", "aria-label": words.brush },
    held.radius.root, make("label", { class: "vm-lens-choice" }, erase, words.erase), clear);
  held.reject = actionButton(words.reject, () => trigger("reject", {
    rule: state.rule, method: state.method, token: state.token, budget: state.budget, rejected: rejectedByPane(),
  }), "vm-lens-primary");
  held.gather = actionButton(words.gather, () => {
    const method = tierOf(state.method) === "evidence" ? state.method : firstOf("evidence");
    if (method) Object.assign(state, { method, chose: true, heads: {} });
    trigger("gather", { token: state.token, method });
    redraw();
  });
  held.stop = actionButton(words.stop, () => trigger("stop", {}));
  held.message = make("p", { class: "vm-lens-note", role: "status" });
  held.map = make("div", { class: "vm-lens-group vm-lens-map" }, labelled(held.methods, words.map), held.honest);
  held.rejecting = make("div", { class: "vm-lens-row vm-lens-rejecting" },
    make("div", { class: "vm-lens-group" }, labelled(held.rule, words.rule)), held.budget.root, held.brush,
    make("div", { class: "vm-lens-group vm-lens-actions" }, held.reject, held.gather, held.stop));
  held.root = make("div", { class: "vm-lens-toolbar", role: "group", "aria-label": words.toolbar },
    make("div", { class: "vm-lens-row" }, held.views.root, held.map, held.cells.root, held.opacity.root), held.rejecting, held.message);
  return held;
}

function labelled(field, text) {
  return make("div", { class: "vm-lens-field" }, make("label", { for: field.id }, text), field);
}

function actionButton(text, act, kind = "") {
  return make("button", { type: "button", class: `vm-lens-button ${kind}`, onclick: act }, text);
}

function radios(name, options, title, textOf) {
  const group = identifier(name), inputs = new Map();
  const choices = options.map((option) => {
    const input = make("input", { type: "radio", name: group, value: option, onchange: () => {
      state[name] = option;
      redraw();
    } });
    inputs.set(option, input);
    return make("label", { class: "vm-lens-choice" }, input, make("span", {}, textOf(option)));
  });
  return { root: make("fieldset", { class: "vm-lens-group" }, make("legend", {}, title), make("div", { class: "vm-lens-choices" }, ...choices)), inputs };
}

function slider(name, low, high, step, scale, title, rejecting = false) {
  const id = identifier(name), output = make("output", { for: id });
  const input = make("input", { type: "range", id, min: low, max: high, step, oninput: () => {
    state[name] = Number(input.value) / scale;
    if (rejecting) state.view = "kept";
    redraw();
  } });
  const show = () => {
    const value = Math.round(state[name] * scale);
    if (Number(input.value) !== value) input.value = value;
    setText(output, `${value} %`);
    input.setAttribute("aria-valuetext", `${value} %`);
  };
  return { root: make("div", { class: "vm-lens-field" }, make("label", { for: id }, title, " ", output), input), input, show };
}

function firstOf(tier) {
  return methodsOf().find((one) => one.tier === tier)?.method ?? null;
}

function chooseMethod(method) {
  state.chose = true;
  Object.assign(state, { method, heads: {} });
  if (!["heat", "kept"].includes(state.view)) state.view = "heat";
  askForMaps(null);
  redraw();
}

function rejectedByPane() {
  const found = {};
  for (const pane of panesOf()) {
    const rejected = rejectedOf(pane);
    if (rejected?.size) found[pane.key] = [...rejected].sort((a, b) => a - b);
  }
  return found;
}

function showToolbar(held) {
  const methods = methodsOf(), answered = panesOf().filter(ready);
  held.root.hidden = !answered.length && !data.busy;
  part(held.methods, methods.map(({ method, label, tier }) => [method, label, tier]), () => methodGroups(methods));
  held.methods.value = state.method ?? "";
  const chosen = methods.find((one) => one.method === state.method);
  setText(held.honest, chosen?.note ? `${chosen.note[0].toUpperCase()}${chosen.note.slice(1)}` : "");
  held.map.hidden = !methods.length;
  const views = new Set(answered.flatMap((pane) => boxed(pane).map((cell) => cell.view === "thumbnail")));
  held.cells.root.hidden = views.size < 2 && !answered.some((pane) => pane.layout.frames.some((frame) => frame.name === "thumbnail"));
  for (const [name, { inputs }] of [["view", held.views], ["cells", held.cells]]) {
    for (const [option, input] of inputs) input.checked = state[name] === option;
  }
  held.views.inputs.get("kept").parentElement.hidden = data.mode === "timeline";
  held.rule.value = state.rule;
  for (const one of [held.opacity, held.budget, held.radius]) one.show();
  held.budget.root.hidden = state.rule === "drawn";
  held.brush.hidden = state.rule !== "drawn";
  held.rejecting.hidden = data.mode === "timeline";
  held.reject.disabled = data.busy || !Object.keys(rejectedByPane()).length;
  held.gather.disabled = data.busy || !answered.length || !firstOf("evidence");
  held.stop.disabled = !data.busy;
  setText(held.message, data.message ?? "");
}

function methodGroups(methods) {
  const tiers = [...new Set([...TIERS, ...methods.map((one) => one.tier)])];
  return tiers.filter((tier) => methods.some((one) => one.tier === tier)).map((tier) =>
    make("optgroup", { label: words[`tier_${tier}`] ?? tier }, ...methods.filter((one) => one.tier === tier)
      .map(({ method, label }) => make("option", { value: method }, label))));
}
