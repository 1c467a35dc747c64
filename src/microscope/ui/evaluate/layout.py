"""Draws the Evaluate tab and returns its components; connects nothing."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from microscope.catalog.spec import Catalog
from microscope.evaluation.ablation import FACTORS, MOST_FACTORS
from microscope.evaluation.scoring import SCORERS
from microscope.ui.checkpoints import Checkpoints, checkpoints
from microscope.ui.compare.layout import first_choice
from microscope.ui.evaluate import words
from microscope.ui.evaluate.choices import FIELDS, MOST_ITEMS, MOST_MARGIN, MOST_NEW_TOKENS
from microscope.ui.evaluate.findings import findings, verdict
from microscope.ui.evaluate.gallery_component import gallery
from microscope.ui.evaluate.markup import note
from microscope.ui.evaluate.past import Past, draw_past
from microscope.ui.evaluate.view import Chosen, Shown

# How many items are taken, whether they are drawn, how their answers are marked, and what that means.
Marking = tuple[gr.Number, gr.Checkbox, gr.Dropdown, gr.HTML]
# A name in the table of slices opens its items.
PICK_SLICE = """
element.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-slice]");
  if (chosen) trigger("pick_slice", { slice: Number(chosen.dataset.slice) });
});
"""


@dataclass(frozen=True)
class Setting:
    """Which set is run."""

    source: gr.Radio
    upload: gr.Column
    file: gr.File
    hub: gr.Column
    name: gr.Textbox
    split: gr.Textbox
    mapping: gr.Accordion
    columns: tuple[gr.Dropdown, ...]
    check: gr.Button
    report: gr.HTML
    problems: gr.DownloadButton
    chosen: gr.State

    @property
    def inputs(self) -> list[gr.components.Component]:
        """Return what names the set, in the order in which handlers take it."""
        return [self.source, self.file, self.name, self.split]


@dataclass(frozen=True)
class Choosing:
    """What is asked of a run."""

    checkpoints: Checkpoints
    scorer: gr.Dropdown
    scorer_note: gr.HTML
    new_tokens: gr.Slider
    limit: gr.Number
    at_random: gr.Checkbox
    early: gr.Checkbox
    baseline: gr.Dropdown
    margin: gr.Number
    factors: tuple[tuple[gr.Dropdown, gr.Textbox], ...]

    @property
    def inputs(self) -> list[gr.components.Component]:
        """Return what handlers take, in the order of `choices.read_choices`."""
        first = [self.checkpoints, self.scorer, self.new_tokens, self.limit, self.at_random, self.early]
        varied = [one for pair in self.factors for one in pair]
        return [*first, self.baseline, self.margin, *varied]


@dataclass(frozen=True)
class Running:
    """The run itself."""

    plan: gr.HTML
    run: gr.Button
    stop: gr.Button
    progress: gr.HTML
    so_far: gr.HTML


@dataclass(frozen=True)
class Showing:
    """What came of it, and what can be taken away."""

    verdict: gr.HTML
    findings: gr.HTML
    gallery: gr.HTML
    report: gr.DownloadButton
    json: gr.DownloadButton
    csv: gr.DownloadButton
    parquet: gr.DownloadButton

    @property
    def files(self) -> list[gr.DownloadButton]:
        """Return the buttons that hand out files, in order."""
        return [self.report, self.json, self.csv, self.parquet]


@dataclass(frozen=True)
class Components:
    """Everything on the tab that events read or write."""

    setting: Setting
    choosing: Choosing
    running: Running
    showing: Showing
    past: Past
    state: gr.State


def build(catalog: Catalog, *, limit: int = 0) -> Components:
    """Draw the tab inside the current Blocks; `limit` is how many items are taken at first (0: all)."""
    gr.HTML(note(words.INTRO))
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            setting = _draw_setting()
            marking = _draw_marking(limit)
        with gr.Column(scale=6, min_width=320):
            choosing = _draw_choosing(catalog, marking)
    running = _draw_running()
    return Components(setting, choosing, running, _draw_showing(), draw_past(), gr.State(Shown()))


def _draw_setting() -> Setting:
    source = gr.Radio(list(words.SOURCES), value=words.SHIPPED, label=words.SET, elem_id="evaluate-source")
    with gr.Column(visible=False, elem_classes="vm-plain") as upload:
        file = gr.File(label=words.FILE, file_types=words.FILE_TYPES, height=120, elem_id="evaluate-file")
        gr.HTML(note(words.FILE_HINT))
    with gr.Column(visible=False, elem_classes="vm-plain") as hub:
        name = gr.Textbox(label=words.HUB_ID, info=words.HUB_ID_HINT, max_lines=1)
        split = gr.Textbox(label=words.SPLIT, info=words.SPLIT_HINT, max_lines=1)
    with gr.Accordion(words.COLUMNS, open=False, visible=False) as mapping:
        gr.HTML(note(words.COLUMNS_HINT))
        with gr.Row():
            columns = tuple(
                gr.Dropdown(
                    [(words.NO_COLUMN, "")], value="", label=words.COLUMN_NAMES[one], interactive=True, min_width=140
                )
                for one in FIELDS
            )
    check = gr.Button(words.CHECK, size="sm", visible=False, elem_id="evaluate-check")
    # A screen reader announces what changes in a line that was there before.
    report = gr.HTML("", elem_id="evaluate-set")
    problems = gr.DownloadButton(words.PROBLEMS, size="sm", visible=False)
    state = gr.State(Chosen())
    return Setting(source, upload, file, hub, name, split, mapping, columns, check, report, problems, state)


def _draw_choosing(catalog: Catalog, marking: Marking) -> Choosing:
    keys = [spec.key for spec in catalog.specs]
    chosen = checkpoints(catalog.specs, first_choice(keys), words.CHECKPOINTS_HINT, "evaluate-checkpoints")
    # As on the command line: the same run has the same numbers.
    tokens = catalog.settings.max_new_tokens
    new_tokens = gr.Slider(
        1, MOST_NEW_TOKENS, value=tokens, step=1, label=words.NEW_TOKENS, info=words.NEW_TOKENS_HINT
    )
    with gr.Row():
        offered = [(words.ALL_AGAINST_ALL, "")]
        baseline = gr.Dropdown(
            offered, value="", label=words.BASELINE, info=words.BASELINE_HINT, interactive=True, min_width=200
        )
        margin = gr.Number(
            0, minimum=0, maximum=MOST_MARGIN, label=words.MARGIN, info=words.MARGIN_HINT, min_width=200
        )
    early = gr.Checkbox(label=words.EARLY, info=words.EARLY_HINT, value=False)
    limit, at_random, scorer, scorer_note = marking
    factors = _draw_factors()
    return Choosing(chosen, scorer, scorer_note, new_tokens, limit, at_random, early, baseline, margin, factors)


def _draw_marking(limit: int) -> Marking:
    wanted = gr.Number(
        limit, minimum=0, maximum=MOST_ITEMS, precision=0, label=words.LIMIT, info=words.LIMIT_HINT, min_width=120
    )
    at_random = gr.Checkbox(label=words.AT_RANDOM, value=True)
    scorers = [(one.label, one.key) for one in SCORERS]
    scorer = gr.Dropdown(scorers, value=SCORERS[0].key, label=words.SCORER, interactive=True)
    return wanted, at_random, scorer, gr.HTML(note(SCORERS[0].note))


def _draw_factors() -> tuple[tuple[gr.Dropdown, gr.Textbox], ...]:
    offered = [(words.NO_FACTOR, ""), *((factor.label, factor.key) for factor in FACTORS)]
    drawn = []
    with gr.Accordion(words.ABLATION, open=False):
        gr.HTML(note(words.ABLATION_HINT))
        for number in range(MOST_FACTORS):
            with gr.Row():
                factor = gr.Dropdown(
                    offered, value="", label=words.FACTOR.format(number=number + 1), interactive=True, min_width=140
                )
                levels = gr.Textbox(
                    label=words.LEVELS.format(number=number + 1),
                    info=words.LEVELS_HINT,
                    lines=2,
                    scale=2,
                    min_width=180,
                )
            drawn.append((factor, levels))
    return tuple(drawn)


def _draw_running() -> Running:
    gr.HTML(f"<h2>{escape(words.PLAN)}</h2>")
    plan = gr.HTML(f'<p class="vm-cost">{escape(words.PLAN_WAIT)}</p>', elem_id="evaluate-plan")
    with gr.Row():
        run = gr.Button(words.RUN, variant="primary", min_width=120, elem_id="evaluate-run")
        stop = gr.Button(words.STOP, variant="stop", interactive=False, min_width=120, elem_id="evaluate-stop")
    gr.HTML(note(words.KEPT))
    progress = gr.HTML("", elem_id="evaluate-progress")
    return Running(plan, run, stop, progress, gr.HTML("", elem_id="evaluate-so-far"))


def _draw_showing() -> Showing:
    gr.HTML(f"<h2>{escape(words.RESULTS)}</h2>")
    said = gr.HTML(verdict(None), elem_id="evaluate-verdict")
    found = gr.HTML(findings(None), js_on_load=PICK_SLICE, elem_id="evaluate-findings")
    gr.HTML(f"<h2>{escape(words.GALLERY)}</h2>")
    items = gallery(None, elem_id="evaluate-items")
    with gr.Accordion(words.TAKE_AWAY, open=False):
        gr.HTML(note(words.TAKE_AWAY_HINT))
        with gr.Row():
            names = (words.REPORT_HTML, words.REPORT_JSON, words.ITEMS_CSV, words.ITEMS_PARQUET)
            report, json, csv, parquet = (
                gr.DownloadButton(name, size="sm", interactive=False, min_width=140) for name in names
            )
    return Showing(said, found, items, report, json, csv, parquet)
