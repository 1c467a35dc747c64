"""The tab as drawn: hidden from all but the owner, with buttons only where something can be moved."""

from __future__ import annotations

import gradio as gr
import pytest

from microscope.ui import text
from microscope.ui.models.layout import Components, build
from tests.ui.models.samples import CHOICES
from tests.ui.signing_in import pretend_to_be_a_space


def draw(*, movable: bool = True, signs_in: bool = False, models: list[tuple[str, str]] = CHOICES) -> Components:
    with gr.Blocks():
        return build(models, movable=movable, signs_in=signs_in)


def words(tab: Components) -> str:
    """Return what the owner's part says."""
    return " ".join(one.value for one in tab.owner.children if isinstance(one, gr.HTML))


def test_the_owners_part_is_hidden_at_first() -> None:
    tab = draw()
    assert tab.owner.visible is False
    assert tab.timer.active is False
    assert text.OWNER_HINT in words(tab)


def test_every_checkpoint_can_be_chosen_by_its_label() -> None:
    buttons = draw().buttons
    assert buttons is not None
    assert buttons.model.choices == CHOICES
    assert (buttons.model.value, buttons.model.label) == (CHOICES[0][1], text.MODEL)
    named = [one.value for one in (buttons.load, buttons.unload, buttons.pin, buttons.unpin)]
    assert named == [text.LOAD, text.UNLOAD, text.PIN, text.UNPIN]


def test_an_empty_catalogue_is_drawn_too() -> None:
    buttons = draw(models=[]).buttons
    assert buttons is not None
    assert buttons.model.value is None


def test_where_models_are_packed_the_owner_is_told_so_and_has_no_buttons() -> None:
    tab = draw(movable=False)
    assert tab.buttons is None
    assert text.PACKED in words(tab)


def test_sign_in_is_offered_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_to_be_a_space(monkeypatch)
    assert draw().sign_in is None
    button = draw(signs_in=True).sign_in
    assert button is not None
    assert button.value == text.SIGN_IN
    assert button.logout_value.format("me") == "Sign out (me)"


def test_signing_in_adds_no_event_that_is_public_or_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_to_be_a_space(monkeypatch)
    with gr.Blocks() as demo:
        build(CHOICES, movable=True, signs_in=True)
    assert [(fn.api_visibility, fn.queue) for fn in demo.fns.values()] == [("private", False)]
