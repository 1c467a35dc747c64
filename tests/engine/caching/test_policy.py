"""Who goes when room is needed: the least recently used, nobody who must stay, and no more than needed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.engine.caching.policy import freeable, victims

BUDGET = 100


@dataclass(frozen=True)
class Model:
    key: str
    bytes: int
    last_used: float = 0.0
    leases: int = 0
    pinned: bool = False


def row(*sizes: int, **changed: Model) -> list[Model]:
    """Return models a, b, ... of these sizes, the least recently used first."""
    return [Model(key, size, number) for number, (key, size) in enumerate(zip("abcdef", sizes, strict=False))]


@pytest.mark.parametrize(
    ("models", "need", "most", "spare", "expected"),
    [
        (row(50), 50, None, "", ()),
        (row(50, 50), 1, None, "", ("a",)),
        (row(50, 50), 60, None, "", ("a", "b")),
        # The small one went first, and turned out superfluous.
        (row(10, 90), 60, None, "", ("b",)),
        (row(10, 10, 80), 80, None, "", ("c",)),
        (row(50, 50), 50, None, "a", ("b",)),
        ([Model("a", 10, 0, leases=1), Model("b", 90, 1)], 60, None, "", ("b",)),
        ([Model("a", 10, 0, pinned=True), Model("b", 90, 1)], 60, None, "", ("b",)),
        # By the clock, not by their place in the list; of equals the first by key.
        ([Model("a", 50, 9), Model("b", 50, 3)], 50, None, "", ("b",)),
        ([Model("b", 50, 1), Model("a", 50, 1)], 50, None, "", ("a",)),
        (row(1, 1), 1, 2, "", ("a",)),
        ([Model("a", 1, 0, leases=1), Model("b", 1, 1, leases=1)], 1, 2, "", ()),
        (row(50), 101, None, "", None),
        ([Model("a", 50, 0, leases=1)], 60, None, "", None),
        ([Model("a", 50, 0, pinned=True)], 60, None, "", None),
        (row(60), 60, None, "a", None),
    ],
)
def test_victims(
    models: list[Model], need: int, most: int | None, spare: str, expected: tuple[str, ...] | None
) -> None:
    assert victims(models, need, BUDGET, most, spare) == expected


MODELS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 3), st.integers(0, 1), st.booleans(), st.booleans()), max_size=7
)


@given(MODELS, st.integers(0, 120), st.one_of(st.none(), st.integers(1, 6)))
def test_victims_make_room_spare_who_must_stay_and_are_all_needed(
    drawn: list[tuple[int, int, int, bool, bool]], need: int, most: int | None
) -> None:
    models = [
        Model(str(number), size, used, leases, pinned) for number, (size, used, leases, pinned, _) in enumerate(drawn)
    ]
    spare = {str(number) for number, (*_, spared) in enumerate(drawn) if spared}
    may_go = {one.key for one in models if not (one.leases or one.pinned or one.key in spare)}
    must_stay = sum(one.bytes for one in models if one.key not in may_go)
    going = victims(models, need, BUDGET, most, spare)
    assert going == victims(list(reversed(models)), need, BUDGET, most, spare)
    if must_stay + need > BUDGET:
        assert going is None
        return
    assert going is not None
    assert set(going) <= may_go
    kept = [one for one in models if one.key not in going]
    # In bytes always; in number as far as anybody may go.
    assert sum(one.bytes for one in kept) + need <= BUDGET
    assert most is None or len(kept) < most or not {one.key for one in kept} & may_go
    for key in going:
        spared = [*kept, next(one for one in models if one.key == key)]
        assert sum(one.bytes for one in spared) + need > BUDGET or (most is not None and len(spared) >= most)


@given(MODELS, st.integers(1, 100))
def test_the_order_is_that_of_last_use(drawn: list[tuple[int, int, int, bool, bool]], need: int) -> None:
    """Of models of one size, whoever goes was used before whoever stays."""
    models = [Model(str(number), 10, used) for number, (_, used, *_) in enumerate(drawn)]
    going = victims(models, need, BUDGET)
    assert going is not None
    order = [one.key for one in sorted(models, key=lambda one: (one.last_used, one.key))]
    assert list(going) == order[: len(going)]


def test_freeable_counts_what_may_go() -> None:
    models = [Model("a", 30, leases=1), Model("b", 20, pinned=True), Model("c", 40)]
    assert freeable(models, BUDGET) == 50
    assert freeable(models, 40) == 0
