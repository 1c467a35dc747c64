"""Findings as one picture to paste into a slide: each checkpoint's map with what may be believed; knows no Gradio."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from PIL import Image, ImageDraw

from microscope.lens.colours import HEAT
from microscope.lens.findings import Finding, Heat
from microscope.lens.methods.base import Described
from microscope.lens.overlays import bounds, heat_rgba, over, rejected_rgba
from microscope.lens.raster import rasterise
from microscope.records import Box, Picture
from microscope.ui import text
from microscope.ui.compare.card import (
    ACCENTS,
    BOLD,
    GAP,
    GREY,
    HEIGHT,
    INK,
    MARGIN,
    PADDING,
    PANEL,
    PAPER,
    RULE,
    SMALL,
    SMALLEST,
    WIDTH,
    Rect,
)
from microscope.ui.compare.lettering import Block, Lettering
from microscope.ui.lens.words import WORDS

OPACITY = 0.75
TOP, BOTTOM = 190, 1000
# What a panel's words need at least, beside the picture or below it.
WORDS_WIDTH, WORDS_HEIGHT = 400, 400
BAR_HEIGHT, NOTE_HEIGHT = 18, 100
ANSWER_SIZE, QUESTION_SIZE = 36, 40

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Shown:
    """A checkpoint on the poster: what was found, the map to show of it, and that map's method; both or neither."""

    finding: Finding
    heat: Heat | None = None
    method: Described | None = None


@dataclass(frozen=True)
class _Sheet:
    """The poster being drawn, and how text is set on it."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    lettering: Lettering

    def write(self, room: Rect, words: str, largest: int, ink: str = INK, weight: float = 0) -> float:
        """Write words at the top of a room, at most as large as given, and return where they end."""
        block = self.lettering.fit(words, (room.width, room.height), (SMALLEST, largest))
        self.lettering.draw(self.draw, (room.left, room.top), block, (ink, weight))
        return room.top + block.height


def draw_poster(picture: Picture, question: str, shown: Sequence[Shown]) -> Image.Image:
    """Draw up to four checkpoints' maps over one picture, with answers, methods, badges and legends, 1920 x 1080.

    Long text is set smaller, and what does not fit then ends in an ellipsis.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    words = [question, *(part for one in shown for part in _texts(one))]
    sheet = _Sheet(image, ImageDraw.Draw(image), Lettering(words))
    top = sheet.write(Rect(MARGIN, MARGIN - 20, WIDTH - MARGIN, TOP), text.QUESTION, SMALL, GREY)
    sheet.write(Rect(MARGIN, top, WIDTH - MARGIN, TOP - 20), question, QUESTION_SIZE, INK, BOLD)
    for place, one, accent in zip(_columns(len(shown)), shown, cycle(ACCENTS)):
        _draw_panel(sheet, place, one, picture, accent)
    sheet.draw.line((MARGIN, BOTTOM + 24, WIDTH - MARGIN, BOTTOM + 24), fill=RULE)
    sheet.write(Rect(MARGIN, BOTTOM + 34, WIDTH - MARGIN, HEIGHT), text.TITLE, SMALL, GREY, BOLD)
    return image


def poster_png(picture: Picture, question: str, shown: Sequence[Shown]) -> bytes:
    """Return the poster as a PNG file."""
    buffer = io.BytesIO()
    draw_poster(picture, question, shown).save(buffer, "PNG")
    return buffer.getvalue()


def _columns(count: int) -> list[Rect]:
    step = (WIDTH - 2 * MARGIN + GAP) / max(count, 1)
    lefts = [MARGIN + number * step for number in range(count)]
    return [Rect(left, TOP, left + step - GAP, BOTTOM) for left in lefts]


def _draw_panel(sheet: _Sheet, place: Rect, one: Shown, picture: Picture, accent: str) -> None:
    sheet.draw.rounded_rectangle(place, 12, fill=PANEL, outline=RULE, corners=(False, False, True, True))
    sheet.draw.rectangle((place.left, place.top, place.right, place.top + 7), fill=accent)
    room = Rect(place.left + PADDING, place.top + 22, place.right - PADDING, place.bottom - PADDING)
    top = sheet.write(room._replace(bottom=room.top + 40), one.finding.label, 28, INK, BOLD)
    room = room._replace(top=top + 8)
    seen, words = _arranged(picture, room)
    limits = _draw_picture(sheet, seen, one, picture)
    _draw_words(sheet, words, one, limits)


def _arranged(picture: Picture, room: Rect) -> tuple[Rect, Rect]:
    """Return the places of the picture and of the words: beside each other or not, whichever shows more of it."""
    beside = _contained(picture, room._replace(right=max(room.left + 1, room.right - WORDS_WIDTH - GAP)))
    above = _contained(picture, room._replace(bottom=room.bottom - WORDS_HEIGHT))
    if beside.width > above.width:
        return beside, room._replace(left=beside.right + GAP)
    return above, room._replace(top=above.bottom + 14)


def _contained(picture: Picture, room: Rect) -> Rect:
    """Return the largest rectangle of the picture's shape in the upper left corner of a room."""
    shape = picture.width / picture.height
    width = min(room.width, room.height * shape)
    return Rect(room.left, room.top, room.left + max(1, round(width)), room.top + max(1, round(width / shape)))


def _draw_picture(sheet: _Sheet, place: Rect, one: Shown, picture: Picture) -> tuple[float, float] | None:
    """Draw the picture under its map, and hatch what the model did not see; return the map's lowest and highest."""
    size, layout = (round(place.width), round(place.height)), one.finding.layout
    drawn, limits = over(picture, rejected_rgba(layout, (), size)), None
    if one.heat is not None:
        raster = rasterise(layout, one.heat.values, *size)
        limits = bounds(raster)
        heat = Image.fromarray(heat_rgba(raster, HEAT, OPACITY, limits))
        drawn.paste(heat, mask=heat)
    sheet.image.paste(drawn, (round(place.left), round(place.top)))
    sheet.draw.rectangle((place.left - 1, place.top - 1, place.right, place.bottom), outline=RULE)
    return limits


def _draw_words(sheet: _Sheet, room: Rect, one: Shown, limits: tuple[float, float] | None) -> None:
    """Write the answer, as large as the legend and the notes leave it room."""
    set_small = [
        sheet.lettering.fit(note, (room.width, NOTE_HEIGHT), (SMALLEST, SMALL))
        for note in ([one.method.unit] if one.method else []) + _notes(one)
    ]
    line = Block(("",), SMALLEST).height
    legend = 0 if limits is None else BAR_HEIGHT + line + 10
    below = room.bottom - legend - sum(block.height + 6 for block in set_small)
    answer = one.finding.answer.text
    ink = INK if answer else GREY
    top = 14 + sheet.write(room._replace(bottom=below - 14), answer or text.EMPTY_ANSWER, ANSWER_SIZE, ink)
    if limits is not None:
        _draw_legend(sheet, room._replace(top=top), limits)
        top += legend - 6
    for block in set_small:
        sheet.lettering.draw(sheet.draw, (room.left, top), block, (GREY, 0))
        top += block.height + 6


def _draw_legend(sheet: _Sheet, room: Rect, limits: tuple[float, float]) -> None:
    """Draw the colours, with the values at their ends."""
    width = round(room.width)
    colours = HEAT[np.linspace(0, len(HEAT) - 1, width).astype(int)]
    bar = Image.fromarray(np.broadcast_to(colours, (BAR_HEIGHT, width, 3)).copy())
    sheet.image.paste(bar, (round(room.left), round(room.top)))
    low, high = (Block((_number(limit),), SMALLEST) for limit in limits)
    right = room.right - sheet.lettering.width(high.lines[0], high.size)
    for left, block in ((room.left, low), (right, high)):
        sheet.lettering.draw(sheet.draw, (left, room.top + BAR_HEIGHT + 2), block, (INK, 0))


def _notes(one: Shown) -> list[str]:
    """Return what is to be known about a map: its method and target, how true it is, and what the model saw."""
    notes = []
    if one.heat is not None and one.method is not None:
        tier = WORDS.get(f"tier_{one.method.tier}", one.method.tier)
        method = WORDS["method_line"].format(method=one.method.label, tier=tier)
        notes.append(f"{method}; {_target(one.finding, one.heat)}")
    if one.heat is not None and one.heat.badge is not None:
        kept, chance = (_percent(share) for share in one.heat.badge.kept())
        told = WORDS["badge"].format(map=kept, random=chance)
        notes.append(f"{told} {WORDS['by_chance']}" if one.heat.badge.by_chance else told)
    if one.finding.layout.seen != WHOLE:
        seen = one.finding.layout.seen
        share = 1 - (seen.right - seen.left) * (seen.bottom - seen.top)
        notes.append(WORDS["unseen_note"].format(share=_percent(share)))
    return notes


def _target(finding: Finding, heat: Heat) -> str:
    if heat.token is None:
        return WORDS["whole"]
    return f"“{finding.answer.tokens[heat.token].text.strip()}”"


def _texts(one: Shown) -> list[str]:
    return [one.finding.label, one.finding.answer.text, *_notes(one)]


def _percent(share: float) -> str:
    """Return a share as the page writes it."""
    value = share * 100
    if 0 < value < 0.1:  # noqa: PLR2004 (the least that one decimal can say)
        return WORDS["below_tenth"]
    return f"{value:.0f}\u00a0%" if value >= 10 or value == 0 else f"{value:.1f}\u00a0%"  # noqa: PLR2004 (two digits suffice)


def _number(value: float) -> str:
    """Return a value in three significant digits."""
    return f"{value:.3g}" if math.isfinite(value) else "?"
