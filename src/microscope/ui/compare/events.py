"""Connects the Compare tab's components to its actions; decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.events import Dependency

from microscope.engine.pictures import picture_to_image, read_picture
from microscope.engine.questions import check_question
from microscope.errors import UserError
from microscope.records import Comparison
from microscope.ui import text
from microscope.ui.compare import columns as shown
from microscope.ui.compare.actions import Actions, Visit
from microscope.ui.compare.card import card_png
from microscope.ui.compare.controls import read_settings, write_settings
from microscope.ui.compare.diff import diff_html
from microscope.ui.compare.export import comparison_json
from microscope.ui.compare.layout import Components
from microscope.ui.compare.link import from_query
from microscope.ui.errors import shown as sentences
from microscope.ui.files import write_file

QUEUE_LOOK_SECONDS = 15
PRIVATE = {"api_visibility": "private"}
LIGHT = {"queue": False, "show_progress": "hidden", **PRIVATE}
GPU_LANE = "gpu"
# Of our own hardware the model cache says whose turn it is, and tells those who wait; so many may be with it.
LET_IN = 16
# What a link has that is about another tab.
TAB = "tab"


def lane(*, zero: bool) -> dict[str, Any]:
    """Return what lets the events that need the accelerator share one queue; on ZeroGPU one at a time."""
    return {"concurrency_id": GPU_LANE, "concurrency_limit": 1 if zero else LET_IN}


def wire(tab: Components, handlers: Handlers) -> None:
    """Connect everything on the tab."""
    _wire_run(tab, handlers)
    _wire_choices(tab, handlers)
    _wire_results(tab, handlers)


def _wire_run(tab: Components, handlers: Handlers) -> None:
    inputs = [tab.image, tab.question, tab.checkpoints, *tab.controls.listed()]
    buttons = [tab.run, tab.stop]
    started = gr.on(
        [tab.run.click, tab.question.submit],
        sentences(handlers.run),
        [*inputs, tab.visit],
        [tab.answers, tab.status, tab.visit, *buttons],
        validator=handlers.validate,
        show_progress="minimal",
        show_progress_on=tab.answers,
        **lane(zero=handlers.zero),
        **PRIVATE,
    )
    started.failure(handlers.idle, None, buttons, **LIGHT)
    started.then(handlers.finished, [tab.visit], _results(tab), **LIGHT)
    tab.stop.click(handlers.stop, None, None, **LIGHT)


def _wire_choices(tab: Components, handlers: Handlers) -> None:
    for button, (_, prompt) in zip(tab.presets, text.PRESETS, strict=True):
        button.click(lambda prompt=prompt: prompt, None, tab.question, **LIGHT)
    chosen = tab.examples.select(
        sentences(handlers.example),
        [tab.checkpoints, tab.visit],
        [tab.image, tab.question, tab.answers, tab.status, tab.visit, *tab.controls.listed()],
        **LIGHT,
    )
    chosen.then(handlers.finished, [tab.visit], _results(tab), **LIGHT)
    priced = [tab.checkpoints, *tab.controls.listed()]
    timer = gr.Timer(QUEUE_LOOK_SECONDS)
    changes = [component.change for component in priced]
    gr.on([*changes, timer.tick], handlers.cost, priced, tab.cost, **LIGHT)
    tab.checkpoints.change(handlers.warm, [tab.checkpoints], None, **LIGHT)
    repeated = tab.repeat.click(sentences(handlers.others), [tab.checkpoints], [tab.checkpoints], **LIGHT)
    repeated.success(None, None, None, js="() => document.querySelector('#run').click()", **PRIVATE)


def _wire_results(tab: Components, handlers: Handlers) -> None:
    pair = [tab.first, tab.second]
    gr.on([tab.first.input, tab.second.input], handlers.difference, [*pair, tab.visit], tab.difference, **LIGHT)
    tab.consent.input(sentences(handlers.share), [tab.consent, tab.visit], [tab.link, tab.link_note], **LIGHT)
    opened = [tab.image, tab.question, tab.checkpoints, *tab.controls.listed(), tab.answers, tab.status, tab.visit]
    tab.history.input(sentences(handlers.reopen), [tab.history, tab.visit], opened, **LIGHT).then(
        handlers.finished, [tab.visit], _results(tab), **LIGHT
    )


def wire_load(demo: gr.Blocks, first: Dependency, tab: Components, handlers: Handlers) -> None:
    """Connect the page's opening, after what comes `first`: a link fills the tab, and the cost of Run is said."""
    opened = [tab.image, tab.question, tab.checkpoints, *tab.controls.listed(), tab.answers, tab.status, tab.visit]
    priced = [tab.checkpoints, *tab.controls.listed()]
    first.then(handlers.open_link, None, opened, **LIGHT).then(handlers.cost, priced, tab.cost, **LIGHT).then(
        handlers.finished, [tab.visit], _results(tab), **LIGHT
    ).then(handlers.warm, [tab.checkpoints], None, **LIGHT)
    demo.unload(handlers.leave)


def _results(tab: Components) -> list[gr.components.Component]:
    return [
        tab.first,
        tab.second,
        tab.difference,
        tab.history,
        tab.download_json,
        tab.download_png,
        tab.consent,
        tab.link,
        tab.link_note,
        tab.repeat,
    ]


class Handlers:
    """The tab's event handlers: they read components' values and write components' updates."""

    def __init__(self, actions: Actions, waiting: Callable[[], int]) -> None:
        self._actions, self._waiting = actions, waiting

    @property
    def zero(self) -> bool:
        """Tell whether the accelerator is lent by ZeroGPU."""
        return self._actions.engine.zero

    def warm(self, keys: list[str], request: gr.Request) -> None:
        """Have the chosen checkpoints' files read ahead for this visitor."""
        self._actions.engine.warm(request.session_hash or "", tuple(keys or ()))

    def leave(self, request: gr.Request) -> None:
        """Forget a visitor who closed the page."""
        self._actions.engine.forget(request.session_hash or "")

    def validate(self, image: str | None, question: str, keys: list[str], *rest: Any) -> list[dict]:  # noqa: ANN401
        """Check each input before anything is queued; the sentence appears on the field itself."""
        return [
            _valid(lambda: read_picture(Path(image) if image else None)),
            _valid(lambda: check_question(question or "")),
            _valid(lambda: self._actions.check_keys(keys or [])),
            *(gr.validate(True, "") for _ in rest),
        ]

    def run(self, request: gr.Request, image: str, question: str, keys: list[str], *rest: Any) -> Iterator[tuple]:  # noqa: ANN401
        """Stream the comparison into the page."""
        *values, visit = rest
        asked = self._actions.request(image, question, keys, read_settings(values))
        for columns, seen in self._actions.compare(request.session_hash or "", asked, visit):
            running = not all(column.finished for column in columns)
            yield shown.render(columns), _line(shown.announcement(columns)), seen, *_buttons(running=running)

    def idle(self) -> tuple[dict, dict]:
        """Let Run be pressed again after a comparison that failed."""
        return _buttons(running=False)

    def stop(self, request: gr.Request) -> None:
        """Stop this visitor's comparison, keeping what was written."""
        self._actions.stops.press(request.session_hash or "")

    def finished(self, visit: Visit, request: gr.Request) -> Iterator[list]:
        """Fill what follows from the comparison on the page: difference, history, exports, link."""
        current = visit.current
        titles = [(title, number) for number, title in enumerate(visit.history.titles())]
        history = gr.update(choices=titles, value=0 if titles else None)
        if current is None:
            yield [gr.skip()] * 10
            return
        done = [(one.label, one.checkpoint) for one in current.outcomes if one.answer is not None]
        first, second = (done[0][1], done[-1][1]) if len(done) > 1 else (None, None)
        with TemporaryDirectory() as folder:
            # Gradio copies both files when it takes this update; then ours can go.
            yield [
                gr.update(choices=done, value=first),
                gr.update(choices=done, value=second),
                self.difference(first, second, visit),
                history,
                gr.update(
                    value=write_file(folder, "comparison.json", comparison_json(current).encode()), interactive=True
                ),
                gr.update(value=write_file(folder, "comparison.png", card_png(current)), interactive=True),
                *self._link_updates(current, request),
                gr.update(interactive=len(self._actions.engine.catalog.specs) > len(current.outcomes)),
            ]

    def _link_updates(self, current: Comparison, request: gr.Request) -> list:
        if current.example is None:
            note = _note(text.LINK_NEEDS_CONSENT)
            return [gr.update(visible=True, value=False), gr.update(value=""), note]
        try:
            return [gr.update(visible=False), gr.update(value=self._address(request, current, None)), ""]
        except UserError as error:
            return [gr.update(visible=False), gr.update(value=""), _note(str(error))]

    def share(self, consent: bool, visit: Visit, request: gr.Request) -> tuple[str, str]:
        """Keep the picture by consent and return the link that reopens the comparison."""
        if not consent or visit.current is None:
            return "", _note(text.LINK_NEEDS_CONSENT)
        kept = self._actions.shares.put(visit.current.picture)
        return self._address(request, visit.current, kept), ""

    def _address(self, request: gr.Request, comparison: Comparison, share: str | None) -> str:
        return page_address(request, self._actions.link(comparison, share))

    def difference(self, first: str | None, second: str | None, visit: Visit) -> str:
        """Return the word-level difference of two of the answers on the page."""
        found = {one.checkpoint: one for one in visit.current.outcomes} if visit.current else {}
        a, b = found.get(first or ""), found.get(second or "")
        if a is None or b is None or a.answer is None or b.answer is None or a is b:
            return _note(text.NOTHING_TO_DIFFER)
        return diff_html(a.answer.text, b.answer.text, (a.label, b.label))

    def example(self, chosen: gr.SelectData, keys: list[str], visit: Visit) -> tuple:
        """Choose an example: its image, its question, and the answers that ship with it."""
        example, path, columns, visit = self._actions.show_example(int(chosen.index), keys, visit)
        image = gr.update(value=path, alt_text=example.alt)
        settings = write_settings(self._actions.defaults())
        return image, example.question, shown.render(columns), _line(""), visit, *settings

    def cost(self, keys: list[str], *values: Any) -> str:  # noqa: ANN401
        """Say what Run costs and how long the queue is."""
        try:
            said = self._actions.cost(keys, read_settings(values), self._waiting())
        except UserError as error:
            said = str(error)
        return f'<p class="vm-cost">{escape(said)}</p>'

    def others(self, keys: list[str]) -> list[str]:
        """Choose the other checkpoints."""
        return self._actions.others(keys)

    def reopen(self, number: int, visit: Visit) -> tuple:
        """Put a comparison of this visit back on the page."""
        current = visit.history.get(number)
        keys = [one.checkpoint for one in current.outcomes]
        known = {spec.key for spec in self._actions.engine.catalog.specs}
        columns = shown.from_outcomes(current.outcomes)
        return (
            picture_to_image(current.picture),
            current.question,
            [key for key in keys if key in known],
            *write_settings(current.settings),
            shown.render(columns),
            _line(""),
            Visit(current, visit.history),
        )

    def open_link(self, request: gr.Request) -> tuple:
        """Fill the tab from the link's query; an ordinary visit changes nothing."""
        params = dict(request.query_params)
        if "question" not in params or TAB in params:
            return (gr.skip(),) * 13
        try:
            link = from_query(params)
            picture = self._actions.linked_image(link)
        except UserError as error:
            return (*(gr.skip(),) * 11, _line(str(error)), gr.skip())
        keys = [key for key in link.checkpoints if self._actions.engine.catalog.get(key) is not None]
        columns, visit = self._actions.recall(picture, link)
        image, settings = picture_to_image(picture), write_settings(link.settings)
        return image, link.question, keys, *settings, shown.render(columns), _line(text.LINK_LOADED), visit


def page_address(request: gr.Request, query: str) -> str:
    """Return the address of this page with a query."""
    origin = request.headers.get("origin") or f"http://{request.headers.get('host', '')}"
    return f"{origin}/?{query}"


def _buttons(*, running: bool) -> tuple[dict, dict]:
    return gr.update(interactive=not running), gr.update(interactive=running)


def _valid(check: Callable[[], object]) -> dict:
    try:
        check()
    except UserError as error:
        return gr.validate(False, str(error))
    return gr.validate(True, "")


def _line(sentence: str) -> str:
    return f'<p role="status">{escape(sentence)}</p>' if sentence else ""


def _note(sentence: str) -> str:
    return f'<p class="vm-note">{escape(sentence)}</p>'
