"""Answers with the part of the image tokens that a map keeps: those that the lens gives, as answers like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.lens import keeping
from microscope.lens.events import LensEvent
from microscope.lens.inquiry import Inquiry, inquire
from microscope.lens.keeping import NOTHING, LensKeeper
from microscope.lens.lens import Lens
from microscope.records import Answer, AnswerEvent, AnswerRequest, GenerationSettings, State
from tests.families import picture, spec_of
from tests.lens.service import last, lens_of

MOST = 4


@pytest.fixture(scope="module")
def lens(checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Lens:
    return lens_of(tmp_path_factory.mktemp("keeping"), (spec_of(checkpoint("llava")),))


@pytest.fixture
def asked(lens: Lens) -> AnswerRequest:
    (spec,) = lens.answerer.catalog.specs
    settings = GenerationSettings(max_new_tokens=MOST)
    return AnswerRequest(picture(64, 64), "what is in the image ?", (spec.key,), settings)


def kept(keeper: LensKeeper, request: AnswerRequest, share: float) -> Answer:
    """Return the answer, which comes at the end and alone."""
    *waits, answer = keeper.answers(request, share)
    assert waits
    assert set(waits) == {None}
    assert isinstance(answer, Answer)
    return answer


def test_the_answer_is_the_one_without_the_rejected_tokens(lens: Lens, asked: AnswerRequest) -> None:
    answer = kept(LensKeeper(lens), asked, 0.25)
    found = last(inquire(lens, asked, Inquiry("relevance", keep=0.25)))[asked.checkpoints[0]]
    assert (answer.text, answer.tokens) == (found.change.text, found.change.tokens)
    assert (answer.checkpoint, answer.computed, answer.address) == (asked.checkpoints[0], "now", "")
    assert answer.facts.tokens == len(answer.tokens)
    assert answer.facts.versions == found.finding.answer.facts.versions
    # The answer with all of them is kept under its own address, and not taken for this one.
    assert found.finding.answer.address


def test_another_method_keeps_other_tokens_and_says_so(lens: Lens, asked: AnswerRequest) -> None:
    request = replace(asked, settings=replace(asked.settings, max_new_tokens=2))
    answer = kept(LensKeeper(lens, "gradient"), request, 0.1)
    found = last(inquire(lens, request, Inquiry("gradient", keep=0.1)))[asked.checkpoints[0]]
    assert answer.tokens == found.change.tokens
    assert LensKeeper(lens, "gradient").how != LensKeeper(lens).how


def test_a_keeper_asks_the_checkpoints_of_the_answerer_it_is_given(lens: Lens, asked: AnswerRequest) -> None:
    bare = lens.answerer.offering(replace(lens.answerer.catalog, specs=()))
    with pytest.raises(UserError, match="is not in the catalogue"):
        list(LensKeeper(lens).over(bare).answers(asked, 0.5))


@pytest.mark.parametrize(("count", "finish"), [(MOST, "length"), (MOST - 1, "end"), (0, "end")])
def test_an_answer_is_cut_where_it_has_the_most_tokens(
    lens: Lens, asked: AnswerRequest, monkeypatch: pytest.MonkeyPatch, count: int, finish: str
) -> None:
    found = last(inquire(lens, asked, Inquiry(keep=0.5)))[asked.checkpoints[0]]
    (token, *_) = found.finding.answer.tokens
    change = replace(found.change, tokens=(token,) * count)
    monkeypatch.setattr(keeping, "inquire", lambda *_: iter([replace(found, change=change)]))
    answer = kept(LensKeeper(lens), asked, 0.5)
    assert (answer.facts.finish, answer.facts.tokens) == (finish, count)


def test_a_checkpoint_that_cannot_be_looked_into_is_a_sentence(lens: Lens, asked: AnswerRequest) -> None:
    with pytest.raises(UserError, match="nothing is not in the catalogue"):
        list(LensKeeper(lens).answers(replace(asked, checkpoints=("nothing",)), 0.5))
    with pytest.raises(UserError, match="There is no method 'phrenology'"):
        list(LensKeeper(lens, "phrenology").answers(asked, 0.5))
    with pytest.raises(UserError, match="cannot be kept"):
        list(LensKeeper(lens).answers(asked, 1.0))


@pytest.mark.parametrize("events", [[], [LensEvent(AnswerEvent("a", State.DONE))]], ids=["no event", "no change"])
def test_an_end_without_an_answer_is_never_taken_for_one(
    lens: Lens, asked: AnswerRequest, monkeypatch: pytest.MonkeyPatch, events: list[LensEvent]
) -> None:
    def nothing(*_: object) -> Iterator[LensEvent]:
        return iter(events)

    monkeypatch.setattr(keeping, "inquire", nothing)
    with pytest.raises(UserError, match=NOTHING):
        list(LensKeeper(lens).answers(asked, 0.5))
