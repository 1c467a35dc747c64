"""The tab's handlers: they draw what the engine shows, act for the owner alone, and say what came of it."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr
import pytest

from microscope.errors import UserError
from microscope.ui import text
from microscope.ui.models.events import Handlers, wire
from microscope.ui.models.layout import build
from tests.ui.models.samples import CHOICES, NOW, SEEN, FakeEngine
from tests.ui.signing_in import pretend_to_be_a_space

ACTIONS = ("load", "unload", "pin", "unpin")
NOBODY = (gr.Request(), None)


def profile(name: str) -> gr.OAuthProfile:
    return gr.OAuthProfile({"name": name, "preferred_username": name, "profile": "", "picture": "", "sub": "1"})


def handlers(engine: FakeEngine, *, signs_in: bool = False) -> Handlers:
    return Handlers(engine.source(), signs_in=signs_in, clock=lambda: NOW)


def test_the_tab_shows_what_the_engine_shows() -> None:
    engine = FakeEngine()
    summary, table, history = handlers(engine).draw()
    assert SEEN.plan in summary
    assert "Qwen3-VL 2B" in table
    assert "3 s ago" in table
    assert "evicted: room for SmolVLM 500M" in history
    engine.seen = replace(SEEN, rows=())
    assert text.NO_MODELS in handlers(engine).draw()[1]


def test_the_tab_is_drawn_when_it_is_opened_and_on_until_it_is_left() -> None:
    timer, *drawn = handlers(FakeEngine()).opened()
    assert timer == gr.update(active=True)
    assert tuple(drawn) == handlers(FakeEngine()).draw()
    assert handlers(FakeEngine()).left() == gr.update(active=False)


@pytest.mark.parametrize("owner", [True, False])
def test_only_the_owner_sees_the_buttons(owner: bool) -> None:  # noqa: FBT001
    assert handlers(FakeEngine(owner=owner)).greet(*NOBODY) == gr.update(visible=owner)


def test_who_signed_in_is_greeted_by_name_and_can_sign_out() -> None:
    greeter = handlers(FakeEngine(owner=False), signs_in=True)
    assert greeter.greet(*NOBODY) == (gr.update(visible=False), gr.update(value=text.SIGN_IN))
    assert greeter.greet(gr.Request(), profile("me"))[1] == gr.update(value="Sign out (me)")


@pytest.mark.parametrize("name", ACTIONS)
def test_a_stranger_gets_the_sentence_and_nothing_happens(name: str) -> None:
    engine = FakeEngine(owner=False)
    with pytest.raises(UserError, match=r"^Only the owner may do this"):
        getattr(handlers(engine), name)("small", *NOBODY)
    assert engine.asked == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("load", ("load", "small")),
        ("unload", ("unload", "small")),
        ("pin", ("pin", "small", True)),
        ("unpin", ("pin", "small", False)),
    ],
)
def test_each_button_asks_the_engine_for_its_own(name: str, asked: tuple[object, ...]) -> None:
    engine = FakeEngine()
    _, *drawn = getattr(handlers(engine), name)("small", *NOBODY)
    assert engine.asked == [asked]
    assert tuple(drawn) == handlers(engine).draw()


def test_what_happened_is_said_and_escaped() -> None:
    assert "small is loaded &amp; ready." in handlers(FakeEngine()).load("small", *NOBODY)[0]


def test_a_refusal_is_said_in_the_same_line() -> None:
    assert "small is in use; try again when it has answered." in handlers(FakeEngine()).unload("small", *NOBODY)[0]


@pytest.mark.parametrize("missing", [None, ""])
def test_without_a_choice_nothing_is_asked(missing: str | None) -> None:
    engine = FakeEngine()
    assert text.NO_MODEL in handlers(engine).load(missing, *NOBODY)[0]
    assert engine.asked == []


@pytest.mark.parametrize(("movable", "signs_in", "count"), [(True, False, 8), (False, False, 4), (True, True, 9)])
def test_every_event_is_private_and_waits_in_no_queue(
    monkeypatch: pytest.MonkeyPatch,
    movable: bool,  # noqa: FBT001
    signs_in: bool,  # noqa: FBT001
    count: int,
) -> None:
    pretend_to_be_a_space(monkeypatch)
    with gr.Blocks() as demo:
        with gr.Tabs():
            with gr.Tab("Other") as other:
                pass
            with gr.Tab("Models") as here:
                tab = build(CHOICES, movable=movable, signs_in=signs_in)
        wire(demo, tab, here, [other], handlers(FakeEngine(), signs_in=signs_in))
    assert [(fn.api_visibility, fn.queue) for fn in demo.fns.values()] == [("private", False)] * count
