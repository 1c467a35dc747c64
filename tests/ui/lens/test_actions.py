"""The Lens tab's actions over the embedded checkpoints: looking, explaining, rejecting, stopping, following, links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from microscope.engine.files import Fetcher
from microscope.engine.gpu import Door
from microscope.errors import UserError
from microscope.records import AnswerRequest
from microscope.ui import text
from microscope.ui.compare.link import Link
from microscope.ui.lens.actions import LensActions
from microscope.ui.lens.view import Look
from tests.ui.lens.conftest import GONE, RUN

Payload = dict[str, Any]
Step = tuple[Payload | None, Look]


def last(steps: Iterator[Step]) -> Step:
    """Return the last of what an action yields: nothing runs any more."""
    payload, look = list(steps)[-1]
    assert payload is not None
    assert not payload["busy"]
    return payload, look


def rows(pane: Payload, method: str) -> dict[int | None, Payload]:
    """Return a pane's maps of a method by token."""
    (found,) = [one for one in pane["maps"] if one["method"] == method]
    return {row["token"]: row for row in found["rows"]}


def answers(payload: Payload) -> list[str]:
    return [pane["answer"]["text"] for pane in payload["panes"]]


@pytest.fixture
def nothing_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no task through the door."""

    def refuse(_door: Door, name: str, _payload: object) -> None:
        pytest.fail(f"the task {name} was run")

    monkeypatch.setattr(Door, "run", refuse)


def test_a_look_ends_with_answers_maps_and_badges(actions: LensActions, asked: AnswerRequest) -> None:
    steps = list(actions.look("visitor", replace(asked, question="What colour is the two?")))
    assert all(payload["busy"] for payload, _ in steps[:-1])
    states = {pane["state"] for payload, _ in steps for pane in payload["panes"]}
    assert {"queued", "generating", "done"} <= states
    payload, look = steps[-1]
    assert (payload["mode"], payload["busy"]) == ("lens", False)
    assert [(pane["key"], pane["state"]) for pane in payload["panes"]] == [(key, "done") for key in asked.checkpoints]
    for pane in payload["panes"]:
        for method in ("attention", "relevance"):
            assert rows(pane, method)[None]["badge"] is not None
    assert look.example == actions.compare.examples[0].id
    assert [finding.answer.text for finding in actions.findings(look)] == answers(payload)


def test_what_is_known_is_shown_at_once(
    actions: LensActions, asked: AnswerRequest, looked: Look, nothing_computed: None
) -> None:
    payload, again = last(actions.look("visitor", asked))
    assert payload == actions.draw(looked) == actions.draw(again)


def test_one_that_fails_leaves_the_other(actions: LensActions, asked: AnswerRequest) -> None:
    payload, look = last(actions.look("visitor", replace(asked, checkpoints=(GONE, asked.checkpoints[1]))))
    gone, other = payload["panes"]
    assert (gone["state"], gone["answer"], other["state"]) == ("failed", None, "done")
    assert gone["message"]
    assert [finding.checkpoint for finding in actions.findings(look)] == [asked.checkpoints[1]]


def test_explaining_adds_a_map_in_the_panes_that_are_named(
    actions: LensActions, asked: AnswerRequest, looked: Look
) -> None:
    first, second = asked.checkpoints
    payload, look = last(actions.explain("visitor", looked, "gradient", 0, (second,)))
    found = {pane["key"]: rows(pane, "gradient") for pane in payload["panes"]}
    assert 0 in found[second]
    assert 0 not in found[first]
    payload, _ = last(actions.explain("visitor", look, "gradient", 0))
    assert all(0 in rows(pane, "gradient") for pane in payload["panes"])


def test_maps_that_are_asked_for_at_the_same_time_are_both_shown_at_the_end(
    actions: LensActions, looked: Look
) -> None:
    first = actions.explain("visitor", looked, "rise", None)
    next(first)
    last(actions.explain("visitor", looked, "random", 0))
    payload, _ = last(first)
    for pane in payload["panes"]:
        assert None in rows(pane, "rise")
        assert 0 in rows(pane, "random")


def test_evidence_is_called_gathering_and_sharpens(actions: LensActions, looked: Look) -> None:
    steps = list(actions.explain("visitor", looked, "windows", None))
    assert "gathering" in {pane["state"] for payload, _ in steps for pane in payload["panes"]}
    for pane in steps[-1][0]["panes"]:
        row = rows(pane, "windows")[None]
        assert row["done"] == row["total"]
        assert row["badge"] is not None


def test_an_answer_without_patches_stands_beside_the_original_and_never_replaces_it(
    actions: LensActions, asked: AnswerRequest, looked: Look
) -> None:
    before = actions.findings(looked)
    # All but the corner: what is asked about is gone.
    rejected = {finding.checkpoint: finding.layout.boxed[1:] for finding in before}
    payload, look = last(
        actions.reject("visitor", looked, "drawn", {key: list(cells) for key, cells in rejected.items()})
    )
    right = payload["panes"][1]
    assert right["without"]["rule"] == "drawn"
    assert right["without"]["rejected"] == list(rejected[right["key"]])
    assert right["without"]["text"] != right["answer"]["text"] == "green"
    assert right["without"]["pixels_text"]
    assert right["without"]["after"] < 0.5 < right["without"]["before"]
    assert [finding.answer.text for finding in actions.findings(look)] == [one.answer.text for one in before]
    store = actions.lens.answerer.store
    assert [store.get(one.address).text for one in before] == [one.answer.text for one in before]


def test_rejecting_in_one_pane_leaves_the_others_as_they_are(actions: LensActions, looked: Look) -> None:
    first, second = actions.findings(looked)
    payload, _ = last(actions.reject("visitor", looked, "map", {first.checkpoint: [0, 1], "unknown": [3]}))
    assert [pane["without"] and pane["without"]["rejected"] for pane in payload["panes"]] == [[0, 1], None]
    assert payload["panes"][1]["state"] == "done"
    assert second.checkpoint == payload["panes"][1]["key"]


def test_a_patch_reads_as_words_in_its_pane_alone(actions: LensActions, looked: Look) -> None:
    key = looked.panes[1].key
    payload, look = last(actions.read("visitor", looked, key, 27))
    assert [pane["readout"] and pane["readout"]["cell"] for pane in payload["panes"]] == [None, 27]
    assert len(payload["panes"][1]["readout"]["layers"]) > 1
    payload, _ = last(actions.read("visitor", look, key, 6400))
    assert payload["panes"][1]["state"] == "failed"
    assert "6400" in payload["panes"][1]["message"]


def test_a_head_is_shown_and_no_model_is_asked(actions: LensActions, looked: Look, nothing_computed: None) -> None:
    key = looked.panes[0].key
    payload, look = actions.pick_head(looked, key, 1, 3)
    assert None in rows(payload["panes"][0], "head:1:3")
    assert look.pane(key).head == (1, 3)
    with pytest.raises(UserError) as raised:
        actions.pick_head(looked, key, 1, 99)
    assert str(raised.value) == text.NO_HEAD.format(layer=2, head=100)


@pytest.mark.parametrize("key", ["first", "unknown"])
def test_nothing_can_be_asked_before_a_look(
    actions: LensActions, asked: AnswerRequest, looked: Look, key: str
) -> None:
    fresh = Look() if key == "first" else looked
    calls = (
        lambda: list(actions.explain("visitor", fresh, "gradient", None, ("unknown",))),
        lambda: list(actions.reject("visitor", fresh, "map", {"unknown": [1]})),
        lambda: list(actions.read("visitor", fresh, "unknown", 0)),
        lambda: actions.pick_head(fresh, "unknown", 0, 0),
    )
    for call in calls:
        with pytest.raises(UserError) as raised:
            call()
        assert str(raised.value) == text.NOTHING_LOOKED


@pytest.mark.parametrize(
    ("rule", "cells", "said"),
    [
        ("tea leaves", [1], "no rule 'tea leaves'"),
        ("map", [], "Nothing is rejected yet"),
        ("map", range(64), "Every image token is rejected"),
    ],
)
def test_what_cannot_be_rejected_is_refused(
    actions: LensActions, looked: Look, rule: str, cells: list[int], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        list(actions.reject("visitor", looked, rule, {looked.panes[0].key: list(cells)}))


def test_an_unknown_method_is_refused(actions: LensActions, looked: Look) -> None:
    with pytest.raises(UserError, match="no method 'phrenology'"):
        list(actions.explain("visitor", looked, "phrenology", None))


def test_stop_keeps_what_is_known_and_does_not_stop_the_next(
    actions: LensActions, asked: AnswerRequest, looked: Look
) -> None:
    steps = actions.explain("visitor", looked, "occlusion", None)
    next(payload for payload, _ in steps if payload["panes"][0]["state"] == "gathering")
    actions.stops.press("another visitor")
    actions.stops.press("visitor")
    payload, look = last(steps)
    assert answers(payload) == ["blue", "green"]
    assert {pane["state"] for pane in payload["panes"]} == {"done"}
    assert text.STOPPED in [pane["message"] for pane in payload["panes"]]
    payload, _ = last(actions.explain("visitor", look, "gradient", None))
    assert [pane["message"] for pane in payload["panes"]] == ["", ""]


def test_what_is_stopped_before_it_answered_is_stopped(actions: LensActions, asked: AnswerRequest) -> None:
    steps = actions.look("visitor", replace(asked, question="Is it stopped?"))
    next(steps)
    actions.stops.press("visitor")
    payload, look = last(steps)
    assert {pane["state"] for pane in payload["panes"]} == {"stopped"}
    assert actions.findings(look) == ()


def test_a_visitor_who_leaves_lets_the_next_one_in(actions: LensActions, asked: AnswerRequest) -> None:
    fresh = replace(asked, question="Who leaves?")
    steps = actions.look("visitor", fresh)
    next(payload for payload, _ in steps if payload["panes"][0]["state"] == "generating")
    steps.close()
    payload, _ = last(actions.look("next visitor", fresh))
    assert {pane["state"] for pane in payload["panes"]} == {"done"}


def test_a_run_is_followed_in_order_and_its_best_step_marked(
    actions: LensActions, asked: AnswerRequest, keys: list[str]
) -> None:
    assert list(actions.runs) == [RUN]
    steps = list(actions.follow("visitor", asked, RUN, "  green "))
    assert [payload["timeline"]["best"] for payload, _ in steps[:-1]] == [None] * (len(steps) - 1)
    payload, _ = last(iter(steps))
    told = payload["timeline"]
    assert (payload["mode"], told["run"], told["reference"]) == ("timeline", RUN, "green")
    assert [(one["key"], one["step"]) for one in told["steps"]] == list(zip(keys, (300, 2000, 6000), strict=True))
    assert [one["text"] for one in told["steps"]] == ["blue", "blue", "green"]
    assert told["best"] == 2
    assert told["steps"][2]["probability"] > 0.9 > told["steps"][0]["probability"]
    assert told["why"]


def test_a_run_is_followed_without_a_reference_too(actions: LensActions, asked: AnswerRequest) -> None:
    payload, _ = last(actions.follow("visitor", asked, RUN, " "))
    assert [one["text"] for one in payload["timeline"]["steps"]] == ["blue", "blue", "green"]
    assert [one["probability"] for one in payload["timeline"]["steps"]] == [None] * 3
    assert payload["timeline"]["best"] is None


def test_an_unknown_run_is_refused(actions: LensActions, asked: AnswerRequest) -> None:
    with pytest.raises(UserError, match=rf"no run 'marathon' .*: {RUN}\.$"):
        list(actions.follow("visitor", asked, "marathon", ""))


def test_a_link_recalls_what_is_known_and_computes_nothing(
    actions: LensActions, asked: AnswerRequest, looked: Look, nothing_computed: None
) -> None:
    link = Link(asked.question, (*asked.checkpoints, GONE, "unknown"), asked.settings, "colour")
    payload, look = actions.recall(asked.picture, link)
    assert payload is not None
    assert not payload["busy"]
    assert [(pane["key"], pane["state"]) for pane in payload["panes"]] == [(key, "done") for key in asked.checkpoints]
    assert answers(payload) == ["blue", "green"]
    assert [one.address for one in actions.findings(look)] == [pane.address for pane in looked.panes]
    assert actions.recall(asked.picture, replace(link, question="Was it asked?")) == (None, Look())


def test_a_link_starts_no_download(
    actions: LensActions, asked: AnswerRequest, looked: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_of, real = [], Fetcher.without_network

    def without_network(fetcher: Fetcher) -> Fetcher:
        made = real(fetcher)
        asked_of.append(made)
        return made

    def fetch(fetcher: Fetcher, *_: object) -> None:
        assert fetcher in asked_of
        raise UserError("It is not here.")

    monkeypatch.setattr(Fetcher, "without_network", without_network)
    monkeypatch.setattr(Fetcher, "fetch", fetch)
    link = Link(asked.question, asked.checkpoints, asked.settings, "colour")
    assert actions.recall(asked.picture, link) == (None, Look())
    assert len(asked_of) == 1


def test_a_finding_bears_the_name_that_the_tab_shows(actions: LensActions, looked: Look) -> None:
    assert [one.label for one in actions.findings(looked)] == [pane.label for pane in looked.panes]
