"""Sets text on a drawing: chooses fonts that have its letters, wraps, shrinks and shortens; knows no comparison."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

# Where Linux, macOS and Windows keep fonts with many letters. Pillow's own font comes first: it is everywhere, and the
# clearest on a slide, but has little beyond English.
PILLOWS_OWN = ""
FONTS = (
    PILLOWS_OWN,
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "C:/Windows/Fonts/segoeui.ttf",
    "C:/Windows/Fonts/msyh.ttc",
)

LINE_HEIGHT = 1.3
ASCENT = 0.95
_NO_LETTER = "\uffff"
# What a line may be broken between: words, and the characters of scripts that put no spaces between words. A no-break
# space (U+00A0) is part of a word.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60"
_WORD = re.compile(rf"[^\S\u00a0]+|[{_UNSPACED}]|(?:[^\s{_UNSPACED}]|\u00a0)+")
# Dashes, a bullet and quotation marks as every font has them.
_PLAIN_SIGNS = str.maketrans("\u2010\u2011\u2013\u2014\u2212\u2022\u2018\u2019\u201c\u201d", "-----·''\"\"")


@dataclass(frozen=True)
class Block:
    """Lines of text that fit a box, and the size they are set in."""

    lines: tuple[str, ...]
    size: int
    shortened: bool = False

    @property
    def height(self) -> float:
        """Return the height of the lines in pixels."""
        return len(self.lines) * self.size * LINE_HEIGHT


class Lettering:
    """Sets the text of one drawing, so that one font serves all of it where there is one that can."""

    def __init__(self, texts: Iterable[str], fonts: tuple[str, ...] = FONTS) -> None:
        letters = set("".join(texts))
        there = [path for path in fonts if path == PILLOWS_OWN or Path(path).is_file()] or [PILLOWS_OWN]
        self._fonts = sorted(there, key=lambda path: sum(not _has(path, letter) for letter in letters))
        self._widths: dict[tuple[str, int], float] = {}

    def width(self, text: str, size: int) -> float:
        """Return the width of a text in pixels."""
        return sum(_font(path, size).getlength(part) for path, part in self._parts(text))

    def fit(self, text: str, room: tuple[float, float], sizes: tuple[int, int]) -> Block:
        """Return the text set as large as it fits a room of (width, height), between (smallest, largest) size.

        What does not fit at the smallest size is cut, and the last line ends in an ellipsis.
        """
        width, height = room
        smallest, largest = sizes
        for size in range(largest, smallest - 1, -2):
            block = Block(tuple(self._wrap(text, size, width)), size)
            if block.height <= height:
                return block
        lines = list(self._wrap(text, smallest, width))
        most = max(1, int(height / (smallest * LINE_HEIGHT)))
        if len(lines) <= most:
            return Block(tuple(lines), smallest)
        return Block((*lines[: most - 1], self._ended(lines[most - 1], smallest, width)), smallest, shortened=True)

    def draw(
        self, draw: ImageDraw.ImageDraw, place: tuple[float, float], block: Block, pen: tuple[str, float]
    ) -> None:
        """Draw a block, its upper left corner at a place; a pen is a colour, and a share of an em to thicken by."""
        ink, weight = pen
        left, baseline = place[0], place[1] + block.size * ASCENT
        for line in block.lines:
            x = left
            for path, part in self._parts(line):
                font = _font(path, block.size)
                draw.text(
                    (x, baseline), part, ink, font, anchor="ls", stroke_width=weight * block.size, stroke_fill=ink
                )
                x += font.getlength(part)
            baseline += block.size * LINE_HEIGHT

    def _parts(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield (font, text) for the stretches of a line that one font can set."""
        words = ((self._font_of(word), word) for word in _WORD.findall(text))
        for path, group in groupby(words, key=lambda pair: pair[0]):
            yield path, "".join(self._legible(word, path) for _, word in group)

    def _font_of(self, word: str) -> str:
        whole = (path for path in self._fonts if all(_has(path, letter) for letter in word))
        return next(whole, self._fonts[0])

    @staticmethod
    def _legible(word: str, path: str) -> str:
        return "".join(
            letter if _has(path, letter) else _spelled(letter, path) for letter in word.replace("\u00a0", " ")
        )

    def _wrap(self, text: str, size: int, width: float) -> Iterator[str]:
        for paragraph in text.strip().splitlines() or [""]:
            line, used = "", 0.0
            for word in self._breakable(_WORD.findall(paragraph.rstrip()), size, width):
                needed = self._measure(word, size)
                if line and used + needed > width and not word.isspace():
                    yield line.rstrip()
                    line, used = "", 0.0
                if line or not word.isspace():
                    line, used = line + word, used + needed
            yield line.rstrip()

    def _breakable(self, words: list[str], size: int, width: float) -> Iterator[str]:
        """Yield the words, those that are wider than a line cut into pieces."""
        for word in words:
            piece = ""
            for letter in word if self._measure(word, size) > width else ():
                if piece and self._measure(piece + letter, size) > width:
                    yield piece
                    piece = ""
                piece += letter
            yield piece or word

    def _measure(self, word: str, size: int) -> float:
        """Return the width of a word; letters are fitted to whole pixels, so that each size is measured anew."""
        if (word, size) not in self._widths:
            self._widths[word, size] = self.width(word, size)
        return self._widths[word, size]

    def _ended(self, line: str, size: int, width: float) -> str:
        while line and self.width(line + "…", size) > width:
            line = line[:-1].rstrip()
        return line + "…"


@lru_cache(maxsize=256)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size) if path == PILLOWS_OWN else ImageFont.truetype(path, size)


@lru_cache(maxsize=4096)
def _has(path: str, letter: str) -> bool:
    """Tell whether a font has a letter: one that it lacks looks like a code point that is none."""
    return letter.isspace() or _look(path, letter) != _look(path, _NO_LETTER)


@lru_cache(maxsize=4096)
def _look(path: str, letter: str) -> bytes:
    return bytes(_font(path, 24).getmask(letter))


def _spelled(letter: str, path: str) -> str:
    """Return a letter as a font without it can write it: without accents, by another sign, or as a question mark."""
    if unicodedata.category(letter) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter.translate(_PLAIN_SIGNS)) if _has(path, part))
    return plain or "?"
