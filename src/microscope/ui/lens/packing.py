"""Arrays as text for the browser: maps in 16-bit steps, attention heads in bytes, all in base64; knows no finding."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

MOST_HEAD_VALUES = 1_500_000
STEPS = 65_535
BYTE = 255

Json = dict[str, Any]


def packed(values: np.ndarray) -> Json:
    """Return values as steps between the lowest and the highest; what is no number counts as the lowest."""
    known = np.asarray(values, dtype=np.float64)
    finite = known[np.isfinite(known)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    known = np.where(np.isfinite(known), known, low)
    share = (known - low) / (high - low) if high > low else np.zeros_like(known)
    return {"low": low, "high": high, "data": packed_bytes(np.round(share * STEPS).astype("<u2").tobytes())}


def packed_heads(rows: np.ndarray) -> Json | None:
    """Return each head's share of attention on the image, and its rows where they are few enough to send.

    `tokens` is how many of the answer's tokens, from the first on, have rows at all.
    """
    if rows.size == 0:
        return None
    tokens, layers, heads, _ = rows.shape
    share = np.clip(np.nan_to_num(rows.sum(axis=-1, dtype=np.float32)), 0, 1)
    told: Json = {
        "tokens": tokens,
        "layers": layers,
        "heads": heads,
        "share": packed_bytes(_quantised(share)),
        "rows": None,
        "row_max": None,
    }
    if rows.size <= MOST_HEAD_VALUES:
        known = np.nan_to_num(rows.astype(np.float32))
        most = known.max(axis=-1)
        relative = np.divide(known, most[..., None], out=np.zeros_like(known), where=most[..., None] > 0)
        told |= {"rows": packed_bytes(_quantised(relative)), "row_max": packed_bytes(most.astype("<f4").tobytes())}
    return told


def _quantised(shares: np.ndarray) -> bytes:
    return np.round(shares * BYTE).astype(np.uint8).tobytes()


def packed_bytes(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")
