"""Results in one order, whatever order their answers came in; knows no score's meaning.

A sum of floating-point numbers depends on their order in its last digits. What is computed from results in this order
is the same to the byte, however the run was cut up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from microscope.evaluation.results import ArmAnswers, ImageFacts, Results

T = TypeVar("T")


def canonical(results: Results) -> tuple[Results, np.ndarray]:
    """Return the results with their items in the set's order, and where each item of theirs stood, shape (n,).

    Where the results do not tell the set's order, items are sorted by id. Pictures are numbered as they first come.
    """
    count = len(results.items)
    if len(results.order) == count:
        rows = np.argsort(results.order, kind="stable")
    else:
        rows = np.array(sorted(range(count), key=lambda number: results.items[number].id), np.intp)
    clusters, images = _renumbered(results, rows)
    if np.array_equal(rows, np.arange(count)) and np.array_equal(clusters, results.clusters):
        return results, rows
    ordered = replace(
        results,
        items=_taken(results.items, rows),
        clusters=clusters,
        images=images,
        answers=tuple(_reordered(answers, rows) for answers in results.answers),
        scores=results.scores[:, rows],
        parsed=results.parsed[rows],
        order=results.order[rows] if len(results.order) == count else results.order,
    )
    return ordered, rows


def _renumbered(results: Results, rows: np.ndarray) -> tuple[np.ndarray, tuple[ImageFacts, ...]]:
    """Return the pictures' numbers by first appearance, and their facts in that order."""
    _, first, inverse = np.unique(results.clusters[rows], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    old = results.clusters[rows][np.sort(first)]
    return rank[inverse], tuple(results.images[number] for number in old)


def _reordered(answers: ArmAnswers, rows: np.ndarray) -> ArmAnswers:
    cut = np.isin(rows, np.fromiter(answers.cut, np.int64, len(answers.cut)))
    place = np.argsort(rows)
    failures = {int(place[old]): sentence for old, sentence in answers.failures.items()}
    return replace(
        answers,
        texts=_taken(answers.texts, rows),
        failures=dict(sorted(failures.items())),
        cut=frozenset(np.flatnonzero(cut).tolist()),
        addresses=_taken(answers.addresses, rows),
        tokens=np.asarray(answers.tokens)[rows],
    )


def _taken(values: tuple[T, ...], rows: np.ndarray) -> tuple[T, ...]:
    return tuple(map(values.__getitem__, rows.tolist()))
