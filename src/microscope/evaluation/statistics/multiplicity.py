"""P-values corrected for how many were looked at: Holm for verdicts, Benjamini-Hochberg for exploring.

What was not tested is NaN: it stays NaN and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: np.ndarray | Sequence[float]) -> np.ndarray:
    """Return p-values, shape (m,), corrected so that any false find at all has the nominal chance.

    Equals `multipletests(p, method="holm")[1]` of statsmodels. Raises `ValueError` outside [0, 1].
    """
    return _stepped(p, down=True)


def benjamini_hochberg(p: np.ndarray | Sequence[float]) -> np.ndarray:
    """Return p-values, shape (m,), corrected so that the nominal share of finds is false.

    Equals `scipy.stats.false_discovery_control(p)`. Raises `ValueError` outside [0, 1].
    """
    return _stepped(p, down=False)


def _stepped(p: np.ndarray | Sequence[float], *, down: bool) -> np.ndarray:
    values = np.array(p, np.float64)
    tested = ~np.isnan(values)
    found = values[tested]
    if values.ndim != 1 or ((found < 0) | (found > 1)).any():
        raise ValueError("p-values are a list of numbers from 0 to 1, NaN where nothing was tested")
    order, ranks = np.argsort(found, kind="stable"), np.arange(len(found))
    if down:
        found[order] = np.maximum.accumulate(found[order] * (len(found) - ranks))
    else:
        found[order] = np.minimum.accumulate((found[order] * len(found) / (ranks + 1))[::-1])[::-1]
    values[tested] = found.clip(0, 1)
    return values
