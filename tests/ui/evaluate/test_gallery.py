"""The gallery's handlers answer what the browser sends, and are connected to the component and the visit's state."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from microscope.errors import UserError
from microscope.ui.evaluate.gallery import GalleryHandlers, wire_gallery
from microscope.ui.evaluate.gallery_component import gallery
from microscope.ui.evaluate.gallery_query import BROKEN, View
from microscope.ui.evaluate.gallery_thumbs import Thumbnails
from tests.ui.evaluate import gallery_samples as samples


def sent(data: Any) -> gr.EventData:
    return gr.EventData(None, data)


@pytest.fixture(scope="module")
def state() -> samples.State:
    return samples.state(60)


def test_results_open_with_what_was_chosen(state: samples.State) -> None:
    handlers = GalleryHandlers()
    opened = handlers.open(state, View(show=BROKEN, first=2, second=0), chosen=0)
    assert opened is not None
    assert (opened["view"]["show"], opened["view"]["slice"]) == (BROKEN, 0)
    changed = handlers.changed(state)
    assert changed is not None
    assert changed["mode"] == "change"


def test_nothing_is_answered_where_nothing_is_shown() -> None:
    handlers = GalleryHandlers()
    for shown in (None, samples.State(None)):
        assert handlers.open(shown) is None
        assert handlers.changed(shown) is None
        assert handlers.more(shown, sent({"ask": 1})) is None
        assert handlers.large(shown, sent({"ask": 1})) is None


def test_pages_and_items_are_answered_under_the_number_of_the_question(state: samples.State) -> None:
    handlers = GalleryHandlers()
    page = handlers.more(state, sent({"ask": 3, "offset": 48, "view": {"show": "all"}}))
    assert page is not None
    assert (page["mode"], page["ask"], len(page["items"])) == ("page", 3, 12)
    item = handlers.large(state, sent({"ask": 4, "number": 5}))
    assert item is not None
    assert (item["mode"], item["ask"], item["item"]["number"]) == ("large", 4, 5)


@pytest.mark.parametrize("data", [{"ask": 9, "number": 60}, {"ask": 9}])
def test_what_cannot_be_answered_is_said_in_a_sentence(state: samples.State, data: dict[str, int]) -> None:
    answer = GalleryHandlers().large(state, sent(data))
    assert answer is not None
    assert (answer["mode"], answer["ask"]) == ("trouble", 9)
    assert answer["message"].endswith("open the results again.")


@pytest.mark.parametrize("data", [None, "number", [1]])
def test_what_is_no_question_is_taken_for_an_empty_one(state: samples.State, data: object) -> None:
    handlers = GalleryHandlers()
    assert handlers.more(state, sent(data))["offset"] == 0
    assert handlers.large(state, sent(data))["mode"] == "trouble"
    with pytest.raises(UserError, match="not in the results"):
        handlers.number(state, sent(data))


def test_an_item_is_opened_elsewhere_by_its_number(state: samples.State) -> None:
    assert GalleryHandlers.number(state, sent({"number": 59})) == 59


def test_visits_share_their_thumbnails(state: samples.State) -> None:
    thumbs = Thumbnails()
    handlers = GalleryHandlers(thumbs)
    handlers.open(state)
    kept = thumbs.size
    assert kept > 0
    handlers.open(samples.state(60))
    assert thumbs.size == kept


def test_both_events_are_private_and_wait_in_no_queue() -> None:
    with gr.Blocks() as demo:
        component, state = gallery(), gr.State(None)
        wire_gallery(component, state, GalleryHandlers())
    targets = {function.targets[0][1]: function for function in demo.fns.values()}
    assert set(targets) == {"more", "large"}
    for function in targets.values():
        assert function.api_visibility == "private"
        assert not function.queue
        assert function.inputs == [state]
        assert function.outputs == [component]
        assert function.trigger_mode == "multiple"
