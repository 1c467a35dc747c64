"""Makes a catalogue that was just read what the recorded decisions say it is; pure, reads and asks nothing.

Without this a restart would take up whatever a branch points to by then, also what was judged worse or undone.
"""

from __future__ import annotations

from dataclasses import replace

from microscope.catalog.spec import Catalog
from microscope.serve.hotswap.places import at, place_of
from microscope.serve.hotswap.record import Decision, last_of


def settle(catalog: Catalog, decisions: tuple[Decision, ...]) -> Catalog:
    """Return the catalogue with every checkpoint at the place where the last decision about it left it.

    A decision holds only as long as the catalogue asks for the same: who edits the entry begins anew.
    """
    specs = []
    for spec in catalog.specs:
        decision = last_of(decisions, spec.key, place_of(spec))
        specs.append(spec if decision is None else at(spec, decision.stands))
    return replace(catalog, specs=tuple(specs))
