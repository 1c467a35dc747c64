// Keys and clicks on the items: they act on the card that has the focus, and never while somebody types.

const STEPS = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1, j: 1, k: -1 };

function typing(target) {
  return target.matches("input, select, textarea");
}

function plain(event) {
  return !event.ctrlKey && !event.metaKey && !event.altKey;
}

function rootKeys(event) {
  if (event.key !== "/" || typing(event.target) || !plain(event) || large.root.open) return;
  event.preventDefault();
  bar.search.focus();
}

function feedKeys(event) {
  const card = event.target.closest("[data-position]");
  if (!card || !plain(event) || !state.facts) return;
  const position = Number(card.dataset.position), item = itemAt(position), step = STEPS[event.key];
  if (step) stepCard(position + step);
  else if (event.key === "Enter" && event.target === card) openLarge(position);
  else if (item && event.key === "c") leaveFor("compare", item.number);
  else if (item && event.key === "l") leaveFor("lens", item.number);
  else return;
  event.preventDefault();
}

function stepCard(position) {
  if (position >= 0 && position < state.total) reach(position, () => moveTo(position, true), false);
}

function largeKeys(event) {
  if (!plain(event) || typing(event.target) || !state.large) return;
  const step = STEPS[event.key], { number } = state.large;
  if (step && event.key !== "ArrowUp" && event.key !== "ArrowDown") stepLarge(step);
  else if (event.key === "c") leaveFor("compare", number);
  else if (event.key === "l") leaveFor("lens", number);
  else return;
  event.preventDefault();
}

function feedClicks(event) {
  const act = event.target.closest("[data-act]")?.dataset.act, card = event.target.closest("[data-position]");
  if (!act || !card) return;
  const position = Number(card.dataset.position), item = itemAt(position);
  if (act === "large") openLarge(position);
  else if (item) leaveFor(act, item.number);
}

function feedFocus(event) {
  const card = event.target.closest("[data-position]");
  if (card && Number(card.dataset.position) !== state.current) moveTo(Number(card.dataset.position), false);
}
