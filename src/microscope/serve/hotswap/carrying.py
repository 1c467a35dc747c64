"""Carries out what was decided about a checkpoint: writes it down first, then changes what is offered."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.build import Engine
from microscope.serve.hotswap.board import Board
from microscope.serve.hotswap.record import Decision, Record

log = logging.getLogger("microscope")


@dataclass(frozen=True)
class Carrier:
    """What decisions are carried out on."""

    engine: Engine
    record: Record
    board: Board

    def write(self, decision: Decision) -> None:
        """Record a decision and show it; a `UserError` where it cannot be recorded, and then nothing is done."""
        self.record.add(decision)
        log.info("%s: %s", decision.key, decision.sentence)
        self.board.decided(self.record.decisions())

    def exchange(self, after: ModelSpec) -> None:
        """Offer a checkpoint in the place of the one of the same key, from one moment to the next.

        Answers that began go on; the model they use is let go of when they have ended and its memory is wanted.
        """

        def exchanged(catalog: Catalog) -> Catalog:
            return replace(catalog, specs=tuple(after if spec.key == after.key else spec for spec in catalog.specs))

        # Found under its own name once, nobody waits for its files.
        self.engine.answerer.fetcher.fetch(after)
        self.engine.offered.change(exchanged)
        self.let_go(after)

    def let_go(self, spec: ModelSpec) -> None:
        """Let go of the models that only other revisions of a checkpoint used, where nobody does just now."""
        models, local = self.engine.models, self.engine.answerer.fetcher.known(spec)
        others = {one.key for one in self.engine.catalog.specs} - {spec.key}
        for model in models.cache.snapshot().models if local is not None else ():
            mine = all(name == spec.key or name.startswith(f"{spec.key}@") for name in model.names)
            # On a base, other adapters may be at work.
            if local is None or not mine or others & model.names or model.placed or model.key == models.key(local):
                continue
            models.cache.pin(model.key, on=False)
            models.cache.unload(model.key, f"{spec.label} answers from elsewhere")

    def enter(self, spec: ModelSpec, order: tuple[str, ...]) -> None:
        """Offer a checkpoint that was not offered before, at its place among the keys of the catalogue."""
        places = {key: number for number, key in enumerate(order)}

        def entered(catalog: Catalog) -> Catalog:
            specs = sorted((*catalog.specs, spec), key=lambda one: places.get(one.key, len(places)))
            return replace(catalog, specs=tuple(specs))

        self.engine.offered.change(entered)
