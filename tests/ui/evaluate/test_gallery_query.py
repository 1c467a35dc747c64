"""Which items a view lets through and in which order, against the same said item by item; and how fast."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microscope.evaluation.results import Results
from microscope.ui.evaluate.gallery_query import (
    ALL,
    ALL_RIGHT,
    ALL_WRONG,
    BROKEN,
    BY_BEST,
    BY_DISAGREEMENT,
    BY_SET,
    BY_WORST,
    DISAGREE,
    FAILED,
    FILTERS,
    FIXED,
    LONGEST_SEARCH,
    MOST_ON_A_PAGE,
    PAGE,
    REMEMBERED,
    RIGHT,
    RULES,
    SORTS,
    UNPARSED,
    Index,
    View,
    folded,
    query,
)
from tests.ui.evaluate import gallery_samples as samples

N = 60


@pytest.fixture(scope="module")
def results() -> Results:
    return samples.results(N)


@pytest.fixture(scope="module")
def index(results: Results) -> Index:
    return Index(results)


def numbers(index: Index, **chosen: object) -> list[int]:
    found = query(index, View(count=MOST_ON_A_PAGE, **chosen))
    assert found.total == len(found.numbers)
    return list(found.numbers)


def test_everything_comes_in_the_order_of_the_set_page_by_page(index: Index) -> None:
    first, last = query(index, View()), query(index, View(offset=48))
    assert first.numbers == tuple(range(PAGE))
    assert last.numbers == tuple(range(48, N))
    assert first.total == last.total == N
    assert query(index, View(offset=N)).numbers == ()


def test_each_filter_means_what_it_says(index: Index) -> None:
    assert numbers(index, show=FAILED) == [samples.FAILED_AT]
    assert numbers(index, show=UNPARSED) == [samples.UNPARSED_AT]
    assert numbers(index, show=RULES) == [samples.RULES_AT]
    assert numbers(index, show=ALL_WRONG) == [n for n in range(N) if n % 10 == 9]
    # Of the first three in ten every arm is right, but for one that failed and one that nobody could read.
    trouble = {samples.FAILED_AT, samples.UNPARSED_AT}
    soft = {samples.SOFT_AT}
    right = sorted({n for n in range(N) if n % 10 < 3} - trouble | soft)
    assert numbers(index, show=ALL_RIGHT) == right
    assert numbers(index, show=DISAGREE) == [n for n in range(N) if n not in right and n % 10 != 9]
    assert numbers(index, show=FIXED) == numbers(index, show=FIXED, first=0, second=2)
    assert numbers(index, show=FIXED, first=1, second=2) == [n for n in range(N) if n % 10 in (6, 7, 8)]
    assert numbers(index, show=BROKEN, first=2, second=1) == numbers(index, show=FIXED, first=1, second=2)
    assert numbers(index, show=BROKEN) == []


def test_a_score_of_one_half_is_right_and_less_is_wrong(results: Results) -> None:
    scores = results.scores.copy()
    scores[:, 0, :], scores[:, 1, :] = RIGHT, np.nextafter(RIGHT, 0)
    found = Index(replace(results, scores=scores))
    assert 0 in numbers(found, show=ALL_RIGHT)
    assert 1 in numbers(found, show=ALL_WRONG)


def test_a_search_looks_into_ids_questions_references_choices_and_answers(index: Index) -> None:
    assert numbers(index, search="ITEM-0017") == [17]
    assert numbers(index, search="triangle  numbered 8?") == [8]
    assert numbers(index, search="GREEN") == numbers(index, search="green")
    assert numbers(index, search="<B>bold") == [samples.MARKUP_AT]
    choices = [n for n in range(N) if n % 5 == 0]
    assert set(choices) <= set(numbers(index, search="yellow"))
    assert numbers(index, search="no such words") == []
    # What stands at the end of one text and at the start of the next is in neither.
    assert numbers(index, search="0? red") == []
    assert numbers(index, search="0?\0red") == []


@pytest.mark.parametrize(("text", "search"), [("STRASSE", "straße"), ("Cafe\u0301", "CAFÉ"), ("a\n  b", "A b")])
def test_a_search_knows_no_case_no_way_of_writing_and_no_spaces(results: Results, text: str, search: str) -> None:
    items = (replace(results.items[0], question=f"x {text} y"), *results.items[1:])
    assert numbers(Index(replace(results, items=items)), search=search) == [0]


def test_kind_tag_and_slice_narrow_each_other_and_the_counts(index: Index) -> None:
    hard = [n for n in range(N) if n % 4 == 0]
    assert numbers(index, tag="hard") == hard
    assert numbers(index, kind="where") == [n for n in range(N) if n % 2 == 0]
    assert numbers(index, kind="colour", tag="hard") == []
    assert numbers(index, items=(8, 2, 9, 4, 999, -1), tag="hard") == [4, 8]
    assert numbers(index, kind="unknown") == numbers(index, tag="unknown") == numbers(index, items=()) == []
    found = query(index, View(show=FIXED, items=tuple(range(10))))
    assert found.counts[ALL] == 10
    assert found.counts[FIXED] == found.total == len(numbers(index, show=FIXED, items=tuple(range(10))))


def test_sorts_put_first_what_they_promise_and_keep_equals_in_order(index: Index, results: Results) -> None:
    mean, spread = results.matrix.mean(axis=1).round(6), results.matrix.std(axis=1).round(6)
    assert numbers(index, sort=BY_WORST) == sorted(range(N), key=lambda n: mean[n])
    assert numbers(index, sort=BY_BEST) == sorted(range(N), key=lambda n: -mean[n])
    assert numbers(index, sort=BY_DISAGREEMENT) == sorted(range(N), key=lambda n: -spread[n])


def test_the_order_of_the_set_is_that_of_the_file_where_items_came_otherwise(results: Results) -> None:
    shuffled = replace(results, order=np.arange(N)[::-1])
    assert numbers(Index(shuffled)) == list(range(N))[::-1]
    assert numbers(Index(replace(results, order=np.zeros(0, np.int64)))) == list(range(N))


def test_impossible_wishes_are_put_right(index: Index) -> None:
    wished = View(show="nothing", sort="chance", first=99, second=-5, offset=-1, count=10**9, search="x" * 9999)
    found = query(index, wished).view
    assert (found.show, found.sort, found.first, found.second) == (ALL, BY_SET, 2, 0)
    assert (found.offset, found.count, len(found.search)) == (0, MOST_ON_A_PAGE, LONGEST_SEARCH)
    assert query(index, View(count=0)).view.count == 1
    assert query(index, View()).view.second == 2


@pytest.mark.parametrize(("n", "arms"), [(0, 3), (0, 0), (5, 0), (5, 1)])
def test_no_items_and_no_arms_are_shown_as_what_they_are(n: int, arms: int) -> None:
    index = Index(samples.results(n, arms))
    for name in FILTERS:
        for sort in SORTS:
            found = query(index, View(show=name, sort=sort))
            assert found.counts[ALL] == n
            assert found.counts[name] == found.total
    if arms < 2:
        counts = query(index, View()).counts
        assert counts[DISAGREE] == counts[FIXED] == counts[BROKEN] == 0
    if arms == 0:
        assert query(index, View()).counts[ALL_RIGHT] == 0


VIEWS = st.builds(
    View,
    show=st.sampled_from(FILTERS),
    first=st.integers(-1, 3),
    second=st.none() | st.integers(-1, 3),
    search=st.sampled_from(["", "circle", "RED", " numbered  1", "item-000", "zebra"]),
    kind=st.sampled_from(["", "colour", "where"]),
    tag=st.sampled_from(["", "hard", "shape:square"]),
    items=st.none() | st.lists(st.integers(-2, N + 2), max_size=20).map(tuple),
    sort=st.sampled_from(SORTS),
    offset=st.integers(0, N + 5),
    count=st.integers(1, N),
)


@settings(max_examples=150, deadline=None)
@given(view=VIEWS)
def test_any_view_finds_what_going_through_the_items_finds(results: Results, index: Index, view: View) -> None:
    settled = index.settle(view)
    expected = [number for number in range(N) if lets_through(results, settled, number)]
    whole = query(index, replace(view, offset=0, count=MOST_ON_A_PAGE))
    assert sorted(whole.numbers) == expected
    assert whole.counts[settled.show] == whole.total == len(expected)
    assert query(index, view).numbers == whole.numbers[view.offset : view.offset + view.count]
    # The same items in another order.
    assert sorted(query(index, replace(view, sort=BY_SET, offset=0, count=N)).numbers) == expected


def lets_through(results: Results, view: View, number: int) -> bool:
    item, right = results.items[number], [float(score) >= RIGHT for score in results.matrix[number]]
    texts = [item.id, item.question, *item.answers, *item.choices, *(one.texts[number] for one in results.answers)]
    failed = [number in one.failures for one in results.answers]
    shows = {
        ALL: True,
        ALL_RIGHT: all(right),
        ALL_WRONG: not any(right),
        FIXED: right[view.second] and not right[view.first],
        BROKEN: right[view.first] and not right[view.second],
        DISAGREE: any(right) and not all(right),
        UNPARSED: any(not read and not gone for read, gone in zip(results.parsed[number], failed, strict=True)),
        FAILED: any(failed),
        RULES: bool((results.scores[:, number].max(axis=0) > results.scores[:, number].min(axis=0)).any()),
    }
    return (
        shows[view.show]
        and (view.items is None or number in view.items)
        and view.kind in ("", item.kind)
        and (not view.tag or view.tag in item.tags)
        and any(folded(view.search) in folded(text) for text in texts)
    )


def test_what_was_asked_lately_is_remembered_and_no_more_than_that(results: Results) -> None:
    index = Index(results)
    first = index.select(index.settle(View(search="red")))
    assert index.select(index.settle(View(search="red", offset=24))) is first
    for number in range(REMEMBERED):
        query(index, View(search=f"item-{number:04d}"))
    assert index.select(index.settle(View(search="red"))) is not first


def test_an_index_is_never_copied(index: Index) -> None:
    assert copy.deepcopy({"index": index})["index"] is index


def test_kinds_and_tags_are_counted_most_frequent_first(index: Index) -> None:
    assert index.kinds == (("colour", 30), ("where", 30))
    assert index.tags[0] == ("easy", 45)
    assert dict(index.tags)["hard"] == 15


def test_a_hundred_thousand_items_of_eight_arms_are_found_at_once() -> None:
    few, n = samples.results(1000, 8), 100_000
    answers = tuple(replace(one, texts=one.texts * 100, addresses=("",) * n, failures={}) for one in few.answers)
    many = replace(
        few,
        items=few.items * 100,
        clusters=np.tile(few.clusters, 100),
        answers=answers,
        scores=np.tile(few.scores, (1, 100, 1)),
        parsed=np.tile(few.parsed, (100, 1)),
        order=np.arange(n),
        total=n,
    )
    index = Index(many)
    query(index, View(search="anything at all", kind="where", tag="hard"))
    views = (
        View(show=FIXED, first=1, sort=BY_WORST),
        View(search="yellow", sort=BY_DISAGREEMENT),
        View(search="zebra"),
    )
    for view in views:
        before = time.process_time()
        found = query(index, view)
        assert time.process_time() - before < 0.15
        assert found.total == found.counts[view.show]
    assert query(index, views[0]).total > 10_000
