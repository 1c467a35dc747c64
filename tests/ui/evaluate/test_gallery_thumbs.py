"""Small pictures are made once, kept within a bound, and are pictures; large ones are as large as they may be."""

from __future__ import annotations

import base64
import copy
from io import BytesIO

import pytest
from PIL import Image

from microscope.errors import UserError
from microscope.ui.evaluate.gallery_thumbs import LARGE_SIDE, SMALL_SIDE, Thumbnails, large
from tests.ui.evaluate.gallery_samples import GONE, Pictures


def opened(address: str) -> Image.Image:
    head, data = address.split(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(data)))


def test_a_small_picture_keeps_its_shape_and_colours() -> None:
    image = opened(Thumbnails().get("digest", "0.png", Pictures(size=(640, 320))))
    assert image.size == (SMALL_SIDE, SMALL_SIDE // 2)
    red, green, blue = image.getpixel((60, 40))
    assert red > 200
    assert max(green, blue) < 60


def test_a_picture_is_read_once_while_it_is_kept() -> None:
    thumbs, pictures = Thumbnails(), Pictures()
    first = thumbs.get("a", "0.png", pictures)
    # Another name of the same pixels is the same picture.
    assert thumbs.get("a", "5.png", pictures) is first
    assert thumbs.get("b", "1.png", pictures) != first
    assert pictures.read_names == ["0.png", "1.png"]


def test_no_more_is_kept_than_the_bound_and_what_was_used_last_stays() -> None:
    pictures = Pictures()
    one = len(Thumbnails().get("x", "0.png", pictures))
    thumbs = Thumbnails(limit=int(3.5 * one))
    for name in ("a", "b", "c"):
        thumbs.get(name, "0.png", pictures)
    thumbs.get("a", "0.png", pictures)
    thumbs.get("d", "0.png", pictures)
    assert thumbs.size <= 3.5 * one
    pictures.read_names.clear()
    for name in ("a", "c", "d"):
        thumbs.get(name, "0.png", pictures)
    assert pictures.read_names == []
    thumbs.get("b", "0.png", pictures)
    assert pictures.read_names == ["0.png"]


def test_one_that_is_larger_than_the_bound_is_shown_and_not_kept() -> None:
    thumbs = Thumbnails(limit=10)
    assert thumbs.get("a", "0.png", Pictures()).startswith("data:")
    assert thumbs.size == 0


def test_a_picture_that_cannot_be_read_is_asked_for_again() -> None:
    thumbs, pictures = Thumbnails(), Pictures()
    for _ in range(2):
        with pytest.raises(UserError, match=GONE):
            thumbs.get("gone", GONE, pictures)
    assert pictures.read_names == [GONE, GONE]
    assert thumbs.size == 0


def test_a_copy_is_the_same_store() -> None:
    thumbs = Thumbnails()
    assert copy.deepcopy(thumbs) is thumbs


def test_a_large_picture_has_at_most_the_longest_side_and_is_never_blown_up() -> None:
    assert opened(large(Pictures(size=(2048, 512)).read("0.png"))).size == (LARGE_SIDE, LARGE_SIDE // 4)
    assert opened(large(Pictures(size=(64, 48)).read("0.png"))).size == (64, 48)
