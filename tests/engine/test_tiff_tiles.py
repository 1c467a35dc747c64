"""How the tiles of TIFF files are measured, and that huge ones never reach the decoder."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from microscope.engine.pictures import read_picture
from microscope.engine.tiff_tiles import TILE_LENGTH, TILE_WIDTH, tile_pixels
from microscope.errors import UserError

SHORT, LONG, SIGNED_LONG, LONG8 = 3, 4, 9, 16
CODES = {SHORT: "H", LONG: "I", SIGNED_LONG: "i", LONG8: "Q"}
DEFLATE = 8
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, TILE_OFFSETS, TILE_BYTES = (
    256,
    257,
    258,
    259,
    262,
    277,
    324,
    325,
)

Entry = tuple[int, int, int, int]  # tag, type, number of values, value


def tiff(entries: list[Entry], *, order: str = "<", big: bool = False, payload: bytes = b"") -> bytes:
    """Return a TIFF file of one directory with these entries in this order, followed by the payload."""
    head = struct.pack(order + "2sH", b"II" if order == "<" else b"MM", 43 if big else 42)
    head += struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    count, entry, cell = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    body = struct.pack(order + count, len(entries))
    for tag, kind, values, value in entries:
        body += struct.pack(order + entry, tag, kind, values) + struct.pack(order + CODES[kind], value).ljust(
            cell, b"\0"
        )
    return head + body + b"\0" * cell + payload


def tile_sides(width: int, length: int, kind: int = LONG) -> list[Entry]:
    """Return the two entries that say how large a tile is."""
    return [(TILE_WIDTH, kind, 1, width), (TILE_LENGTH, kind, 1, length)]


def tiled_image(tiles: list[Entry], compressed: bytes) -> bytes:
    """Return a grey image of 100 x 100 pixels that is stored in one deflated tile."""
    image = [(WIDTH, LONG, 1, 100), (HEIGHT, LONG, 1, 100), (BITS, SHORT, 1, 8), (COMPRESSION, SHORT, 1, DEFLATE)]
    image += [(PHOTOMETRIC, SHORT, 1, 1), (SAMPLES, SHORT, 1, 1), *tiles]
    start = 8 + 2 + 12 * (len(image) + 2) + 4
    image += [(TILE_OFFSETS, LONG, 1, start), (TILE_BYTES, LONG, 1, len(compressed))]
    return tiff(image, payload=compressed)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("big", "kind"), [(False, SHORT), (False, LONG), (True, SHORT), (True, LONG), (True, LONG8)])
def test_a_tile_is_measured_in_every_byte_order_and_type(order: str, kind: int, *, big: bool) -> None:
    assert tile_pixels(tiff(tile_sides(640, 480, kind), order=order, big=big)) == 640 * 480


def test_an_image_in_strips_has_no_tile() -> None:
    assert tile_pixels(tiff([(WIDTH, LONG, 1, 100), (HEIGHT, LONG, 1, 100)])) == 0


@pytest.mark.parametrize("widths", [(40_000, 112), (112, 40_000)])
def test_of_two_entries_the_larger_counts(widths: tuple[int, int]) -> None:
    entries = [(TILE_WIDTH, LONG, 1, width) for width in widths]
    assert tile_pixels(tiff([*entries, (TILE_LENGTH, LONG, 1, 10)])) == 400_000


@pytest.mark.parametrize(
    "entry", [(TILE_WIDTH, SIGNED_LONG, 1, -5), (TILE_WIDTH, LONG, 2, 5), (TILE_LENGTH, LONG, 0, 5)]
)
def test_a_side_that_is_no_number_is_refused(entry: Entry) -> None:
    with pytest.raises(ValueError, match="a tile's side is stored as"):
        tile_pixels(tiff([entry]))


@pytest.mark.parametrize("length", [4, 8, 15, 20])
def test_a_directory_beyond_the_data_is_refused(length: int) -> None:
    with pytest.raises(struct.error):
        tile_pixels(tiff(tile_sides(640, 480))[:length])


def test_a_tiled_image_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tiled.tif"
    path.write_bytes(tiled_image(tile_sides(112, 112), zlib.compress(b"\x50" * 112 * 112)))
    picture = read_picture(path)
    assert (picture.width, picture.height, set(picture.rgb)) == (100, 100, {0x50})


@pytest.mark.parametrize("sides", [tile_sides(60_000, 60_000), [*tile_sides(60_000, 60_000), *tile_sides(112, 112)]])
def test_a_small_image_in_a_huge_tile_is_refused(tmp_path: Path, sides: list[Entry]) -> None:
    path = tmp_path / "bomb.tif"
    path.write_bytes(tiled_image(sides, zlib.compress(b"\x50" * 112 * 112)))
    with pytest.raises(UserError, match="tiles too large"):
        read_picture(path)
