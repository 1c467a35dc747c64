"""The two drawings: what they claim to show is what they show."""

from __future__ import annotations

import numpy as np

from microscope.tiny.drawings import BARS, CHART, INK, LEGIBLE, SIDE, bar_chart, eye_card
from microscope.tiny.scenes import digits


def test_the_chosen_digits_are_what_they_stand_for() -> None:
    _, labels = digits("heldout")
    assert labels[list(LEGIBLE)].tolist() == list(range(10))


def test_both_are_512_px_rgb_and_the_same_every_time() -> None:
    for draw in (eye_card, bar_chart):
        image = draw()
        assert (image.size, image.mode) == ((SIDE, SIDE), "RGB")
        assert image.tobytes() == draw().tobytes()


def test_the_card_has_four_rows_of_ink() -> None:
    dark = (np.abs(np.asarray(eye_card()).astype(int) - INK).max(axis=-1) < 30).any(axis=1)
    starts = np.flatnonzero(dark & ~np.roll(dark, 1))
    assert len(starts) == 4


def test_bars_are_as_high_as_their_values() -> None:
    pixels = np.asarray(bar_chart()).astype(int)
    heights = []
    for number in range(len(CHART)):
        edge = pixels[:, 70 + 84 * number + 1]
        heights.append(int((np.abs(edge - BARS[number]).max(axis=-1) == 0).sum()))
    values = [value for _, value in CHART]
    assert heights == [value * 36 + 1 for value in values]
