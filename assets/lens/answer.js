// The answer as a row of buttons, one a token: how much the image mattered to each, and which rest on a place.

function showAnswer(pane, holder) {
  const tokens = pane.answer.tokens, cells = state.place ? cellsAt(pane, state.place) : [];
  const shares = cells.length ? tokens.map((_, index) => shareAt(pane, index, cells)) : [];
  const even = cells.length / Math.max(1, shownCells(pane).length);
  const whole = cells.length ? shareAt(pane, WHOLE, cells) : null;
  part(holder, [tokens, state.token, [whole, ...shares].map((one) => one?.toFixed(4)), state.place], () => [
    tokenList(pane, tokens, shares, whole, even),
    gainLegend(tokens),
    state.place ? placeNote(shares, cells, even) : null,
  ]);
}

function tokenList(pane, tokens, shares, wholeShare, even) {
  const whole = tokenButton(pane, WHOLE, words.whole, { class: "vm-lens-whole", title: words.whole_title });
  if (wholeShare !== null) whole.append(make("small", {}, percent(wholeShare)));
  const most = Math.max(...tokens.map(gainOf).map((gain) => Math.abs(gain ?? 0)), 1e-9);
  const chips = tokens.map((token, index) => {
    const gain = gainOf(token), share = shares[index] ?? null;
    const strength = gain === null ? 0 : Math.abs(gain) / most;
    const made = tokenButton(pane, index, shownText(token.text), {
      title: tokenTitle(token, share), class: share !== null && share > even ? "vm-lens-lit" : null,
      "data-gain": gain === null ? null : gain < 0 ? "against" : "for", style: `--gain: ${strength.toFixed(3)}`,
    });
    if (share !== null) made.append(make("small", {}, percent(share)));
    return made;
  });
  return make("div", { class: "vm-lens-tokens", role: "group", "aria-label": say("answer_of", { label: pane.label }) }, whole, ...chips);
}

function tokenButton(pane, index, text, attributes) {
  return make("button", {
    type: "button", "aria-pressed": String(state.token === index), "data-focus": `token-${index}`, "data-token": String(index),
    onclick: () => chooseToken(pane, index), ...attributes,
  }, make("span", {}, text));
}

function shownText(text) {
  return text === "" ? "∅" : text.replaceAll("\n", "⏎").replace(/^\s+$/, (blank) => "␣".repeat(blank.length));
}

function gainOf({ logprob, prior }) {
  return prior === null || prior === undefined ? null : logprob - prior;
}

function tokenTitle(token, share) {
  const gain = gainOf(token), parts = [say("token_probability", { probability: percent(Math.exp(token.logprob)) })];
  if (gain !== null) parts.push(say("token_gain", { gain: signed(gain) }));
  if (share !== null) parts.push(say("token_share", { share: percent(share) }));
  return parts.join("; ");
}

function gainLegend(tokens) {
  const gains = tokens.map(gainOf).filter((gain) => gain !== null);
  if (!gains.length) return null;
  const most = Math.max(...gains.map(Math.abs));
  const least = gains.some((gain) => gain < 0) ? words.gain_against : "";
  return make("p", { class: "vm-lens-note" }, make("span", { class: "vm-lens-ramp", "aria-hidden": "true" }),
    say("gain_legend", { most: signed(most) }), least ? ` ${least}` : "");
}

function placeNote(shares, cells, even) {
  const known = shares.filter((share) => share !== null).length;
  const text = !cells.length ? words.place_unseen : !known ? words.place_no_map
    : say("place_note", { known, all: shares.length, even: percent(even) });
  return make("p", { class: "vm-lens-note" }, text);
}

// Chooses a token in every pane, and asks for the maps that are not there yet.
function chooseToken(pane, index) {
  state.token = index;
  announce(say("token_chosen", { token: index === WHOLE ? words.whole : shownText(pane.answer.tokens[index].text) }));
  askForMaps(pane);
  redraw();
}

function lacking(pane) {
  return asks() && ready(pane) && !state.heads[pane.key] && !mapOf(pane) && (state.token === WHOLE || state.token < pane.answer.tokens.length);
}

// A run's steps have the maps that were made with them, and ask for no others.
function asks() {
  return data.mode !== "timeline";
}

function asking(pane) {
  return `${pane.key}\n${state.token}\n${state.method}`;
}

function tierOf(method) {
  return methodsOf().find((one) => one.method === method)?.tier;
}

// One event asks for all panes. Evidence takes long, so it is gathered when its own button is pressed.
function askForMaps(first) {
  if (tierOf(state.method) === "evidence") return;
  const panes = panesOf().filter((pane) => lacking(pane) && !state.asked.has(asking(pane)));
  if (panes.length) explain(panes, first);
}

function explain(panes, first) {
  for (const pane of panes) state.asked.add(asking(pane));
  const key = panes.includes(first) ? first.key : panes[0].key;
  trigger("explain", { key, keys: panes.map((pane) => pane.key), token: state.token, method: state.method });
}

// A map of a method that was made before its badge was: a head alone has none, nor has what chance points at.
function unmeasured(pane) {
  const found = asks() && !state.heads[pane.key] ? mapOf(pane) : null;
  return Boolean(found) && found.map.tier !== "control" && !found.row.badge;
}

// Says that a badge is not there, with the way to it: one event asks for all panes that lack it.
function measurePart(pane) {
  if (!unmeasured(pane)) return null;
  if (state.asked.has(asking(pane)) || working(pane)) {
    return make("p", { class: "vm-lens-note vm-lens-busy", "aria-busy": "true" }, words.measuring);
  }
  const measure = actionButton(words.measure, () => {
    explain(panesOf().filter((one) => unmeasured(one) && !state.asked.has(asking(one)) && !working(one)), pane);
    redraw();
  });
  measure.disabled = data.busy;
  measure.dataset.focus = "measure";
  return make("div", { class: "vm-lens-line" }, make("p", { class: "vm-lens-note" }, words.unmeasured), measure);
}

// Says why a pane shows no map, with the way to one.
function mapNote(pane) {
  const head = state.heads[pane.key];
  if (mapOf(pane)) return null;
  if (state.token !== WHOLE && state.token >= pane.answer.tokens.length) return make("p", { class: "vm-lens-note" }, words.no_such_token);
  if (head && !attended(pane, state.token)) return make("p", { class: "vm-lens-note" }, words.no_attention);
  if (head) return make("p", { class: "vm-lens-note vm-lens-busy", "aria-busy": "true" }, words.computing);
  if (!asks()) return make("p", { class: "vm-lens-note" }, words.no_map);
  if (tierOf(state.method) === "evidence") return make("p", { class: "vm-lens-note" }, words.gather_first);
  if (state.asked.has(asking(pane))) return make("p", { class: "vm-lens-note vm-lens-busy", "aria-busy": "true" }, words.computing);
  const compute = make("button", { type: "button", class: "vm-lens-button", "data-focus": "compute", onclick: () => {
    askForMaps(pane);
    redraw();
  } }, words.compute);
  return make("div", { class: "vm-lens-line" }, make("p", { class: "vm-lens-note" }, words.no_map), compute);
}

// The answer without the rejected patches, beside what it was, in the same words where they are the same.
function withoutPart(pane) {
  const found = pane.without;
  if (!found) return null;
  const row = (name, text, after) => make("div", {}, make("dt", {}, name), make("dd", {},
    make("p", { class: "vm-lens-answer" }, ...compared(pane.answer.text, text)),
    make("p", { class: "vm-lens-note" }, say("probability_change", {
      before: percent(found.before), after: percent(after), points: signed((after - found.before) * 100, 1),
    }))));
  const cells = boxed(pane).length;
  return make("section", { class: "vm-lens-without", "aria-label": say("without_of", { label: pane.label }) },
    make("h4", {}, say("without_title", { count: found.rejected.length, all: cells, rule: words[`by_${found.rule}`] ?? found.rule })),
    make("dl", {}, row(words.without_tokens, found.text, found.after), row(words.without_pixels, found.pixels_text, found.pixels_after)),
    make("p", { class: "vm-lens-note" }, words.without_note));
}

// Marks words that the original answer did not have; the longest common run of words stays plain.
function compared(before, after) {
  const old = before.match(/\S+/g) ?? [], fresh = after.split(/(\s+)/).filter(Boolean);
  const spoken = fresh.filter((one) => one.trim()), kept = commonWords(old, spoken);
  let at = -1;
  if (!spoken.length) return [make("em", {}, words.empty_answer)];
  return fresh.map((one) => {
    if (!one.trim()) return one;
    at += 1;
    return kept.has(at) ? one : make("mark", { title: words.new_word }, one);
  });
}

function commonWords(old, fresh) {
  const length = Array.from({ length: old.length + 1 }, () => new Uint16Array(fresh.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      length[i][j] = old[i] === fresh[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
    }
  }
  const found = new Set();
  for (let i = 0, j = 0; i < old.length && j < fresh.length;) {
    if (old[i] === fresh[j]) {
      found.add(j);
      i += 1;
      j += 1;
    } else if (length[i + 1][j] >= length[i][j + 1]) i += 1;
    else j += 1;
  }
  return found;
}
