"""Connects the Lens tab's components to its actions; decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.events import Dependency

from microscope.engine.pictures import picture_to_image
from microscope.errors import UserError
from microscope.lens.asks import Look as LookAsk
from microscope.lens.methods import find_method
from microscope.lens.report import findings_json
from microscope.lens.task import passes
from microscope.ui import text
from microscope.ui.compare import events as compare_events
from microscope.ui.compare.actions import Visit
from microscope.ui.compare.controls import read_settings
from microscope.ui.compare.events import LIGHT, PRIVATE, QUEUE_LOOK_SECONDS, TAB, lane, page_address
from microscope.ui.compare.layout import Components as Compare
from microscope.ui.compare.link import Link, from_query, to_query
from microscope.ui.errors import shown as sentences
from microscope.ui.files import write_file
from microscope.ui.lens.actions import LensActions
from microscope.ui.lens.layout import Components
from microscope.ui.lens.poster import Shown, poster_png
from microscope.ui.lens.view import Look

LENS = "lens"


def wire(tab: Components, compare: Compare, handlers: Handlers) -> None:
    """Connect everything on the tab; settings are those of the Compare tab."""
    _wire_look(tab, compare, handlers)
    _wire_view(tab, handlers)
    _wire_timeline(tab, compare, handlers)


def _wire_look(tab: Components, compare: Compare, handlers: Handlers) -> None:
    asking, settings = tab.asking, compare.controls.listed()
    started = gr.on(
        [asking.look.click, asking.question.submit],
        sentences(handlers.look),
        [*asking.inputs, *settings],
        [tab.view, tab.state, *buttons(tab)],
        validator=handlers.validate,
        show_progress="hidden",
        **lane(zero=handlers.zero),
        **PRIVATE,
    )
    started.failure(handlers.idle, None, buttons(tab), **LIGHT)
    started.then(handlers.finished, [tab.state, tab.keeping.method], _kept(tab), **LIGHT)
    gr.on([asking.stop.click, tab.view.stop], handlers.stop, None, None, **LIGHT)
    asking.take.click(handlers.take, [compare.visit], [*asking.inputs, asking.said], **LIGHT)
    tab.examples.select(handlers.example, None, [asking.image, asking.question, asking.said], **LIGHT)
    priced = [asking.checkpoints, *settings]
    timer = gr.Timer(QUEUE_LOOK_SECONDS)
    changes = [component.change for component in priced]
    gr.on([*changes, timer.tick], handlers.cost, priced, asking.cost, **LIGHT)
    keeping = tab.keeping
    keeping.consent.input(handlers.share, [keeping.consent, tab.state], [keeping.link, keeping.link_note], **LIGHT)
    tab.keeping.method.input(handlers.finished, [tab.state, tab.keeping.method], _kept(tab), **LIGHT)


def _wire_view(tab: Components, handlers: Handlers) -> None:
    # Tokens are chosen faster than they are mapped, and none of what was asked may be dropped meanwhile.
    for event, handler, mode in (
        (tab.view.explain, handlers.map_token, "multiple"),
        (tab.view.gather, handlers.gather, "once"),
        (tab.view.reject, handlers.reject, "once"),
        (tab.view.readout, handlers.read, "once"),
    ):
        asked = event(
            sentences(handler),
            [tab.state],
            [tab.view, tab.state, *buttons(tab)],
            show_progress="hidden",
            trigger_mode=mode,
            **lane(zero=handlers.zero),
            **PRIVATE,
        )
        asked.failure(handlers.again, [tab.state], [tab.view, *buttons(tab)], **LIGHT)
        asked.then(handlers.finished, [tab.state, tab.keeping.method], _kept(tab), **LIGHT)
    tab.view.pick_head(sentences(handlers.pick_head), [tab.state], [tab.view, tab.state], **LIGHT)


def _wire_timeline(tab: Components, compare: Compare, handlers: Handlers) -> None:
    timeline, buttons = tab.timeline, [tab.timeline.follow, tab.timeline.stop]
    followed = timeline.follow.click(
        sentences(handlers.follow),
        [tab.asking.image, tab.asking.question, timeline.run, timeline.reference, *compare.controls.listed()],
        [timeline.view, timeline.state, *buttons],
        show_progress="hidden",
        **lane(zero=handlers.zero),
        **PRIVATE,
    )
    followed.failure(handlers.idle, None, buttons, **LIGHT)
    timeline.stop.click(handlers.stop, None, None, **LIGHT)


def wire_load(first: Dependency, tabs: gr.Tabs, tab: Components, compare: Compare, handlers: Handlers) -> None:
    """Connect the page's opening, after what comes `first`: a link to a finding opens the tab and shows it."""
    priced = [tab.asking.checkpoints, *compare.controls.listed()]
    asking, shown = tab.asking, [tab.view, tab.state, *buttons(tab)]
    opened = first.then(handlers.open_link, None, [tabs, *asking.inputs, asking.said, *shown], **LIGHT)
    opened.then(handlers.cost, priced, asking.cost, **LIGHT).then(
        handlers.finished, [tab.state, tab.keeping.method], _kept(tab), **LIGHT
    )


def buttons(tab: Components) -> list[gr.components.Component]:
    """Return the buttons that begin and end a look."""
    return [tab.asking.look, tab.asking.stop]


def _kept(tab: Components) -> list[gr.components.Component]:
    keeping = tab.keeping
    return [keeping.png, keeping.json, keeping.consent, keeping.link, keeping.link_note]


class Handlers:
    """The tab's event handlers: they read components' values and write components' updates."""

    def __init__(self, actions: LensActions, waiting: Callable[[], int]) -> None:
        self._actions, self._waiting = actions, waiting
        # What is asked is checked as on the Compare tab.
        self.validate = compare_events.Handlers(actions.compare, waiting).validate

    @property
    def zero(self) -> bool:
        """Tell whether the accelerator is lent by ZeroGPU."""
        return self._actions.compare.engine.zero

    def look(self, request: gr.Request, image: str, question: str, keys: list[str], *values: Any) -> Iterator[tuple]:  # noqa: ANN401
        """Stream what each checkpoint answers and looked at into the page."""
        asked = self._actions.compare.request(image, question, keys, read_settings(values))
        yield from _running(self._actions.look(_visitor(request), asked))

    def map_token(self, request: gr.Request, look: Look, event: gr.EventData) -> Iterator[tuple]:
        """Map a token in the panes that lack it."""
        keys = tuple(getattr(event, "keys", None) or [event.key])
        yield from _running(
            self._actions.explain(_visitor(request), look, str(event.method), _token(event), tuple(map(str, keys)))
        )

    def gather(self, request: gr.Request, look: Look, event: gr.EventData) -> Iterator[tuple]:
        """Gather evidence for a token, or the whole answer, in every pane."""
        yield from _running(self._actions.explain(_visitor(request), look, str(event.method), _token(event)))

    def reject(self, request: gr.Request, look: Look, event: gr.EventData) -> Iterator[tuple]:
        """Have each checkpoint answer without what is rejected."""
        rejected = {str(key): [int(cell) for cell in cells] for key, cells in dict(event.rejected).items()}
        yield from _running(self._actions.reject(_visitor(request), look, str(event.rule), rejected))

    def read(self, request: gr.Request, look: Look, event: gr.EventData) -> Iterator[tuple]:
        """Read a patch of one pane."""
        yield from _running(self._actions.read(_visitor(request), look, str(event.key), int(event.cell)))

    def pick_head(self, look: Look, event: gr.EventData) -> tuple:
        """Show one attention head's map; the rows are known, so no model is asked."""
        return self._actions.pick_head(look, str(event.key), int(event.layer), int(event.head))

    def follow(
        self,
        request: gr.Request,
        image: str | None,
        question: str,
        run: str,
        reference: str,
        *values: Any,  # noqa: ANN401
    ) -> Iterator[tuple]:
        """Stream a run's checkpoints into the timeline."""
        keys = [spec.key for spec in self._actions.runs.get(run, ())][:1]
        asked = self._actions.compare.request(image, question or "", keys, read_settings(values))
        yield from _running(self._actions.follow(_visitor(request), asked, run, reference or ""))

    def idle(self) -> tuple[dict, dict]:
        """Let the tab be used again after something failed."""
        return _buttons(busy=False)

    def again(self, look: Look) -> tuple:
        """Show what was known before something failed."""
        return (self._actions.draw(look), *_buttons(busy=False))

    def stop(self, request: gr.Request) -> None:
        """Stop what this visitor has running, keeping what is known."""
        self._actions.stops.press(_visitor(request))

    def take(self, visit: Visit) -> tuple:
        """Take over what is on the Compare tab."""
        current = visit.current
        if current is None:
            # An event that does not wait in the queue can raise no message on the page.
            return (*(gr.skip(),) * 3, _line(text.NOTHING_COMPARED))
        known = self._actions.compare.engine.catalog
        keys = [one.checkpoint for one in current.outcomes if known.get(one.checkpoint) is not None]
        return picture_to_image(current.picture), current.question, keys, ""

    def example(self, chosen: gr.SelectData) -> tuple:
        """Choose an example: its image and its question."""
        example = self._actions.compare.examples[int(chosen.index)]
        path = str(self._actions.compare.example_folder / example.file)
        return gr.update(value=path, alt_text=example.alt), example.question, ""

    def cost(self, keys: list[str], *values: Any) -> str:  # noqa: ANN401
        """Say what a look costs and how long the queue is."""
        try:
            said = self._actions.compare.cost(keys, read_settings(values), self._waiting(), passes(LookAsk()))
        except UserError as error:
            said = str(error)
        return f'<p class="vm-cost">{escape(said)}</p>'

    def finished(self, look: Look, method: str, request: gr.Request) -> Iterator[list]:
        """Fill what can be taken away: picture, data and link."""
        found = self._actions.findings(look)
        if not found or look.request is None:
            yield [gr.skip()] * 5
            return
        with TemporaryDirectory() as folder:
            asked = look.request
            chosen = find_method(method)
            shown = [Shown(one, one.heat(method, None), chosen if one.heat(method, None) else None) for one in found]
            picture = poster_png(asked.picture, asked.question, shown)
            data = findings_json(found, asked.question, asked.picture)
            address, note = self._address(request, look)
            # Gradio copies both files when it takes this update; then ours can go.
            yield [
                gr.update(value=write_file(folder, "finding.png", picture), interactive=True),
                gr.update(value=write_file(folder, "finding.json", data.encode()), interactive=True),
                gr.update(visible=look.example is None, value=False),
                address,
                f'<p class="vm-note">{escape(note)}</p>' if note else "",
            ]

    def share(self, consent: bool, look: Look, request: gr.Request) -> tuple[str, str]:
        """Keep the picture by consent and return the link that reopens the finding."""
        if not consent or look.request is None:
            return "", _line(text.LENS_LINK_NONE)
        kept = self._actions.compare.shares.put(look.request.picture)
        address, note = self._address(request, look, kept)
        return address, _line(note) if note else ""

    def open_link(self, request: gr.Request) -> tuple:
        """Open the tab with what a link names; an ordinary visit changes nothing."""
        params = dict(request.query_params)
        if params.get(TAB) != LENS or "question" not in params:
            return (gr.skip(),) * 9
        try:
            link = from_query(params)
            picture = self._actions.compare.linked_image(link)
        except UserError as error:
            return (gr.Tabs(selected=LENS), *(gr.skip(),) * 3, _line(str(error)), *(gr.skip(),) * 4)
        payload, look = self._actions.recall(picture, link)
        keys = [key for key in link.checkpoints if self._actions.compare.engine.catalog.get(key) is not None]
        return (
            gr.Tabs(selected=LENS),
            picture_to_image(picture),
            link.question,
            keys,
            "",
            payload,
            look,
            *_buttons(busy=False),
        )

    def _address(self, request: gr.Request, look: Look, share: str | None = None) -> tuple[str, str]:
        """Return the link to a finding, or a sentence that says why there is none."""
        asked = look.request
        if asked is None or (look.example is None and share is None):
            return "", text.LENS_LINK_NONE
        try:
            query = to_query(Link(asked.question, asked.checkpoints, asked.settings, look.example, share))
        except UserError as error:
            return "", str(error)
        return page_address(request, f"{query}&{TAB}={LENS}"), ""


def _running(steps: Iterator[tuple[dict[str, Any] | None, Look]]) -> Iterator[tuple]:
    for payload, look in steps:
        yield (payload, look, *_buttons(busy=bool(payload and payload["busy"])))


def _buttons(*, busy: bool) -> tuple[dict, dict]:
    return gr.update(interactive=not busy), gr.update(interactive=busy)


def _line(sentence: str) -> str:
    return f'<p role="status" class="vm-note">{escape(sentence)}</p>'


def _token(event: gr.EventData) -> int | None:
    return None if event.token is None else int(event.token)


def _visitor(request: gr.Request) -> str:
    return request.session_hash or ""
