"""VQA accuracy: the mean over leaving one annotator out, and what fewer than ten give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.scoring.base import LENIENT, NORMAL, STRICT, Score
from microscope.evaluation.scoring.vqa import accuracy, score
from microscope.records import Item


def left_out(given: list[bool]) -> float:
    """Return the definition, word for word."""
    each = [min(sum(given[:at] + given[at + 1 :]) / 3, 1) for at in range(len(given))]
    return sum(each) / len(each)


@given(st.lists(st.booleans(), min_size=10, max_size=20))
def test_it_is_the_mean_over_leaving_one_out(same: list[bool]) -> None:
    assert accuracy(sum(same), len(same)) == pytest.approx(left_out(same), abs=1e-12)


@pytest.mark.parametrize(
    ("same", "annotators", "wanted"),
    [(1, 10, 0.3), (2, 10, 0.6), (3, 10, 0.9), (4, 10, 1), (10, 10, 1), (1, 5, 1 / 3), (3, 5, 1), (1, 2, 0.5)],
)
def test_known_values(same: int, annotators: int, wanted: float) -> None:
    assert accuracy(same, annotators) == pytest.approx(wanted)


def test_a_right_answer_is_all_right_however_few_references_there_are() -> None:
    assert [accuracy(n, n) for n in range(1, 12)] == [1] * 11
    assert accuracy(0, 0) == 0


def test_lenient_reads_the_sentence_and_strict_the_letters() -> None:
    item = Item("1", "p", "q", ("red",) * 3 + ("Dark red",) * 7)
    wanted = {
        "red": (0.9, 0.9, 0.9),
        "The Red.": (0, 0.9, 0.9),
        "it is dark red": (0, 0, 1),
        "it is blue": (0, 0, 0),
    }
    for answer, values in wanted.items():
        found = [score(answer, item, strictness).value for strictness in (STRICT, NORMAL, LENIENT)]
        assert found == pytest.approx(list(values)), answer
    assert score(" ", item, NORMAL) == Score(0, parsed=False)
