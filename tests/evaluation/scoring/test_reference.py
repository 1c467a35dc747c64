"""Holds the scorers against what lmms-eval and VLMEvalKit return for the same answers.

Where a kit is right, normal equals it. Where it is not, the table says which error is mended.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from microscope.evaluation.scoring import find_scorer, score_all
from microscope.evaluation.scoring.base import NORMAL, Score
from microscope.evaluation.scoring.choice import read_choice
from microscope.records import Item

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("reference.json").read_text(encoding="utf-8")
)
ARTICLE = "the article of `A dog` is no option A, and the text names B; both kits read A"
SMALL_LETTER = "a small letter names its option; neither kit reads it"
FIRST_LETTER = "a word's first letter is no option; lmms-eval reads Bus as B"
ALTERNATIVE = "two options are no answer; lmms-eval takes the first"
TEXT = "an option's text names it; lmms-eval reads letters alone"
TWO_LETTERS = "two letters are no answer unless lenient; lmms-eval takes the last"
COMMA = "a thousands' comma is part of a number; both kits' float() refuses it"
CURRENCY = "a currency sign stands beside a number; both kits' float() refuses it"
ZERO = "0.0 is 0; both kits compare texts where the target is 0"
FULL_STOP = "a final full stop is no part of a word; both kits compare it"

# prediction, reference, normal, and the error where that differs from the kits (which agree in every case).
RELAXED: tuple[tuple[str, str, bool, str], ...] = (
    ("105", "100", True, ""),
    ("105.1", "100", False, ""),
    ("-98", "-100", True, ""),
    ("0.0", "0", True, ZERO),
    ("0", "0", True, ""),
    ("12%", "0.12", True, ""),
    ("12", "12%", False, ""),
    ("1,000", "1000", True, COMMA),
    ("$50", "50", True, CURRENCY),
    ("Blue", "blue", True, ""),
    ("blue.", "blue", True, FULL_STOP),
    ("nan", "5", False, ""),
    ("1e3", "1000", True, ""),
)

# prediction, normal, why that differs from lmms-eval, why from VLMEvalKit.
CHOICE: tuple[tuple[str, str | None, str, str], ...] = (
    ("B", "B", "", ""),
    ("(B)", "B", "", ""),
    ("B.", "B", "", ""),
    ("b", "B", SMALL_LETTER, SMALL_LETTER),
    ("Answer: B", "B", "", ""),
    ("The answer is B", "B", "", ""),
    ("The correct answer is **B**.", "B", "", ""),
    ("B. dog", "B", "", ""),
    ("dog", "B", TEXT, ""),
    ("It shows a dog, not a cat.", None, "", ""),
    ("A dog", "B", ARTICLE, ARTICLE),
    ("I think it is a horse", "C", TEXT, ""),
    ("A or B", None, ALTERNATIVE, ""),
    ("None of these", None, "", ""),
    ("The answer is not A but C", None, TWO_LETTERS, ""),
    ("Because A is too small, I pick D", None, TWO_LETTERS, ""),
    ("", None, "", ""),
    ("Bus", None, FIRST_LETTER, ""),
)


def normal(scorer: str, prediction: str, *answers: str) -> Score:
    return score_all(find_scorer(scorer), prediction, Item("1", "p", "q", answers))[1]


@pytest.mark.parametrize("case", CASES["vqa_soft_accuracy"], ids=lambda case: case["why"])
def test_vqa_accuracy_equals_both_kits(case: dict[str, Any]) -> None:
    value = normal("vqa", case["prediction"], *case["answers"]).value
    assert value == pytest.approx(case["expected"], abs=1e-12)
    assert value == pytest.approx(case["lmms_eval"], abs=1e-12)
    assert value == pytest.approx(case["vlmevalkit"], abs=1e-12)


@pytest.mark.parametrize("case", CASES["anls"], ids=lambda case: case["why"])
def test_anls_equals_the_paper(case: dict[str, Any]) -> None:
    found = normal("anls", case["prediction"], *case["answers"])
    assert found.value == pytest.approx(case["expected_paper"], abs=1e-12)
    assert found.parsed is bool(case["prediction"])
    # The paper wants NL below one half; both kits let exactly one half count.
    half = case["prediction"] == "abcd"
    assert (case["lmms_eval"] != case["expected_paper"]) is (case["vlmevalkit"] != case["expected_paper"]) is half


def test_the_tables_have_every_case() -> None:
    relaxed = [(case["prediction"], case["answer"]) for case in CASES["relaxed_accuracy"]]
    assert relaxed == [(prediction, reference) for prediction, reference, _, _ in RELAXED]
    assert [case["prediction"] for case in CASES["multiple_choice"]] == [row[0] for row in CHOICE]


@pytest.mark.parametrize(
    ("case", "row"),
    list(zip(CASES["relaxed_accuracy"], RELAXED, strict=True)),
    ids=lambda x: str(x[:2]) if isinstance(x, tuple) else "",
)
def test_relaxed_accuracy_differs_from_the_kits_by_named_errors_alone(
    case: dict[str, Any], row: tuple[str, str, bool, str]
) -> None:
    prediction, reference, wanted, error = row
    assert normal("relaxed", prediction, reference).value == wanted
    assert (case["lmms_eval"] != wanted) is (case["vlmevalkit"] != wanted) is bool(error)


def test_nan_is_no_number() -> None:
    assert normal("relaxed", "nan", "5") == Score(0, parsed=False)


@pytest.mark.parametrize(
    ("case", "row"),
    list(zip(CASES["multiple_choice"], CHOICE, strict=True)),
    ids=lambda x: x[0] if isinstance(x, tuple) else "",
)
def test_multiple_choice_differs_from_the_kits_by_named_errors_alone(
    case: dict[str, Any], row: tuple[str, str | None, str, str]
) -> None:
    prediction, wanted, lmms_eval, vlmevalkit = row
    choices = tuple(case["choices"].values())
    number = read_choice(prediction, choices, NORMAL)
    assert (None if number is None else "ABCD"[number]) == wanted
    assert (case["lmms_eval"] != wanted) is bool(lmms_eval)
    assert (case["vlmevalkit"] != wanted) is bool(vlmevalkit)
    for right, letter in enumerate("ABCD"):
        found = score_all(find_scorer("choice"), prediction, Item("1", "p", "q", (letter,), choices=choices))[1]
        assert found == Score(float(number == right), parsed=wanted is not None)
