"""The Lens tab's handlers: what they make of components' values and of the lens's events, and what they write back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from microscope.engine.pictures import read_picture
from microscope.errors import UserError
from microscope.lens.asks import Look as LookAsk
from microscope.lens.task import passes
from microscope.records import AnswerRequest
from microscope.ui import text
from microscope.ui.compare.actions import Visit
from microscope.ui.compare.controls import write_settings
from microscope.ui.compare.history import History
from microscope.ui.compare.link import Link, to_query
from microscope.ui.lens.actions import LensActions
from microscope.ui.lens.events import Handlers
from microscope.ui.lens.view import Look
from tests.ui.compare.samples import comparison, outcome
from tests.ui.lens.conftest import GONE, RUN

Visitor = Callable[..., gr.Request]
SKIP = gr.skip()
ON, OFF = gr.update(interactive=True), gr.update(interactive=False)


@pytest.fixture
def handlers(actions: LensActions) -> Handlers:
    return Handlers(actions, lambda: 2)


@pytest.fixture
def values(actions: LensActions) -> tuple:
    return write_settings(actions.compare.defaults())


@pytest.fixture
def image(actions: LensActions) -> str:
    return str(actions.compare.example_folder / actions.compare.examples[0].file)


def sent(**data: Any) -> gr.EventData:
    """Return what the lens sends."""
    return gr.EventData(None, data)


def ended(steps: Iterator[tuple]) -> tuple[dict[str, Any], Look]:
    """Return what was shown last; the buttons turned while it ran, and back."""
    first, *_, last = list(steps)
    assert first[2:] == (OFF, ON)
    assert last[2:] == (ON, OFF)
    return last[:2]


def methods_of(payload: dict[str, Any], token: int | None) -> list[set[str]]:
    """Return for each pane the methods that have a map of a token."""
    return [
        {one["method"] for one in pane["maps"] if any(row["token"] == token for row in one["rows"])}
        for pane in payload["panes"]
    ]


def test_look_streams_the_panes_and_turns_the_buttons(
    handlers: Handlers, visitor: Visitor, image: str, asked: AnswerRequest, values: tuple
) -> None:
    steps = handlers.look(visitor(), image, "What colour is the four?", list(asked.checkpoints), *values)
    payload, look = ended(steps)
    assert [pane["state"] for pane in payload["panes"]] == ["done", "done"]
    assert look.request is not None
    assert handlers.idle() == (ON, OFF)


def test_what_is_missing_is_said_on_its_own_field(handlers: Handlers, values: tuple) -> None:
    checked = handlers.validate(None, "", [], *values)
    assert [one["is_valid"] for one in checked] == [False, False, False] + [True] * len(values)


def test_a_token_is_explained_in_the_panes_that_lack_it(handlers: Handlers, visitor: Visitor, looked: Look) -> None:
    first, second = (pane.key for pane in looked.panes)
    event = sent(key=first, keys=[first, second], token=0, method="random")
    payload, look = ended(handlers.map_token(visitor(), looked, event))
    assert all("random" in found for found in methods_of(payload, 0))
    whole = sent(key=second, token=None, method="random")
    payload, _ = ended(handlers.map_token(visitor(), look, whole))
    assert ["random" in found for found in methods_of(payload, None)] == [False, True]


def test_evidence_is_gathered_in_every_pane(handlers: Handlers, visitor: Visitor, looked: Look) -> None:
    payload, _ = ended(handlers.gather(visitor(), looked, sent(token=0, method="windows")))
    assert all("windows" in found for found in methods_of(payload, 0))


def test_patches_are_rejected_and_read(handlers: Handlers, visitor: Visitor, looked: Look) -> None:
    first, second = (pane.key for pane in looked.panes)
    event = sent(rule="drawn", method="relevance", token=None, budget=0.5, rejected={first: [0, 1], second: [5]})
    payload, look = ended(handlers.reject(visitor(), looked, event))
    assert [pane["without"]["rejected"] for pane in payload["panes"]] == [[0, 1], [5]]
    payload, _ = ended(handlers.read(visitor(), look, sent(key=second, cell=9)))
    assert payload["panes"][1]["readout"]["cell"] == 9
    assert payload["panes"][0]["without"]["rejected"] == [0, 1]


def test_a_head_is_shown(handlers: Handlers, looked: Look) -> None:
    payload, look = handlers.pick_head(looked, sent(key=looked.panes[0].key, layer=0, head=1, token=None))
    assert "head:0:1" in methods_of(payload, None)[0]
    assert look.panes[0].head == (0, 1)


def test_a_run_is_followed(
    handlers: Handlers, visitor: Visitor, image: str, asked: AnswerRequest, values: tuple
) -> None:
    payload, look = ended(handlers.follow(visitor(), image, asked.question, RUN, "green", *values))
    assert payload["timeline"]["best"] == 2
    assert len(look.panes) == 3
    with pytest.raises(UserError, match=r"^There is no image yet"):
        list(handlers.follow(visitor(), None, asked.question, RUN, "green", *values))
    with pytest.raises(UserError, match=r"^There is no question yet"):
        list(handlers.follow(visitor(), image, None, RUN, None, *values))


def test_stop_stops_the_visitor_who_pressed_it(handlers: Handlers, visitor: Visitor, looked: Look) -> None:
    steps = handlers.gather(visitor(), looked, sent(token=None, method="integrated"))
    next(steps)
    handlers.stop(visitor())
    *_, last = steps
    assert text.STOPPED in [pane["message"] for pane in last[0]["panes"]]
    assert last[2:] == (ON, OFF)


def test_after_a_failure_what_was_known_is_shown_again(handlers: Handlers, actions: LensActions, looked: Look) -> None:
    assert handlers.again(looked) == (actions.draw(looked), ON, OFF)
    assert handlers.again(Look()) == (None, ON, OFF)


def test_what_was_compared_is_taken_over_but_for_what_is_gone(handlers: Handlers, keys: list[str]) -> None:
    *unchanged, said = handlers.take(Visit())
    assert unchanged == [SKIP] * 3
    assert text.NOTHING_COMPARED in said
    current = comparison(outcome(keys[0], "x"), outcome("no longer there", "y"))
    image, question, chosen, said = handlers.take(Visit(current, History().add(current)))
    assert image.size == (current.picture.width, current.picture.height)
    assert (question, chosen, said) == (current.question, keys[:1], "")


def test_an_example_brings_image_and_question(handlers: Handlers, actions: LensActions) -> None:
    image, question, said = handlers.example(gr.SelectData(None, {"index": 1, "value": None}))
    example = actions.compare.examples[1]
    assert (Path(image["value"]).name, image["alt_text"]) == (example.file, example.alt)
    assert (question, said) == (example.question, "")


def test_the_cost_is_that_of_a_look(
    handlers: Handlers, actions: LensActions, keys: list[str], values: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = handlers.cost(keys, *values)
    assert "2 visitors are ahead of you." in said
    settings = actions.compare.defaults()
    assert actions.compare.cost(keys, settings, 2, passes(LookAsk())) in said
    engine = actions.compare.engine
    assert engine.seconds(tuple(keys), settings, passes(LookAsk())) > engine.seconds(tuple(keys), settings)
    assert text.NO_CHECKPOINT in handlers.cost([], *values)
    assert f"{text.NEW_TOKENS} must be between 1 and 1024; it is None." in handlers.cost(keys, None, *values[1:])


def test_a_finding_gives_a_picture_data_and_a_link(handlers: Handlers, visitor: Visitor, looked: Look) -> None:
    steps = handlers.finished(looked, "relevance", visitor())
    png, data, consent, link, note = next(steps)
    assert not consent["visible"]
    report = json.loads(Path(data["value"]).read_text(encoding="utf-8"))
    assert [one["answer"]["text"] for one in report["findings"]] == ["blue", "green"]
    with Image.open(png["value"]) as image:
        assert image.format == "PNG"
    assert png["interactive"]
    assert data["interactive"]
    assert link.startswith("https://space.example/?question=What%20colour%20is%20the%20nine%3F&")
    assert "&example=colour" in link
    assert link.endswith("&tab=lens")
    assert note == ""
    assert list(steps) == []
    assert not Path(data["value"]).exists()


def test_without_a_finding_nothing_changes(handlers: Handlers, visitor: Visitor) -> None:
    assert list(handlers.finished(Look(), "relevance", visitor())) == [[SKIP] * 5]


def test_an_own_image_gets_no_link_without_consent_and_says_why(
    handlers: Handlers, visitor: Visitor, looked: Look
) -> None:
    own = replace(looked, example=None)
    _, data, consent, link, note = next(handlers.finished(own, "attention", visitor()))
    assert consent["visible"]
    assert link == ""
    assert escape(text.LENS_LINK_NONE) in note
    assert data["interactive"]
    assert handlers.share(False, own, visitor())[0] == ""


def test_by_consent_an_own_image_is_kept_and_its_link_opens_the_finding(
    handlers: Handlers, visitor: Visitor, looked: Look
) -> None:
    link, note = handlers.share(True, replace(looked, example=None), visitor())
    assert note == ""
    query = link.partition("?")[2]
    assert "&share=" in query
    assert query.endswith("&tab=lens")


def test_a_checkpoint_that_fits_into_no_link_keeps_its_exports(
    handlers: Handlers, visitor: Visitor, looked: Look
) -> None:
    asked = replace(looked.request, checkpoints=("step,500",))
    png, data, _, link, note = next(handlers.finished(replace(looked, request=asked), "attention", visitor()))
    assert png["interactive"]
    assert data["interactive"]
    assert link == ""
    assert "fits into no link" in note


@pytest.mark.parametrize("query", ["", "__theme=dark", "question=What%3F", "tab=lens", "tab=models&question=What%3F"])
def test_an_ordinary_visit_changes_nothing(handlers: Handlers, visitor: Visitor, query: str) -> None:
    assert handlers.open_link(visitor(query)) == (SKIP,) * 9


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("question=What%3F&seed=much", "The link&#x27;s seed is &#x27;much&#x27;"),
        ("question=What%3F&example=nothing", text.LINK_GONE),
    ],
)
def test_a_link_that_cannot_be_opened_is_said_on_the_tab(
    handlers: Handlers, visitor: Visitor, query: str, said: str
) -> None:
    tabs, *rest = handlers.open_link(visitor(f"{query}&tab=lens"))
    assert tabs.selected == "lens"
    assert said in rest.pop(3)
    assert rest == [SKIP] * 7


def test_a_link_opens_the_tab_with_what_is_known(
    handlers: Handlers, actions: LensActions, visitor: Visitor, asked: AnswerRequest, looked: Look, image: str
) -> None:
    link = Link(asked.question, (*asked.checkpoints, "unknown"), asked.settings, "colour")
    tabs, picture, question, chosen, said, payload, look, *turned = handlers.open_link(
        visitor(f"{to_query(link)}&tab=lens")
    )
    assert tabs.selected == "lens"
    assert picture.tobytes() == read_picture(Path(image)).rgb
    assert (question, chosen, said) == (asked.question, list(asked.checkpoints), "")
    assert [pane["answer"]["text"] for pane in payload["panes"]] == ["blue", "green"]
    assert len(actions.findings(look)) == 2
    assert turned == [ON, OFF]


def test_a_link_to_what_nobody_looked_at_fills_the_tab_alone(handlers: Handlers, visitor: Visitor) -> None:
    query = to_query(Link("Was it asked?", (GONE,), example="colour"))
    _, picture, question, chosen, _, payload, look, *_ = handlers.open_link(visitor(f"{query}&tab=lens"))
    assert picture is not None
    assert (question, chosen, payload, look) == ("Was it asked?", [GONE], None, Look())
