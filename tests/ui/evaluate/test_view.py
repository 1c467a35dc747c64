"""A visitor's state: what the gallery needs of it, and that Gradio may keep it."""

from __future__ import annotations

from copy import deepcopy

from microscope.ui.evaluate.view import Chosen, Shown
from tests.ui.evaluate.samples import analysis_of, arm, item_set, results_of


def test_before_anything_is_shown_there_is_nothing() -> None:
    shown = Shown()
    assert (shown.index, shown.pictures, shown.slices) == (None, None, ())


def test_what_is_shown_has_its_index_pictures_and_slices() -> None:
    items, said = item_set(), analysis_of()
    shown = Shown(items, results_of(items, [arm("a"), arm("b")]), said)
    assert shown.index is shown.index
    assert shown.index is not None
    assert shown.index.n == 40
    assert shown.pictures is items.pictures
    assert shown.slices is said.slices


def test_a_first_state_can_be_copied_and_any_can_be_hashed() -> None:
    # Gradio copies the first value for each visit, and hashes values where changes are listened to.
    items = item_set()
    full = Shown(items, results_of(items, [arm("a")]))
    assert deepcopy(Shown()).results is None
    assert deepcopy(Chosen()).items is None
    assert len({hash(full), hash(Chosen(items))}) == 2
