// One item shown large, over the page: the picture with the boxes that prove the answer, and all answers in full.

function buildLarge() {
  const held = {};
  const button = (word, act) => make("button", { type: "button", class: "vm-gallery-button", onclick: act }, words[word]);
  held.title = make("h2", { id: identifier("large") });
  held.position = make("p", { class: "vm-gallery-note", role: "status" });
  held.previous = button("previous", () => stepLarge(-1));
  held.next = button("next", () => stepLarge(1));
  held.close = button("close", () => held.root.close());
  held.boxes = make("input", { type: "checkbox", checked: true, onchange: () => showBoxes() });
  held.toggle = make("label", { class: "vm-gallery-toggle" }, held.boxes, words.boxes);
  held.stage = make("div", { class: "vm-gallery-stage" });
  held.note = make("p", { class: "vm-gallery-note" });
  held.body = make("div", { class: "vm-gallery-full" });
  const act = (name) => button(name, () => leaveFor(name, state.large.number));
  held.root = make("dialog", { class: "vm-gallery-large", "aria-labelledby": held.title.id, onclose: closed, onkeydown: largeKeys },
    make("header", {}, held.title, held.position, make("div", { class: "vm-gallery-line" }, act("compare"), act("lens"),
      held.previous, held.next, held.close)),
    make("div", { class: "vm-gallery-columns" }, make("div", { class: "vm-gallery-figure" }, held.stage, held.toggle, held.note), held.body));
  return held;
}

// Opens an item large; what its card knows is shown until the whole is there.
function openLarge(position) {
  const item = itemAt(position);
  if (!item) return;
  moveTo(position, false);
  state.large = { position, number: item.number, full: null };
  abandonLarge();
  if (!large.root.open) {
    large.root.showModal();
    large.close.focus();
  }
  showLarge(item);
  pump();
}

// Nobody waits any more for the picture of another item, or for one that did not come.
function abandonLarge() {
  if (pending?.kind !== "large") return;
  clearTimeout(patience);
  pending = null;
  state.troubled = "";
  showAsking();
}

function receiveLarge(item) {
  if (!state.large || state.large.number !== item.number) return;
  state.large.full = item;
  showLarge(item);
}

function showLarge(item) {
  const full = state.large.full, { position } = state.large, place = count(item.place);
  setText(large.title, say("large_title", { place }));
  setText(large.position, say("position", { position: count(position + 1), total: count(state.total) }));
  large.previous.disabled = position === 0;
  large.next.disabled = position + 1 >= state.total;
  const src = item.src, known = itemAt(position);
  const picture = src ? make("img", { src, alt: say("picture_of", { place }) }) : null;
  // Both the small and the large picture fill the same room, so that nothing moves when the large one comes.
  large.stage.style.setProperty("--ratio", String(item.size[0] / item.size[1]));
  large.stage.replaceChildren(...[picture, ...(full?.boxes ?? []).map(boxOf)].filter(Boolean));
  large.toggle.hidden = !full?.boxes.length;
  setText(large.note, !full ? words.large_loading : full.no_picture || (full.boxes.length ? "" : words.boxes_none));
  showBoxes();
  large.body.replaceChildren(make("p", { class: "vm-gallery-question" }, item.question), acceptedPart(item),
    make("p", { class: "vm-gallery-line" }, changePart(known ?? item), ...namesOf(item)), answersPart(item, Boolean(full)));
}

function boxOf([left, top, right, bottom]) {
  const box = make("div", { class: "vm-gallery-box", "aria-hidden": "true" });
  const sides = { left, top, width: right - left, height: bottom - top };
  for (const [side, value] of Object.entries(sides)) box.style[side] = `${100 * value}%`;
  return box;
}

function showBoxes() {
  large.stage.classList.toggle("vm-gallery-unboxed", !large.boxes.checked);
}

// Goes to the item before or after; where its page is not here yet, as soon as it comes.
function stepLarge(by) {
  const position = state.large.position + by;
  if (position < 0 || position >= state.total) return;
  reach(position, () => openLarge(position));
}

function closed() {
  // The browser gave the focus back to where it was when this was opened; it belongs to what was shown last.
  const position = state.large?.position ?? state.current;
  state.large = null;
  abandonLarge();
  if (state.wish?.large) state.wish = null;
  if (!state.facts || !state.total) return;
  // A page that was here may have gone far away meanwhile.
  reach(Math.min(position, state.total - 1), () => moveTo(position, true));
}

function leaveFor(name, number) {
  if (large.root.open) large.root.close();
  if (name === "compare") trigger("open_compare", { number });
  else trigger("open_lens", { number });
}
