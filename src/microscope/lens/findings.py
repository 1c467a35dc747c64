"""What the lens finds out about one checkpoint's answer: plain, picklable data; knows no model and no page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microscope.lens.layout import Layout
from microscope.records import Answer, Token

# How a map came about decides what it may be believed to say; the three are never mixed.
ATTENTION, RELEVANCE, EVIDENCE, CONTROL = "attention", "relevance", "evidence", "control"
# So little more than random orders keep, a map keeps by chance.
BY_CHANCE = 0.05


@dataclass(frozen=True)
class Cost:
    """What a method took: seconds, forward and backward passes of the language model, those of the vision tower."""

    seconds: float = 0.0
    forwards: int = 0
    backwards: int = 0
    vision: int = 0


@dataclass(frozen=True)
class Badge:
    """How true a map is on this very picture, each number relative to the probability with all image tokens.

    `fractions` are shares of the image tokens, ascending from 0. At each, `deletion` has the most relevant so many
    taken away, and `keep` has only the most relevant so many left; `random_deletion` and `random_keep` are the same
    for random orders, as means. Probability is the geometric mean over the target tokens.
    """

    fractions: tuple[float, ...]
    deletion: tuple[float, ...]
    keep: tuple[float, ...]
    random_deletion: tuple[float, ...]
    random_keep: tuple[float, ...]

    def kept(self, fraction: float = 0.2) -> tuple[float, float]:
        """Return what keeping a share keeps of the probability: by the map, and by random orders."""
        return (
            float(np.interp(fraction, self.fractions, self.keep)),
            float(np.interp(fraction, self.fractions, self.random_keep)),
        )

    @property
    def by_chance(self) -> bool:
        """Tell whether the map is no better than chance: at 20 % it keeps hardly more than random orders, or less."""
        kept, random = self.kept()
        return kept < random + BY_CHANCE

    def areas(self) -> tuple[float, float]:
        """Return the areas under the deletion curve (lower is better) and the keep curve (higher is better)."""
        return _area(self.fractions, self.deletion), _area(self.fractions, self.keep)


@dataclass(frozen=True)
class Heat:
    """One map: a value for each image token, shape (cells,), float32, in the order of the layout's cells.

    `method` is the method's key, `token` the index of the answer token it explains (None: the whole answer). While it
    is being gathered, `done` of `total` steps are in it. `badge` is None until it was measured.
    """

    method: str
    token: int | None
    values: np.ndarray
    cost: Cost = Cost()
    badge: Badge | None = None
    done: int = 1
    total: int = 1


@dataclass(frozen=True)
class Change:
    """The answer recomputed without some image tokens, beside the original's probability.

    `rejected` are indices of cells. `text` and `tokens` are the new answer with the tokens gone from the language
    model's view, `pixels_text` and `pixels_tokens` with their pixels blanked. The probabilities are of the original
    answer (geometric mean over its tokens): with everything, without the tokens, without the pixels.
    """

    rule: str
    rejected: tuple[int, ...]
    text: str
    tokens: tuple[Token, ...]
    pixels_text: str
    pixels_tokens: tuple[Token, ...]
    before: float
    after: float
    pixels_after: float


@dataclass(frozen=True)
class ReadOut:
    """What one image token reads as: for each layer, the words that the output head finds nearest, likeliest first.

    `layers` counts from 0, the input of the first layer. A weak instrument: a patch need not spell what it means.
    """

    cell: int
    layers: tuple[tuple[tuple[str, float], ...], ...]


@dataclass(frozen=True)
class Finding:
    """Everything the lens knows of one checkpoint, picture and question.

    `size` is the original picture's, in pixels. `rows` are attention rows, shape (tokens, layers, heads, cells),
    float16: what each answer token attended to as it was produced, as a share of all its attention; of a long answer
    only the first tokens have theirs. `prior` is the natural-log probability of each answer token with a blank
    picture. `vision` is what each image token received from the others in the vision tower, None where the tower does
    not tell. `chance` are the log-probabilities with nothing left and by random orders, shape (masks, tokens), which
    badges are held against. `address` is its content address.
    """

    checkpoint: str
    label: str
    answer: Answer
    layout: Layout
    size: tuple[int, int]
    rows: np.ndarray
    prior: tuple[float, ...]
    heats: tuple[Heat, ...] = ()
    vision: np.ndarray | None = None
    chance: np.ndarray | None = None
    address: str = ""

    def heat(self, method: str, token: int | None) -> Heat | None:
        """Return the map of a method for an answer token, None where it was not computed."""
        return next((one for one in self.heats if one.method == method and one.token == token), None)


def _area(x: tuple[float, ...], y: tuple[float, ...]) -> float:
    return float(np.trapezoid(y, x))
