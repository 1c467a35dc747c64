"""A load that fails is tried again later and later, and its error is not kept for ever."""

from __future__ import annotations

from microscope.engine.caching.backoff import LONGEST_SECONDS, REMEMBERED, Backoff

SENTENCE = "A has a damaged weight file; copy or download it again."


def test_waits_double_up_to_a_bound() -> None:
    backoff = Backoff()
    waits = [backoff.failed("a", SENTENCE, 100.0).until - 100.0 for _ in range(12)]
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_SECONDS


def test_until_then_the_sentence_says_when() -> None:
    backoff = Backoff()
    backoff.failed("a", SENTENCE, 0.0)
    backoff.failed("a", SENTENCE, 10.0)
    backoff.failed("a", SENTENCE, 20.0)
    assert backoff.refusal("a", 20.5) == f"{SENTENCE} It is tried again in 4 s."
    assert backoff.refusal("a", 24.0) is None
    assert backoff.refusal("b", 20.5) is None


def test_a_success_forgets() -> None:
    backoff = Backoff()
    backoff.failed("a", SENTENCE, 0.0)
    backoff.succeeded("a")
    assert backoff.refusal("a", 0.0) is None
    assert backoff.failed("a", SENTENCE, 50.0).count == 1


def test_old_failures_make_room() -> None:
    backoff = Backoff()
    for number in range(REMEMBERED + 10):
        backoff.failed(str(number), SENTENCE, 0.0)
    assert backoff.refusal("0", 0.5) is None
    assert backoff.refusal(str(REMEMBERED + 9), 0.5) is not None
