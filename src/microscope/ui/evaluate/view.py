"""What a visitor has on the Evaluate tab: the set that was read, and the results shown; knows no component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from microscope.evaluation.analysis import Analysis, Slice
from microscope.evaluation.items.base import ItemSet, Pictures
from microscope.evaluation.results import Results
from microscope.ui.evaluate.gallery_query import Index


# Both are held by reference for the length of the visit: neither compared nor hashed, since arrays can be neither.
@dataclass(frozen=True, eq=False)
class Chosen:
    """The set that was read from an upload or the Hub; None before one was."""

    items: ItemSet | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """The results on the tab, with the set that they are of and what they say; no analysis while a run goes on."""

    items: ItemSet | None = None
    results: Results | None = None
    analysis: Analysis | None = None

    @cached_property
    def index(self) -> Index | None:
        """Return what makes looking through the items quick."""
        return None if self.results is None else Index(self.results)

    @property
    def pictures(self) -> Pictures | None:
        """Return where the set's pictures are."""
        return None if self.items is None else self.items.pictures

    @property
    def slices(self) -> Sequence[Slice]:
        """Return the slices that items can be opened from, by their number."""
        return () if self.analysis is None else self.analysis.slices
