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
        """Record a decision; a `UserError` where it cannot be recorded, and then nothing is done."""
        self.record.add(decision)

    def tell(self, decision: Decision) -> None:
        """Say what was decided, once it is so."""
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
            mine = all(_is_of(name, spec.key) for name in model.names)
            # On a base, other adapters may be at work.
            if local is None or not mine or others & model.names or model.placed or model.key == models.key(local):
                continue
            self._unload(model.key, f"{spec.label} answers from elsewhere")

    def leave(self, spec: ModelSpec) -> None:
        """Let go of the models of a checkpoint that is not offered any more, unless one that is offered has them too.

        One that is in use goes when its memory is wanted: nothing holds it any longer.
        """
        offered = [one.key for one in self.engine.catalog.specs]
        for model in self.engine.models.cache.snapshot().models:
            mine = any(_is_of(name, spec.key) for name in model.names)
            if mine and not model.placed and not any(_is_of(name, key) for name in model.names for key in offered):
                self._unload(model.key, f"{spec.label} left the catalogue")

    def _unload(self, key: str, reason: str) -> None:
        self.engine.models.cache.pin(key, on=False)
        self.engine.models.cache.unload(key, reason)

    def enter(self, spec: ModelSpec, order: tuple[str, ...]) -> None:
        """Offer a checkpoint that was not offered before, at its place among the keys of the catalogue."""
        places = {key: number for number, key in enumerate(order)}

        def entered(catalog: Catalog) -> Catalog:
            specs = sorted((*catalog.specs, spec), key=lambda one: places.get(one.key, len(places)))
            return replace(catalog, specs=tuple(specs))

        self.engine.offered.change(entered)


def _is_of(name: str, key: str) -> bool:
    """Tell whether a model was used under a checkpoint's name, or under that of a candidate for it."""
    return name == key or name.startswith(f"{key}@")
