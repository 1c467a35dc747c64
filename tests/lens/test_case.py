"""What comes through the door becomes what is known of a checkpoint, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microscope.engine.generate import Finished, Piece
from microscope.engine.pending import Pending
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.engine.using import Failed, Queued, Ready, Restarted
from microscope.lens.asks import Begun, Gathered, Laid, Over, ReadAs, Scored, Seen, Update, Weighed
from microscope.lens.case import Case
from microscope.lens.events import LensEvent
from microscope.lens.findings import Heat
from microscope.lens.layout import Cell, Layout
from microscope.lens.selection import Selection
from microscope.records import Box, GenerationSettings, State
from tests.families import local_of, picture

LAYOUT = Layout((Cell(1, Box(0, 0, 1, 1), "whole"), Cell(2, None, "newline")), (), Box(0, 0, 1, 1), "a family")
SEEN = Seen(np.zeros((2, 1, 1, 2), np.float16), (-1.0, -2.0), None)
READY, PIECE, END = Ready(None, "cpu", "float32", "sdpa"), Piece((300, 301), (-0.1, -0.2)), Finished("end", 0.1, 0.2)


@pytest.fixture
def case(checkpoint: Callable[..., Path]) -> Case:
    local = local_of(checkpoint("llava"))
    processor = Processors().get(local)
    prepared = prepare(processor, local.spec, picture(), "what ?", None)
    pending = Pending("a", local, processor, prepared, "0" * 64, GenerationSettings())
    return Case(pending, "Model A", (90, 70), LAYOUT)


def heat(method: str = "relevance", token: int | None = None, done: int = 1, total: int = 1) -> Gathered:
    return Gathered(Heat(method, token, np.array([done, 0], np.float32), done=done, total=total))


def play(case: Case, *updates: Update) -> list[LensEvent]:
    return [event for update in updates for event in case.take(update)]


def test_an_answer_is_not_the_end_of_a_look(case: Case) -> None:
    events = play(case, Queued(1, 2.0), READY, PIECE, END)
    assert [event.event.state for event in events] == [State.QUEUED, *[State.GENERATING] * 3]
    assert events[0].event.ahead == 1
    assert events[-1].event.answer is not None
    assert not case.over
    events = play(case, SEEN, heat(), Over())
    assert [event.event.state for event in events] == [State.GENERATING, State.GENERATING, State.DONE]
    assert case.over
    finding = events[-1].finding
    assert finding.answer.tokens[1].logprob == -0.2
    assert (finding.label, finding.size, finding.address) == ("Model A", (90, 70), "0" * 64)
    assert finding.prior == (-1.0, -2.0)


def test_a_map_is_shown_as_it_grows_and_takes_the_place_of_what_it_was(case: Case) -> None:
    play(case, READY, PIECE, END, SEEN)
    events = play(case, heat(done=1, total=3), heat(done=2, total=3))
    assert [event.finding.heat("relevance", None).done for event in events] == [1, 2]
    finding = play(case, heat(done=3, total=3), heat(token=1))[-1].finding
    assert [(one.token, one.done) for one in finding.heats] == [(None, 3), (1, 1)]


def test_something_else_is_asked_of_what_is_known(case: Case) -> None:
    play(case, READY, PIECE, END, SEEN, heat(), Over())
    other = case.again()
    assert (other.finding, other.layout, other.key) == (case.finding, case.layout, case.key)
    assert not other.over
    assert other.pending.ids == []
    play(other, Scored((-2.0,)), Over())
    assert other.seconds == 0, "that was no look"


def test_boxes_that_were_measured_become_the_layout(case: Case) -> None:
    measured = replace(LAYOUT, source="measured")
    case.layout = None
    assert play(case, Laid(measured)) == []
    finding = play(case, READY, PIECE, END, SEEN)[-1].finding
    assert finding.layout.source == "measured"


def test_what_is_answered_without_tokens_and_without_pixels_is_kept_apart(case: Case) -> None:
    case.selection = Selection("drawn", (0,))
    more = Piece((302,), (-0.5,))
    change = play(
        case, READY, Weighed(0.9, 0.2, 0.1), Begun("without"), PIECE, END, Begun("blanked"), more, END, Over()
    )[-1].change
    assert (change.rule, change.rejected) == ("drawn", (0,))
    assert [token.id for token in change.tokens] == [300, 301]
    assert [token.id for token in change.pixels_tokens] == [302]
    assert (change.before, change.after, change.pixels_after) == (0.9, 0.2, 0.1)
    assert change.text != change.pixels_text


def test_other_things_asked_are_told_at_the_end(case: Case) -> None:
    event = play(case, ReadAs(1, (((300, 0.5), (301, 0.2)),)), Scored((-1.0,)), Over())[-1]
    assert event.readout.cell == 1
    assert [share for _, share in event.readout.layers[0]] == [0.5, 0.2]
    assert event.score == (-1.0,)


def test_what_failed_says_so_and_keeps_what_is_known(case: Case) -> None:
    play(case, READY, PIECE, END, SEEN)
    event = play(case, Failed("out of luck"))[-1]
    assert event.event.state is State.FAILED
    assert event.event.message == "out of luck"
    assert event.finding is not None
    assert case.over
    assert case.failed


def test_what_begins_again_begins_with_nothing(case: Case) -> None:
    play(case, READY, PIECE, END, SEEN, heat())
    event = play(case, Restarted())[-1]
    assert event.event.state is State.QUEUED
    assert case.pending.ids == []


def test_updates_out_of_order_are_a_bug(case: Case) -> None:
    with pytest.raises(ValueError, match="before the answer"):
        play(case, SEEN)
    with pytest.raises(ValueError, match="none was rejected"):
        play(case, Weighed(1, 1, 1))
