"""Arrays come back from their text but for rounding."""

from __future__ import annotations

import base64
import math

import numpy as np

from microscope.ui.lens import packing
from microscope.ui.lens.packing import packed, packed_bytes, packed_heads


def unpacked(told: dict) -> np.ndarray:
    steps = np.frombuffer(base64.b64decode(told["data"]), "<u2")
    return told["low"] + (told["high"] - told["low"]) * steps / packing.STEPS


def test_a_map_comes_back_within_a_step() -> None:
    values = np.array([0.25, -1.0, 7.5, 3.125], np.float32)
    told = packed(values)
    assert (told["low"], told["high"]) == (-1.0, 7.5)
    np.testing.assert_allclose(unpacked(told), values, atol=8.5 / packing.STEPS)


def test_what_is_no_number_is_the_least_and_a_flat_map_stays_flat() -> None:
    np.testing.assert_allclose(unpacked(packed(np.array([math.nan, 2.0, 4.0]))), [2, 2, 4], atol=1e-4)
    np.testing.assert_allclose(unpacked(packed(np.full(3, 0.5))), [0.5] * 3)


def test_heads_have_their_share_and_their_rows() -> None:
    rows = np.zeros((1, 2, 1, 4), np.float16)
    rows[0, 0, 0] = (0.1, 0.2, 0.0, 0.1)
    told = packed_heads(rows)
    assert (told["tokens"], told["layers"], told["heads"]) == (1, 2, 1)
    share = np.frombuffer(base64.b64decode(told["share"]), np.uint8) / packing.BYTE
    np.testing.assert_allclose(share, [0.4, 0], atol=1 / 255)
    most = np.frombuffer(base64.b64decode(told["row_max"]), "<f4")
    sent = np.frombuffer(base64.b64decode(told["rows"]), np.uint8).reshape(2, 4) / packing.BYTE * most[:, None]
    np.testing.assert_allclose(sent, rows[0, :, 0], atol=1e-3)


def test_no_rows_are_no_heads() -> None:
    assert packed_heads(np.zeros((0, 2, 2, 4), np.float16)) is None


def test_bytes_are_base64() -> None:
    assert base64.b64decode(packed_bytes(b"\x00\xff")) == b"\x00\xff"
