"""At a start everything is where the last decision left it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.catalog.spec import BadEntry, Catalog, ModelSpec
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE
from microscope.serve.hotswap.settling import settle
from tests.serve.hotswap.samples import SPEC, A, B, decision

OTHER = ModelSpec("other", "Other", "lab/other")
CATALOG = Catalog((SPEC, OTHER), (BadEntry("bad", "It is bad."),), "small")


@pytest.mark.parametrize(
    ("action", "commits", "stands"),
    [(KEPT, (A, B), A), (SWITCHED, (A, B), B), (STAGED, (A, B), B), (UNDONE, (B, A), A)],
)
def test_each_decision_is_what_the_next_start_does(action: str, commits: tuple[str, str], stands: str) -> None:
    settled = settle(CATALOG, (decision(action, *commits),))
    assert settled == replace(CATALOG, specs=(replace(SPEC, revision=stands), OTHER))


def test_who_edits_the_entry_begins_anew() -> None:
    edited = replace(CATALOG, specs=(replace(SPEC, revision="v2"), OTHER))
    assert settle(edited, (decision(KEPT),)) == edited


def test_without_decisions_nothing_changes() -> None:
    assert settle(CATALOG, ()) == CATALOG


def test_a_checkpoint_that_was_kept_comes_from_where_it_was_although_the_entry_names_another_repository() -> None:
    moved = replace(SPEC, source="lab/newer")
    about = replace(decision(KEPT), asked=replace(decision().asked, source="lab/newer"))
    (settled,) = settle(Catalog((moved,)), (about,)).specs
    assert (settled.source, settled.revision) == ("lab/run", A)
