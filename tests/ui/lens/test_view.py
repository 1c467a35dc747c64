"""The tab as data: what each event makes of a pane, and what the payloads hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from microscope.lens.events import LensEvent
from microscope.lens.findings import Finding
from microscope.lens.timeline import NO_REFERENCE
from microscope.records import AnswerEvent, AnswerRequest, GenerationSettings, State
from microscope.ui import text
from microscope.ui.lens.view import Look, Pane, apply, page, run_page
from tests.ui.lens import samples

PANE = Pane("a", "Model A")
REQUEST = AnswerRequest(samples.picture(), samples.QUESTION, ("a", "b"), GenerationSettings())
STEPS = {"a": 300, "b": 6000}


def told(state: State, *, finding: Finding | None = None, **facts: object) -> LensEvent:
    return LensEvent(AnswerEvent("a", state, **facts), finding)


def look_of(*panes: Pane) -> Look:
    return Look(REQUEST, panes)


def kept(*findings: Finding) -> dict[str, Finding]:
    return {finding.address: finding for finding in findings}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (told(State.QUEUED), ""),
        (told(State.QUEUED, ahead=2, seconds=9.0), text.queued(2, 9.0)),
        (told(State.QUEUED, message="It begins again."), "It begins again."),
        (told(State.FETCHING, bytes_done=3_000_000, bytes_total=9_000_000), "3.0 MB of 9.0 MB"),
        (told(State.FETCHING), ""),
        (told(State.LOADING, bytes_done=1, bytes_total=4, ahead=1, seconds=2.0), text.loading(1, 4, 1, 2.0)),
        (told(State.GENERATING, text="a red"), "a red"),
        (told(State.DONE, text="a red nine"), ""),
        (told(State.FAILED, message="It is too large."), "It is too large."),
    ],
)
def test_each_state_has_its_message(event: LensEvent, message: str) -> None:
    pane = apply(PANE, event)
    assert (pane.state, pane.message) == (event.event.state.value, message)


def test_an_answer_that_is_there_is_not_its_panes_message_any_more() -> None:
    answer = samples.finding().answer
    assert apply(PANE, told(State.GENERATING, text=answer.text, answer=answer)).message == ""


def test_what_the_model_does_has_the_name_that_it_is_given() -> None:
    assert apply(PANE, told(State.GENERATING), "gathering").state == "gathering"
    assert apply(PANE, told(State.LOADING), "gathering").state == "loading"


def test_what_was_told_before_stays_until_it_is_told_anew() -> None:
    event = LensEvent(
        AnswerEvent("a", State.DONE),
        samples.finding(),
        samples.change(),
        samples.readout(),
        (math.log(0.5), math.log(0.125)),
    )
    full = apply(PANE, event)
    assert (full.address, full.change, full.readout) == ("finding-a", samples.change(), samples.readout())
    assert full.probability == pytest.approx(0.25)
    later = apply(full, told(State.FAILED, message="Stopped."))
    assert later == replace(full, state="failed", message="Stopped.")
    again = apply(full, LensEvent(AnswerEvent("a", State.DONE), change=samples.change((7,))))
    assert again.change == samples.change((7,))


def test_without_a_look_there_is_no_payload() -> None:
    assert page(Look(), {}, lambda _: None) is None
    assert run_page(Look(), "run", "", lambda _: None, {}) is None


def test_a_live_finding_goes_before_the_kept_one_and_the_others_come_from_the_store() -> None:
    first, second = samples.finding("a"), samples.finding("b")
    live = replace(first, answer=replace(first.answer, text="live"))
    look = look_of(Pane("a", "A", address=first.address), Pane("b", "B", address=second.address), Pane("c", "C"))
    shown = page(look, {"a": live}, kept(first, second).get, busy=True)
    assert shown["busy"]
    assert shown["question"] == samples.QUESTION
    assert [pane["answer"] and pane["answer"]["text"] for pane in shown["panes"]] == ["live", second.answer.text, None]


def test_a_head_is_one_more_map_of_the_whole_answer_and_of_each_token() -> None:
    finding = samples.finding()
    look = look_of(Pane("a", "A", address=finding.address, head=(1, 2)))
    (pane,) = page(look, {}, kept(finding).get)["panes"]
    (head,) = [one for one in pane["maps"] if one["method"] == "head:1:2"]
    assert (head["label"], head["tier"]) == ("Layer 2, head 3", "attention")
    assert [row["token"] for row in head["rows"]] == [None, *range(len(finding.answer.tokens))]
    assert head["rows"][1]["high"] == pytest.approx(float(finding.rows[0, 1, 2].max()), rel=1e-3)
    mean = finding.rows[:, 1, 2].astype(np.float32).mean(0)
    assert head["rows"][0]["high"] == pytest.approx(float(mean.max()), rel=1e-3)


def test_a_runs_steps_show_the_whole_answer_and_what_a_thumbnail_needs() -> None:
    first, second = samples.finding("a"), samples.finding("b")
    look = look_of(Pane("a", "A", address=first.address, probability=0.2), Pane("b", "B", address=second.address))
    shown = run_page(look, "scenes", "", kept(first, second).get, STEPS)["timeline"]
    said = "".join(samples.ANSWER)
    assert [(step["step"], step["text"]) for step in shown["steps"]] == [(300, said), (6000, said)]
    pane = shown["steps"][0]["pane"]
    assert {one["method"] for one in pane["maps"]} == {"attention", "relevance"}
    assert all(row["token"] is None for one in pane["maps"] for row in one["rows"])
    assert pane["heads"] is None


def test_the_best_step_is_marked_when_all_are_there() -> None:
    look = look_of(Pane("a", "A", probability=0.2), Pane("b", "B", probability=0.9))
    busy = run_page(look, "scenes", "red", lambda _: None, STEPS, busy=True)["timeline"]
    over = run_page(look, "scenes", "red", lambda _: None, STEPS)["timeline"]
    assert (busy["best"], busy["why"]) == (None, "")
    assert over["best"] == 1
    assert "step 6,000" in over["why"]
    none = run_page(look_of(Pane("a", "A")), "scenes", "", lambda _: None, STEPS)["timeline"]
    assert (none["best"], none["why"]) == (None, NO_REFERENCE)
