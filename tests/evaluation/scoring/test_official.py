"""The official normalisation of VQA answers, and what of it is mended."""

from __future__ import annotations

import pytest

from microscope.evaluation.scoring.official import official


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The Red.", "red"),
        ("Two dogs", "2 dogs"),
        ("none", "0"),
        ("1,000", "1000"),
        ("3.5", "3.5"),
        ("dont know", "don't know"),
        ("hed've", "he'd've"),
        ("yes, sir!", "yes sir"),
        ("left/right", "left right"),
        ("u.s.", "us"),
        ("its well", "its well"),
        ("man's hat", "man's hat"),
        ("$5 50% 12:30", "$5 50% 12:30"),
        ("", ""),
    ],
)
def test_an_answer_is_normalised_as_the_official_evaluation_does(text: str, wanted: str) -> None:
    assert official(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1,000 left/right", "1000 left right"),  # a comma in a number glued everything else together
        ("." * 40 + "x", "x"),  # full stops after the 32nd stayed
        ("the", "the"),  # an article vanished, so that no answer equalled it
        ("Im", "i'm"),  # a contraction was looked up in capitals after lowering
        ("don’t", "don't"),
    ],
)
def test_the_official_evaluations_errors_are_mended(text: str, wanted: str) -> None:
    assert official(text) == wanted
