// The choices over the items: filters with their counts, search, kind, tag, order, and the pair of arms.

const FILTERS = ["all", "fixed", "broken", "disagree", "all_wrong", "all_right", "unparsed", "failed", "rules"];
const COMPARING = ["fixed", "broken", "disagree"];
const SORTS = ["set", "disagreement", "worst", "best"];
const TYPING = 250;

function buildBar() {
  const held = { filters: new Map(), typing: null };
  for (const name of FILTERS) {
    const number = make("span", { class: "vm-gallery-count" });
    const button = make("button", { type: "button", class: "vm-gallery-filter", onclick: () => renew({ show: name }) },
      words[`show_${name}`], " ", number);
    held.filters.set(name, { button, number });
  }
  held.search = make("input", { type: "search", id: identifier("search"), autocomplete: "off", spellcheck: "false",
    placeholder: words.search_hint, maxlength: "200", oninput: () => {
      clearTimeout(held.typing);
      held.typing = setTimeout(() => searched(held.search.value), TYPING);
    } });
  const choice = (name) => make("select", { id: identifier(name), onchange: (event) => renew({ [name]: event.target.value }) });
  const arm = (name) => make("select", { id: identifier(name), onchange: (event) => renew({ [name]: Number(event.target.value) }) });
  Object.assign(held, { kind: choice("kind"), tag: choice("tag"), sort: choice("sort"), first: arm("first"), second: arm("second") });
  held.sort.append(...SORTS.map((name) => make("option", { value: name }, words[`sort_${name}`])));
  held.close = make("button", { type: "button", class: "vm-gallery-button vm-gallery-slice", onclick: () => renew({ slice: null }) });
  held.fields = Object.fromEntries(["search", "kind", "tag", "sort", "first", "second"].map((name) => [name, fieldOf(held[name], name)]));
  held.found = make("p", { class: "vm-gallery-found", role: "status" });
  held.far = make("p", { class: "vm-gallery-note" });
  held.notes = make("div", { class: "vm-gallery-notes" });
  held.root = make("div", { class: "vm-gallery-bar", role: "group", "aria-label": words.bar },
    make("div", { class: "vm-gallery-filters", role: "group", "aria-label": words.filters },
      ...[...held.filters.values()].map(({ button }) => button)),
    make("div", { class: "vm-gallery-fields" }, ...Object.values(held.fields)),
    make("div", { class: "vm-gallery-line" }, held.found, held.close, held.far), held.notes);
  return held;
}

function fieldOf(input, name) {
  return make("div", { class: `vm-gallery-field vm-gallery-field-${name}` }, make("label", { for: input.id }, words[name]), input);
}

function searched(text) {
  if (text.trim() !== state.view.search) renew({ search: text.trim() });
}

// Takes over what an opening told: the choices there are.
function fillBar() {
  const { kinds, tags, arms, items, of, right: least } = state.facts;
  for (const [select, names] of [[bar.kind, kinds], [bar.tag, tags]]) {
    select.replaceChildren(make("option", { value: "" }, words.any), ...names.map(([name, number]) =>
      make("option", { value: name }, say("name_count", { name, count: count(number) }))));
  }
  for (const select of [bar.first, bar.second]) {
    select.replaceChildren(...arms.map((label, index) => make("option", { value: index }, label)));
  }
  bar.fields.kind.hidden = !kinds.length;
  bar.fields.tag.hidden = !tags.length;
  bar.fields.first.hidden = bar.fields.second.hidden = arms.length < 3;
  bar.search.value = state.view.search;
  setText(bar.far, items < of ? say("so_far", { items: count(items), of: count(of) }) : "");
  bar.notes.replaceChildren(make("p", { class: "vm-gallery-note" }, say("rule", { right: least })),
    make("p", { class: "vm-gallery-note vm-gallery-keys" }, words.keys));
}

// Shows what is chosen, at once; the counts follow with the answer.
function showBar() {
  const { view, facts } = state;
  for (const [name, { button, number }] of bar.filters) {
    const known = state.counts[name];
    button.hidden = COMPARING.includes(name) && facts.arms.length < 2;
    button.setAttribute("aria-pressed", String(view.show === name));
    button.title = say(`why_${name}`, pair());
    setText(number, known === undefined ? "" : count(known));
    button.classList.toggle("vm-gallery-zero", known === 0);
  }
  for (const name of ["kind", "tag", "sort", "first", "second"]) bar[name].value = String(view[name]);
  const slice = view.slice === null ? null : facts.slices[view.slice];
  bar.close.hidden = !slice;
  if (slice) {
    setText(bar.close, `${say("slice", { name: slice[0] })} ✕`);
    bar.close.setAttribute("aria-label", `${say("slice", { name: slice[0] })}. ${say("slice_close", { name: slice[0] })}`);
  }
}

// Says how many items there are; it is a live region, so it is said whenever it changes.
function showFound() {
  const { total, facts } = state;
  const found = total === 1 ? words.found_one : say("found_many", { count: count(total) });
  setText(bar.found, total ? (total < facts.items ? say("found_of", { found, all: count(facts.items) }) : found) : words.found_none);
}
