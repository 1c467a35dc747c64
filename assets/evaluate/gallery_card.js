// One item: what was asked, what counts as right, and what each checkpoint answered; knows nothing of pages.

function cardOf(item, position) {
  const title = identifier("item"), question = identifier("question"), here = position === state.current;
  const place = { place: count(item.place) };
  const inner = { type: "button", tabindex: here ? "0" : "-1" };
  const act = (name, word, spoken) => make("button", {
    ...inner, class: "vm-gallery-button", "aria-label": say(spoken, place), "data-act": name,
  }, words[word]);
  return make("article", {
    class: "vm-gallery-card", tabindex: here ? "0" : "-1", "aria-labelledby": `${title} ${question}`,
    "aria-posinset": position + 1, "aria-setsize": state.total, "data-position": position,
  },
    make("button", { ...inner, class: "vm-gallery-thumb", "aria-label": say("enlarge", place), "data-act": "large" },
      thumbOf(item)),
    make("div", { class: "vm-gallery-asked" },
      make("p", { class: "vm-gallery-line" }, make("span", { id: title, class: "vm-gallery-place" }, say("place", place)),
        changePart(item), ...namesOf(item)),
      make("p", { id: question, class: "vm-gallery-question" }, item.question), acceptedPart(item)),
    make("div", { class: "vm-gallery-actions" }, act("compare", "compare", "compare_item"), act("lens", "lens", "lens_item")),
    answersPart(item, false));
}

function thumbOf(item) {
  if (!item.src) return make("span", { class: "vm-gallery-note" }, item.message || words.no_picture);
  return make("img", { src: item.src, alt: "", draggable: "false" });
}

function changePart(item) {
  const change = item.arms.length > 1 ? changeOf(item) : null;
  if (!change) return null;
  return make("span", { class: `vm-gallery-mark vm-gallery-${change}`, title: say(`why_${change}`, pair()) }, words[change]);
}

function namesOf(item) {
  return [item.id, item.kind, ...item.tags].filter(Boolean).map((name) => make("span", { class: "vm-gallery-name" }, name));
}

function acceptedPart(item) {
  const answers = item.answers.length ? item.answers.join(" | ") : words.no_reference;
  const some = item.more_answers ? ` ${say("more_answers", { count: item.more_answers })}` : "";
  const choices = item.choices.map((choice, index) => `${String.fromCharCode(65 + index)} ${choice}`).join("  ·  ");
  return make("dl", { class: "vm-gallery-accepted" },
    make("div", {}, make("dt", {}, words.accepted), make("dd", {}, answers, some)),
    item.choices.length ? make("div", {}, make("dt", {}, words.choices), make("dd", {}, choices)) : null);
}

function answersPart(item, whole) {
  const list = make("ul", {
    class: "vm-gallery-answers", "aria-label": say("answers_of", { place: count(item.place) }), role: "list",
  });
  list.style.setProperty("--arms", String(Math.min(4, item.arms.length)));
  list.append(...item.arms.map((arm, index) => answerPart(arm, state.facts.arms[index], whole)));
  return list;
}

function answerPart(arm, label, whole) {
  const said = arm.failed || arm.text || words.empty_answer;
  const kind = arm.failed || !arm.text ? "vm-gallery-said vm-gallery-none" : "vm-gallery-said";
  const mark = arm.failed ? "failed" : right(arm) ? "right" : "wrong";
  return make("li", {},
    make("span", { class: "vm-gallery-line" }, make("span", { class: "vm-gallery-arm" }, label),
      make("span", { class: `vm-gallery-mark vm-gallery-${mark}` }, words[`mark_${mark}`])),
    make("p", { class: kind }, said), notesPart(arm, whole));
}

function notesPart(arm, whole) {
  const [strict, normal, lenient] = arm.scores, notes = [];
  if (whole && !arm.failed) notes.push(say("three_rules", { strict: number(strict), normal: number(normal), lenient: number(lenient) }));
  else {
    if (normal !== 0 && normal !== 1) notes.push(say("soft", { score: number(normal) }));
    if (arm.rules) notes.push(say("rules_differ", { strict: underRule(strict), lenient: underRule(lenient) }));
  }
  if (arm.unparsed) notes.push(words.unparsed);
  if (arm.cut) notes.push(words.cut);
  return notes.length ? make("p", { class: "vm-gallery-note" }, notes.join("; ")) : null;
}

function underRule(score) {
  return score === 1 ? words.rule_right : score === 0 ? words.rule_wrong : number(score);
}
