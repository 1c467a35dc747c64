"""One commit to a Space, made once or not at all, however often the Hub has to be asked; knows no settings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HTTPError, OIDCError

from microscope.errors import UserError
from microscope.space.errors import Asked, conflict, explain
from microscope.space.remote import Changes, Commit, RemoteFile, digests_of
from microscope.space.retrying import Patience, insist, may_pass, pause_after

Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete

# Uploading fails in the words of three libraries, of which two have no classes of their own.
FAILURES = (HTTPError, OIDCError, EntryNotFoundError, OSError, RuntimeError, ValueError)
CONFLICTS = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
# The Hub leaves out what a .gitignore of the Space names, without a word. This takes its place for our upload.
NOTHING_IGNORED = "# every file of this commit is meant\n"
# The Hub adds lines to it by itself, for large files.
ATTRIBUTES = ".gitattributes"
LOOK_BACK = 20
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Looking:
    """How to look at the Space: files by path at a revision, the newest commits, what the Hub says of a README.md."""

    files: Callable[[str], dict[str, RemoteFile]]
    history: Callable[[int], tuple[Commit, ...]]
    check: Callable[[str], tuple[str, ...]]


class Committer:
    """Makes commits to main of one Space."""

    def __init__(self, api: HfApi, space: str, patience: Patience, looking: Looking) -> None:
        self._api, self._space, self._patience, self._looking = api, space, patience, looking

    def commit(self, changes: Changes, message: str, parent: str) -> str:
        """Return the commit that makes all the changes on top of `parent`; nothing else is ever written.

        Where nothing would change no commit is made, and `parent` is returned. Raises a ConflictError where the newest
        commit is another, and other UserErrors where the Hub refuses, both with the Space as it was.
        """
        if not message or not _COMMIT.fullmatch(parent):
            raise ValueError("a commit needs a message and the full id of its parent")
        if [commit.sha for commit in self._looking.history(1)] != [parent]:
            raise conflict(self._space)
        if not changes.paths:
            return parent
        operations = self._operations(changes)
        self._check_readme(changes)
        additions = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
        self._upload(additions)
        return self._send(operations, changes, message, parent)

    def _check_readme(self, changes: Changes) -> None:
        """Refuse a README.md that the Hub would refuse, before anything is uploaded."""
        readme = changes.added.get("README.md")
        if readme is None:
            return
        content = readme if isinstance(readme, bytes) else readme.read_bytes()
        try:
            problems = self._looking.check(content.decode())
        except UnicodeDecodeError as error:
            raise UserError("README.md is not text in UTF-8: save it so, and start again.") from error
        if problems:
            raise UserError(
                f"The Hub refuses the head of README.md ({'; '.join(problems)}): correct it, and start again."
            )

    def _operations(self, changes: Changes) -> list[Operation]:
        try:
            added = [CommitOperationAdd(path, content) for path, content in changes.added.items()]
        except ValueError as error:
            raise UserError(f"{error}: start again.") from error
        copied = [CommitOperationCopy(path, path, revision) for path, revision in changes.copied.items()]
        # A path that ends in a slash would mean a folder.
        deleted = [CommitOperationDelete(path, is_folder=False) for path in changes.deleted]
        return [*deleted, *copied, *added]

    def _upload(self, additions: list[CommitOperationAdd]) -> None:
        """Send large files; what has arrived once is not sent again, by whichever commit."""
        try:
            insist(lambda: self._preupload(additions), self._patience, FAILURES)
        except FAILURES as error:
            raise explain(_inmost(error), self._asked) from error

    def _preupload(self, additions: list[CommitOperationAdd]) -> None:
        self._api.preupload_lfs_files(
            self._space,
            additions,
            repo_type="space",
            revision="main",
            free_memory=False,
            gitignore_content=NOTHING_IGNORED,
        )

    def _send(self, operations: list[Operation], changes: Changes, message: str, parent: str) -> str:
        unanswered = False
        for pause in (*self._patience.pauses(), None):
            try:
                return self._create(operations, message, parent)
            except FAILURES as error:
                failure = _inmost(error)
            refused = isinstance(failure, HfHubHTTPError) and failure.response.status_code in CONFLICTS
            # A conflict after a try without an answer is most likely with that one, though lists may not show it yet.
            passes = unanswered if refused else may_pass(failure)
            unanswered = unanswered or passes
            seconds = pause_after(failure, pause, self._patience) if passes else None
            if seconds is not None:
                self._patience.sleep(seconds)
            landed = self._find(changes, parent) if refused or passes else None
            if landed is not None:
                return landed
            if seconds is None:
                raise explain(failure, self._asked) from failure
        raise conflict(self._space)

    def _create(self, operations: list[Operation], message: str, parent: str) -> str:
        with warnings.catch_warnings():
            # What the Hub finds odd about a README.md is asked for, and told, elsewhere.
            warnings.simplefilter("ignore", UserWarning)
            made = self._api.create_commit(
                self._space,
                operations,
                commit_message=message,
                repo_type="space",
                revision="main",
                parent_commit=parent,
            )
        return made.oid

    def _find(self, changes: Changes, parent: str) -> str | None:
        """Return the commit on top of `parent` that makes these changes, None where `parent` is still the newest.

        Which commit is ours is told by what it does: another one with the same outcome is as good. Where the commit on
        top of `parent` does something else, a ConflictError is raised.
        """
        shas = [commit.sha for commit in self._looking.history(LOOK_BACK)]
        if shas[0] == parent:
            return None
        above = shas[shas.index(parent) - 1] if parent in shas else ""
        if not above or not self._does(changes, parent, above):
            raise conflict(self._space)
        return above

    def _does(self, changes: Changes, parent: str, commit: str) -> bool:
        found = {path: file.digest for path, file in self._looking.files(commit).items() if path != ATTRIBUTES}
        wanted = {path: frozenset({file.digest}) for path, file in self._looking.files(parent).items()}
        for path in changes.deleted:
            wanted.pop(path, None)
        for revision in set(changes.copied.values()):
            there = self._looking.files(revision)
            wanted |= {path: frozenset({there[path].digest}) for path, at in changes.copied.items() if at == revision}
        wanted |= {path: digests_of(content) for path, content in changes.added.items()}
        wanted.pop(ATTRIBUTES, None)
        return found.keys() == wanted.keys() and all(found[path] in wanted[path] for path in found)

    @property
    def _asked(self) -> Asked:
        return Asked(self._space, "files")


def _inmost(error: Exception) -> Exception:
    """Return the failure itself, without the library's words around that of one upload."""
    cause = error.__cause__
    return cause if isinstance(error, RuntimeError) and isinstance(cause, Exception) else error
