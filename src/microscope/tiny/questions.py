"""Questions about scenes, with wordings, answers and the boxes that prove them; knows no pixel and no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from microscope.records import Box
from microscope.tiny.scenes import COLOURS, DIGIT_NAMES, KINDS, PLACES, SceneObject

WORDINGS = {
    "colour": ("what color is the {kind}?", "what colour is the {kind}?", "which color does the {kind} have?"),
    "name": ("what is the {colour} object?", "which object is {colour}?", "name the {colour} object."),
    "count": ("how many objects are there?", "how many objects do you see?", "count the objects."),
    "where": ("where is the {kind}?", "in which place is the {kind}?", "find the {kind}."),
    "at": ("what is at the {place}?", "what do you see at the {place}?", "which object is at the {place}?"),
    "exists": ("is there a {colour} {kind}?", "do you see a {colour} {kind}?", "can you find a {colour} {kind}?"),
    "left": ("which is further left, the {a} or the {b}?", "what is more to the left, the {a} or the {b}?"),
    "describe": ("describe the image.", "what is in the image?", "what do you see?"),
}
NUMERALS = {name: str(value) for value, name in enumerate(DIGIT_NAMES)}
NUMERAL_SHARE = 0.2

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """One question, its answer, and the evidence.

    `parts` are the pieces of the answer in order, each with the box it rests on (None: on no single place).
    """

    kind: str
    text: str
    parts: tuple[tuple[str, Box | None], ...]
    evidence: tuple[Box, ...]

    @property
    def answer(self) -> str:
        """Join the parts to the whole answer."""
        return " ".join(text for text, _ in self.parts)


Objects = tuple[SceneObject, ...]


def ask(rng: np.random.Generator, objects: Objects, kind: str) -> Question | None:
    """Ask a question of `kind` about the objects, or return None where the scene allows none without ambiguity."""
    return ASKERS[kind](rng, objects)


def ask_any(rng: np.random.Generator, objects: Objects, weights: dict[str, float]) -> Question:
    """Ask a question of a random kind, drawn by `weights` among the kinds that the scene allows."""
    kinds = list(weights)
    shares = np.array([weights[kind] for kind in kinds], dtype=np.float64)
    while True:
        kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
        question = ask(rng, objects, kind)
        if question is not None:
            return question


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def _word(rng: np.random.Generator, kind: str) -> str:
    return NUMERALS[kind] if kind in NUMERALS and rng.random() < NUMERAL_SHARE else kind


def _wording(rng: np.random.Generator, group: str, **slots: str) -> str:
    return _pick(rng, WORDINGS[group]).format(**slots)


def _unique(objects: Objects, key: Callable[[SceneObject], str]) -> Objects:
    keys = [key(thing) for thing in objects]
    return tuple(thing for thing in objects if keys.count(key(thing)) == 1)


def _single(kind: str, text: str, answer: str, thing: SceneObject) -> Question:
    return Question(kind, text, ((answer, thing.box),), (thing.box,))


def _colour(rng: np.random.Generator, objects: Objects) -> Question | None:
    options = _unique(objects, lambda thing: thing.kind)
    if not options:
        return None
    thing = _pick(rng, options)
    return _single("colour", _wording(rng, "colour", kind=_word(rng, thing.kind)), thing.colour, thing)


def _name(rng: np.random.Generator, objects: Objects) -> Question | None:
    options = _unique(objects, lambda thing: thing.colour)
    if not options:
        return None
    thing = _pick(rng, options)
    return _single("name", _wording(rng, "name", colour=thing.colour), thing.kind, thing)


def _count(rng: np.random.Generator, objects: Objects) -> Question | None:
    boxes = tuple(thing.box for thing in objects)
    return Question("count", _wording(rng, "count"), ((DIGIT_NAMES[len(objects)], None),), boxes)


def _where(rng: np.random.Generator, objects: Objects) -> Question | None:
    options = _unique(objects, lambda thing: thing.kind)
    if not options:
        return None
    thing = _pick(rng, options)
    return _single("where", _wording(rng, "where", kind=_word(rng, thing.kind)), thing.place, thing)


def _at(rng: np.random.Generator, objects: Objects) -> Question | None:
    thing = _pick(rng, objects)
    return _single("at", _wording(rng, "at", place=thing.place), f"a {thing.colour} {thing.kind}", thing)


def _exists(rng: np.random.Generator, objects: Objects) -> Question | None:
    thing = _pick(rng, objects)
    colour, kind = thing.colour, thing.kind
    present = {(other.colour, other.kind): other for other in objects}
    if rng.random() < 0.5:
        near = rng.random()
        colour = colour if near < 0.4 else _pick(rng, tuple(COLOURS))
        kind = kind if 0.4 <= near < 0.8 else _pick(rng, KINDS)
    text = _wording(rng, "exists", colour=colour, kind=_word(rng, kind))
    found = present.get((colour, kind))
    if found is None:
        return Question("exists", text, (("no", None),), ())
    return _single("exists", text, "yes", found)


def _left(rng: np.random.Generator, objects: Objects) -> Question | None:
    names = _unique(objects, lambda thing: f"{thing.colour} {thing.kind}")
    pairs = [(a, b) for a in names for b in names if a.column != b.column]
    if not pairs:
        return None
    first, second = pairs[int(rng.integers(len(pairs)))]
    winner = first if first.column < second.column else second
    slots = {"a": f"{first.colour} {first.kind}", "b": f"{second.colour} {second.kind}"}
    answer = f"the {winner.colour} {winner.kind}"
    return Question("left", _wording(rng, "left", **slots), ((answer, winner.box),), (first.box, second.box))


def _describe(rng: np.random.Generator, objects: Objects) -> Question | None:
    parts = []
    for number, thing in enumerate(objects):
        joint = "and " if number else ""
        parts.append((f"{joint}a {thing.colour} {thing.kind} at the {thing.place}", thing.box))
    return Question("describe", _wording(rng, "describe"), tuple(parts), tuple(thing.box for thing in objects))


ASKERS = {
    "colour": _colour,
    "name": _name,
    "count": _count,
    "where": _where,
    "at": _at,
    "exists": _exists,
    "left": _left,
    "describe": _describe,
}


def vocabulary() -> tuple[str, ...]:
    """List every text that questions and answers are made of, for the tokenizer to learn its words from."""
    wordings = [
        wording.format(kind="", colour="", place="", a="", b="") for group in WORDINGS.values() for wording in group
    ]
    places = [place for row in PLACES for place in row]
    return (*wordings, *COLOURS, *KINDS, *NUMERALS.values(), *places, "yes no a the and at")
