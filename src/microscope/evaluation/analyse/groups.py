"""The ways in which items are divided: kind, tags, lengths, sizes, words; knows no score and no answer.

A way of dividing is a `Grouping`: numbered values, and pairs of an item and a value that it has. An item may have no
value (it has no kind), or several (the words of its question). Texts are looked at once each, however many items have
them, and counted as numbers: a hundred thousand items take no second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from microscope.evaluation.analyse.phrases import counted
from microscope.evaluation.results import ImageFacts, Results
from microscope.records import Item

# A grouping of more values than these keeps its most frequent ones: nobody reads further, and each is one more test.
MOST_VALUES = 50
MOST_WORDS = 200
# Width by height, beyond which a picture is not square.
SQUARE = 1.1
MANY_BOXES = 3
KIND, TAG, ANSWER_LENGTH, QUESTION_LENGTH = "kind", "tag", "answer length", "question length"
IMAGE_SIZE, IMAGE_SHAPE, BOXES, FIRST_WORD, SAYS = "image size", "image shape", "boxes", "first word", "says"
OWN_NAMES = (KIND, TAG, ANSWER_LENGTH, QUESTION_LENGTH, IMAGE_SIZE, IMAGE_SHAPE, BOXES, FIRST_WORD, SAYS)


@dataclass(frozen=True)
class Grouping:
    """One way to divide items: its name, its values, and which item (by number) has which value (by number).

    `items` and `codes` have shape (pairs,), sorted by value and then by item.
    """

    name: str
    values: tuple[str, ...]
    items: np.ndarray
    codes: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Return how many items have each value, shape (values,)."""
        return np.bincount(self.codes, minlength=len(self.values))

    def members(self) -> list[np.ndarray]:
        """Return the numbers of the items that have each value."""
        return np.split(self.items, np.cumsum(self.sizes)[:-1])


@dataclass(frozen=True)
class Spoken:
    """The words of all questions: distinct ones as they stand, the number of each, and how many each item has."""

    tokens: list[str]
    codes: np.ndarray
    counts: np.ndarray


def spoken(results: Results) -> Spoken:
    """Return the words of the questions in lower case, in the items' order."""
    questions = [item.question for item in results.items]
    counts = np.array([len(question.split()) for question in questions])
    # One text is split far faster than many.
    tokens, codes = _numbered(" ".join(questions).lower().split())
    return Spoken(tokens, codes, counts)


def groupings(results: Results, said: Spoken) -> tuple[Grouping, ...]:
    """Return the ways in which slices are made: by what a person wrote of the items, and by what can be measured."""
    items = results.items
    pixels = np.array([one.width * one.height for one in results.images])[results.clusters]
    shapes = [_shape(one) for one in results.images]
    found = [
        _by_label(KIND, [item.kind for item in items]),
        *_by_tags(items),
        _by_size(QUESTION_LENGTH, said.counts, _word_count),
        _by_answer_length(items),
        _by_size(IMAGE_SIZE, pixels, _megapixels),
        _by_label(IMAGE_SHAPE, [shapes[cluster] for cluster in results.clusters.tolist()]),
        _by_label(BOXES, [_boxes(len(item.evidence)) for item in items]),
        _by_first_word(said),
    ]
    return tuple(grouping for grouping in found if grouping.values)


def words(said: Spoken) -> Grouping:
    """Return the words that questions say, without punctuation, the most frequent `MOST_WORDS` of them."""
    items = np.repeat(np.arange(len(said.counts)), said.counts)
    return _relabelled(SAYS, items, said.codes, [_bare(token) for token in said.tokens], MOST_WORDS)


def _numbered(labels: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Return the distinct labels, as they first come, and the number of each label."""
    place = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return list(place), np.fromiter(map(place.__getitem__, labels), np.int64, len(labels))


def _relabelled(name: str, items: np.ndarray, codes: np.ndarray, labels: Sequence[str], most: int) -> Grouping:
    """Return the grouping of items, in order, by what their codes are called; those called nothing are left out.

    Values are in alphabetical order; the most frequent `most` are kept.
    """
    values = sorted(set(labels) - {""})
    place = {value: number for number, value in enumerate(values)}
    codes = np.array([place.get(label, -1) for label in labels], np.int64)[codes]
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    kept = np.sort(np.argsort(-counts, kind="stable")[: min(most, np.count_nonzero(counts))])
    rank = np.full(len(values) + 1, -1, np.int16)
    rank[kept] = np.arange(len(kept))
    codes = rank[codes]
    chosen = np.flatnonzero(codes >= 0)
    # Small numbers are sorted by radix, in one pass.
    order = chosen[np.argsort(codes[chosen], kind="stable")]
    items, codes = items[order], codes[order].astype(np.int64)
    # What an item says twice it says once.
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(items) != 0) | (np.diff(codes) != 0)
    return Grouping(name, tuple(values[number] for number in kept), items[new], codes[new])


def _by_label(name: str, labels: Sequence[str]) -> Grouping:
    """Divide by one label an item; an empty one is none."""
    found, codes = _numbered(labels)
    return _relabelled(name, np.arange(len(labels)), codes, found, MOST_VALUES)


def _by_tags(items: Sequence[Item]) -> list[Grouping]:
    """Divide by tags: `name:value` by its name, plain ones together."""
    numbers = np.repeat(np.arange(len(items)), [len(item.tags) for item in items])
    tags, codes = _numbered(list(chain.from_iterable(item.tags for item in items)))
    parsed = [_tag(tag) for tag in tags]
    found = []
    for name in sorted({name for name, _ in parsed}):
        labels = [value if own == name else "" for own, value in parsed]
        found.append(_relabelled(name, numbers, codes, labels, MOST_VALUES))
    return found


def _tag(tag: str) -> tuple[str, str]:
    """Return what a tag is of and which: `light:dim` is `dim` of `light`, and `crowded` is a tag."""
    name, _, value = (part.strip() for part in tag.partition(":"))
    if not (name and value):
        return TAG, tag.strip()
    return (f"{TAG} {name}" if name in OWN_NAMES else name), value


def _by_answer_length(items: Sequence[Item]) -> Grouping:
    """Divide by the words of the first accepted answer; an item without one is in no part."""
    having = np.array([number for number, item in enumerate(items) if item.answers], np.int64)
    if not len(having):
        return _by_label(ANSWER_LENGTH, ())
    lengths = np.array([len(item.answers[0].split()) for item in items if item.answers])
    parts = _by_size(ANSWER_LENGTH, lengths, _word_count)
    return Grouping(parts.name, parts.values, having[parts.items], parts.codes)


def _by_size(name: str, sizes: np.ndarray, spoken: Callable[[float], str]) -> Grouping:
    """Divide by thirds of a size; ties stay together, so that a part may be empty and is then none."""
    low, high = np.quantile(sizes, (1 / 3, 2 / 3), method="inverted_cdf")
    parts = np.searchsorted((low, high), sizes, side="left")
    between = f"over {spoken(low)}, up to {spoken(high)}"
    labels = (f"up to {spoken(low)}", between, f"over {spoken(high)}")
    codes = np.unique(parts)
    order = np.argsort(parts, kind="stable")
    return Grouping(name, tuple(labels[code] for code in codes), order, np.searchsorted(codes, parts[order]))


def _word_count(count: float) -> str:
    return counted(int(count), "word")


def _megapixels(pixels: float) -> str:
    return f"{pixels / 1e6:.2g} megapixels"


def _shape(facts: ImageFacts) -> str:
    if facts.width > SQUARE * facts.height:
        return "landscape"
    return "portrait" if facts.height > SQUARE * facts.width else "square"


def _boxes(count: int) -> str:
    return f"{MANY_BOXES} or more" if count >= MANY_BOXES else str(count)


def _by_first_word(said: Spoken) -> Grouping:
    having = np.flatnonzero(said.counts)
    firsts = (np.cumsum(said.counts) - said.counts)[having]
    return _relabelled(FIRST_WORD, having, said.codes[firsts], [_bare(token) for token in said.tokens], MOST_VALUES)


def _bare(token: str) -> str:
    """Return a token without the punctuation around it; what is inside, as in `don't`, stays."""
    letters = [place for place, letter in enumerate(token) if letter.isalnum()]
    return token[letters[0] : letters[-1] + 1] if letters else ""
