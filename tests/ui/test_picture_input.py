"""The image field: an upload is handed over undecoded, whatever is in it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from gradio.data_classes import ImageData
from PIL import Image

from microscope.engine.pictures import read_picture
from microscope.errors import UserError
from microscope.ui.picture_input import PictureInput


@pytest.fixture
def field() -> PictureInput:
    return PictureInput(type="filepath", image_mode=None, format="png", label="Image")


def test_a_damaged_upload_comes_through_as_it_is(field: PictureInput, tmp_path: Path) -> None:
    upload = tmp_path / "image.png"
    upload.write_bytes(b"\x89PNG and then nothing")
    assert field.preprocess(ImageData(path=str(upload))) == str(upload)
    assert upload.read_bytes() == b"\x89PNG and then nothing"


@pytest.mark.parametrize("payload", [None, ImageData()])
def test_no_upload_is_none(field: PictureInput, payload: ImageData | None) -> None:
    assert field.preprocess(payload) is None


@pytest.mark.parametrize("form", ["PPM", "damaged"])
def test_an_image_inside_the_message_does_not_slip_past_the_guard(field: PictureInput, form: str) -> None:
    data = io.BytesIO(b"nothing of an image")
    if form != "damaged":
        Image.new("RGB", (2, 2)).save(data, form)
    url = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
    handed_over = field.preprocess(ImageData(url=url))
    with pytest.raises(UserError):
        read_picture(Path(handed_over) if handed_over else None)


def test_gradio_draws_it_as_its_own_image(field: PictureInput) -> None:
    assert field.get_block_name() == "image"
