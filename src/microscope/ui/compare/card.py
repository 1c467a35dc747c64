"""A comparison as one picture to paste into a slide; knows no Gradio."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle
from typing import NamedTuple

from PIL import Image, ImageDraw

from microscope.records import Answer, Comparison, GenerationSettings, Outcome, Picture
from microscope.ui import text
from microscope.ui.compare.lettering import Block, Lettering

WIDTH, HEIGHT = 1920, 1080
MARGIN, GAP, PADDING = 64, 32, 28
BOTTOM = 1000
# A picture whose width over height is at most NARROW stands beside its answers where they are few; a panorama takes
# the whole width.
MOST_BESIDE, NARROW, PANORAMA = 2, 1.5, 4

PAPER, PANEL, RULE = "#ffffff", "#f7f8fa", "#d9dde3"
INK, GREY, WARNING = "#16202c", "#5a6675", "#a3262a"
# Told apart by readers with any colour vision (Okabe and Ito, 2008).
ACCENTS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
BOLD = 0.024
SMALLEST, SMALL, MEDIUM, LARGE, LARGEST = 18, 20, 26, 44, 56

ENDS = {"end": "", "length": ", cut at the limit", "stopped": ", stopped by hand"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Rect(NamedTuple):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Return the width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Return the height in pixels."""
        return self.bottom - self.top


class Places(NamedTuple):
    """Where a card has its picture, its question and its answers."""

    picture: Rect
    question: Rect
    answers: tuple[Rect, ...]


@dataclass(frozen=True)
class _Panel:
    """One answer's panel: its place, its label and facts as set, and the room between them for the answer."""

    outcome: Outcome
    place: Rect
    label: Block
    facts: Block
    room: Rect


@dataclass(frozen=True)
class _Sheet:
    """The card being drawn, and how text is set on it."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    lettering: Lettering

    def write(self, place: tuple[float, float], block: Block, ink: str, weight: float = 0) -> None:
        self.lettering.draw(self.draw, place, block, (ink, weight))

    def fit_words(self, panel: _Panel, largest: int) -> Block:
        """Set what a panel says, at most as large as given."""
        return self.lettering.fit(_words(panel.outcome), (panel.room.width, panel.room.height), (SMALLEST, largest))

    def fit_list(self, parts: list[str], room: tuple[float, float], sizes: tuple[int, int]) -> Block:
        """Set a list in lines that break between its parts, and not inside one."""
        line = "\u00a0\u00a0·  ".join(part.replace(" ", "\u00a0") for part in parts)
        block = self.lettering.fit(line, room, sizes)
        return replace(block, lines=tuple(line.rstrip("\u00a0·") for line in block.lines))


def draw_card(comparison: Comparison) -> Image.Image:
    """Draw picture, question, and each answer with its facts on one card of 1920 x 1080 pixels.

    Long text is set smaller, and what does not fit then ends in an ellipsis.
    """
    places = arrange(comparison.picture, len(comparison.outcomes))
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    sheet = _Sheet(image, ImageDraw.Draw(image), Lettering(_texts(comparison)))
    _draw_picture(sheet, comparison.picture, places.picture)
    _draw_question(sheet, comparison, places.question)
    panels = [_panel(sheet, *pair) for pair in zip(comparison.outcomes, places.answers, strict=True)]
    size = _answer_size(sheet, panels)
    for panel, accent in zip(panels, cycle(ACCENTS)):
        _draw_panel(sheet, panel, accent, size)
    _draw_footer(sheet, comparison.when)
    return image


def card_png(comparison: Comparison) -> bytes:
    """Return the card as a PNG file."""
    buffer = io.BytesIO()
    draw_card(comparison).save(buffer, "PNG")
    return buffer.getvalue()


def arrange(picture: Picture, answers: int) -> Places:
    """Place everything so that the picture is large and keeps its shape: beside one or two answers, or above them."""
    shape = picture.width / picture.height
    if answers <= MOST_BESIDE and shape <= NARROW:
        seen = _contained(shape, Rect(MARGIN, MARGIN, MARGIN + 720, 770))
        question = Rect(MARGIN, seen.bottom + GAP, MARGIN + 720, BOTTOM)
        return Places(seen, question, _columns(Rect(MARGIN + 720 + GAP, MARGIN, WIDTH - MARGIN, BOTTOM), answers))
    if shape < PANORAMA:
        seen = _contained(shape, Rect(MARGIN, MARGIN, MARGIN + 960, MARGIN + 400))
        question = Rect(seen.right + GAP, MARGIN, WIDTH - MARGIN, MARGIN + max(seen.height, 240))
    else:
        seen = _contained(shape, Rect(MARGIN, MARGIN, WIDTH - MARGIN, MARGIN + 400))
        question = Rect(MARGIN, seen.bottom + GAP / 2, WIDTH - MARGIN, seen.bottom + 160)
    top = max(seen.bottom, question.bottom) + GAP
    return Places(seen, question, _columns(Rect(MARGIN, top, WIDTH - MARGIN, BOTTOM), answers))


def _contained(shape: float, room: Rect) -> Rect:
    """Return the largest rectangle of a shape (width over height) in the upper left corner of a room."""
    width = min(room.width, room.height * shape)
    return Rect(room.left, room.top, room.left + max(1, round(width)), room.top + max(1, round(width / shape)))


def _columns(room: Rect, count: int) -> tuple[Rect, ...]:
    step = (room.width + GAP) / max(count, 1)
    lefts = (room.left + number * step for number in range(count))
    return tuple(Rect(left, room.top, left + step - GAP, room.bottom) for left in lefts)


def _draw_picture(sheet: _Sheet, picture: Picture, place: Rect) -> None:
    image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
    image = image.resize((round(place.width), round(place.height)), Image.Resampling.LANCZOS)
    sheet.image.paste(image, (round(place.left), round(place.top)))
    sheet.draw.rectangle((place.left - 1, place.top - 1, place.right, place.bottom), outline=RULE)


def _draw_question(sheet: _Sheet, comparison: Comparison, place: Rect) -> None:
    heading = Block((text.QUESTION,), SMALL)
    notes = sheet.fit_list(describe_settings(comparison.settings), (place.width, 60), (SMALLEST, SMALL))
    room = place.height - heading.height - notes.height - 16
    question = sheet.lettering.fit(comparison.question, (place.width, room), (SMALLEST, LARGEST))
    sheet.write((place.left, place.top), heading, GREY)
    top = place.top + heading.height
    sheet.write((place.left, top), question, INK, BOLD if question.size >= MEDIUM else 0)
    sheet.write((place.left, top + question.height + 12), notes, GREY)


def _panel(sheet: _Sheet, outcome: Outcome, place: Rect) -> _Panel:
    left, right = place.left + PADDING, place.right - PADDING
    label = sheet.lettering.fit(outcome.label, (right - left, 40), (SMALL, 28))
    facts = Block((), SMALL)
    if outcome.answer is not None:
        facts = sheet.fit_list(describe_facts(outcome.answer), (right - left, 100), (SMALL - 2, SMALL))
    top = place.top + 38 + label.height
    return _Panel(outcome, place, label, facts, Rect(left, top, right, place.bottom - 50 - facts.height))


def _answer_size(sheet: _Sheet, panels: list[_Panel]) -> int:
    """Return the one size in which all answers fit that need no small letters: those alone are set smaller."""
    sizes = (sheet.fit_words(panel, LARGE).size for panel in panels if panel.outcome.answer is not None)
    return min((size for size in sizes if size >= MEDIUM), default=LARGE)


def _draw_panel(sheet: _Sheet, panel: _Panel, accent: str, size: int) -> None:
    place, room = panel.place, panel.room
    sheet.draw.rounded_rectangle(place, 12, fill=PANEL, outline=RULE, corners=(False, False, True, True))
    sheet.draw.rectangle((place.left, place.top, place.right, place.top + 7), fill=accent)
    sheet.write((room.left, place.top + 26), panel.label, INK, BOLD)
    if panel.outcome.answer is None:
        refused = Block((text.STATES["failed"],), MEDIUM)
        sheet.write((room.left, room.top), refused, WARNING, BOLD)
        below = room._replace(top=room.top + refused.height + 8)
        sheet.write((below.left, below.top), sheet.fit_words(replace(panel, room=below), MEDIUM), INK)
        return
    sheet.write((room.left, room.top), sheet.fit_words(panel, size), INK if panel.outcome.answer.text else GREY)
    sheet.draw.line((room.left, room.bottom + 16, room.right, room.bottom + 16), fill=RULE)
    sheet.write((room.left, room.bottom + 28), panel.facts, GREY)


def _words(outcome: Outcome) -> str:
    """Return what an answer's panel says."""
    return outcome.message if outcome.answer is None else outcome.answer.text or text.EMPTY_ANSWER


def _draw_footer(sheet: _Sheet, when: str) -> None:
    date = Block((_date(when),), SMALL)
    sheet.draw.line((MARGIN, BOTTOM + 24, WIDTH - MARGIN, BOTTOM + 24), fill=RULE)
    sheet.write((MARGIN, BOTTOM + 34), Block((text.TITLE,), SMALL), GREY, BOLD)
    sheet.write((WIDTH - MARGIN - sheet.lettering.width(date.lines[0], date.size), BOTTOM + 34), date, GREY)


def describe_settings(settings: GenerationSettings) -> list[str]:
    """Return the settings that all answers share; what is at its default is left out."""
    parts = ["greedy decoding" if settings.greedy else f"temperature {settings.temperature:g}"]
    if not settings.greedy and settings.top_p < 1:
        parts.append(f"top-p {settings.top_p:g}")
    if not settings.greedy and settings.top_k:
        parts.append(f"top-k {settings.top_k}")
    if settings.repetition_penalty != 1:
        parts.append(f"repetition penalty {settings.repetition_penalty:g}")
    parts.append(f"at most {settings.max_new_tokens:,} new tokens")
    if settings.image_budget is not None:
        parts.append(f"image of at most {settings.image_budget:,} pixels")
    return parts


def describe_facts(answer: Answer) -> list[str]:
    """Return what makes one answer's numbers honest."""
    facts = answer.facts
    rate = facts.tokens_per_second
    tokens = "1 token" if facts.tokens == 1 else f"{facts.tokens:,} tokens"
    return [
        f"revision {facts.revision[:7] if _COMMIT.fullmatch(facts.revision) else facts.revision[:24]}",
        f"seed {facts.seed}",
        tokens + ENDS[facts.finish],
        *([f"{rate:,.1f} tokens/s"] if rate else []),
        f"{facts.dtype} on {facts.device}",
        *([text.COMPUTED[answer.computed]] if answer.computed != "now" else []),
    ]


def _date(when: str) -> str:
    """Return day and minute of an ISO 8601 time as people write them; Python 3.10 reads no Z."""
    moment = datetime.fromisoformat(when.replace("Z", "+00:00"))
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _texts(comparison: Comparison) -> list[str]:
    """Return what people wrote and models answered; everything else is English."""
    words = [part for outcome in comparison.outcomes for part in (outcome.label, _words(outcome))]
    return [comparison.question, *words]
