// Begins the lens: takes what Python sends, keeps what the visitor chose, and draws everything that changed.

const announcer = make("p", { class: "vm-hidden", "aria-live": "polite" });
const root = element.querySelector(".vm-lens");
const toolbar = buildToolbar(), timeline = buildTimeline(), difference = buildDifference();
const empty = make("p", { class: "vm-lens-empty" }, words.empty);
const question = make("p", { class: "vm-lens-question" }), grid = make("div", { class: "vm-lens-panes" });
const built = new Map();
let waiting = false;

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (root.isConnected) show();
  });
}

// Takes a new payload; of the visitor's choices it changes only what no longer exists.
function receive() {
  const value = props.value;
  data = value && typeof value === "object" ? JSON.parse(JSON.stringify(value)) : null;
  if (data && picture.src !== data.picture.src) {
    picture.src = data.picture.src;
    Object.assign(state, { place: null, token: WHOLE, heads: {}, asked: new Set(), cross: null, strokes: [] });
  }
  if (data) settle();
  redraw();
}

function settle() {
  if (data.mode === "timeline" && data.timeline) {
    const last = data.timeline.steps.length - 1;
    state.step = state.step === null ? data.timeline.best ?? last : clamp(state.step, 0, Math.max(0, last));
  }
  const methods = methodsOf(), longest = Math.max(0, ...panesOf().map((pane) => pane.answer?.tokens.length ?? 0));
  // Maps come one by one: until somebody chose, the first to say something gives way to the one that says most.
  if (!state.chose || !methods.some((one) => one.method === state.method)) state.method = firstMethod(methods);
  if (state.token !== WHOLE && state.token >= longest) state.token = WHOLE;
  if (!data.busy) state.asked.clear();
  const keys = panesOf().map((pane) => pane.key);
  for (const key of Object.keys(state.heads)) if (!keys.includes(key)) delete state.heads[key];
  // A head whose map did not come: what was asked for was asked of an answer that is no more.
  for (const pane of panesOf()) {
    const head = state.heads[pane.key];
    if (head && ready(pane) && !headOf(pane, head, WHOLE)) delete state.heads[pane.key];
  }
}

// Relevance comes first where it was computed: it says most for little.
function firstMethod(methods) {
  const there = methods.filter(({ method }) => panesOf().some((pane) => pane.maps.some((map) => map.method === method && map.rows.length)));
  const found = there.find((one) => one.tier === "relevance") ?? there[0] ?? methods[0];
  return found ? found.method : null;
}

function show() {
  for (const one of [toolbar.root, timeline.root, grid, difference.root, question]) one.hidden = !data;
  empty.hidden = Boolean(data);
  if (!data) return;
  root.dataset.mode = data.mode;
  question.hidden = !data.question;
  setText(question, data.question ?? "");
  showTimeline(timeline);
  showToolbar(toolbar);
  const panes = panesOf(), slots = panes.map((pane, index) => (data.mode === "timeline" ? `step ${index}` : pane.key));
  for (const slot of slots) if (!built.has(slot)) built.set(slot, buildPane());
  for (const [slot, held] of built) {
    if (slots.includes(slot)) continue;
    held.root.remove();
    built.delete(slot);
  }
  slots.forEach((slot, index) => {
    const held = built.get(slot);
    if (grid.children[index] !== held.root) grid.insertBefore(held.root, grid.children[index] ?? null);
    showPane(held, panes[index]);
  });
  grid.style.setProperty("--panes", String(panes.length));
  showDifference(difference);
}

root.append(announcer, empty, question, timeline.root, toolbar.root, grid, difference.root);
picture.addEventListener("load", redraw);
new ResizeObserver(redraw).observe(root);
watch("value", receive);
receive();
