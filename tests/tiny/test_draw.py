"""Drawn questions: the kinds in turn, each about a scene of its own, and the same from the same seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from microscope.tiny.draw import QUESTION_KINDS, SPLITS, draw_items
from microscope.tiny.scenes import DIGIT_NAMES


def test_there_are_eight_kinds_in_equal_numbers() -> None:
    counts = Counter(item.question.kind for item in draw_items("heldout", 40, 0))
    assert counts == dict.fromkeys(QUESTION_KINDS, 5)
    assert len(QUESTION_KINDS) == 8


def test_the_same_split_and_seed_draw_the_same_and_fewer_are_the_first() -> None:
    many, few = list(draw_items("heldout", 20, 7)), list(draw_items("heldout", 11, 7))
    assert len(many) == 20
    for one, other in zip(many, few, strict=False):
        assert one.question == other.question
        assert one.scene.image.tobytes() == other.scene.image.tobytes()


def test_another_seed_draws_other_questions() -> None:
    one, other = ([item.question for item in draw_items("heldout", 16, seed)] for seed in (1, 2))
    assert one != other


def test_answers_belong_to_the_scene(solve: Callable) -> None:
    for item in draw_items("heldout", 64, 3):
        answer, _ = solve(item.question.kind, item.question.text, item.scene.objects)
        assert item.question.answer == answer


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.usefixtures("marked_digits")
def test_digits_come_from_the_split(split: str, which_split: Callable) -> None:
    shown = {
        which_split(np.asarray(item.scene.image), thing.box, thing.colour)
        for item in draw_items(split, 32, 4)
        for thing in item.scene.objects
        if thing.kind in DIGIT_NAMES
    }
    assert shown == {split}
