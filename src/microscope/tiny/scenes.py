"""Scenes: one to four coloured shapes and handwritten digits on a varied background; knows no question or model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from microscope.records import Box

SIDE = 256
GRID = 3
SMALLEST, LARGEST = 64, 82
TRAINING_DIGITS = 1400
DIGIT_SHARE = 0.6
DIGITS_FILE = Path(__file__).parents[3] / "assets" / "digits" / "digits.npz"

COLOURS = {
    "red": (225, 45, 45),
    "green": (45, 180, 70),
    "blue": (50, 95, 235),
    "yellow": (240, 205, 45),
    "purple": (165, 70, 205),
    "white": (245, 245, 245),
}
SHAPES = ("circle", "square", "triangle")
DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KINDS = DIGIT_NAMES + SHAPES
PLACES = (
    ("top left", "top center", "top right"),
    ("middle left", "center", "middle right"),
    ("bottom left", "bottom center", "bottom right"),
)


@dataclass(frozen=True)
class SceneObject:
    """One object: what it is, its colour, its cell of the 3 x 3 grid, and its box in image fractions."""

    kind: str
    colour: str
    row: int
    column: int
    box: Box

    @property
    def place(self) -> str:
        """Name the cell, as answers do."""
        return PLACES[self.row][self.column]


@dataclass(frozen=True)
class Scene:
    """A 256 px RGB image and its objects in reading order."""

    image: Image.Image
    objects: tuple[SceneObject, ...]


@cache
def digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (images, labels) of a split: `(n, 8, 8)` uint8 in 0..16 and `(n,)` in 0..9.

    `train` is the first 1,400 digits, `heldout` the other 397, which no training step ever sees.
    """
    part = {"train": slice(None, TRAINING_DIGITS), "heldout": slice(TRAINING_DIGITS, None)}[split]
    with np.load(DIGITS_FILE) as data:
        return data["images"][part], data["labels"][part]


def sample_scene(rng: np.random.Generator, split: str) -> Scene:
    """Draw a scene whose digits come from `split`; the same generator state gives the same scene."""
    image = _background(rng)
    count = int(rng.integers(1, 5))
    cells = sorted(int(cell) for cell in rng.choice(GRID * GRID, size=count, replace=False))
    objects = tuple(_place_object(rng, split, image, divmod(cell, GRID)) for cell in cells)
    return Scene(image, objects)


def _place_object(rng: np.random.Generator, split: str, image: Image.Image, cell: tuple[int, int]) -> SceneObject:
    size = int(rng.integers(SMALLEST, LARGEST + 1))
    cell_side = SIDE / GRID
    slack = cell_side - size
    left = int(cell[1] * cell_side + rng.random() * slack)
    top = int(cell[0] * cell_side + rng.random() * slack)
    colour = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    if rng.random() < DIGIT_SHARE:
        kind, mask = _digit_mask(rng, split, size)
    else:
        kind = SHAPES[int(rng.integers(len(SHAPES)))]
        mask = _shape_mask(kind, size)
    paint = tuple(int(c) for c in np.clip(np.array(COLOURS[colour]) + rng.integers(-10, 11, 3), 0, 255))
    image.paste(paint, (left, top), mask)
    box = Box(left / SIDE, top / SIDE, (left + size) / SIDE, (top + size) / SIDE)
    return SceneObject(kind, colour, cell[0], cell[1], box)


def _digit_mask(rng: np.random.Generator, split: str, size: int) -> tuple[str, Image.Image]:
    images, labels = digits(split)
    index = int(rng.integers(len(images)))
    strokes = Image.fromarray((images[index].astype(np.uint16) * 255 // 16).astype(np.uint8))
    mask = strokes.resize((size, size), Image.Resampling.BICUBIC)
    return DIGIT_NAMES[labels[index]], _distort(rng, mask) if split == "train" else mask


def _distort(rng: np.random.Generator, mask: Image.Image) -> Image.Image:
    """Turn, slant and stretch a training digit a little about its centre, so that few writers teach many hands."""
    angle, slant, stretch = np.deg2rad(rng.uniform(-12, 12)), rng.uniform(-0.2, 0.2), rng.uniform(0.95, 1.25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[stretch, slant], [0.0, rng.uniform(0.95, 1.1)]])
    centre = np.array([mask.width / 2, mask.height / 2])
    shift = centre - matrix @ centre
    coefficients = (*matrix[0], shift[0], *matrix[1], shift[1])
    return mask.transform(mask.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


def _shape_mask(kind: str, size: int) -> Image.Image:
    large = Image.new("L", (size * 2, size * 2))
    draw = ImageDraw.Draw(large)
    near, far = 4, size * 2 - 5
    if kind == "circle":
        draw.ellipse((near, near, far, far), fill=255)
    elif kind == "square":
        draw.rectangle((near, near, far, far), fill=255)
    else:
        draw.polygon([(near, far), (far, far), ((near + far) // 2, near)], fill=255)
    return large.resize((size, size), Image.Resampling.BOX)


def _background(rng: np.random.Generator) -> Image.Image:
    first, second = rng.integers(0, 75, (2, 3))
    style = int(rng.integers(5))
    ramp = np.linspace(0, 1, SIDE, dtype=np.float32)
    across, down = ramp[None, :], ramp[:, None]
    weight: np.ndarray
    if style == 0:
        weight = np.zeros((SIDE, SIDE), np.float32)
    elif style == 1:
        angle = rng.uniform(0, 2 * np.pi)
        weight = 0.5 + 0.5 * (np.cos(angle) * (across - 0.5) + np.sin(angle) * (down - 0.5))
    elif style == 2:
        weight = np.broadcast_to((across * int(rng.integers(3, 12)) % 1 > 0.5).astype(np.float32), (SIDE, SIDE))
    elif style == 3:
        cells = int(rng.integers(2, 9))
        weight = ((across * cells).astype(int) + (down * cells).astype(int)) % 2
    else:
        coarse = rng.random((16, 16), dtype=np.float32) * 255
        weight = np.asarray(Image.fromarray(coarse.astype(np.uint8)).resize((SIDE, SIDE))) / 255
    pixels = first + (second - first) * np.asarray(weight, np.float32)[..., None]
    return Image.fromarray(pixels.astype(np.uint8))
