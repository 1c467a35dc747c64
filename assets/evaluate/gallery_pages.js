// Pages of cards in a region that scrolls: those near what is seen are drawn, the others keep their height alone.

const feed = make("div", { class: "vm-gallery-feed", role: "feed", "aria-label": words.feed });
const end = make("div", { class: "vm-gallery-end", "aria-hidden": "true" });
const asking = make("p", { class: "vm-gallery-asking" });
const nearness = new IntersectionObserver(noticed, { root: feed, rootMargin: "100% 0px" });
let endNear = false;

function noticed(entries) {
  for (const { target, isIntersecting } of entries) {
    if (target === end) endNear = isIntersecting;
    else {
      const page = pages.find((one) => one.root === target);
      if (page) page.near = isIntersecting;
    }
  }
  arrange();
}

// Draws what came near, drops what went far, and lets the pages go on where their end is near.
function arrange() {
  // Where the tab is not open nothing is near, and nothing has a height.
  if (!state.facts || feed.clientHeight === 0) return;
  for (const page of pages) {
    if (page.near && page.items && !page.drawn) draw(page);
    else if (!page.near && page.drawn && !page.root.contains(document.activeElement)) drop(page);
  }
  forget();
  if (endNear) extend();
  pump();
}

function addPage() {
  const root = make("div", { class: "vm-gallery-page", role: "presentation" });
  const page = { index: pages.length, root, items: null, near: false, drawn: false, stale: false };
  const known = pages.filter((one) => one.drawn).map((one) => one.root.offsetHeight);
  if (known.length) root.style.height = `${known[known.length - 1]}px`;
  pages.push(page);
  end.before(root);
  nearness.observe(root);
  return page;
}

function extend() {
  const last = pages[pages.length - 1];
  if (!last?.items || pages.length * state.facts.count >= state.total) return;
  addPage().near = true;
}

function draw(page) {
  const active = document.activeElement, held = page.root.contains(active) ? active.closest("[data-position]") : null;
  const act = held && active.dataset.act;
  const start = page.index * state.facts.count;
  page.root.replaceChildren(...page.items.map((item, index) => cardOf(item, start + index)));
  page.root.style.height = "";
  page.drawn = true;
  if (held) {
    const card = cardAt(Number(held.dataset.position));
    (act ? card?.querySelector(`[data-act="${act}"]`) : card)?.focus({ preventScroll: true });
  }
  // The end may have moved without leaving its old state: it is looked at afresh.
  endNear = false;
  nearness.unobserve(end);
  nearness.observe(end);
}

function drop(page) {
  page.root.style.height = `${page.root.offsetHeight}px`;
  page.root.replaceChildren();
  page.drawn = false;
}

function forget() {
  const near = pages.filter((page) => page.near).map((page) => page.index);
  if (!near.length) return;
  const low = Math.min(...near) - REMEMBERED_PAGES, high = Math.max(...near) + REMEMBERED_PAGES;
  for (const page of pages) if (!page.drawn && (page.index < low || page.index > high)) page.items = null;
}

// Takes a page that came; a fresh one takes the place of all that is shown.
function receivePage(told, fresh) {
  if (fresh) clear();
  Object.assign(state, { total: told.total, counts: told.counts });
  const index = Math.floor(told.offset / state.facts.count), page = pages[index] ?? addPage();
  const items = unpack(told), same = page.drawn && JSON.stringify(page.items) === JSON.stringify(items);
  Object.assign(page, { items, stale: false, near: page.near || fresh });
  if (page.near && !same) draw(page);
  for (const late of pages.splice(Math.max(1, Math.ceil(told.total / state.facts.count)))) remove(late);
  state.current = clamp(state.current, 0, Math.max(0, state.total - 1));
  showBar();
  showFound();
  if (state.wish && itemAt(state.wish.position)) fulfil();
}

function clear() {
  for (const page of pages.splice(0)) remove(page);
  feed.scrollTop = 0;
  state.current = 0;
}

function remove(page) {
  nearness.unobserve(page.root);
  page.root.remove();
}

// Does something with the item at a position as soon as it is here.
function reach(position, act, large = true) {
  state.wish = { position, act, large };
  const index = Math.floor(position / state.facts.count);
  if (!pages[index]) addPage();
  if (itemAt(position)) fulfil();
  else pump();
}

function fulfil() {
  const { act, position } = state.wish, page = pages[Math.floor(position / state.facts.count)];
  state.wish = null;
  if (!page.drawn) draw(page);
  act();
}

function cardAt(position) {
  return feed.querySelector(`[data-position="${position}"]`);
}

// Makes an item the one that keys act on; of all cards only its own is a stop of the tab key.
function moveTo(position, focus) {
  for (const [at, stop] of [[state.current, "-1"], [position, "0"]]) {
    const card = cardAt(at);
    for (const one of card ? [card, ...card.querySelectorAll("[data-act]")] : []) one.setAttribute("tabindex", stop);
  }
  state.current = position;
  const card = cardAt(position);
  if (!card || !focus) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function showAsking() {
  feed.setAttribute("aria-busy", String(Boolean(pending) && !state.troubled));
  const waiting = Boolean(pending) && pending.kind === "page";
  if (state.large && state.troubled) setText(large.note, state.troubled);
  part(asking, [waiting, state.troubled], () => {
    if (!state.troubled) return [waiting ? make("span", {}, words.loading) : null];
    const again = make("button", { type: "button", class: "vm-gallery-button", onclick: send }, words.again);
    return [make("span", { role: "alert" }, state.troubled), again];
  });
}
