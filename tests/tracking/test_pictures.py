"""A thumbnail becomes the library's own picture, and everything else stays as it is."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from PIL import Image

from microscope.tracking.base import Thumbnail
from microscope.tracking.pictures import drawn


def test_a_thumbnail_is_the_librarys_picture_with_its_caption() -> None:
    file = io.BytesIO()
    Image.new("RGB", (5, 3), "red").save(file, "PNG")
    library = SimpleNamespace(Image=lambda picture, caption: (picture.size, caption))
    assert drawn(library, Thumbnail(file.getvalue(), "what?")) == ((5, 3), "what?")


@pytest.mark.parametrize("cell", ["text", 3, 0.5, True, None])
def test_what_is_no_picture_stays(cell: object) -> None:
    assert drawn(SimpleNamespace(), cell) is cell
