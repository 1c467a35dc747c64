"""Tells how a catalogue that was read again differs from the one that runs; asks the Hub, fetches and changes nothing.

A checkpoint is the same one as long as its key is. Where the Hub cannot be reached, nothing is found at all: a
catalogue of which a part could not be looked up would look as if that part were gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from huggingface_hub import HfApi

from microscope.catalog.hub import UnreachableError, ask, local_commit
from microscope.catalog.spec import BadEntry, Catalog, ModelSpec
from microscope.engine.files import Fetcher
from microscope.errors import UserError
from microscope.serve.hotswap import words
from microscope.serve.hotswap.places import Place, at, is_commit, place_of


@dataclass(frozen=True)
class Change:
    """A checkpoint that may answer from elsewhere: as it answers now, and as it would; `asked` is the catalogue's."""

    asked: Place
    current: ModelSpec
    candidate: ModelSpec


@dataclass(frozen=True)
class Found:
    """How a catalogue differs: what is new, edited, gone or changed, and why some could not be looked up, by key.

    The files of what was `replaced` are others in the same folder, and answer already. What was `refused` is new as
    well, and could not be looked up; what was `kept` could not be found, and stays because its entry was not readable.

    `catalog` is what can be offered at once: everything but the new ones, whose files are not here yet; what changed
    stands in it as it answers now. `asked` are the places that the catalogue asks for, by key.
    """

    catalog: Catalog
    asked: dict[str, Place] = field(default_factory=dict)
    new: tuple[ModelSpec, ...] = ()
    refused: tuple[ModelSpec, ...] = ()
    edited: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    gone: tuple[ModelSpec, ...] = ()
    changed: tuple[Change, ...] = ()
    kept: frozenset[str] = frozenset()
    failed: dict[str, str] = field(default_factory=dict)


class Heads:
    """The commits that revisions name now, each asked once; without the Hub (`api` None), those this machine has."""

    def __init__(self, api: HfApi | None, cache: Path | None = None) -> None:
        self._api, self._cache = api, cache
        self._known: dict[tuple[str, str | None], str] = {}

    def fixed(self, place: Place) -> Place:
        """Return the place with commits for revisions; a `UserError` where the Hub does not tell."""
        base = place.base_revision
        if place.base is not None and not place.base.startswith("/"):
            base = self._commit(place.base, base)
        if place.source.startswith("/"):
            return replace(place, base_revision=base)
        return replace(place, revision=self._commit(place.source, place.revision), base_revision=base)

    def _commit(self, repo: str, revision: str | None) -> str | None:
        if is_commit(revision):
            return revision
        if self._api is None:
            return local_commit(repo, revision, self._cache) or revision
        if (repo, revision) not in self._known:
            self._known[repo, revision] = ask(repo, revision, self._api).sha or ""
        return self._known[repo, revision]


def running_at(spec: ModelSpec, fetcher: Fetcher) -> Place:
    """Return where a checkpoint's weights come from here and now; what nobody asked for yet may not be fixed."""
    place, known = place_of(spec), fetcher.known(spec)
    commits = [part for part in known.revision.split("+") if is_commit(part)] if known is not None else []
    own, base = spec.revision, spec.base_revision
    if not spec.folder and not is_commit(own):
        own = commits[-1] if commits else local_commit(spec.source, own, fetcher.downloads.cache) or own
    if spec.base is not None and not spec.base.startswith("/") and not is_commit(base):
        base = commits[0] if commits else local_commit(spec.base, base, fetcher.downloads.cache) or base
    return replace(place, revision=own, base_revision=base)


def find(
    running: Catalog, read: Catalog, fetcher: Fetcher, heads: Heads, kept_before: frozenset[str] = frozenset()
) -> Found:
    """Compare the catalogue that runs with the one that was read again; `kept_before` is what the last look kept.

    Raises `UserError` where the Hub cannot be reached, or where nothing of what was read can be offered.
    """
    if running.specs and not read.specs:
        raise UserError(words.nothing_read(read.bad[0].reason if read.bad else ""))
    found = _Finding(running, fetcher, heads)
    specs = [spec for asked in read.specs if (spec := found.look(asked)) is not None]
    kept = [spec for spec in running.specs if read.get(spec.key) is None and found.keeps(spec, read.bad, kept_before)]
    gone = tuple(spec for spec in running.specs if read.get(spec.key) is None and spec not in kept)
    return Found(
        catalog=replace(read, specs=(*specs, *kept)),
        asked={spec.key: place_of(spec) for spec in read.specs},
        new=tuple(found.new),
        refused=tuple(found.refused),
        edited=tuple(found.edited),
        replaced=tuple(found.replaced),
        gone=gone,
        changed=tuple(found.changed),
        kept=frozenset(spec.key for spec in kept),
        failed=found.failed,
    )


class _Finding:
    """Looks at one checkpoint after another and collects what it finds."""

    def __init__(self, running: Catalog, fetcher: Fetcher, heads: Heads) -> None:
        self._running, self._fetcher, self._heads = running, fetcher, heads
        self.new: list[ModelSpec] = []
        self.refused: list[ModelSpec] = []
        self.edited: list[str] = []
        self.replaced: list[str] = []
        self.changed: list[Change] = []
        self.failed: dict[str, str] = {}

    def look(self, asked: ModelSpec) -> ModelSpec | None:
        """Return what may be offered at once of a checkpoint that the catalogue asks for; None where it is new."""
        now = self._running.get(asked.key)
        try:
            head = self._heads.fixed(place_of(asked))
        except UnreachableError:
            raise
        except UserError as error:
            self.failed[asked.key] = str(error)
            if now is None:
                self.refused.append(asked)
            return now
        if now is None:
            self.new.append(at(asked, head))
            return None
        return self._compare(asked, now, head)

    def _compare(self, asked: ModelSpec, now: ModelSpec, head: Place) -> ModelSpec:
        here = running_at(now, self._fetcher)
        if not _fixed(here, now) and here.source == head.source:
            # Nobody has asked it yet, so there is nothing to hold the newest one against.
            here = head
        same = here.source == head.source and here.base == head.base
        # Of another model the words of the entry may be wrong for this one.
        current = at(asked, here) if same else now
        if here != head:
            self.changed.append(Change(place_of(asked), current, at(asked, head)))
        elif replace(current, revision=None, base_revision=None) != replace(now, revision=None, base_revision=None):
            self.edited.append(asked.key)
        elif now.folder and self._is_replaced(now):
            self.replaced.append(asked.key)
        return current

    def _is_replaced(self, spec: ModelSpec) -> bool:
        """Tell whether a folder's files are others than those that were used last; reads them where they changed."""
        before = self._fetcher.known(spec)
        try:
            return before is not None and self._fetcher.fetch(spec).identity != before.identity
        except UserError as error:
            self.failed[spec.key] = str(error)
            return False

    def keeps(self, spec: ModelSpec, bad: tuple[BadEntry, ...], before: frozenset[str]) -> bool:
        """Tell whether a checkpoint that was not found stays, because its entry could not be read this time.

        What was bad `before` it was offered cannot be why it is missing, unless it was kept then for the same reason.
        """
        known = {(entry.name, entry.reason) for entry in self._running.bad}
        # A folder that cannot be looked through is named itself, not the checkpoints in it.
        places = (spec.source, str(Path(spec.source).parent)) if spec.folder else (spec.source,)
        for entry in bad:
            named = entry.name == spec.key or any(place in entry.reason for place in places)
            if named and (spec.key in before or (entry.name, entry.reason) not in known):
                self.failed[spec.key] = entry.reason
                return True
        return False


def _fixed(place: Place, spec: ModelSpec) -> bool:
    """Tell whether every revision of a place is a commit."""
    own = spec.folder or is_commit(place.revision)
    return own and (place.base is None or place.base.startswith("/") or is_commit(place.base_revision))
