"""The example images: eight, drawn again by the code that is here, with right answers and words for who cannot see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import Idefics3Processor

from microscope.tiny.draw import QUESTION_KINDS
from microscope.tiny.examples import SKETCHES, Example, read_examples, write_examples
from microscope.tiny.scenes import DIGIT_NAMES, sample_scene

SHIPPED = Path(__file__).parents[2] / "assets" / "examples"


@pytest.fixture(scope="module")
def examples() -> tuple[Example, ...]:
    return read_examples(SHIPPED)


def test_there_are_eight_and_six_or_more_are_scenes_of_different_kinds(examples: tuple[Example, ...]) -> None:
    assert len(examples) == len({example.id for example in examples}) == 8
    kinds = [example.kind for example in examples if example.kind in QUESTION_KINDS]
    assert len(kinds) == len(set(kinds)) >= 6


def test_the_shipped_files_are_what_the_code_draws(examples: tuple[Example, ...], tmp_path: Path) -> None:
    assert write_examples(tmp_path) == examples
    for example in examples:
        with Image.open(tmp_path / example.file) as new, Image.open(SHIPPED / example.file) as shipped:
            assert new.size == shipped.size
            difference = np.abs(np.asarray(new).astype(int) - np.asarray(shipped).astype(int))
            assert difference.mean() < (0.0001 if example.kind in QUESTION_KINDS else 1), example.file


def test_answers_of_the_scenes_are_right(solve: Callable) -> None:
    for sketch in SKETCHES:
        objects = sample_scene(np.random.default_rng(sketch.seed), "heldout").objects
        answer, _ = solve(sketch.kind, sketch.question, objects)
        assert sketch.answer == answer
        assert any(thing.kind in DIGIT_NAMES for thing in objects)


def test_evidence_proves_the_answers_of_the_scenes(solve: Callable, examples: tuple[Example, ...]) -> None:
    known = {example.id: example for example in examples}
    for sketch in SKETCHES:
        objects = sample_scene(np.random.default_rng(sketch.seed), "heldout").objects
        _, boxes = solve(sketch.kind, sketch.question, objects)
        assert set(known[sketch.id].evidence) == set(boxes)
    assert known["exists"].evidence == known["card"].evidence == ()


def test_the_embedded_model_knows_every_word_of_its_questions(
    examples: tuple[Example, ...], processor: Idefics3Processor
) -> None:
    for example in examples:
        if example.kind in QUESTION_KINDS:
            assert processor.tokenizer.unk_token_id not in processor.tokenizer(example.question)["input_ids"]


def test_everything_a_page_needs_is_said(examples: tuple[Example, ...]) -> None:
    for example in examples:
        assert (SHIPPED / example.file).is_file()
        assert example.question[-1] in "?."
        assert example.title
        assert 20 < len(example.alt) < 200
        assert example.alt.endswith(".")
        assert "CC BY 4.0" in example.licence
        assert example.answer
