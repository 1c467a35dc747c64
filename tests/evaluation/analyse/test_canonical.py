"""Results in any order come back in the set's order, with everything that hangs on an item in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse.canonical import canonical
from tests.evaluation.analyse.made import drawn, results, shuffled


def whole() -> object:
    made = results(drawn(60, [0.5, 0.7]), failures=[{3: "late", 40: "lost"}, {}])
    answers = (replace(made.answers[0], cut=frozenset({7, 59}), tokens=np.arange(60)), made.answers[1])
    return replace(made, answers=answers, parsed=np.arange(120).reshape(60, 2) % 7 > 0)


def test_results_in_order_are_left_as_they_are() -> None:
    made = whole()
    ordered, rows = canonical(made)
    assert ordered is made
    assert np.array_equal(rows, np.arange(60))


def test_a_shuffle_is_undone_whole() -> None:
    made = whole()
    ordered, rows = canonical(shuffled(made))
    assert ordered.items == made.items
    assert ordered.images == made.images
    assert np.array_equal(ordered.clusters, made.clusters)
    assert np.array_equal(ordered.scores, made.scores)
    assert np.array_equal(ordered.parsed, made.parsed)
    for one, other in zip(ordered.answers, made.answers, strict=True):
        assert (one.texts, one.addresses, one.cut) == (other.texts, other.addresses, other.cut)
        assert list(one.failures.items()) == list(other.failures.items())
        assert np.array_equal(one.tokens, other.tokens)
    assert [shuffled(made).items[row].id for row in rows] == [item.id for item in made.items]


def test_without_a_known_order_items_are_sorted_by_id() -> None:
    made = shuffled(replace(whole(), order=np.arange(60)))
    ordered, _ = canonical(replace(made, order=np.zeros(0, np.int64)))
    assert [item.id for item in ordered.items] == sorted(item.id for item in made.items)


def test_part_of_a_set_is_numbered_from_its_own_first_picture() -> None:
    made = whole()
    kept = np.array([58, 12, 13, 57])
    answers = tuple(
        replace(
            one,
            texts=tuple(one.texts[row] for row in kept),
            addresses=tuple(one.addresses[row] for row in kept),
            failures={},
            cut=frozenset(),
            tokens=one.tokens[kept],
        )
        for one in made.answers
    )
    part = replace(
        made,
        items=tuple(made.items[row] for row in kept),
        clusters=made.clusters[kept],
        answers=answers,
        scores=made.scores[:, kept],
        parsed=made.parsed[kept],
        order=kept,
    )
    ordered, _ = canonical(part)
    assert ordered.clusters.tolist() == [0, 0, 1, 1]
    assert ordered.images == (made.images[2], made.images[11])
