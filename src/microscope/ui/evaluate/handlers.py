"""The Evaluate tab's event handlers: they read components' values and write components' updates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from microscope.engine.pictures import picture_to_image
from microscope.errors import UserError
from microscope.evaluation.items.base import ItemSet, Preview
from microscope.evaluation.items.report import problems_csv
from microscope.evaluation.scoring import SCORERS
from microscope.ui.compare.controls import BOUNDS, write_settings
from microscope.ui.evaluate import words
from microscope.ui.evaluate.actions import Asked, EvaluateActions, factor_hint, options
from microscope.ui.evaluate.choices import Source, read_choices, read_columns
from microscope.ui.evaluate.findings import findings, verdict
from microscope.ui.evaluate.gallery import GalleryHandlers
from microscope.ui.evaluate.keeping import FILES, report_files
from microscope.ui.evaluate.markup import note, status
from microscope.ui.evaluate.running import plan_html, progress_html, so_far
from microscope.ui.evaluate.setting import reading, report
from microscope.ui.evaluate.view import Chosen, Shown
from microscope.ui.files import write_file

REDRAW_SECONDS = 0.25
COMPARE, LENS = "compare", "lens"
PROBLEMS_FILE = "problems.csv"
# Judges by the request and by who signed in, if anybody did.
IsOwner = Callable[[gr.Request, gr.OAuthProfile | None], bool]


class Handlers:
    """The tab's event handlers; `waiting` counts the visitors in the queue."""

    def __init__(self, actions: EvaluateActions, waiting: Callable[[], int], is_owner: IsOwner) -> None:
        self._actions, self._waiting, self._is_owner = actions, waiting, is_owner
        self.items = GalleryHandlers()

    @property
    def zero(self) -> bool:
        """Tell whether the accelerator is lent by ZeroGPU."""
        return self._actions.compare.engine.zero

    def opened(self, kind: str) -> Any:  # noqa: ANN401  (a report, or nothing changes)
        """Say what the shipped set has when the tab is opened."""
        return report(self._actions.shipped) if kind == words.SHIPPED else gr.skip()

    def source_changed(self, kind: str) -> tuple[Any, ...]:
        """Show the fields of a source; a set that is not the shipped one is read anew."""
        shipped = kind == words.SHIPPED
        said = report(self._actions.shipped) if shipped else status(words.NO_SET)
        return (
            gr.update(visible=kind == words.UPLOAD),
            gr.update(visible=kind == words.HUB),
            gr.update(visible=False),
            gr.update(visible=not shipped),
            said,
            gr.update(visible=False),
            Chosen(),
            self._actions.shipped.scorer if shipped else gr.skip(),
        )

    def read_fresh(self, kind: str, file: str | None, hub: str, split: str) -> Iterator[list[Any]]:
        """Read a set, its columns guessed."""
        yield from self._read(Source(kind, file, hub or "", split or ""), None)

    def read_again(
        self, kind: str, file: str | None, hub: str, split: str, *columns: str | None
    ) -> Iterator[list[Any]]:
        """Read a set with the columns that were chosen."""
        yield from self._read(Source(kind, file, hub or "", split or ""), read_columns(columns))

    def _read(self, source: Source, columns: dict[str, str] | None) -> Iterator[list[Any]]:
        yield _reading(reading(0, 0))
        offered = None
        try:
            preview = self._actions.preview(source)
            offered = _offered(preview, columns or {})
            for told in self._actions.reading(source, columns):
                if isinstance(told, ItemSet):
                    with TemporaryDirectory() as folder:
                        # Gradio copies the file when it takes this update; then ours can go.
                        yield _reading(report(told), offered, told, _problems(folder, told))
                else:
                    yield _reading(reading(*told), offered)
        except UserError as error:
            yield [Chosen(), status(str(error)), gr.update(visible=False), gr.skip(), *(offered or _UNCHANGED)]

    def scorer_note(self, key: str) -> str:
        """Say what a way of marking does."""
        return note(next((one.note for one in SCORERS if one.key == key), ""))

    def factor_changed(self, key: str | None) -> dict[str, Any]:
        """Say what the levels of what is varied may be."""
        hint = factor_hint(key)
        return gr.update(info=words.LEVELS_SUCH_AS.format(hint=hint) if hint else words.LEVELS_HINT)

    def columns_changed(self, baseline: str | None, *values: Any) -> dict[str, Any]:  # noqa: ANN401
        """Offer what is run to be held against; one that is not run any more is let go."""
        try:
            arms = self._actions.arms(read_choices(values))
        except UserError:
            return gr.skip()
        offered = [(words.ALL_AGAINST_ALL, ""), *((arm.label, arm.key) for arm in arms)]
        known = baseline in [key for _, key in offered]
        return gr.update(choices=offered, value=baseline if known else "")

    def plan(self, kind: str, chosen: Chosen, *values: Any) -> str:  # noqa: ANN401
        """Say what a run takes and what it could see."""
        try:
            planned = self._actions.plan(self._asked(kind, chosen, values))
        except UserError as error:
            return note(str(error))
        return plan_html(planned, self._actions.compare.engine.models.device, words.waits(self._waiting()))

    def _asked(self, kind: str, chosen: Chosen, values: tuple[Any, ...]) -> Asked:
        items = self._actions.shipped if kind == words.SHIPPED else chosen.items
        return self._actions.asked(items, read_choices(values))

    def validate(self, kind: str, chosen: Chosen, keys: list[str], *rest: Any) -> list[dict]:  # noqa: ANN401
        """Check set and checkpoints before anything is queued; the sentence appears on the field itself."""
        there = kind == words.SHIPPED or chosen.items is not None
        fine = gr.validate(True, "")
        return [gr.validate(there, "" if there else words.NO_SET), fine, self.valid(keys), *(fine for _ in rest)]

    def valid(self, keys: list[str]) -> dict:
        """Check the chosen checkpoints."""
        try:
            self._actions.check_keys(keys or [])
        except UserError as error:
            return gr.validate(False, str(error))
        return gr.validate(True, "")

    def run(
        self,
        request: gr.Request,
        profile: gr.OAuthProfile | None,
        kind: str,
        chosen: Chosen,
        *values: Any,  # noqa: ANN401
    ) -> Iterator[tuple[Any, ...]]:
        """Stream how far the run is, the scores so far and the items that are there."""
        asked = self._asked(kind, chosen, values)
        # Hiding a button protects nothing: anybody may post what they would.
        self._actions.admit(asked, owner=self._is_owner(request, profile))
        results, drawn = None, 0.0
        # What stood here is of another run.
        blank = (verdict(None), findings(None))
        yield status(words.STARTING), "", None, Shown(asked.items), *blank, *_buttons(running=True)
        for step in self._actions.run(request.session_hash or "", asked):
            new, now = step.results is not results, time.monotonic()
            if not new and not step.over and now - drawn < REDRAW_SECONDS:
                continue
            results, drawn = step.results, now
            shown = Shown(asked.items, results)
            yield (
                progress_html(step, asked.labels),
                "" if step.over else so_far(results),
                self.items.changed(shown) if new else gr.skip(),
                shown if new else gr.skip(),
                gr.skip(),
                gr.skip(),
                *_buttons(running=not step.over),
            )

    def idle(self) -> tuple[dict, dict]:
        """Let the tab be used again after something failed."""
        return _buttons(running=False)

    def stop(self, request: gr.Request) -> None:
        """Stop this visitor's run; what was answered is kept."""
        self._actions.stops.press(request.session_hash or "")

    def analyse(self, shown: Shown, baseline: str | None, margin: float | None) -> tuple[Any, ...]:
        """Draw what the results on the tab say, held against what is chosen now."""
        if shown.results is None or shown.items is None or not shown.results.items:
            return gr.skip(), verdict(None), findings(None), gr.skip()
        held = baseline if baseline in [arm.key for arm in shown.results.arms] else None
        try:
            shown = self._actions.analysed(shown.items, shown.results, options(held, max(margin or 0.0, 0.0)))
        except UserError as error:
            return gr.skip(), note(str(error)), "", gr.skip()
        return shown, verdict(shown.analysis), findings(shown.analysis), self.items.changed(shown)

    def files(self, shown: Shown) -> Iterator[list[Any]]:
        """Fill what can be taken away."""
        if shown.results is None or shown.analysis is None or shown.pictures is None:
            yield [gr.skip()] * len(FILES)
            return
        with TemporaryDirectory() as folder:
            # Gradio copies the files when it takes this update; then ours can go.
            written = report_files(folder, shown.results, shown.analysis, shown.pictures)
            yield [gr.update(value=path, interactive=True) for path in written]

    def pick_slice(self, shown: Shown, event: gr.EventData) -> Any:  # noqa: ANN401  (a payload, or nothing changes)
        """Show the items of a slice."""
        return self.items.open(shown, chosen=int(event.slice))

    def open_compare(self, shown: Shown, event: gr.EventData) -> tuple[Any, ...]:
        """Set the Compare tab to an item and open it."""
        return self._open(COMPARE, shown, event)

    def open_lens(self, shown: Shown, event: gr.EventData) -> tuple[Any, ...]:
        """Set the Lens to an item and open it."""
        return self._open(LENS, shown, event)

    def _open(self, tab: str, shown: Shown, event: gr.EventData) -> tuple[Any, ...]:
        try:
            picture, question, keys, settings = self._actions.opened(shown, self.items.number(shown, event))
        except UserError as error:
            # An event that does not wait in the queue can raise no message on the page.
            return gr.Tabs(selected=tab), *(gr.skip(),) * 3, status(str(error)), *(gr.skip(),) * len(BOUNDS)
        said = status(words.OPENED[tab])
        image = picture_to_image(picture)
        return gr.Tabs(selected=tab), image, question, keys, said, *write_settings(settings)


# The accordion of the columns, and each of them.
_UNCHANGED = [gr.skip()] * (1 + len(words.COLUMN_NAMES))


def _reading(
    said: str, offered: list[Any] | None = None, items: ItemSet | None = None, problems: dict[str, Any] | None = None
) -> list[Any]:
    """Return the updates of a set's part: the set, the report, the file of problems, the scorer, the columns."""
    scorer = gr.skip() if items is None else items.scorer
    # While a set is being read, the one before it must not be run in its place.
    return [Chosen(items), said, problems or gr.skip(), scorer, *(offered or _UNCHANGED)]


def _offered(preview: Preview, chosen: dict[str, str]) -> list[Any]:
    """Return the updates that offer a file's columns; several that mean one thing are one choice."""
    fields = {name: chosen.get(name, getattr(preview.guessed, name)) for name in words.COLUMN_NAMES}
    names = dict.fromkeys([*preview.columns, *filter(None, fields.values())])
    choices = [(words.NO_COLUMN, ""), *((name, name) for name in names)]
    return [gr.update(visible=True), *(gr.update(choices=choices, value=value) for value in fields.values())]


def _problems(folder: str, items: ItemSet) -> dict[str, Any]:
    if not items.problems:
        return gr.update(visible=False)
    path = write_file(folder, PROBLEMS_FILE, problems_csv(items.problems).encode())
    return gr.update(visible=True, value=path)


def _buttons(*, running: bool) -> tuple[dict, dict]:
    return gr.update(interactive=not running), gr.update(interactive=running)
