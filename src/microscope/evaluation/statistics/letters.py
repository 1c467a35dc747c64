"""Compact letters: arms that share one are not separated; knows means and which pairs are separated, no test."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

import numpy as np


def compact_letters(mean: np.ndarray, separated: np.ndarray) -> tuple[str, ...]:
    """Return each arm's letters, by means of shape (K,) and a symmetric matrix of separated pairs, shape (K, K), bool.

    A letter stands for one of the largest sets without a separated pair in it, lettered from the best arm down, so
    that two arms share a letter if and only if they are not separated. More than 26 sets go on with aa, ab, ..., and
    then an arm's letters are set apart by spaces. Equals `multcompLetters` of R's multcompView.
    """
    count = len(mean)
    separated = np.asarray(separated, bool)
    if separated.shape != (count, count) or (separated != separated.T).any() or separated.diagonal().any():
        raise ValueError(f"pairs of {separated.shape} are no symmetric matrix for {count} means")
    order = np.argsort(-np.asarray(mean, np.float64), kind="stable")
    together = ~separated[np.ix_(order, order)]
    neighbours = [{int(j) for j in np.flatnonzero(row)} - {i} for i, row in enumerate(together)]
    sets = sorted(sorted(found) for found in _largest(set(), set(range(count)), set(), neighbours))
    space = " " if len(sets) > len(ascii_lowercase) else ""
    letters = [""] * count
    for rank, arm in enumerate(order):
        letters[arm] = space.join(_letter(number) for number, found in enumerate(sets) if rank in found)
    return tuple(letters)


def _largest(chosen: set[int], open_: set[int], done: set[int], neighbours: list[set[int]]) -> Iterator[set[int]]:
    """Yield the largest sets of mutual neighbours that hold `chosen` (Bron and Kerbosch, with Tomita's pivot)."""
    if not open_ and not done:
        if chosen:
            yield chosen
        return
    pivot = max(open_ | done, key=lambda arm: len(open_ & neighbours[arm]))
    for arm in sorted(open_ - neighbours[pivot]):
        yield from _largest(chosen | {arm}, open_ & neighbours[arm], done & neighbours[arm], neighbours)
        open_ = open_ - {arm}
        done = done | {arm}


def _letter(number: int) -> str:
    """Return a, b, ..., z, aa, ab, ... for 0, 1, ..."""
    rest, last = divmod(number, len(ascii_lowercase))
    return (_letter(rest - 1) if rest else "") + ascii_lowercase[last]
