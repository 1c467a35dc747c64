"""The records: what they compute from their fields, and that they travel between processes."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from microscope.records import AnswerEvent, AnswerRequest, GenerationSettings, Picture, State
from tests.ui.compare.samples import FACTS, comparison, failure, outcome

PICTURE = Picture(2, 1, b"abcdef")


def test_a_digest_tells_pictures_apart_by_pixels_and_by_shape() -> None:
    assert Picture(2, 1, b"abcdef").digest == PICTURE.digest
    assert len({one.digest for one in (PICTURE, Picture(1, 2, b"abcdef"), Picture(2, 1, b"abcdeg"))}) == 3


def test_pixels_stay_out_of_what_is_logged() -> None:
    assert "abcdef" not in repr(AnswerRequest(PICTURE, "What?", ("a",)))


def test_only_temperature_zero_is_greedy() -> None:
    assert GenerationSettings().greedy
    assert GenerationSettings(temperature=0.0, seed=7, top_k=5).greedy
    assert not GenerationSettings(temperature=0.01).greedy


@pytest.mark.parametrize(
    ("tokens", "first", "total", "rate"),
    [(3, 0.5, 1.5, 2.0), (1, 0.5, 1.5, None), (0, 0.5, 0.5, None), (3, 1.5, 1.5, None)],
)
def test_the_rate_counts_what_came_after_the_first_token(
    tokens: int, first: float, total: float, rate: float | None
) -> None:
    facts = replace(FACTS, tokens=tokens, first_token_seconds=first, total_seconds=total)
    assert facts.tokens_per_second == rate


def test_records_go_to_another_process_and_come_back_equal() -> None:
    whole = comparison(outcome("a", "two words"), failure("b", "too large"))
    assert pickle.loads(pickle.dumps(whole)) == whole  # noqa: S301  (our own)
    event = AnswerEvent("a", State.DONE, answer=whole.outcomes[0].answer)
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301  (our own)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PICTURE.width = 3  # type: ignore[misc]


def test_a_state_is_written_as_its_word() -> None:
    assert json.dumps(list(State)) == '["queued", "fetching", "loading", "generating", "done", "failed"]'
