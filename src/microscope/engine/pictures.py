"""The decoding guard: turns an untrusted image file into a `Picture` or one clear sentence; knows no model.

What is covered: size on disk, declared size and shape before any pixel is decoded, formats outside the allow-list,
damaged and truncated files, files that cost far more work than their size says, metadata (only the orientation is
used, nothing is kept).
What is not covered: memory bugs inside Pillow's decoders; whoever needs more runs the process in a sandbox.
A picture at the pixel limit needs up to 700 MB while it is decoded, and at most two are decoded at once.
"""

from __future__ import annotations

import io
import math
import stat
import struct
import threading
import zlib
from pathlib import Path
from typing import cast

from PIL import ExifTags, Image, UnidentifiedImageError

from microscope.engine.tiff_tiles import tile_pixels
from microscope.errors import UserError
from microscope.records import Picture

MAX_BYTES = 10 * 1024 * 1024
# Far below Pillow's own warning threshold of 89 megapixels: whatever it would only warn about is refused here, without
# the process-wide warning filters.
MAX_PIXELS = 25_000_000
MAX_SIDE = 16_384
MAX_ASPECT = 200
# A progressive JPEG has about ten scans. Each costs a pass over the whole image whatever its length, so that a small
# file could keep a processor busy for half an hour; chance hits in metadata stay well below this number.
MAX_JPEG_SCANS = 500

# MPO (the multi-picture JPEG of phones) is opened by Pillow's JPEG plugin and has no entry of its own.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
FORMAT_NAMES = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")

# What Pillow's plugins let out on malformed files. OSError is the documented one. Others escape because a plugin
# trusts a field of the file: a length (struct.error, LookupError, EOFError), a tag (TypeError, AttributeError), a
# value (ValueError, ArithmeticError), a compressed block (zlib.error), a header (SyntaxError). RuntimeError comes from
# the AVIF decoder and, as NotImplementedError, from layouts no plugin knows; UserWarning where warnings are errors.
DECODER_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    RuntimeError,
    UserWarning,
    struct.error,
    zlib.error,
)
# The second one is raised only where warnings are errors.
BOMB_ERRORS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Bounds the memory of many visitors at once. Only the main process decodes, so a fork never waits for it.
_decoding_slots = threading.BoundedSemaphore(2)


def read_picture(path: Path | None) -> Picture:
    """Decode an image file into an upright 8-bit RGB picture; the first frame where there are several.

    Raises `UserError`, with a sentence of its own for each cause, for everything that cannot or may not be decoded.
    """
    if path is None:
        raise UserError("There is no image yet: choose, paste or take one first.")
    data = _read_bytes(path)
    with _decoding_slots:
        return _decode(data)


def image_to_picture(image: Image.Image) -> Picture:
    """Turn an open image into a picture: upright, greys of 16 bits and more scaled, transparency laid on white.

    Raises `UserError` where its size or shape is beyond the limits; a file's own decoding errors pass through.
    """
    _check_size(image.size)
    image.load()
    orientation = _orientation(image)
    flat = _flatten(image)
    upright = flat if orientation is None else flat.transpose(orientation)
    return Picture(upright.width, upright.height, upright.tobytes())


def picture_to_image(picture: Picture) -> Image.Image:
    """Return the picture as an RGB image with its own memory and no metadata."""
    return Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)


def _read_bytes(path: Path) -> bytes:
    try:
        # Opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError("What was given is not a file: choose an image file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UserError("The image is no longer there: choose it again.") from error
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL character
        raise UserError("The image file could not be read from disk: choose it again, or another one.") from error
    if not data:
        raise UserError("The image file is empty: choose it again, or another one.")
    if len(data) > MAX_BYTES:
        raise UserError(
            f"The image file is larger than {MAX_BYTES // 1024**2} MB: save it smaller or as JPEG, and choose that."
        )
    return data


def _decode(data: bytes) -> Picture:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size)
            _check_work(image, data)
            return image_to_picture(image)
    except UnidentifiedImageError as error:
        raise UserError(_describe_unknown(data)) from error
    except BOMB_ERRORS as error:
        raise UserError(
            "The image declares more pixels than any photograph has, so it was not opened: choose another one."
        ) from error
    except MemoryError as error:
        raise UserError("The image needs more memory than there is: make it smaller and choose it again.") from error
    except DECODER_ERRORS as error:
        if "truncated" in str(error).lower():
            raise UserError("The image file is cut off before its end: copy or download it again.") from error
        raise UserError(
            "The image file is damaged and cannot be decoded: export it again, or choose another."
        ) from error


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    shape = f"{width:,} x {height:,} pixels"
    if width < 1 or height < 1:
        raise UserError("The image has no pixels: choose another one.")
    if max(size) > MAX_SIDE:
        raise UserError(f"The image has {shape}, and a side may have at most {MAX_SIDE:,}: make it smaller.")
    if width * height > MAX_PIXELS:
        raise UserError(
            f"The image has {shape}, {width * height / 1e6:.1f} megapixels, and at most {MAX_PIXELS // 10**6} can be"
            " read: make it smaller."
        )
    if max(size) > MAX_ASPECT * min(size):
        raise UserError(
            f"The image has {shape}, and its long side may be at most {MAX_ASPECT} times its short one: crop it."
        )


def _check_work(image: Image.Image, data: bytes) -> None:
    """Refuse files whose decoding costs far more than their declared size shows."""
    if image.format in ("JPEG", "MPO") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise UserError("The JPEG is built of so many layers that opening it takes too long: export it again.")
    # A tile is decoded whole, also where the image shows only a corner of it.
    if image.format == "TIFF" and tile_pixels(data) > MAX_PIXELS:
        raise UserError("The TIFF is built of tiles too large to decode: export it again as PNG or JPEG.")


def _describe_unknown(data: bytes) -> str:
    """Return the sentence for bytes in which no allowed decoder sees an image."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        return "This is a HEIC image, which cannot be read here: export it as JPEG and choose that file."
    if b"<svg" in data[:4096].lower():
        return "This is an SVG drawing, which cannot be read here: export it as PNG and choose that file."
    return f"This file is not an image that can be read here: choose a {FORMAT_NAMES} file."


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        return TRANSPOSES.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DECODER_ERRORS:
        return None  # broken metadata says nothing about the pixels


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _scale_grey(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(layer, mask=layer)
    return canvas


def _scale_grey(image: Image.Image) -> Image.Image:
    """Bring a grey image of 16 bits or more to 8: by its declared range, or else from its darkest to its brightest."""
    if image.mode.startswith("I;16"):
        image = image.convert("I")
        low, scale = 0.0, 1 / 256
    else:
        low, high = cast("tuple[float, float]", image.getextrema())
        if not math.isfinite(high - low):
            raise UserError("The image holds values that are not numbers: export it again as PNG or JPEG.")
        scale = 255 / (high - low) if high > low else 0.0
    return image.point(lambda value: value * scale - low * scale).convert("L")
