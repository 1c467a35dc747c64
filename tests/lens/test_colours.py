"""The colour tables read the same to everyone: steadily lighter, or the same to both sides."""

from __future__ import annotations

import numpy as np
import pytest

from microscope.lens.colours import COLOURS, DIFFERENCE, HEAT

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# What is left of linear red, green and blue without one kind of cone (Machado, Oliveira and Fernandes, 2009).
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(table: np.ndarray) -> np.ndarray:
    share = table / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lightness(light: np.ndarray) -> np.ndarray:
    """Return CIE lightness, 0 to 100, of linear colours."""
    luminance = np.clip(light, 0, 1) @ LUMINANCE
    return np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)


@pytest.mark.parametrize("table", [HEAT, DIFFERENCE])
def test_a_table_holds_256_colours_that_nobody_changes(table: np.ndarray) -> None:
    assert (table.shape, table.dtype, table.flags.writeable) == ((COLOURS, 3), np.uint8, False)
    assert len(table.tobytes()) == 768


def test_heat_grows_steadily_lighter() -> None:
    light = lightness(linear(HEAT))
    assert light[0] < 15
    assert light[-1] > 93
    steps = np.diff(light)
    assert steps.min() > 0
    # No part of the scale is skipped: each eighth takes its share of the whole way.
    eighths = np.diff(light[np.linspace(0, COLOURS - 1, 9).astype(int)])
    assert eighths.max() < 2.2 * eighths.min()


@pytest.mark.parametrize("kind", BLINDNESS)
def test_heat_grows_lighter_for_the_colour_blind(kind: str) -> None:
    light = lightness(linear(HEAT) @ np.array(BLINDNESS[kind]).T)
    assert np.diff(light[::4]).min() > 0


def test_difference_is_white_in_the_middle_and_as_dark_at_both_ends() -> None:
    light = lightness(linear(DIFFERENCE))
    assert light[[127, 128]].min() > 97
    assert np.ptp(DIFFERENCE[127:129].astype(int)) < 6
    assert abs(light[0] - light[-1]) < 5
    assert np.diff(light[:128]).min() >= 0
    assert np.diff(light[128:]).max() <= 0
    assert DIFFERENCE[0, 2] > DIFFERENCE[0, 0] + 80
    assert DIFFERENCE[-1, 0] > DIFFERENCE[-1, 2] + 80


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_ends_of_the_difference_differ_for_the_colour_blind(kind: str) -> None:
    ends = np.clip(linear(DIFFERENCE[[0, -1]]) @ np.array(BLINDNESS[kind]).T, 0, 1)
    assert np.abs(ends[0] - ends[1]).max() > 0.15
