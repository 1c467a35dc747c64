"""Which items of a result are shown, and in which order: filters, search, slices and sorts; knows no page."""

from __future__ import annotations

import threading
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from microscope.evaluation.results import Results

# An answer counts as right from this normal score on.
RIGHT = 0.5

ALL, ALL_RIGHT, ALL_WRONG, FIXED, BROKEN = "all", "all_right", "all_wrong", "fixed", "broken"
DISAGREE, UNPARSED, FAILED, RULES = "disagree", "unparsed", "failed", "rules"
FILTERS = (ALL, FIXED, BROKEN, DISAGREE, ALL_WRONG, ALL_RIGHT, UNPARSED, FAILED, RULES)
# Filters that say something only where there are two arms.
COMPARING = (FIXED, BROKEN, DISAGREE)

BY_SET, BY_DISAGREEMENT, BY_WORST, BY_BEST = "set", "disagreement", "worst", "best"
SORTS = (BY_SET, BY_DISAGREEMENT, BY_WORST, BY_BEST)

PAGE = 24
MOST_ON_A_PAGE = 100
LONGEST_SEARCH = 200
# How many views' orders an index remembers; one takes four bytes an item.
REMEMBERED = 16
# Scores nearer than this are the same.
SAME, SAME_DIGITS = 1e-6, 6


@dataclass(frozen=True)
class View:
    """What a visitor chose to see: one page of `count` items from `offset` on, of those that everything lets through.

    `first` and `second` number the arms that `fixed` (only the second is right) and `broken` (only the first is)
    refer to; `second` None is the last. `search` is looked for in ids, questions, references, choices and answers,
    whatever its case. `kind` and `tag` are empty for any. `items` None is every item, else item numbers (a slice).
    """

    show: str = ALL
    first: int = 0
    second: int | None = None
    search: str = ""
    kind: str = ""
    tag: str = ""
    items: tuple[int, ...] | None = None
    sort: str = BY_SET
    offset: int = 0
    count: int = PAGE


@dataclass(frozen=True)
class Found:
    """A page of items: their numbers in the results, in order, of `total` that the view lets through.

    `view` is the one that was asked for with everything impossible put right. `counts` says for every filter how many
    items it would let through with everything else as chosen.
    """

    view: View
    numbers: tuple[int, ...]
    total: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class _Selection:
    numbers: np.ndarray
    counts: Mapping[str, int]


@dataclass
class Index:
    """What is computed once of results so that every query is quick; made for one `Results`, shared by its visitors.

    Arrays have shape (n, K) where K is the number of arms. The texts that a search reads are made with the first one.
    """

    results: Results
    _known: OrderedDict[View, _Selection] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __deepcopy__(self, memo: object) -> Index:
        """Return the index itself: it is large, and only ever computed from what does not change."""
        return self

    @property
    def n(self) -> int:
        """Return the number of items."""
        return len(self.results.items)

    @property
    def arms(self) -> int:
        """Return the number of arms."""
        return len(self.results.answers)

    @cached_property
    def right(self) -> np.ndarray:
        """Tell which answers are right."""
        return self.results.matrix >= RIGHT

    @cached_property
    def failed(self) -> np.ndarray:
        """Tell which answers failed to be made."""
        found = np.zeros((self.n, self.arms), bool)
        for number, answers in enumerate(self.results.answers):
            found[list(answers.failures), number] = True
        return found

    @cached_property
    def unparsed(self) -> np.ndarray:
        """Tell in which answers the scorer could read none; a failed one has nothing to read."""
        return ~self.results.parsed.astype(bool) & ~self.failed

    @cached_property
    def rules_matter(self) -> np.ndarray:
        """Tell which answers score differently under strict, normal and lenient rules."""
        return np.ptp(self.results.scores, axis=0) > SAME

    @cached_property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """Return every kind of item with its number of items, the most frequent first."""
        return _counted(item.kind for item in self.results.items if item.kind)

    @cached_property
    def tags(self) -> tuple[tuple[str, int], ...]:
        """Return every tag with its number of items, the most frequent first."""
        return _counted(tag for item in self.results.items for tag in dict.fromkeys(item.tags))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Return for each item what a search looks into."""
        columns = [answers.texts for answers in self.results.answers]
        rows = zip(*columns, strict=True) if columns else ((),) * self.n
        return tuple(
            folded("\0".join((item.id, item.question, *item.answers, *item.choices, *answers)))
            for item, answers in zip(self.results.items, rows, strict=True)
        )

    @cached_property
    def _postings(self) -> Mapping[str, np.ndarray]:
        found: dict[str, list[int]] = {}
        for number, item in enumerate(self.results.items):
            for tag in dict.fromkeys(item.tags):
                found.setdefault(tag, []).append(number)
        return {tag: np.array(numbers, np.int64) for tag, numbers in found.items()}

    @cached_property
    def _kind_of(self) -> np.ndarray:
        numbers = {kind: number for number, (kind, _) in enumerate(self.kinds)}
        return np.array([numbers.get(item.kind, -1) for item in self.results.items], np.int64)

    @cached_property
    def _filters(self) -> dict[str, np.ndarray]:
        """Return the items that each filter lets through, those that hang on the pair of arms left out."""
        some, every = _any(self.right), ~_any(~self.right)
        answered = np.full(self.n, self.arms > 0)
        return {
            ALL: np.ones(self.n, bool),
            ALL_RIGHT: every & answered,
            ALL_WRONG: ~some & answered,
            DISAGREE: some & ~every,
            UNPARSED: _any(self.unparsed),
            FAILED: _any(self.failed),
            RULES: _any(self.rules_matter),
        }

    @cached_property
    def _orders(self) -> dict[str, np.ndarray]:
        matrix, order = self.results.matrix, self.results.order
        by_set = np.argsort(order, kind="stable") if len(order) == self.n else np.arange(self.n)
        mean = np.round(matrix.mean(axis=1), SAME_DIGITS) if self.arms else np.zeros(self.n)
        spread = np.round(matrix.std(axis=1), SAME_DIGITS) if self.arms else np.zeros(self.n)
        keys = {BY_DISAGREEMENT: -spread, BY_WORST: mean, BY_BEST: -mean}
        # Equals stay as they are in the set.
        sorted_by = {name: by_set[np.argsort(key[by_set], kind="stable")] for name, key in keys.items()}
        return {BY_SET: by_set, **sorted_by}

    def settle(self, view: View) -> View:
        """Return the view with what cannot be replaced by what comes first, so that anything may be asked for."""
        last = max(0, self.arms - 1)
        second = last if view.second is None else min(max(0, view.second), last)
        return replace(
            view,
            show=view.show if view.show in FILTERS else ALL,
            sort=view.sort if view.sort in SORTS else BY_SET,
            first=min(max(0, view.first), last),
            second=second,
            search=" ".join(view.search.replace("\0", " ").split())[:LONGEST_SEARCH],
            offset=max(0, view.offset),
            count=min(max(1, view.count), MOST_ON_A_PAGE),
        )

    def select(self, view: View) -> _Selection:
        """Return everything a settled view lets through; what was asked lately is remembered."""
        key = replace(view, offset=0, count=PAGE)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        selected = self._select(view)
        with self._lock:
            self._known[key] = selected
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return selected

    def _select(self, view: View) -> _Selection:
        let_through, base = self._let_through(view), self._base(view)
        counts = {name: int(np.count_nonzero(base & let_through[name])) for name in FILTERS}
        order = self._orders[view.sort]
        chosen = base & let_through[view.show]
        return _Selection(order[chosen[order]].astype(np.int32), counts)

    def _let_through(self, view: View) -> dict[str, np.ndarray]:
        if self.arms == 0:
            return {**self._filters, FIXED: np.zeros(self.n, bool), BROKEN: np.zeros(self.n, bool)}
        first, second = self.right[:, view.first], self.right[:, view.second]
        return {**self._filters, FIXED: ~first & second, BROKEN: first & ~second}

    def _base(self, view: View) -> np.ndarray:
        """Return the items that search, kind, tag and slice let through."""
        base = np.ones(self.n, bool)
        if view.items is not None:
            base &= self._only(np.array(view.items, np.int64))
        if view.kind:
            numbers = {kind: number for number, (kind, _) in enumerate(self.kinds)}
            base &= self._kind_of == numbers.get(view.kind, self.n)
        if view.tag:
            base &= self._only(self._postings.get(view.tag, np.zeros(0, np.int64)))
        if view.search:
            needle, texts = folded(view.search), self.texts
            left = np.flatnonzero(base)
            base = self._only(np.array([number for number in left.tolist() if needle in texts[number]], np.int64))
        return base

    def _only(self, numbers: np.ndarray) -> np.ndarray:
        found = np.zeros(self.n, bool)
        found[numbers[(numbers >= 0) & (numbers < self.n)]] = True
        return found


def query(index: Index, view: View) -> Found:
    """Return one page of what a view lets through; an impossible wish in it is put right, none raises an error."""
    settled = index.settle(view)
    selected = index.select(settled)
    page = selected.numbers[settled.offset : settled.offset + settled.count]
    return Found(settled, tuple(page.tolist()), len(selected.numbers), selected.counts)


def folded(text: str) -> str:
    """Return a text as a search compares it: without case, composed, and with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def _any(table: np.ndarray) -> np.ndarray:
    return np.asarray(table.any(axis=1))


def _counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0])))
