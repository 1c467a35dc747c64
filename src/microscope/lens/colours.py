"""Tables of 256 colours for maps; knows arrays alone.

Both are drawn as curves in OKLab, a space in which equal distances look about equally different, and walked at even
pace. `HEAT` grows steadily lighter, so that it reads the same without red, green or any colour at all; `DIFFERENCE`
goes from blue through white to orange, which everybody tells apart, as dark at one end as at the other.
"""

from __future__ import annotations

import numpy as np

COLOURS = 256

# Lightness, green to red, blue to yellow. From night blue through purple and orange to a pale yellow.
HEAT_STOPS = (
    (0.24, 0.015, -0.105),
    (0.40, 0.090, -0.130),
    (0.56, 0.155, -0.030),
    (0.70, 0.120, 0.090),
    (0.83, 0.030, 0.145),
    (0.96, -0.035, 0.130),
)
BLUE_STOPS = ((0.50, -0.030, -0.165), (0.75, -0.035, -0.080), (0.985, 0.0, 0.0))
ORANGE_STOPS = ((0.985, 0.0, 0.0), (0.76, 0.070, 0.105), (0.50, 0.110, 0.105))

_LAB_TO_ROOTS = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_CONES_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def _walk(stops: tuple[tuple[float, float, float], ...], count: int) -> np.ndarray:
    """Return points at even distances along the curve that runs smoothly through the stops."""
    known = np.asarray(stops)
    fine = np.linspace(0, len(known) - 1, 4096)
    curve = np.stack([_smooth(known[:, axis], fine) for axis in range(3)], axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    even = np.linspace(0, travelled[-1], count)
    return np.stack([np.interp(even, travelled, curve[:, axis]) for axis in range(3)], axis=1)


def _smooth(known: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Interpolate by cubic Hermite pieces, whose slope at a stop is the mean of those beside it."""
    slopes = np.gradient(known)
    piece = np.minimum(at.astype(int), len(known) - 2)
    t = at - piece
    return (
        (2 * t**3 - 3 * t**2 + 1) * known[piece]
        + (t**3 - 2 * t**2 + t) * slopes[piece]
        + (3 * t**2 - 2 * t**3) * known[piece + 1]
        + (t**3 - t**2) * slopes[piece + 1]
    )


def _to_rgb(lab: np.ndarray) -> np.ndarray:
    """Return OKLab colours as 8-bit sRGB, clipped to what a screen shows."""
    linear = np.clip((lab @ _LAB_TO_ROOTS.T) ** 3 @ _CONES_TO_LINEAR.T, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)  # noqa: PLR2004 (sRGB)
    return np.round(255 * coded).astype(np.uint8)


def _table(*halves: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    table = _to_rgb(np.concatenate([_walk(half, COLOURS // len(halves)) for half in halves]))
    table.setflags(write=False)
    return table


HEAT = _table(HEAT_STOPS)
DIFFERENCE = _table(BLUE_STOPS, ORANGE_STOPS)
