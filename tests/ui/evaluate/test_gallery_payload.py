"""What travels to the browser of a page of items, and what the browser may ask for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from microscope.errors import UserError
from microscope.ui.evaluate import gallery_payload as payload
from microscope.ui.evaluate.gallery_payload import CARD_LETTERS, MOST_NAMES
from microscope.ui.evaluate.gallery_query import FIXED, PAGE, Index, View
from microscope.ui.evaluate.gallery_thumbs import Thumbnails
from tests.ui.evaluate import gallery_samples as samples


@pytest.fixture(scope="module")
def state() -> samples.State:
    return samples.state(100)


@pytest.fixture(scope="module")
def opened(state: samples.State) -> dict[str, Any]:
    found = payload.opening(state, Thumbnails())
    assert found is not None
    return json.loads(json.dumps(found, allow_nan=False))


def test_an_opening_tells_what_can_be_chosen_and_brings_the_first_page(opened: dict[str, Any]) -> None:
    assert opened["mode"] == "open"
    assert opened["arms"] == list(samples.LABELS)
    assert (opened["items"], opened["of"], opened["count"], opened["right"]) == (100, 100, PAGE, 0.5)
    assert opened["kinds"] == [["colour", 50], ["where", 50]]
    assert ["hard", 25] in opened["tags"]
    assert opened["slices"] == [["shape: triangle", 33]]
    assert opened["view"]["second"] == 2
    assert opened["view"]["slice"] is None
    assert [item["number"] for item in opened["page"]["items"]] == list(range(PAGE))
    assert opened["page"]["total"] == opened["page"]["counts"]["all"] == 100


def test_an_item_carries_what_its_card_shows(opened: dict[str, Any]) -> None:
    item = opened["page"]["items"][samples.SOFT_AT]
    assert item["question"] == "Which colour has the circle numbered 3?"
    assert (item["id"], item["place"], item["answers"], item["kind"]) == ("item-0003", 4, ["white", "WHITE"], "colour")
    assert item["arms"][0]["scores"] == [0.75, 0.75, 0.75]
    assert item["size"] == [320, 240]
    of = opened["page"]["items"]
    assert of[samples.FAILED_AT]["arms"][0] == {
        "text": "",
        "scores": [0, 0, 0],
        "rules": False,
        "unparsed": False,
        "failed": samples.FAILURE,
        "cut": False,
    }
    unread = of[samples.UNPARSED_AT]["arms"][0]
    assert unread["unparsed"]
    assert unread["cut"]
    assert len(unread["text"]) == CARD_LETTERS
    assert unread["text"].endswith("…")
    assert [arm["rules"] for arm in of[samples.RULES_AT]["arms"]] == [True, False, False]
    # Text travels as it is: the browser makes text of it.
    assert of[samples.MARKUP_AT]["arms"][0]["text"] == samples.MARKUP


def test_a_picture_travels_once_a_page_and_its_absence_with_the_reason(opened: dict[str, Any]) -> None:
    items, pictures = opened["page"]["items"], opened["page"]["pictures"]
    assert len(pictures) == 8
    assert items[0]["picture"] == items[7]["picture"]
    address, reason = pictures[items[0]["picture"]]
    assert address.startswith("data:image/jpeg;base64,")
    assert reason == ""
    address, reason = pictures[items[samples.GONE_AT]["picture"]]
    assert address == ""
    assert samples.GONE in reason


def test_pictures_that_are_not_at_hand_leave_the_items_readable(state: samples.State) -> None:
    found = payload.opening(replace(state, pictures=None), Thumbnails())
    assert found is not None
    assert {address for address, _ in found["page"]["pictures"]} == {""}
    assert all("open the set again" in reason for _, reason in found["page"]["pictures"])


def test_a_slice_shows_its_items_alone_and_one_that_is_not_there_everything(state: samples.State) -> None:
    found = payload.opening(state, Thumbnails(), View(show=FIXED), chosen=0)
    assert found is not None
    assert found["view"]["slice"] == 0
    assert found["view"]["show"] == FIXED
    assert found["page"]["counts"]["all"] == 33
    asked = {"ask": 4, "view": {"slice": 9}, "offset": 96}
    more = payload.more(state, Thumbnails(), asked)
    assert more is not None
    assert (more["mode"], more["ask"], more["offset"], more["total"]) == ("page", 4, 96, 100)
    assert [item["number"] for item in more["items"]] == [96, 97, 98, 99]


def test_a_change_carries_what_an_opening_does(state: samples.State, opened: dict[str, Any]) -> None:
    changed = payload.change(state, Thumbnails())
    assert changed is not None
    assert changed["mode"] == "change"
    assert set(changed) == set(opened)
    assert changed["key"] == opened["key"]
    other = payload.change(samples.state(10, 2), Thumbnails())
    assert other is not None
    assert other["key"] != opened["key"]


def test_without_results_nothing_is_sent() -> None:
    nothing = samples.State(None)
    assert payload.opening(nothing, Thumbnails()) is None
    assert payload.change(nothing, Thumbnails()) is None
    assert payload.more(nothing, Thumbnails(), {"view": {}}) is None
    assert payload.enlarged(nothing, {"number": 0}) is None
    with pytest.raises(UserError, match="open the results again"):
        payload.item_number(nothing, {"number": 0})


def test_an_item_in_full_has_its_picture_boxes_and_whole_answers(state: samples.State) -> None:
    found = payload.enlarged(state, {"ask": 7, "number": samples.UNPARSED_AT})
    assert found is not None
    assert (found["mode"], found["ask"]) == ("large", 7)
    item = found["item"]
    assert item["boxes"] == [[0.25, 0.25, 0.5, 0.75]]
    assert len(item["arms"][0]["text"]) == 600
    assert item["src"].startswith("data:image/jpeg;base64,")
    gone = payload.enlarged(state, {"number": samples.GONE_AT})
    assert gone is not None
    assert gone["item"]["src"] == ""
    assert samples.GONE in gone["item"]["no_picture"]


@pytest.mark.parametrize("number", [None, -1, 100, "1", 1.0, True, [1], 10**30])
def test_a_number_of_no_item_is_refused(state: samples.State, number: object) -> None:
    with pytest.raises(UserError, match="not in the results"):
        payload.item_number(state, {"number": number})


def test_what_the_browser_sends_is_read_and_what_is_no_view_is_a_new_one() -> None:
    view = payload.read_view({"show": FIXED, "search": "a", "first": 1, "second": 2, "sort": "worst", "offset": 48})
    assert view == View(show=FIXED, search="a", first=1, second=2, sort="worst", offset=48)
    rubbish = {"show": 3, "search": None, "kind": ["x"], "tag": {}, "sort": True, "first": "0", "second": 1.5}
    assert payload.read_view(rubbish | {"offset": "9", "items": [1], "count": 10**9}) == View()


@pytest.mark.parametrize("asked", [{}, {"view": None}, {"view": [1]}, {"view": {"slice": True}, "offset": 10**30}])
def test_a_page_of_rubbish_is_a_page(state: samples.State, asked: dict[str, Any]) -> None:
    found = payload.more(state, Thumbnails(), asked)
    assert found is not None
    assert found["total"] == 100


def test_a_set_of_many_tags_offers_the_most_frequent() -> None:
    results = samples.results(1000)
    items = tuple(replace(one, tags=(f"own:{number}", "all")) for number, one in enumerate(results.items))
    found = payload.opening(samples.State(Index(replace(results, items=items))), Thumbnails())
    assert found is not None
    assert len(found["tags"]) == MOST_NAMES
    assert found["tags"][0] == ["all", 1000]


def test_items_are_named_by_their_place_in_the_set() -> None:
    results = samples.results(10)
    for order, place in ((np.arange(10) + 500, 501), (np.zeros(0, np.int64), 1)):
        found = payload.opening(samples.State(Index(replace(results, order=order))), Thumbnails())
        assert found is not None
        assert found["page"]["items"][0]["place"] == place
