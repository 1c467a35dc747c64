"""The poster shows every checkpoint's map where it belongs, with the words that make it honest."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageChops

from microscope.lens.colours import HEAT
from microscope.lens.findings import Heat
from microscope.records import Box, Picture
from microscope.ui.compare.card import HEIGHT, WIDTH
from microscope.ui.compare.lettering import Lettering
from microscope.ui.lens import poster
from microscope.ui.lens.poster import Shown, draw_poster, poster_png
from microscope.ui.lens.words import WORDS
from tests.lens.samples import WHOLE, finding, grid, heat, layout, picture
from tests.ui.lens.samples import Method

METHOD = Method("relevancy", "Gradient x attention", "relevance", "nats lost")
QUESTION = "What is the red object?"
LONG = "a blue triangle at the top right and a red three at the center and a red square " * 40


def shown(values: tuple[float, ...] = (0, 0, 0, 1, 0), token: int | None = None, text: str = "a red") -> Shown:
    """Return a checkpoint with a map, measured unless told otherwise."""
    made = heat(values, token=token)
    one = finding(made)
    return Shown(replace(one, answer=replace(one.answer, text=text)), made, METHOD)


def region(image: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Return the bounds of all pixels of one colour."""
    rows, columns = np.nonzero((np.asarray(image) == colour).all(-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def written(
    monkeypatch: pytest.MonkeyPatch, *many: Shown, question: str = QUESTION, image: Picture | None = None
) -> str:
    """Return everything that a poster writes, in one line."""
    lines: list[str] = []
    draw = Lettering.draw

    def listen(self: Lettering, canvas: object, place: object, block: object, pen: object) -> None:
        lines.extend(block.lines)  # type: ignore[attr-defined]
        draw(self, canvas, place, block, pen)  # type: ignore[arg-type]

    monkeypatch.setattr(Lettering, "draw", listen)
    draw_poster(image or picture(), question, many)
    return " ".join(lines).replace("\u00a0", " ")


def test_the_png_is_the_poster() -> None:
    with Image.open(io.BytesIO(poster_png(picture(), QUESTION, [shown()]))) as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
        assert ImageChops.difference(image, draw_poster(picture(), QUESTION, [shown()])).getbbox() is None


def test_the_map_lies_where_its_patch_is() -> None:
    drawn = draw_poster(picture(400, 300, (0, 255, 0)), QUESTION, [shown()])
    plain = draw_poster(picture(400, 300, (0, 255, 0)), QUESTION, [Shown(finding())])
    left, top, right, bottom = region(plain, (0, 255, 0))
    hot = tuple(int(v) for v in np.rint(0.75 * HEAT[-1] + 0.25 * np.array([0, 255, 0])))
    centre = drawn.getpixel(((left + 3 * right) // 4, (top + 3 * bottom) // 4))
    assert isinstance(centre, tuple)
    assert max(abs(a - b) for a, b in zip(centre, hot, strict=True)) <= 2
    for x, y in ((1, 1), (3, 1), (1, 3)):
        place = (left * (4 - x) + right * x) // 4, (top * (4 - y) + bottom * y) // 4
        assert drawn.getpixel(place) == (0, 255, 0)
    assert (right - left) / (bottom - top) == pytest.approx(4 / 3, rel=0.01)


@pytest.mark.parametrize("size", [(600, 450), (2000, 60), (60, 2000), (1, 1), (2000, 10)])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_checkpoint_shows_the_picture_whole_and_inside_its_panel(size: tuple[int, int], count: int) -> None:
    green = picture(*size, (0, 255, 0))
    drawn = draw_poster(green, QUESTION, [Shown(finding())] * count)
    columns = (np.asarray(drawn) == (0, 255, 0)).all(-1).any(0)
    runs = np.flatnonzero(np.diff(np.concatenate([[False], columns, [False]]).astype(int)))
    assert len(runs) == 2 * count
    step = (WIDTH - 128 + 32) / count
    for number, (first, last) in enumerate(runs.reshape(-1, 2)):
        assert 64 + number * step <= first < last <= 64 + (number + 1) * step - 32
    _, top, _, bottom = region(drawn, (0, 255, 0))
    assert 190 <= top < bottom <= 1000


def test_what_makes_a_map_honest_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    words = written(monkeypatch, shown((-0.5, 0, 0, 0.25, 9), text="a red seven"))
    assert QUESTION in words
    assert "Step 500" in words
    assert "a red seven" in words
    assert "Gradient x attention (relevance: what its gradients point at); whole answer" in words
    assert "nats lost" in words
    assert "keeps 83 % of the probability per token; a random 20 % keeps 31 %" in words
    assert WORDS["by_chance"] not in words
    # The newline's 9 has no place on the picture, and is no end of the colours.
    assert "-0.5 0.25" in words
    assert "not seen" not in words


def test_a_map_that_is_by_chance_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    made = heat((1, 2, 3, 4, 5))
    assert made.badge is not None
    chance = replace(made, badge=replace(made.badge, keep=made.badge.random_keep))
    assert WORDS["by_chance"] in written(monkeypatch, Shown(finding(chance), chance, METHOD))


def test_a_map_of_one_token_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "“red”" in written(monkeypatch, shown(token=1))


def test_what_was_not_measured_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = replace(heat((1, 2, 3, 4, 5)), badge=None)
    words = written(monkeypatch, Shown(finding(made), made, METHOD))
    assert "keeps" not in words
    assert "Gradient x attention" in words
    assert "Gradient" not in written(monkeypatch, Shown(finding()))


def test_what_the_model_did_not_see_is_hatched_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Box(0.25, 0, 0.75, 1)
    one = replace(finding(), layout=replace(layout((*grid(2, 2, seen), None)), seen=seen))
    assert "50 % of the picture is not seen by this model" in written(monkeypatch, Shown(one))
    green = picture(400, 300, (0, 255, 0))
    whole, part = (
        region(draw_poster(green, QUESTION, [Shown(each)]), (0, 255, 0))
        for each in (replace(one, layout=replace(one.layout, seen=WHOLE)), one)
    )
    assert (part[2] - part[0]) == pytest.approx((whole[2] - whole[0]) / 2, abs=3)


def test_long_words_stay_in_their_places() -> None:
    method = replace(METHOD, label=LONG[:300], unit=LONG[:200])
    made: Heat = heat((1, 2, 3, 4, 5))
    one = finding(made)
    long = Shown(replace(one, label=LONG, answer=replace(one.answer, text=LONG)), made, method)
    drawn = np.asarray(draw_poster(picture(), LONG, [long] * 4))
    # The margins are paper.
    assert (drawn[:, :62] == 255).all()
    assert (drawn[:, WIDTH - 62 :] == 255).all()
    for number in range(1, 4):
        edge = round(64 + number * (WIDTH - 128 + 32) / 4)
        assert (drawn[192:1000, edge - 28 : edge - 3] == 255).all()
    assert (drawn[1003:1022] == 255).all()


def test_an_empty_answer_and_foreign_letters_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "answered with nothing" in written(monkeypatch, shown(text=""))
    assert "\u7ea2\u8272" in written(monkeypatch, shown(text="\u7ea2\u8272"))


def test_a_map_that_is_nowhere_a_number_is_drawn_as_none() -> None:
    nothing = shown((float("nan"),) * 5)
    assert draw_poster(picture(), QUESTION, [nothing]).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("share", "told"), [(0, "0 %"), (0.0004, "< 0.1 %"), (0.034, "3.4 %"), (0.831, "83 %"), (1, "100 %")]
)
def test_shares_are_told_as_on_the_page(share: float, told: str) -> None:
    assert poster._percent(share) == told.replace(" %", "\u00a0%")
