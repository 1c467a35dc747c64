"""Reads how large the tiles of a TIFF file are, from the bytes alone; decodes nothing and knows no image library.

Pillow keeps the last of two entries with the same tag and libtiff, which decodes, the first: a file can show a small
tile to the one and a huge one to the other. Hence the file's own directory is read here, and the largest entry counts.
"""

from __future__ import annotations

import struct

TILE_WIDTH = 322
TILE_LENGTH = 323
BIG_TIFF = 43
UNSIGNED = {1: "B", 3: "H", 4: "I", 16: "Q"}


def tile_pixels(data: bytes) -> int:
    """Return the pixels of one tile of a TIFF's first image; 0 where it is not stored in tiles.

    Raises `struct.error` where the directory reaches beyond the data, `ValueError` where a tile's side is no number.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = BIG_TIFF in data[2:4]
    start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count_format, entry_format, entry_size = ("Q", "HHQ", 20) if big else ("H", "HHI", 12)
    count = struct.unpack_from(order + count_format, data, start)[0]
    first = start + struct.calcsize(order + count_format)
    sides = {TILE_WIDTH: 0, TILE_LENGTH: 0}
    for entry in range(first, first + count * entry_size, entry_size):
        tag, kind, values = struct.unpack_from(order + entry_format, data, entry)
        if tag in sides:
            if kind not in UNSIGNED or values != 1:
                raise ValueError(f"a tile's side is stored as {values} values of type {kind}")
            value_at = entry + struct.calcsize(order + entry_format)
            sides[tag] = max(sides[tag], struct.unpack_from(order + UNSIGNED[kind], data, value_at)[0])
    return sides[TILE_WIDTH] * sides[TILE_LENGTH]
