// The checkpoints of a run in order: a strip of steps, a slider to run along it, and why one of them is the best.

const THUMB = 128;

function buildTimeline() {
  const run = make("p", { class: "vm-lens-note" }), strip = make("div", { class: "vm-lens-strip", role: "group" });
  const why = make("p", { class: "vm-lens-why" });
  const id = identifier("step"), output = make("output", { for: id });
  const scrub = make("input", { type: "range", id, min: 0, step: 1, oninput: () => chooseStep(Number(scrub.value)) });
  const root = make("div", { class: "vm-lens-timeline" }, run, strip,
    make("div", { class: "vm-lens-field" }, make("label", { for: id }, words.scrub, " ", output), scrub), why);
  return { root, run, strip, why, scrub, output };
}

function chooseStep(index) {
  state.step = index;
  redraw();
}

function showTimeline(held) {
  const shown = data.mode === "timeline" && data.timeline;
  held.root.hidden = !shown;
  if (!shown) return;
  const { run, reference, steps, best, why } = data.timeline;
  setText(held.run, reference ? say("run_line", { run, reference }) : run);
  held.strip.setAttribute("aria-label", say("strip_of", { run }));
  part(held.strip, steps.map((one) => [one.key, one.text, one.probability, one.label, best, one.pane.address, one.pane.state]),
    () => steps.map((one, index) => stepButton(one, index, index === best)));
  bringIntoView(held.strip, held.strip.children[state.step]);
  [...held.strip.children].forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === state.step));
    const canvas = button.querySelector("canvas");
    canvas.style.aspectRatio = `${data.picture.width} / ${data.picture.height}`;
    canvas.style.width = `min(100%, ${Math.round((THUMB * data.picture.width) / data.picture.height)}px)`;
    const area = fit(canvas);
    if (!area) return;
    paintPicture(area);
    if (ready(steps[index].pane)) paintHeat(area, steps[index].pane);
  });
  held.scrub.max = Math.max(0, steps.length - 1);
  held.scrub.value = state.step ?? 0;
  const step = steps[state.step];
  setText(held.output, step ? step.label : "");
  held.scrub.setAttribute("aria-valuetext", step ? step.label : "");
  held.why.hidden = best === null || best === undefined;
  if (!held.why.hidden) setText(held.why, `★ ${why}`);
}

// Scrolls the strip alone, and only where the chosen step is not wholly on it.
function bringIntoView(strip, button) {
  if (!button || button.getAttribute("aria-pressed") === "true") return;
  const outer = strip.getBoundingClientRect(), inner = button.getBoundingClientRect();
  if (inner.left < outer.left || inner.right > outer.right) strip.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
}

function stepButton(step, index, best) {
  return make("button", { type: "button", class: best ? "vm-lens-step vm-lens-best" : "vm-lens-step", "data-focus": `step-${step.key}`,
    onclick: () => chooseStep(index) },
  make("strong", {}, best ? "★ " : "", step.label), make("canvas", { class: "vm-lens-thumb", "aria-hidden": "true" }),
  make("span", { class: "vm-lens-said" }, step.text || words[`state_${step.pane.state}`] || "–"),
  make("span", { class: "vm-lens-state" }, step.probability === null ? words.no_probability
    : say("step_probability", { probability: percent(step.probability) })));
}
