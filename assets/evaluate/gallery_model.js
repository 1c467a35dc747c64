// What the gallery shows and asks for: results, view, pages of items, and one question to Python at a time.

// After so long a question is asked once more; after twice as long the visitor is told.
const PATIENCE = 15000;
// Items of pages farther than this from what is seen are forgotten; they are asked for again on the way back.
const REMEMBERED_PAGES = 20;

// `facts` is what an opening told; `current` is the position of the item that keys act on, in the order shown.
const state = { facts: null, view: null, total: 0, counts: {}, current: 0, wish: null, large: null, troubled: "" };
let pages = [], asked = 0, pending = null, patience = null;

function itemAt(position) {
  const page = pages[Math.floor(position / state.facts.count)];
  return page?.items?.[position % state.facts.count] ?? null;
}

function pair() {
  return { first: state.facts.arms[state.view.first], second: state.facts.arms[state.view.second] };
}

function right(arm) {
  return arm.scores[1] >= state.facts.right;
}

// Returns "fixed", "broken" or null for an item under the chosen pair of arms.
function changeOf(item) {
  const before = right(item.arms[state.view.first]), after = right(item.arms[state.view.second]);
  return before === after ? null : after ? "fixed" : "broken";
}

function count(value) {
  return value.toLocaleString("en");
}

function ask(question) {
  asked += 1;
  pending = { ...question, ask: asked, repeated: false };
  send();
}

function send() {
  clearTimeout(patience);
  patience = setTimeout(late, PATIENCE);
  state.troubled = "";
  if (pending.kind === "large") trigger("large", { ask: pending.ask, number: pending.number });
  else trigger("more", { ask: pending.ask, view: state.view, offset: pending.page * state.facts.count });
  showAsking();
}

function late() {
  if (pending.repeated) return trouble(words.late);
  pending.repeated = true;
  return send();
}

// Stops asking until the visitor presses the button.
function trouble(message) {
  clearTimeout(patience);
  state.troubled = message;
  showAsking();
}

// Tells whether this answers what is asked now; then the next thing may be asked.
function answered(value) {
  if (!pending || value.ask !== pending.ask) return false;
  clearTimeout(patience);
  pending = null;
  return true;
}

// Asks for what is missing: a large picture first, then the page that a key waits for, then the nearest one.
function pump() {
  if (!state.facts || pending || state.troubled) return;
  if (state.large?.number !== undefined && !state.large.full) {
    ask({ kind: "large", number: state.large.number });
    return;
  }
  const wished = state.wish === null ? -1 : Math.floor(state.wish.position / state.facts.count);
  const wanted = pages.filter((page) => (page.near || page.index === wished) && (!page.items || page.stale));
  if (!wanted.length) return;
  const page = wanted.find((one) => one.index === wished) ?? wanted.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  ask({ kind: "page", page: page.index, fresh: false });
}

// Begins anew after the view changed; what is shown stays until the answer is there.
function renew(changes) {
  Object.assign(state.view, changes);
  state.wish = null;
  ask({ kind: "page", page: 0, fresh: true });
  showBar();
}

function distance(page) {
  const { top, bottom } = page.root.getBoundingClientRect(), seen = feed.getBoundingClientRect();
  return Math.max(0, top - seen.bottom, seen.top - bottom);
}

// Takes the items of a page; each gets its picture's address and, where there is none, the sentence that says why.
function unpack(told) {
  return told.items.map((item) => {
    const [src, message] = told.pictures[item.picture];
    return { ...item, src, message };
  });
}
