"""Scenes: same seed same scene, whole and separate objects, colours that stand out, and two splits that never meet."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from microscope.records import Box
from microscope.tiny.scenes import COLOURS, DIGIT_NAMES, KINDS, PLACES, SIDE, Scene, digits, sample_scene


def draw(count: int, split: str = "heldout", seed: int = 0) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, split) for _ in range(count)]


def area(box: Box) -> tuple[slice, slice]:
    """Return the box as rows and columns of the image's array."""
    top, bottom, left, right = (round(edge * SIDE) for edge in (box.top, box.bottom, box.left, box.right))
    return slice(top, bottom), slice(left, right)


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_same_seed_draws_the_same_scenes(split: str) -> None:
    for one, other in zip(draw(8, split, 3), draw(8, split, 3), strict=True):
        assert one.objects == other.objects
        assert one.image.tobytes() == other.image.tobytes()


def test_another_seed_draws_other_scenes() -> None:
    assert [scene.objects for scene in draw(4, seed=1)] != [scene.objects for scene in draw(4, seed=2)]


def test_images_are_256_px_rgb_with_one_to_four_objects() -> None:
    scenes = draw(120)
    assert {scene.image.size for scene in scenes} == {(SIDE, SIDE)}
    assert {scene.image.mode for scene in scenes} == {"RGB"}
    assert {len(scene.objects) for scene in scenes} == {1, 2, 3, 4}


def test_every_kind_and_colour_and_place_occurs() -> None:
    things = [thing for scene in draw(250) for thing in scene.objects]
    assert {thing.kind for thing in things} == set(KINDS)
    assert {thing.colour for thing in things} == set(COLOURS)
    assert {thing.place for thing in things} == {place for row in PLACES for place in row}


def test_objects_lie_inside_the_image_in_reading_order() -> None:
    for scene in draw(120):
        for thing in scene.objects:
            assert 0 <= thing.box.left < thing.box.right <= 1
            assert 0 <= thing.box.top < thing.box.bottom <= 1
        cells = [(thing.row, thing.column) for thing in scene.objects]
        assert cells == sorted(set(cells))


def test_objects_do_not_overlap() -> None:
    for scene in draw(120):
        for one, other in itertools.combinations([thing.box for thing in scene.objects], 2):
            apart = (
                one.right <= other.left
                or other.right <= one.left
                or one.bottom <= other.top
                or other.bottom <= one.top
            )
            assert apart, (one, other)


def test_places_are_where_the_boxes_are(solve: Callable) -> None:
    for scene in draw(60):
        for thing in scene.objects:
            answer, _ = solve("at", f"what is at the {thing.place}?", scene.objects)
            assert answer == f"a {thing.colour} {thing.kind}"


def test_an_object_shows_its_colour_in_its_box_and_nowhere_else() -> None:
    for scene in draw(60):
        pixels = np.asarray(scene.image).astype(int)
        for colour in {thing.colour for thing in scene.objects}:
            near = np.abs(pixels - COLOURS[colour]).max(axis=-1) <= 10
            for thing in scene.objects:
                if thing.colour == colour:
                    assert near[area(thing.box)].any(), thing
                    near[area(thing.box)] = False
            assert near.mean() < 0.001, scene.objects


def test_every_colour_stands_out_from_every_background_and_from_the_others() -> None:
    brightest = 0
    for scene in draw(120):
        pixels = np.asarray(scene.image).copy()
        for thing in scene.objects:
            pixels[area(thing.box)] = 0
        brightest = max(brightest, int(pixels.max()))
    assert brightest < 80
    assert min(max(colour) for colour in COLOURS.values()) - 10 > 2 * brightest
    for one, other in itertools.combinations(COLOURS.values(), 2):
        assert np.abs(np.subtract(one, other)).max() > 40


def test_the_splits_share_no_digit_and_hold_all_ten_numerals() -> None:
    (train, train_labels), (heldout, heldout_labels) = digits("train"), digits("heldout")
    assert (len(train), len(heldout)) == (1400, 397)
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in heldout}
    assert set(train_labels.tolist()) == set(heldout_labels.tolist()) == set(range(10))


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.usefixtures("marked_digits")
def test_a_scene_shows_digits_of_its_split_only(split: str, which_split: Callable) -> None:
    shown = [
        which_split(np.asarray(scene.image), thing.box, thing.colour)
        for scene in draw(80, split)
        for thing in scene.objects
        if thing.kind in DIGIT_NAMES
    ]
    assert len(shown) > 60
    assert set(shown) == {split}


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(KeyError, match="validation"):
        digits("validation")
