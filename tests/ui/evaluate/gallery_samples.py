"""Results made by hand for the gallery of items: every kind of trouble, few pictures, as many items as wanted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from microscope.engine.pictures import image_to_picture
from microscope.errors import UserError
from microscope.evaluation.analysis import Slice
from microscope.evaluation.results import Arm, ArmAnswers, ArmFacts, ImageFacts, Results, SetFacts
from microscope.records import Box, GenerationSettings, Item, Picture
from microscope.ui.evaluate.gallery_query import Index

COLOURS = ("red", "green", "blue", "white", "yellow")
SHAPES = ("circle", "square", "triangle")
MARKUP = '<img src=x onerror="document.title=1"> <b>bold</b>'
GONE = "gone.png"
LABELS = ("Step 300", "Step 2000", "Step 6000")
# What happens to the first items; every other one follows a pattern of right and wrong.
FAILED_AT, UNPARSED_AT, SOFT_AT, RULES_AT, MARKUP_AT, GONE_AT = 1, 2, 3, 4, 5, 6
FAILURE = "Memory ran out: choose a smaller image budget."


@dataclass
class Pictures:
    """Pictures drawn on demand; one name has none. Notes what was read."""

    size: tuple[int, int] = (320, 240)
    read_names: list[str] = field(default_factory=list)

    def read(self, name: str) -> Picture:
        """Return a picture with a coloured square where the evidence box is."""
        self.read_names.append(name)
        if name == GONE:
            raise UserError("The picture gone.png is not in the folder: add it and open the set again.")
        image = Image.new("RGB", self.size, "#223344")
        width, height = self.size
        colour = COLOURS[int(name.removesuffix(".png")) % len(COLOURS)]
        ImageDraw.Draw(image).rectangle((width * 0.25, height * 0.25, width * 0.5, height * 0.75), fill=colour)
        return image_to_picture(image)


@dataclass(frozen=True)
class State:
    """What a visit holds, as the gallery needs it."""

    index: Index | None
    pictures: Pictures | None = field(default_factory=Pictures)
    slices: tuple[Slice, ...] = ()


def item(number: int, pictures: int = 7) -> Item:
    """Return an item with a kind, tags, a box, and choices where it is a multiple of five."""
    colour, shape = COLOURS[number % 5], SHAPES[number % 3]
    return Item(
        id=f"item-{number:04d}",
        image=GONE if number == GONE_AT else f"{number % pictures}.png",
        question=f"Which colour has the {shape} numbered {number}?",
        answers=(colour, colour.upper()),
        kind="colour" if number % 2 else "where",
        evidence=(Box(0.25, 0.25, 0.5, 0.75),),
        choices=COLOURS if number % 5 == 0 else (),
        tags=(f"shape:{shape}", "hard" if number % 4 == 0 else "easy"),
    )


def results(n: int = 2000, arms: int = 3, pictures: int = 7) -> Results:
    """Return results in which arm k is right at items whose number leaves less than 3 + 3k when divided by 10."""
    items = tuple(item(number, pictures) for number in range(n))
    numbers = np.arange(n)
    normal = (numbers[:, None] % 10 < 3 + 3 * np.arange(arms)).astype(np.float64)
    scores, parsed = np.stack([normal] * 3), np.ones((n, arms), bool)
    texts = [[_text(number, bool(normal[number, arm])) for number in range(n)] for arm in range(arms)]
    if n > GONE_AT and arms:
        _trouble(scores, parsed, texts)
    names = {one.image: number for number, one in enumerate({one.image: one for one in items}.values())}
    answers = tuple(
        ArmAnswers(
            Arm(f"step-{arm}", f"step-{arm}", _label(arm), GenerationSettings()),
            ArmFacts("main", "abc", "float32", "cpu", "sdpa", ()),
            tuple(texts[arm]),
            {FAILED_AT: FAILURE} if arm == 0 and n > FAILED_AT else {},
            frozenset({UNPARSED_AT}) if arm == 0 else frozenset(),
            ("",) * n,
            np.full(n, 3),
        )
        for arm in range(arms)
    )
    return Results(
        set=SetFacts("scenes", "digest", n),
        items=items,
        clusters=np.array([names[one.image] for one in items], np.int64),
        images=tuple(ImageFacts(f"digest of {name}", 320, 240) for name in names),
        scorer="words",
        answers=answers,
        scores=scores,
        parsed=parsed,
        total=n,
        order=numbers,
    )


def _label(arm: int) -> str:
    return LABELS[arm] if arm < len(LABELS) else f"Step {10000 + arm}"


def _text(number: int, right: bool) -> str:  # noqa: FBT001  (one of two answers)
    return f"It is {COLOURS[number % 5]}." if right else f"It is {COLOURS[(number + 2) % 5]}."


def _trouble(scores: np.ndarray, parsed: np.ndarray, texts: list[list[str]]) -> None:
    scores[:, FAILED_AT, 0], texts[0][FAILED_AT] = 0, ""
    scores[:, UNPARSED_AT, 0], parsed[UNPARSED_AT, 0], texts[0][UNPARSED_AT] = 0, False, "a " * 300
    parsed[FAILED_AT, 0] = False
    scores[:, SOFT_AT, 0] = 0.75
    scores[0, RULES_AT, 0], scores[2, RULES_AT, 0] = 0, 1
    texts[0][MARKUP_AT] = MARKUP


def state(n: int = 2000, arms: int = 3) -> State:
    """Return a visit's state over results made by hand, with one slice: triangles."""
    found = results(n, arms)
    triangles = tuple(number for number in range(n) if number % 3 == 2)
    one = Slice("shape", "triangle", triangles, 7, (), None, None)
    return State(Index(found), Pictures(), (one,))
