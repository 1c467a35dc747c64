"""Tests of how text is set on a drawing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from microscope.ui.compare.lettering import FONTS, PILLOWS_OWN, Block, Lettering

OWN = (PILLOWS_OWN,)
SYSTEM = tuple(path for path in FONTS if path and Path(path).is_file())
LONG = "The image shows a blue triangle at the top right and a red three at the center. " * 40


def drawn(lettering: Lettering, *lines: str) -> bytes:
    """Return the pixels of lines in black on white."""
    image = Image.new("L", (900, 120), "white")
    lettering.draw(ImageDraw.Draw(image), (10, 10), Block(lines, 30), ("black", 0))
    return image.tobytes()


def test_short_text_is_set_in_the_largest_size() -> None:
    assert Lettering([], OWN).fit("green", (400, 200), (18, 44)) == Block(("green",), 44)


def test_longer_text_is_set_smaller_before_it_is_cut() -> None:
    lettering = Lettering([], OWN)
    block = lettering.fit(LONG[:400], (500, 300), (18, 44))
    assert 18 <= block.size < 44
    assert not block.shortened
    assert " ".join(block.lines) == LONG[:400].strip()


def test_text_that_fits_at_no_size_ends_in_an_ellipsis() -> None:
    block = Lettering([], OWN).fit(LONG, (500, 200), (18, 44))
    assert block.size == 18
    assert block.shortened
    assert block.lines[-1].endswith("…")
    assert LONG.startswith(" ".join(block.lines)[:-1].rstrip())


@given(st.text(max_size=300), st.integers(60, 600), st.integers(30, 400))
def test_what_is_fitted_stays_inside_its_room(text: str, width: int, height: int) -> None:
    lettering = Lettering([text], OWN)
    block = lettering.fit(text, (width, height), (16, 40))
    assert block.height <= height or len(block.lines) == 1
    assert all(lettering.width(line, block.size) <= width for line in block.lines)


def test_a_word_wider_than_a_line_is_cut_into_pieces() -> None:
    block = Lettering([], OWN).fit("x" * 300, (200, 400), (18, 18))
    assert "".join(block.lines) == "x" * 300
    assert len(block.lines) > 1


def test_scripts_without_spaces_break_anywhere_and_a_no_break_space_never() -> None:
    lettering = Lettering([], OWN)
    assert len(lettering.fit("猫" * 40, (300, 400), (20, 20)).lines) > 1
    assert lettering.fit("12\u00a0tokens 34\u00a0tokens", (130, 400), (20, 20)).lines == (
        "12\u00a0tokens",
        "34\u00a0tokens",
    )


def test_lines_of_the_text_stay_lines() -> None:
    assert Lettering([], OWN).fit("one\ntwo\n", (400, 200), (20, 20)).lines == ("one", "two")


def test_letters_that_no_font_has_are_written_plainly() -> None:
    own = Lettering([], OWN)
    assert drawn(own, "déjà vu \u2014 m²") == drawn(own, "deja vu - m²")
    assert drawn(own, "a\u00a0b") == drawn(own, "a b")
    assert drawn(own, "猫") == drawn(own, "?")
    assert drawn(own, "a\u200d\u0301b") == drawn(own, "ab")


@pytest.mark.skipif(not SYSTEM, reason="there is no system font in the known places")
def test_a_system_font_serves_text_that_the_first_font_cannot() -> None:
    text = "Ça va, señor?"
    lettering = Lettering([text])
    assert drawn(lettering, text) != drawn(Lettering([], OWN), text)
    # One font for all of it: the words that need no accent are set in the same one.
    assert drawn(lettering, "va") != drawn(Lettering([], OWN), "va")
    assert drawn(Lettering(["va"]), "va") == drawn(Lettering([], OWN), "va")


def test_fonts_that_do_not_exist_are_passed_over() -> None:
    assert drawn(Lettering([], ("/no/such/font.ttf",)), "text") == drawn(Lettering([], OWN), "text")
