"""What a deploy would change on a Space, and the one commit that changes it; waits for nothing and checks nothing.

Files are compared by digest and none is downloaded. Only what a deploy has put on the Space is ever deleted from it:
what its own manifest lists, and what lies in the package, where a stale module would still be imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from microscope.space.hub import Changes, RemoteFile, SpaceHub
from microscope.space.payload import MANIFEST, Manifest, Payload, read_manifest
from microscope.space.remote import digests_of

PACKAGE = "src/microscope/"
ATTRIBUTES = ".gitattributes"
# What the Hub itself puts on a Space that was just created.
GENERATED = frozenset({ATTRIBUTES, "README.md"})


@dataclass(frozen=True)
class Difference:
    """One path that a deploy touches and the bytes that are uploaded for it (of a deleted file: what it had)."""

    path: str
    size: int


@dataclass(frozen=True)
class Plan:
    """What a deploy would change on top of the commit `parent`; all paths in order.

    `kept` are files of the Space that no deploy put there; they stay. `previous` is the manifest of the deploy before
    (None: there was none, or it cannot be read). `first` tells that the Space holds nothing yet that could run.
    """

    parent: str
    payload: Payload
    added: tuple[Difference, ...]
    changed: tuple[Difference, ...]
    deleted: tuple[Difference, ...]
    unchanged: int
    kept: tuple[str, ...]
    previous: Manifest | None
    first: bool

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to change."""
        return not (self.added or self.changed or self.deleted)

    @property
    def bytes(self) -> int:
        """Return the bytes to upload."""
        return sum(difference.size for difference in (*self.added, *self.changed))


def make_plan(hub: SpaceHub, payload: Payload) -> Plan:
    """Compare the payload and its manifest with the Space at its head; a UserError where the Hub does not answer."""
    parent = hub.head()
    remote = hub.files(parent)
    previous = manifest_at(hub, parent) if MANIFEST in remote else None
    return compare(payload, parent, remote, previous)


def compare(payload: Payload, parent: str, remote: Mapping[str, RemoteFile], previous: Manifest | None) -> Plan:
    """Return the plan for a Space that holds the files `remote` at the commit `parent`."""
    local = {file.path: file.size for file in payload.files} | {MANIFEST: len(payload.manifest)}
    stale = [path for path in remote if path not in local]
    deleted = [path for path in stale if _is_ours(path, previous)]
    added = [path for path in local if path not in remote]
    changed = [path for path in local if path in remote and not _same(payload, path, remote[path])]
    return Plan(
        parent=parent,
        payload=payload,
        added=tuple(Difference(path, local[path]) for path in sorted(added)),
        changed=tuple(Difference(path, local[path]) for path in sorted(changed)),
        deleted=tuple(Difference(path, remote[path].size) for path in sorted(deleted)),
        unchanged=len(local) - len(added) - len(changed),
        kept=tuple(sorted(set(stale) - set(deleted) - {ATTRIBUTES})),
        previous=previous,
        first=set(remote) <= GENERATED,
    )


def commit_plan(hub: SpaceHub, plan: Plan, message: str) -> str:
    """Make the plan's changes as one commit on the head that it was made for, and return the commit.

    Raises ConflictError where somebody else's commit came first.
    """
    contents = {
        difference.path: _content(plan.payload, difference.path) for difference in (*plan.added, *plan.changed)
    }
    changes = Changes(added=contents, deleted=tuple(difference.path for difference in plan.deleted))
    return hub.commit(changes, message, plan.parent)


def manifest_at(hub: SpaceHub, revision: str) -> Manifest | None:
    """Return the manifest that a revision carries; one that cannot be read counts as none, and nothing is deleted."""
    content = hub.read(MANIFEST, revision)
    try:
        return read_manifest(content) if content is not None else None
    except ValueError:
        return None


def title(version: str, revision: str | None) -> str:
    """Return the message of a deploy; `revision` is the project's own commit, where it is known."""
    return f"Deploy {version} ({revision})" if revision else f"Deploy {version}"


def table(plan: Plan) -> Iterator[str]:
    """Yield a plan as lines for a terminal: + added, ~ changed, - deleted, with bytes, and what is left alone."""
    marked = (("+", plan.added), ("~", plan.changed), ("-", plan.deleted))
    rows = [(mark, difference) for mark, differences in marked for difference in differences]
    width = max((len(difference.path) for _, difference in rows), default=0)
    yield from (f"{mark} {difference.path:<{width}}  {difference.size:>12,}" for mark, difference in rows)
    yield (
        f"{len(plan.added)} added, {len(plan.changed)} changed, {len(plan.deleted)} deleted, {plan.unchanged} "
        f"unchanged; {plan.bytes:,} bytes to upload, on top of {plan.parent[:7]}."
    )
    if plan.kept:
        yield f"Left alone, for no deploy put them there: {', '.join(plan.kept)}."


def _is_ours(path: str, previous: Manifest | None) -> bool:
    if path == ATTRIBUTES:
        return False
    return path.startswith(PACKAGE) or (previous is not None and path in previous.files)


def _same(payload: Payload, path: str, remote: RemoteFile) -> bool:
    """Tell whether a file of the payload is what the Hub has, by whichever digest the Hub keeps."""
    return remote.digest in digests_of(_content(payload, path))


def _content(payload: Payload, path: str) -> bytes | Path:
    return payload.manifest if path == MANIFEST else payload.root / path
