"""Two drawings for larger models to read: a card of handwritten digits and a small bar chart; knows no question."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from microscope.tiny.scenes import digits

SIDE = 512
PAPER, INK, LINE, SOFT = (250, 248, 242), (28, 30, 38), (196, 192, 180), (110, 108, 100)
LEGIBLE = (145, 16, 17, 98, 207, 20, 41, 32, 43, 46)
ROWS = ((172, (4,)), (122, (7, 2)), (88, (0, 9, 6)), (62, (3, 8, 1, 5)))
CHART = (("Mon", 4), ("Tue", 7), ("Wed", 3), ("Thu", 9), ("Fri", 6))
BARS = ((66, 122, 180), (66, 122, 180), (66, 122, 180), (222, 110, 58), (66, 122, 180))


def eye_card() -> Image.Image:
    """Draw an eye test of held-out handwritten digits, larger at the top; `512 x 512` RGB."""
    card = _paper()
    top = 34
    for size, values in ROWS:
        step = size
        left = (SIDE - step * len(values)) // 2 + (step - size) // 2
        for value in values:
            card.paste(INK, (left, top), _ink(value, size))
            left += step
        top += size
    return card


def bar_chart() -> Image.Image:
    """Draw a chart of five bars, each with its value in a held-out handwritten digit; `512 x 512` RGB."""
    chart = _paper()
    draw = ImageDraw.Draw(chart)
    draw.text((SIDE // 2, 52), "Birds at the feeder", INK, ImageFont.load_default(34), anchor="mm")
    floor, unit, width, gap = 436, 36, 60, 84
    for level in range(0, 10, 3):
        draw.line((52, floor - level * unit, SIDE - 40, floor - level * unit), LINE, 2)
        draw.text((40, floor - level * unit), str(level), SOFT, ImageFont.load_default(20), anchor="rm")
    for number, ((day, value), colour) in enumerate(zip(CHART, BARS, strict=True)):
        left = 70 + number * gap
        draw.rectangle((left, floor - value * unit, left + width, floor), colour)
        draw.text((left + width // 2, floor + 28), day, INK, ImageFont.load_default(26), anchor="mm")
        chart.paste(PAPER, (left + 4, floor - value * unit + 6), _ink(value, 52))
    return chart


def _paper() -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), PAPER)
    ImageDraw.Draw(image).rounded_rectangle((10, 10, SIDE - 11, SIDE - 11), 22, outline=LINE, width=3)
    return image


def _ink(value: int, size: int) -> Image.Image:
    """Return a mask of `size` pixels: a held-out `value` that is easy to read, enlarged and given firm edges."""
    images, _ = digits("heldout")
    strokes = np.pad(images[LEGIBLE[value]], 1) * (255 / 16)
    coarse = Image.fromarray(strokes.astype(np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float32)
    return Image.fromarray(np.clip((smooth - 80) * 4, 0, 255).astype(np.uint8))
