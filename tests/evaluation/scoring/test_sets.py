"""Sets: the same things in any order; a part of them counts only when lenient."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring.base import STRICTNESS, Score
from microscope.evaluation.scoring.sets import f1, score
from microscope.records import Item


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("blue,red,  two cars", (1, 1, 1)),
        ("Blue, red and two cars.", (0, 1, 1)),
        ("blue; red\ntwo cars", (0, 1, 1)),
        ("- red\n- blue\n- 2 cars", (0, 0, 1)),
        ("The things are red, blue, and two cars.", (0, 0, 1)),
        ("red, blue", (0, 0, 0.8)),
        ("red or blue", (0, 0, 0)),
        ("green", (0, 0, 0)),
    ],
)
def test_each_strictness_forgives_more(answer: str, values: tuple[float, ...]) -> None:
    item = Item("1", "p", "q", ("red, blue, two cars",))
    assert [score(answer, item, strictness).value for strictness in STRICTNESS] == pytest.approx(list(values))


def test_a_numbers_own_comma_parts_nothing() -> None:
    item = Item("1", "p", "q", ("1,000, 2,000",))
    assert score("2,000, 1,000", item, STRICTNESS[0]).value == 1
    assert score("1, 000, 2, 000", item, STRICTNESS[1]).value == 0


def test_each_reference_is_a_list_of_its_own() -> None:
    item = Item("1", "p", "q", ("red", "blue"))
    assert score("red, blue", item, STRICTNESS[1]).value == 0
    assert score("blue", item, STRICTNESS[1]).value == 1


def test_f1_is_of_the_parts() -> None:
    assert f1(frozenset("ab"), frozenset("bc")) == 0.5
    assert f1(frozenset(), frozenset()) == 1


def test_no_part_is_no_answer() -> None:
    assert score(" , ", Item("1", "p", "q", ("x",)), STRICTNESS[1]) == Score(0, parsed=False)
