"""What bringing a later version of the template into a duplicate would change; asks the Hub and changes nothing.

The duplicate's own manifest tells which version it came from, and so, file by file, who has changed what since: what
the owner left alone is replaced, what only the owner changed stays, and what both changed is a conflict, which the
owner decides. A duplicate from before there were manifests cannot tell; then what the template has under
`src/microscope/` counts as untouched, what differs elsewhere as changed by both, and nothing is deleted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum

from packaging.version import InvalidVersion, Version

from microscope.errors import UserError
from microscope.space.deploy import PACKAGE, manifest_at
from microscope.space.hub import Changes, RemoteFile, SpaceHub
from microscope.space.merging import merge_packages, merge_readme
from microscope.space.payload import MANIFEST, Manifest
from microscope.space.release import SHA256_LENGTH, Release, older

README = "README.md"
LISTS = ("requirements.txt", "packages.txt")
# The file a researcher edits: theirs from the first day.
OWNED = ("models.yaml",)
MODULE = "src/microscope/__init__.py"
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
READERS = 8
BY_YOU = "deleted by you, changed by the template"
BY_THE_TEMPLATE = "changed by you, deleted by the template"


class Choice(str, Enum):
    """What becomes of a file that both sides changed."""

    ASK = "ask"
    KEEP = "keep"
    OVERWRITE = "overwrite"


class Action(str, Enum):
    """What becomes of one file."""

    ADD = "add"
    REPLACE = "replace"
    MERGE = "merge"
    DELETE = "delete"
    KEEP = "keep"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Step:
    """One file, what becomes of it, why in a few words, and of a merged file what it becomes."""

    path: str
    action: Action
    why: str = ""
    content: bytes | None = None


@dataclass(frozen=True)
class Update:
    """Everything that would change on a Space on top of the commit `parent`; `current` is the version it has."""

    parent: str
    current: str
    release: Release
    steps: tuple[Step, ...]

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Return the files that the owner has to decide about."""
        return tuple(step.path for step in self.steps if step.action is Action.CONFLICT)

    @property
    def empty(self) -> bool:
        """Tell whether nothing would change."""
        return all(step.action in (Action.KEEP, Action.CONFLICT) for step in self.steps)

    def changes(self) -> Changes:
        """Return the changes to commit; a UserError where something is still to be decided."""
        if self.conflicts:
            raise UserError(
                f"Nothing was changed: you and the template both changed {', '.join(self.conflicts)}. Run it again "
                "with --keep for yours, or with --overwrite for the template's (yours stay in the Space's history)."
            )
        added = {
            step.path: self.release.content(step.path) if step.content is None else step.content
            for step in self.steps
            if step.action in (Action.ADD, Action.REPLACE, Action.MERGE)
        }
        return Changes(added, tuple(step.path for step in self.steps if step.action is Action.DELETE))


def plan_update(hub: SpaceHub, release: Release, choice: Choice = Choice.ASK, *, force: bool = False) -> Update:
    """Return what would bring a Space to a version of the template.

    Raises UserError where the Space is no copy of it, or has a later version and `force` is not given.
    """
    head = hub.head()
    files = hub.files(head)
    base = manifest_at(hub, head) if MANIFEST in files else None
    current = _current(hub, head, base)
    if not force:
        _refuse_older(hub, current, release)
    steps = tuple(_Planning(hub, head, files, base, release, choice).steps())
    return Update(head, current, release, steps)


@dataclass(frozen=True)
class _Planning:
    """One Space, one version of the template, and what is known of the one between; `mine` are SHA-256 by path."""

    hub: SpaceHub
    head: str
    files: Mapping[str, RemoteFile]
    base: Manifest | None
    release: Release
    choice: Choice
    mine: dict[str, str] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        was = self.base.files if self.base is not None else {}
        special = {README, *LISTS}
        both = {*self.release.files, *was} - {MANIFEST, *OWNED}
        differing = [path for path in sorted(both) if not self._same(path)]
        self._read([path for path in differing if path in self.files and path in was])
        for path in differing:
            if path not in special:
                yield self._step(path)
        yield from (step for path in LISTS if path in differing for step in self._packages(path))
        yield from self._readme()
        if self._text(MANIFEST) != self.release.manifest.decode():
            yield Step(MANIFEST, Action.REPLACE if MANIFEST in self.files else Action.ADD, "", self.release.manifest)

    def _same(self, path: str) -> bool:
        """Tell whether the Space's file is the new version's already; or neither has it."""
        if path not in self.files or path not in self.release.files:
            return path not in self.files and path not in self.release.files
        return self.release.has(path, self.files[path])

    def _read(self, paths: list[str]) -> None:
        """Learn the SHA-256 of the owner's files, as a manifest has it; the Hub tells it of large files alone."""

        def digest(path: str) -> str:
            told = self.files[path].digest
            if len(told) == SHA256_LENGTH:
                return told
            return hashlib.sha256(self.hub.read(path, self.head) or b"").hexdigest()

        with ThreadPoolExecutor(READERS) as pool:
            self.mine.update(zip(paths, pool.map(digest, paths), strict=True))

    def _step(self, path: str) -> Step:
        """Return what becomes of a file that is not the same on both sides."""
        here, there = path in self.files, path in self.release.files
        if self.base is None:
            return self._without_base(path, here=here)
        was, gets = self.base.files.get(path), self.release.files.get(path)
        has = self._has(path)
        if has == was:
            return Step(path, Action.DELETE if not there else Action.REPLACE if here else Action.ADD)
        if gets == was:
            return Step(path, Action.KEEP, "changed by you" if here else "deleted by you")
        if was is None:
            return self._decided(path, "added by both")
        return self._decided(path, "changed by both" if here and there else BY_YOU if there else BY_THE_TEMPLATE)

    def _has(self, path: str) -> str | None:
        """Return the SHA-256 of the owner's file, None where there is none; of one no version had, any other text."""
        return self.mine.get(path, "another") if path in self.files else None

    def _without_base(self, path: str, *, here: bool) -> Step:
        """Return what becomes of a file of the new version where nobody knows what the owner began with."""
        if not here:
            return Step(path, Action.ADD)
        if path.startswith(PACKAGE):
            return Step(path, Action.REPLACE)
        return self._decided(path, "differs, and nothing tells who changed it")

    def _decided(self, path: str, why: str) -> Step:
        """Return what the owner has decided about a conflict."""
        if self.choice is Choice.ASK:
            return Step(path, Action.CONFLICT, why)
        if self.choice is Choice.KEEP:
            return Step(path, Action.KEEP, f"{why}; yours stays")
        return Step(path, self._taking(path), f"{why}; the template's wins")

    def _taking(self, path: str) -> Action:
        if path not in self.release.files:
            return Action.DELETE
        return Action.REPLACE if path in self.files else Action.ADD

    def _packages(self, path: str) -> Iterator[Step]:
        """Yield what becomes of a list of packages: where both changed it, the changes of both if that can be told."""
        was = self.base.files.get(path) if self.base is not None else None
        both = path in self.files and path in self.release.files
        if was is not None and both and was not in (self._has(path), self.release.files[path]):
            base = older(self.hub, path, was) or self.release.older(path, was)
            mine = self._text(path)
            merged = merge_packages(base.decode(), mine, self._new(path)) if base is not None else None
            if merged is not None:
                if merged != mine:
                    yield Step(path, Action.MERGE, "your lines and the template's", merged.encode())
                return
        yield self._step(path)

    def _readme(self) -> Iterator[Step]:
        """Yield what becomes of the README: the owner's text, with the fields that the new code needs."""
        if README not in self.files:
            yield Step(README, Action.ADD)
            return
        if self._same(README):
            return
        if self.base is not None and self.mine.get(README) == self.base.files.get(README):
            yield Step(README, Action.REPLACE)
            return
        merged = merge_readme(self._text(README), self._new(README))
        if merged != self._text(README):
            yield Step(README, Action.MERGE, "your text, with what its head needs now", merged.encode())
        else:
            yield Step(README, Action.KEEP, "changed by you")

    def _text(self, path: str) -> str:
        """Return a text of the Space's; empty where it has none."""
        return _decoded(path, self.hub.read(path, self.head) or b"" if path in self.files else b"")

    def _new(self, path: str) -> str:
        return _decoded(path, self.release.read(path))


def _decoded(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8; save it as such and update again.") from error


def _current(hub: SpaceHub, head: str, base: Manifest | None) -> str:
    """Return the version that a Space has; a UserError where it is no copy of the template."""
    module = hub.read(MODULE, head)
    found = _VERSION.search(module.decode(errors="replace")) if module is not None else None
    if found is None:
        raise UserError(
            f"{hub.space} is no copy of VLM Microscope: it has no {MODULE} with a version. Name a duplicate, or use "
            "microscope space deploy."
        )
    return base.version if base is not None and base.version else found[1]


def _refuse_older(hub: SpaceHub, current: str, release: Release) -> None:
    try:
        older_version = Version(release.version) < Version(current)
    except InvalidVersion as error:
        raise UserError(f"{error}; use --force to update without comparing versions.") from error
    if older_version:
        raise UserError(
            f"{hub.space} has version {current}, and {release.source} is {release.version}, which is older: nothing "
            "was changed. Update from a later version, or give --force to go back."
        )
