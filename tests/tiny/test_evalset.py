"""The shipped evaluation set: small, complete, drawn again from its seed, and about held-out digits alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from microscope.evaluation.scoring import exact_match
from microscope.records import Item
from microscope.tiny.draw import QUESTION_KINDS
from microscope.tiny.evalset import IMAGES, accepted_answers, read_evalset, write_evalset
from microscope.tiny.scenes import DIGIT_NAMES, sample_scene

SHIPPED = Path(__file__).parents[2] / "assets" / "evalset"
SEED = 2026


@pytest.fixture(scope="module")
def items() -> tuple[Item, ...]:
    return read_evalset(SHIPPED)


def test_the_set_is_at_most_three_megabytes() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= 3_000_000


def test_there_are_150_images_with_four_to_six_questions_each(items: tuple[Item, ...]) -> None:
    counts = Counter(item.image for item in items)
    assert len(counts) == IMAGES == 150
    assert set(counts.values()) == {4, 5, 6}
    assert {path.name for path in SHIPPED.glob("*.png")} == set(counts)
    assert len({item.id for item in items}) == len(items)


def test_kinds_are_balanced_and_different_for_each_image(items: tuple[Item, ...]) -> None:
    counts = Counter(item.kind for item in items)
    assert set(counts) == set(QUESTION_KINDS)
    assert max(counts.values()) - min(counts.values()) <= 2
    assert len({(item.image, item.kind) for item in items}) == len(items)


def test_images_are_256_px_rgb(items: tuple[Item, ...]) -> None:
    for name in {item.image for item in items}:
        with Image.open(SHIPPED / name) as image:
            assert (image.size, image.mode, image.format) == ((256, 256), "RGB", "PNG")


def test_boxes_lie_inside_the_image(items: tuple[Item, ...]) -> None:
    for item in items:
        assert bool(item.evidence) == (item.answers[0] != "no")
        for box in item.evidence:
            assert 0 <= box.left < box.right <= 1
            assert 0 <= box.top < box.bottom <= 1


def test_answers_are_those_of_the_scenes_that_the_seed_draws(
    items: tuple[Item, ...], tmp_path: Path, solve: Callable
) -> None:
    again = write_evalset(tmp_path, SEED, images=12)
    assert again == items[: len(again)] == read_evalset(tmp_path)
    for name in {item.image for item in again}:
        with Image.open(tmp_path / name) as new, Image.open(SHIPPED / name) as shipped:
            assert new.tobytes() == shipped.tobytes()
    objects = sample_scene(np.random.default_rng(SEED), "heldout").objects
    for item in again:
        if item.image == again[0].image:
            answer, boxes = solve(item.kind, item.question, objects)
            assert item.answers[0] == answer
            assert set(item.evidence) <= set(boxes)


@pytest.mark.usefixtures("marked_digits")
def test_only_heldout_digits_are_drawn(tmp_path: Path, which_split: Callable) -> None:
    write_evalset(tmp_path, 3, images=10)
    rng = np.random.default_rng(3)
    scene = sample_scene(rng, "heldout")
    with Image.open(tmp_path / "scene-000.png") as image:
        assert image.tobytes() == scene.image.tobytes()
    shown = []
    for item in read_evalset(tmp_path):
        if item.kind == "at" and item.answers[0].split()[-1] in DIGIT_NAMES:
            with Image.open(tmp_path / item.image) as image:
                _, colour, _ = item.answers[0].split()
                shown.append(which_split(np.asarray(image), item.evidence[0], colour))
    assert shown
    assert set(shown) == {"heldout"}


def test_another_spelling_of_the_answer_is_accepted() -> None:
    assert accepted_answers("red") == ("red",)
    assert accepted_answers("top center") == ("top center", "top centre")
    assert accepted_answers("a red three at the center") == (
        "a red three at the center",
        "a red 3 at the center",
        "a red three at the centre",
        "a red 3 at the centre",
    )


def test_each_accepted_answer_scores(items: tuple[Item, ...]) -> None:
    for item in items:
        assert all(exact_match(answer, item.answers) for answer in item.answers)
        assert not exact_match("giraffe", item.answers)


def test_the_file_has_the_fields_of_an_item(items: tuple[Item, ...]) -> None:
    first = (SHIPPED / "items.jsonl").read_text(encoding="utf-8").splitlines()[0]
    # What a set of scenes has no use for is left out.
    assert set(json.loads(first)) == {field.name for field in fields(Item)} - {"choices", "tags"}
    assert "CC BY 4.0" in (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert f"{len(items)} questions" in (SHIPPED / "README.md").read_text(encoding="utf-8")
