"""Arms share a letter if and only if they are not separated, and the best has the first."""

from __future__ import annotations

from itertools import combinations
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.statistics import clustered, compact_letters, differences, holm
from tests.evaluation.statistics.cases import FOUR


def matrix(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Return the symmetric matrix of separated pairs."""
    separated = np.zeros((count, count), bool)
    for first, second in pairs:
        separated[first, second] = separated[second, first] = True
    return separated


def split(letters: str, sets: int) -> set[str]:
    """Return the letters of an arm as a set; beyond 26 they are set apart by spaces."""
    return set(letters.split(" ") if sets > 26 else letters)


def named(letters: tuple[str, ...]) -> set[str]:
    """Return all letters that were given."""
    spaced = any(" " in found for found in letters)
    return {letter for found in letters for letter in (found.split(" ") if spaced else found)}


def test_letters_of_four_checkpoints_are_the_references() -> None:
    pairs = list(combinations(range(4), 2))
    separated = [pair for pair, found in zip(pairs, FOUR.expected["pairs"], strict=True) if found["reject_holm_05"]]
    mean = FOUR.scores.mean(0)
    expected = FOUR.expected["compact_letters_holm_mcnemar"]
    assert compact_letters(mean, matrix(4, separated)) == tuple(expected[name] for name in FOUR.expected["accuracies"])


def test_the_clustered_test_gives_them_the_same_letters() -> None:
    found = differences(clustered(FOUR.scores, FOUR.clusters))
    corrected = holm([d.p for d in found])
    separated = [(d.first, d.second) for d, p in zip(found, corrected, strict=True) if p < 0.05]
    assert compact_letters(FOUR.scores.mean(0), matrix(4, separated)) == ("b", "b", "ab", "a")


@given(st.integers(1, 9), st.data())
def test_two_share_a_letter_if_and_only_if_they_are_not_separated(count: int, data: st.DataObject) -> None:
    pairs = [pair for pair in combinations(range(count), 2) if data.draw(st.booleans())]
    mean = np.array(data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)))
    letters = compact_letters(mean, matrix(count, pairs))
    sets = [split(found, len(named(letters))) for found in letters]
    for first, second in combinations(range(count), 2):
        assert bool(sets[first] & sets[second]) == ((first, second) not in pairs)
    assert all(sets)


@given(st.integers(2, 9), st.data())
def test_no_letter_is_part_of_another(count: int, data: st.DataObject) -> None:
    pairs = [pair for pair in combinations(range(count), 2) if data.draw(st.booleans())]
    letters = compact_letters(np.arange(count, dtype=float), matrix(count, pairs))
    every = named(letters)
    sets = [split(found, len(every)) for found in letters]
    arms = [{arm for arm in range(count) if letter in sets[arm]} for letter in every]
    assert not any(one < other for one in arms for other in arms)


@given(st.permutations(range(6)))
def test_the_order_of_arms_does_not_count(order: list[int]) -> None:
    mean, separated = np.arange(6) / 6, matrix(6, [(0, 3), (0, 4), (0, 5), (1, 5), (2, 5)])
    letters = compact_letters(mean, separated)
    assert compact_letters(mean[order], separated[np.ix_(order, order)]) == tuple(letters[arm] for arm in order)


def test_the_best_has_the_first_letter() -> None:
    assert compact_letters(np.array([0.1, 0.9, 0.5]), ~np.eye(3, dtype=bool)) == ("c", "a", "b")
    assert compact_letters(np.array([0.1, 0.9, 0.5]), np.zeros((3, 3), bool)) == ("a", "a", "a")
    assert compact_letters(np.array([0.5]), np.zeros((1, 1), bool)) == ("a",)
    assert compact_letters(np.zeros(0), np.zeros((0, 0), bool)) == ()


def test_letters_go_on_after_z() -> None:
    count = 60
    letters = compact_letters(-np.arange(count, dtype=float), ~np.eye(count, dtype=bool))
    assert letters[:26] == tuple(ascii_lowercase)
    assert letters[26:29] == ("aa", "ab", "ac")
    assert letters[51:54] == ("az", "ba", "bb")


def test_more_letters_than_there_are_stay_apart() -> None:
    count = 30
    neighbours = [(i, j) for i, j in combinations(range(count), 2) if j - i > 1]
    letters = compact_letters(-np.arange(count, dtype=float), matrix(count, neighbours))
    assert letters[0] == "a"
    assert letters[1] == "a b"
    assert letters[27] == "aa ab"
    assert letters[29] == "ac"


@pytest.mark.parametrize(
    "separated",
    [
        np.zeros((2, 3), bool),
        np.zeros((2, 2), bool),
        np.eye(3, dtype=bool),
        np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_what_is_no_matrix_of_pairs_is_refused(separated: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no symmetric matrix"):
        compact_letters(np.zeros(3), separated)
