"""Numbers read as people write them."""

from __future__ import annotations

import pytest

from microscope.evaluation.analyse import phrases
from microscope.evaluation.analyse.phrases import MINUS, NOTHING
from microscope.evaluation.analysis import Estimate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.072, "+7.2 points"),
        (-0.0109, f"{MINUS}1.1 points"),
        (0.01, "+1.0 point"),
        (0.0, "0.0 points"),
        (-1e-9, "0.0 points"),
    ],
)
def test_a_difference_is_in_points_with_its_sign(value: float, text: str) -> None:
    assert phrases.points(value) == text


def test_a_size_has_no_sign() -> None:
    assert phrases.size(-0.034) == "3.4 points"


def test_an_interval_has_both_ends_or_is_not_there() -> None:
    assert phrases.span(Estimate(0.07, -0.031, 0.113)) == f"{MINUS}3.1 to 11.3"
    assert phrases.span(Estimate(0.07)) == ""


@pytest.mark.parametrize(("p", "text"), [(None, NOTHING), (0.0004, "< 0.001"), (0.0312, "0.031"), (1.0, "1.000")])
def test_a_p_value_never_reads_nought(p: float | None, text: str) -> None:
    assert phrases.p_value(p) == text


def test_counts_and_lists_read_as_sentences_do() -> None:
    assert [phrases.counted(count, "image") for count in (0, 1, 1200)] == ["0 images", "1 image", "1,200 images"]
    assert [phrases.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert (phrases.percent(0.9684), phrases.level(0.95), phrases.level(0.995)) == ("96.8 %", "95 %", "99.5 %")
