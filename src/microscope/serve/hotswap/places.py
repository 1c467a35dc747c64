"""Where a checkpoint's weights come from, apart from all else that a catalogue says of it; asks nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from microscope.catalog.spec import ModelSpec

COMMIT = re.compile(r"[0-9a-f]{40}")
SHOWN = 7


@dataclass(frozen=True)
class Place:
    """What decides which weights a checkpoint has: a Hub id or a folder, its revision, the base of an adapter.

    A place is fixed where every revision in it is a commit: then it has the same weights for ever.
    """

    source: str
    revision: str | None = None
    subfolder: str | None = None
    base: str | None = None
    base_revision: str | None = None

    @property
    def state(self) -> str:
        """Return the commit (of an adapter its base's before it), as an answer's facts tell it; empty: not fixed."""
        found = [one for one in (self.base_revision, self.revision) if is_commit(one)]
        return "+".join(one for one in found if one)

    @property
    def name(self) -> str:
        """Return what people call it: the source (of a folder its name alone), with the commits cut short."""
        short = "+".join(part[:SHOWN] for part in self.state.split("+"))
        called = Path(self.source).name if self.source.startswith("/") else self.source
        return f"{called} at {short}" if short else called


def is_commit(revision: str | None) -> bool:
    """Tell whether a revision is a commit, and so names the same weights for ever."""
    return revision is not None and COMMIT.fullmatch(revision) is not None


def place_of(spec: ModelSpec) -> Place:
    """Return where a specification's weights come from."""
    return Place(spec.source, spec.revision, spec.subfolder, spec.base, spec.base_revision)


def at(spec: ModelSpec, place: Place) -> ModelSpec:
    """Return a specification with its weights from another place."""
    return replace(
        spec,
        source=place.source,
        folder=place.source.startswith("/"),
        revision=place.revision,
        subfolder=place.subfolder,
        base=place.base,
        base_revision=place.base_revision,
    )
