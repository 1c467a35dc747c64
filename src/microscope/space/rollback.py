"""Puts an earlier revision of a Space back: one commit on top whose files are exactly that revision's; waits not.

History is never rewritten. What a rollback's title says is how the next one knows where it is: going back twice goes
back further, and does not return to what was just left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from microscope.errors import UserError
from microscope.space.deploy import ATTRIBUTES, GENERATED
from microscope.space.hub import Changes, Commit, RemoteFile, SpaceHub

HISTORY = 200
SHORTEST = 4
_TITLE = re.compile(r"^Roll back to ([0-9a-f]{7,40})\b")


class AlteredError(UserError):
    """A rollback was made, and the Hub has other files than it was asked for."""


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did: the commit it made (the head, where nothing differed), and the paths it touched."""

    commit: str
    head: str
    target: str
    restored: tuple[str, ...]
    deleted: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Tell whether the head had the target's files already, so that nothing was committed."""
        return not (self.restored or self.deleted)


def title(target: str) -> str:
    """Return the message of the commit that puts `target` back."""
    return f"Roll back to {target}"


def find_target(hub: SpaceHub, to: str | None = None, tell: Callable[[str], None] | None = None) -> str:
    """Return the full commit to go back to: the one whose name begins with `to`, else the one before the head.

    The head of a rollback counts as what it put back. Commits that have the head's very files are passed over and
    told. A UserError says where there is nothing to go back to.
    """
    commits = hub.history(HISTORY)
    if to is not None:
        return _named(commits, to, hub)
    current = _meant(commits, 0)
    shown = hub.files(commits[0].sha)
    for at in range(current + 1, len(commits)):
        sha = commits[at].sha
        files = hub.files(sha)
        if _digests(files) == _digests(shown):
            if tell is not None:
                tell(f"{sha[:7]} ({commits[at].title}) has the same files; going further back.")
            continue
        if set(files) <= GENERATED:
            break
        return sha
    raise UserError(
        f"{hub.space} has nothing to go back to: no earlier commit has an app. Deploy a version that works, or name a "
        "commit with --to."
    )


def roll_back(hub: SpaceHub, target: str, head: str) -> RolledBack:
    """Make one commit on top of `head` whose files are exactly those of `target`.

    Raises ConflictError where the head has moved on; `check_files` tells whether the Hub did as it was asked.
    """
    wanted, present = hub.files(target), hub.files(head)
    restored = tuple(sorted(path for path in wanted if _digest(wanted, path) != _digest(present, path)))
    deleted = tuple(sorted(set(present) - set(wanted)))
    if not (restored or deleted):
        return RolledBack(head, head, target, (), ())
    changes = Changes(added={}, deleted=deleted, copied=dict.fromkeys(restored, target))
    commit = hub.commit(changes, title(target), head)
    return RolledBack(commit, head, target, restored, deleted)


def check_files(hub: SpaceHub, done: RolledBack) -> None:
    """See that what was rolled back has the target's files; raises AlteredError where the Hub has others."""
    wanted, found = hub.files(done.target), hub.files(done.commit)
    differing = {path for path in {*found, *wanted} if _digest(found, path) != _digest(wanted, path)}
    # The Hub may add lines to this one by itself, for large files.
    if differing - {ATTRIBUTES}:
        raise AlteredError(
            f"{hub.space} was rolled back to {done.target[:7]}, yet {', '.join(sorted(differing))} came out "
            f"differently: compare commit {done.commit[:7]} with it on {hub.page}."
        )


def _meant(commits: Sequence[Commit], at: int) -> int:
    """Return the place of the commit whose files a commit has: a rollback leads to what it put back, and so on."""
    while (back := _TITLE.match(commits[at].title)) is not None:
        earlier = (place for place in range(at + 1, len(commits)) if commits[place].sha.startswith(back[1]))
        found = next(earlier, None)
        if found is None:
            break
        at = found
    return at


def _named(commits: Sequence[Commit], to: str, hub: SpaceHub) -> str:
    wanted = to.strip().lower()
    found = [commit.sha for commit in commits if commit.sha.startswith(wanted)]
    if len(wanted) >= SHORTEST and len(found) == 1:
        return found[0]
    listed = ", ".join(f"{commit.sha[:7]} ({commit.title})" for commit in commits[:8])
    problem = "is more than one commit" if len(found) > 1 else "is no commit"
    raise UserError(
        f"{to!r} {problem} of {hub.space}; name one of its commits by at least {SHORTEST} letters: {listed}."
    )


def _digest(files: Mapping[str, RemoteFile], path: str) -> str | None:
    file = files.get(path)
    return file.digest if file is not None else None


def _digests(files: Mapping[str, RemoteFile]) -> dict[str, str]:
    return {path: file.digest for path, file in files.items()}
