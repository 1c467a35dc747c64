"""Questions: every answer is re-derived from the objects by another way, and nothing ambiguous is ever asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from microscope.records import Box
from microscope.tiny.questions import ASKERS, WORDINGS, ask, ask_any
from microscope.tiny.scenes import SceneObject, sample_scene


def thing(kind: str, colour: str, row: int, column: int) -> SceneObject:
    box = Box((column * 85 + 5) / 256, (row * 85 + 5) / 256, (column * 85 + 75) / 256, (row * 85 + 75) / 256)
    return SceneObject(kind, colour, row, column, box)


def scenes(count: int, seed: int = 0) -> list[tuple[SceneObject, ...]]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, "heldout").objects for _ in range(count)]


@pytest.mark.parametrize("kind", ASKERS)
def test_answers_and_evidence_are_right(kind: str, solve: Callable) -> None:
    rng = np.random.default_rng(1)
    asked = 0
    for objects in scenes(150):
        question = ask(rng, objects, kind)
        if question is None:
            continue
        answer, proof = solve(kind, question.text, objects)
        assert question.answer == answer, (question.text, objects)
        assert set(question.evidence) <= set(proof)
        assert bool(question.evidence) == bool(proof)
        if kind != "exists":
            assert set(question.evidence) == set(proof)
        asked += 1
    assert asked > 80


@pytest.mark.parametrize("kind", ASKERS)
def test_wordings_are_filled_and_all_used(kind: str) -> None:
    rng = np.random.default_rng(2)
    questions = [ask(rng, objects, kind) for objects in scenes(60) for _ in range(4)]
    texts = [question.text for question in questions if question is not None]
    assert not [text for text in texts if "{" in text or "}" in text or "  " in text]
    for wording in WORDINGS[kind]:
        start = wording.split("{")[0]
        assert any(text.startswith(start) for text in texts), wording


@pytest.mark.parametrize("kind", ASKERS)
def test_each_part_of_an_answer_rests_on_a_box_of_the_evidence(kind: str) -> None:
    rng = np.random.default_rng(3)
    for objects in scenes(40):
        question = ask(rng, objects, kind)
        if question is not None:
            assert {box for _, box in question.parts if box is not None} <= set(question.evidence)


def test_nothing_ambiguous_is_asked() -> None:
    rng = np.random.default_rng(4)
    twins = (thing("circle", "red", 0, 0), thing("circle", "red", 1, 1))
    assert [kind for kind in ASKERS if ask(rng, twins, kind) is None] == ["colour", "name", "where", "left"]
    stacked = (thing("three", "red", 0, 1), thing("circle", "blue", 2, 1))
    assert [kind for kind in ASKERS if ask(rng, stacked, kind) is None] == ["left"]
    alone = (thing("three", "red", 0, 1),)
    assert [kind for kind in ASKERS if ask(rng, alone, kind) is None] == ["left"]


def test_only_the_object_that_stands_alone_is_asked_for() -> None:
    rng = np.random.default_rng(5)
    objects = (thing("circle", "red", 0, 0), thing("circle", "blue", 1, 1), thing("seven", "blue", 2, 2))
    for _ in range(20):
        assert ask(rng, objects, "colour").answer == "blue"
        assert ask(rng, objects, "where").answer == "bottom right"
        assert ask(rng, objects, "name").answer == "circle"
        assert ask(rng, objects, "name").evidence == (objects[0].box,)


def test_digits_are_asked_for_in_words_and_in_numerals() -> None:
    rng = np.random.default_rng(6)
    texts = [ask(rng, (thing("seven", "blue", 2, 2),), "colour").text for _ in range(60)]
    assert any("seven" in text for text in texts)
    assert any("7" in text for text in texts)


def test_presence_is_asked_with_both_answers_about_as_often() -> None:
    rng = np.random.default_rng(7)
    answers = Counter(ask(rng, objects, "exists").answer for objects in scenes(100) for _ in range(3))
    assert set(answers) == {"yes", "no"}
    assert 0.3 < answers["no"] / answers.total() < 0.6


def test_kinds_are_drawn_by_weight_among_those_that_are_possible() -> None:
    rng = np.random.default_rng(8)
    stacked = (thing("three", "red", 0, 1), thing("circle", "blue", 2, 1))
    weights = {"left": 5.0, "count": 3.0, "at": 1.0, "describe": 0.0}
    drawn = Counter(ask_any(rng, stacked, weights).kind for _ in range(400))
    assert set(drawn) == {"count", "at"}
    assert 2 < drawn["count"] / drawn["at"] < 4.5
