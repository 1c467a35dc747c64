"""Tests of the card: a comparison as one picture."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from microscope.records import GenerationSettings, Picture
from microscope.ui.compare.card import (
    HEIGHT,
    WIDTH,
    Rect,
    arrange,
    card_png,
    describe_facts,
    describe_settings,
    draw_card,
)
from tests.ui.compare.samples import FACTS, comparison, failure, outcome

SHAPES = [(256, 256), (600, 1100), (1600, 900), (640, 200), (2400, 300), (2000, 10), (10, 2000), (1, 1)]
LONG = "a blue triangle at the top right and a red three at the center and a red square " * 60


def red(width: int, height: int) -> Picture:
    """Return a picture in a red that nothing else on a card has."""
    return Picture(width, height, bytes([255, 0, 0]) * (width * height))


def red_box(card: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the bounds of what is exactly that red."""
    r, g, b = card.split()
    mask = ImageChops.darker(r.point(lambda v: 255 * (v == 255)), g.point(lambda v: 255 * (v == 0)))
    return ImageChops.darker(mask, b.point(lambda v: 255 * (v == 0))).getbbox()


def overlap(one: Rect, other: Rect) -> bool:
    """Tell whether two rectangles share a pixel."""
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def changed(one: Image.Image, other: Image.Image, place: Rect) -> bool:
    """Tell whether two cards differ at a place."""
    box = tuple(map(round, place))
    return ImageChops.difference(one.crop(box), other.crop(box)).getbbox() is not None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("answers", [0, 1, 2, 3, 4])
def test_everything_has_a_place_of_its_own_on_the_card(shape: tuple[int, int], answers: int) -> None:
    places = arrange(red(*shape), answers)
    boxes = [places.picture, places.question, *places.answers]
    assert len(places.answers) == answers
    assert all(0 <= box.left < box.right <= WIDTH and 0 <= box.top < box.bottom <= HEIGHT for box in boxes)
    assert not any(overlap(one, other) for one in boxes for other in boxes if one is not other)
    assert all(box.width >= 300 and box.height >= 300 for box in places.answers)
    assert places.question.width >= 500
    assert places.question.height >= 140


@pytest.mark.parametrize("shape", SHAPES[:5])
@pytest.mark.parametrize("answers", [1, 3])
def test_the_picture_keeps_its_shape_and_is_shown_whole(shape: tuple[int, int], answers: int) -> None:
    image = red(*shape)
    card = draw_card(comparison(*(outcome(str(number), "yes") for number in range(answers)), image=image))
    box = red_box(card)
    assert box is not None
    width, height = box[2] - box[0], box[3] - box[1]
    assert width / height == pytest.approx(image.width / image.height, rel=0.02)
    assert max(width / 700, height / 350) >= 1


def test_the_png_is_the_card() -> None:
    made = comparison(outcome("one", "yes"))
    with Image.open(io.BytesIO(card_png(made))) as image:
        assert image.format == "PNG"
        assert image.size == (WIDTH, HEIGHT)
        assert ImageChops.difference(image.convert("RGB"), draw_card(made)).getbbox() is None


def test_each_answer_stands_in_its_own_column() -> None:
    before = comparison(outcome("one", "yes"), outcome("two", "no"))
    after = comparison(outcome("one", "yes"), outcome("two", "perhaps"))
    places = arrange(before.picture, 2)
    cards = draw_card(before), draw_card(after)
    assert not changed(*cards, places.answers[0])
    assert not changed(*cards, places.question)
    assert changed(*cards, places.answers[1])


def test_a_failed_checkpoint_shows_its_sentence_and_leaves_the_others() -> None:
    one = outcome("one", "yes")
    cards = [draw_card(comparison(one, failure("two", message))) for message in ("It is gone.", "It is gated.")]
    places = arrange(comparison().picture, 2)
    assert not changed(cards[0], cards[1], places.answers[0])
    assert changed(cards[0], cards[1], places.answers[1])


@pytest.mark.parametrize("answers", [1, 2, 3, 4])
def test_long_text_stays_inside_its_panel(answers: int) -> None:
    long = comparison(*(outcome(str(n), LONG, label=LONG) for n in range(answers)), question=LONG[:2000])
    short = comparison(*(outcome(str(n), "") for n in range(answers)), question="?")
    places = arrange(long.picture, answers)
    difference = ImageChops.difference(draw_card(long), draw_card(short))
    for box in (places.question, *places.answers):
        difference.paste((0, 0, 0), tuple(map(round, box)))
    assert difference.getbbox() is None


def test_an_empty_answer_says_so() -> None:
    empty, blank = (draw_card(comparison(outcome("one", text))) for text in ("", "\u200b"))
    assert changed(empty, blank, arrange(comparison().picture, 1).answers[0])


def test_facts_name_revision_seed_tokens_speed_and_machine() -> None:
    answer = outcome("one", "yes").answer
    assert answer is not None
    assert describe_facts(answer) == ["revision 0123456", "seed 7", "3 tokens", "2.0 tokens/s", "bfloat16 on cuda:0"]
    folder = replace(FACTS, revision="sha256:abcdef012345", tokens=1, finish="length")
    stored = replace(answer, facts=folder, computed="store")
    assert describe_facts(stored) == [
        "revision sha256:abcdef012345",
        "seed 7",
        "1 token, cut at the limit",
        "bfloat16 on cuda:0",
        "computed earlier with exactly these inputs",
    ]


def test_settings_at_their_defaults_are_left_out() -> None:
    assert describe_settings(GenerationSettings()) == ["greedy decoding", "at most 64 new tokens"]
    every = GenerationSettings(1024, 0.7, 0.9, 40, 1.1, 3, 1_000_000)
    assert describe_settings(every) == [
        "temperature 0.7",
        "top-p 0.9",
        "top-k 40",
        "repetition penalty 1.1",
        "at most 1,024 new tokens",
        "image of at most 1,000,000 pixels",
    ]
