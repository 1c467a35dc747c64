// Begins the gallery: takes what Python sends, and hands it to the part that it is for.

const root = element.querySelector(".vm-gallery");
const bar = buildBar(), large = buildLarge();
const empty = make("p", { class: "vm-gallery-empty" }, words.empty);

function receive() {
  const value = props.value && typeof props.value === "object" ? JSON.parse(JSON.stringify(props.value)) : null;
  if (!value) open(null);
  else if (value.mode === "open") open(value);
  else if (value.mode === "change") change(value);
  // Drawn anew, this knows only what came last, and asks for the start.
  else if (!state.facts) trigger("more", { open: true });
  else if (value.mode === "page" && pending?.kind === "page") {
    const { fresh } = pending;
    if (answered(value)) receivePage(value, fresh);
  } else if (value.mode === "large" && answered(value)) receiveLarge(value.item);
  else if (value.mode === "trouble" && pending?.ask === value.ask) trouble(value.message);
  showAsking();
  arrange();
}

function open(value) {
  clearTimeout(patience);
  if (large.root.open) large.root.close();
  Object.assign(state, { facts: value, view: value?.view ?? null, wish: null, large: null, troubled: "" });
  pending = null;
  clear();
  for (const one of [bar.root, feed]) one.hidden = !value;
  empty.hidden = Boolean(value);
  if (!value) return;
  fillBar();
  receivePage(value.page, true);
}

// Results grew: what was chosen stays, and what is shown is asked for again.
function change(value) {
  if (!state.facts || state.facts.key !== value.key) {
    open(value);
    return;
  }
  state.facts = value;
  const { search } = bar;
  const typed = search.value;
  fillBar();
  search.value = typed;
  for (const page of pages) page.stale = true;
}

end.append(make("span", {}));
feed.append(end);
root.append(bar.root, empty, feed, asking, large.root);
nearness.observe(end);
root.addEventListener("keydown", rootKeys);
feed.addEventListener("keydown", feedKeys);
feed.addEventListener("click", feedClicks);
feed.addEventListener("focusin", feedFocus);
new ResizeObserver(arrange).observe(feed);
watch("value", receive);
receive();
