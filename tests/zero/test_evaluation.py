"""What a run over a set promises on ZeroGPU, read off what its scenario reported."""

from __future__ import annotations

import sys

import pytest

from tests.zero.played import Played
from tests.zero.test_zero import paths

pytestmark = [
    pytest.mark.zero,
    pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone"),
]


def test_a_set_goes_through_one_call_for_each_checkpoint(played: Played) -> None:
    facts = played["evaluation, run"]
    assert paths(facts).count("/schedule") == 2
    assert facts["counts"] == [12, 0]
    assert facts["ways"] == ["in batches, what questions about a picture begin with computed once"] * 2


def test_a_batch_in_the_worker_answers_what_each_question_has_alone(played: Played) -> None:
    alone = played["evaluation, alone"]["texts"]
    # The second picture's second question.
    assert {key: texts[4] for key, texts in played["evaluation, run"]["texts"].items()} == alone
    assert all(alone.values())


def test_the_quota_is_announced_before(played: Played) -> None:
    plan = played["evaluation, plan"]
    assert plan["known"] == 0
    asked = [given for path, given in played["evaluation, run"]["calls"] if path == "/schedule"]
    assert plan["quota"] == sum(int(given["durationSeconds"]) for given in asked)


def test_what_is_known_asks_for_no_gpu(played: Played) -> None:
    facts = played["evaluation, known"]
    assert (facts["calls"], facts["counts"]) == ([], [0, 12])


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_other(played: Played) -> None:
    facts = played["evaluation, beside a failure"]
    assert facts["missing"] == ["damaged"]
    assert list(facts["texts"]) == ["step-2"]
