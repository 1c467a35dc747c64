"""The report's gallery: items on which arms disagree, with small pictures; knows no file and no statistic."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
from PIL import Image

from microscope.errors import UserError
from microscope.evaluation.analyse.phrases import NOTHING
from microscope.evaluation.analyse.prepared import arm_names
from microscope.evaluation.analyse.slices import reference_and_candidate
from microscope.evaluation.analysis import Options
from microscope.evaluation.reports.markup import foreign, note, text
from microscope.evaluation.results import Results
from microscope.records import Picture

MOST_CARDS = 60
THUMBNAIL, QUALITY = 160, 80
# Scores that differ by less than this are the same.
SAME = 1e-9


@dataclass(frozen=True)
class Shelf:
    """Cards under one heading: numbers of items, and of how many in all these are the first."""

    title: str
    rows: tuple[int, ...]
    total: int


def gallery(results: Results, options: Options, picture: Callable[[str], Picture]) -> str:
    """Return cards of items on which arms disagree, or else of those that all have wrong; `results` are canonical."""
    found = shelves(results, options)
    thumbnails = {name: _source(name, picture) for name in dict.fromkeys(_names(results, found))}
    parts = []
    for shelf in found:
        shown = f"{shelf.total:,}" if len(shelf.rows) == shelf.total else f"{len(shelf.rows):,} of {shelf.total:,}"
        cards = "".join(_card(results, row, thumbnails[results.items[row].image]) for row in shelf.rows)
        parts.append(f'<h3>{text(shelf.title)} ({shown})</h3><div class="cards">{cards}</div>')
    return "".join(parts) or note("Every item was answered right by every checkpoint.")


def shelves(results: Results, options: Options, most: int = MOST_CARDS) -> tuple[Shelf, ...]:
    """Return what is shown: what the candidate lost, what it gained, what others disagree on; at most `most` items.

    Where nobody disagrees, it is what everybody has wrong. Each shelf gets its turn, so that none takes all the room.
    """
    scores = results.matrix
    differ = np.ptp(scores, axis=1) > SAME
    wrong = scores.max(1) < 1 - SAME
    if not differ.any():
        return _filled([("Nobody is right", wrong)], most)
    names = arm_names(results.arms)
    reference, candidate = _compared(results, options)
    change = scores[:, candidate] - scores[:, reference]
    kinds = [
        (f"{names[candidate]} scores lower than {names[reference]}", change < -SAME),
        (f"{names[candidate]} scores higher than {names[reference]}", change > SAME),
        ("Others disagree", differ & (np.abs(change) <= SAME)),
    ]
    return _filled(kinds, most)


def _compared(results: Results, options: Options) -> tuple[int, int]:
    """Return the arms whose disagreements come first: with the baseline, or else of the two that score highest."""
    pair = reference_and_candidate(results, options) or (0, 0)
    if options.baseline is not None or len(results.arms) <= 2:  # noqa: PLR2004 (there is one pair)
        return pair
    second, best = np.argsort(results.matrix.mean(0).round(12), kind="stable")[-2:].tolist()
    return second, best


def thumbnail(picture: Picture) -> str:
    """Return a picture as a data URL: JPEG, at most 160 pixels a side."""
    image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    body = io.BytesIO()
    image.save(body, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(body.getvalue()).decode('ascii')}"


def _filled(kinds: Sequence[tuple[str, np.ndarray]], most: int) -> tuple[Shelf, ...]:
    """Take items from each kind in turn until there are enough."""
    rows = [np.flatnonzero(mask).tolist() for _, mask in kinds]
    turns = chain.from_iterable(
        [(kind, row) for kind, row in enumerate(turn) if row is not None] for turn in zip_longest(*rows)
    )
    taken: list[list[int]] = [[] for _ in kinds]
    for kind, row in list(turns)[:most]:
        taken[kind].append(row)
    found = zip(kinds, rows, taken, strict=True)
    return tuple(Shelf(title, tuple(part), len(every)) for (title, _), every, part in found if part)


def _names(results: Results, found: Sequence[Shelf]) -> list[str]:
    return [results.items[row].image for shelf in found for row in shelf.rows]


def _source(name: str, picture: Callable[[str], Picture]) -> str:
    """Return an image element, or the sentence that says why there is no picture."""
    try:
        return f'<img alt="" src="{thumbnail(picture(name))}">'
    except UserError as error:
        return f'<span class="blank">{text(str(error), 120)}</span>'


def _card(results: Results, row: int, image: str) -> str:
    item = results.items[row]
    names = arm_names(results.arms)
    answers = "".join(
        f"<div><dt>{text(names[arm])}</dt><dd>{_verdict(results, row, arm)}</dd></div>" for arm in range(len(names))
    )
    references = " / ".join(item.answers) or NOTHING
    return (
        f'<article class="card"><div>{image}<div><p class="id">{foreign(item.id, 80)}</p>'
        f"<p>{foreign(item.question)}</p><p>Accepted: {foreign(references)}</p></div></div>"
        f"<dl>{answers}</dl></article>"
    )


def _verdict(results: Results, row: int, arm: int) -> str:
    """Return how an answer was scored, in a word and a sign, and the answer."""
    answers, score = results.answers[arm], float(results.matrix[row, arm])
    if row in answers.failures:
        return f'<span class="wrong">✗ failed</span> {text(answers.failures[row], 200)}'
    if score >= 1 - SAME:
        return f'<span class="right">✓ right</span> {foreign(answers.texts[row])}'
    word = "wrong" if results.parsed[row, arm] else "unread"
    kind, said = ("wrong", f"✗ {word}") if score <= SAME else ("partly", f"◐ {score:.2f}")
    return f'<span class="{kind}">{said}</span> {foreign(answers.texts[row])}'
