"""Newer versions of what a Space builds from, within rules: found, proven to resolve, written, told; runs no test.

What is found goes into the two files only as far as the build's pip line still resolves with it. Where it does not
with all of it, the changes are tried one after another, and those that it does not resolve with stay away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microscope.errors import UserError
from microscope.space.front_matter import read_front_matter
from microscope.space.packages.build_line import REQUIREMENTS, build_line, python_of
from microscope.space.packages.pip import Pip, Resolved, UnresolvedError
from microscope.space.packages.ranges import Change, Movable, Texts, changes_of

README = "README.md"
BRANCH = "refresh/dependencies"
TITLE = "Refresh dependencies"
# What a reader wants to know of the build, beside what moved.
TOLD = ("gradio", "transformers", "spaces", "torch", "huggingface-hub")
PASSED = "success"
ABOUT = (
    "GitHub starts no workflow for what a workflow pushes, which is why the tests ran before this was opened. Closing "
    "this pull request and opening it again runs the checks as for anybody's. The branch is written anew every week, "
    "unless somebody commits to it."
)


@dataclass(frozen=True)
class Refreshed:
    """What came of looking: the lines that move, those that may not yet with the reason, and what the build gets.

    `files` are the two files with the changes in them. `ahead` are versions that the rules do not allow, by package.
    """

    changes: tuple[Change, ...]
    refused: tuple[tuple[Change, str], ...]
    resolved: Resolved
    files: Mapping[str, str]
    ahead: Mapping[str, str]
    held: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Refresher:
    """Looks for newer versions for the project at `root`, through pip, and so at the index that pip uses."""

    root: Path
    pip: Pip

    def look(self, taken: str | None = None) -> Refreshed:
        """Return what may move; `taken` are the changes of a look before, which are then not looked for again.

        A UserError says where the build's line does not even resolve as it is.
        """
        texts = self._texts()
        python = python_of(read_front_matter(texts.readme))
        movable = texts.movable(python)
        ahead: dict[str, str] = {}
        if taken is None:
            wanted, ahead = self._newest(movable, python)
        else:
            wanted = changes_of(taken, movable)
        changes, refused, resolved = self._proven(texts, wanted, python)
        after = texts.with_changes(changes, python)
        files = {README: after.readme, REQUIREMENTS: after.requirements}
        return Refreshed(changes, refused, resolved, files, ahead, texts.held())

    def write(self, found: Refreshed) -> None:
        """Write the changes into the project's files."""
        for name, text in found.files.items():
            try:
                (self.root / name).write_text(text, encoding="utf-8", newline="")
            except OSError as error:
                reason = f"{name} cannot be written ({error.strerror})"
                raise UserError(f"{reason}: correct who may write it, and run the command again.") from error

    def _texts(self) -> Texts:
        return Texts(*(_read(self.root / name) for name in (README, REQUIREMENTS)))

    def _newest(self, movable: Sequence[Movable], python: str) -> tuple[tuple[Change, ...], dict[str, str]]:
        """Return the changes to the newest versions that the rules allow, and what is out beyond them."""
        allowed = self.pip.resolve(["--no-deps", *(line.wish for line in movable)], self.root, python)
        newest = self.pip.resolve(["--no-deps", *(line.name for line in movable)], self.root, python)
        moved = [(line, line.moved(allowed.version(line.name))) for line in movable]
        changes = tuple(Change(line.name, line.versions, after) for line, after in moved if after != line.versions)
        ahead = {line.name: newest.version(line.name) for line in movable}
        return changes, {name: out for name, out in ahead.items() if out != allowed.version(name)}

    def _proven(
        self, texts: Texts, wanted: tuple[Change, ...], python: str
    ) -> tuple[tuple[Change, ...], tuple[tuple[Change, str], ...], Resolved]:
        """Return the changes with which the build's line resolves, the others with the reason, and what it gets."""
        try:
            return wanted, (), self._build(texts.with_changes(wanted, python), python)
        except UnresolvedError:
            if not wanted:
                raise
        kept: tuple[Change, ...] = ()
        refused: tuple[tuple[Change, str], ...] = ()
        resolved = self._build(texts, python)
        for change in wanted:
            try:
                resolved = self._build(texts.with_changes((*kept, change), python), python)
            except UnresolvedError as error:
                refused += ((change, str(error)),)
            else:
                kept += (change,)
        return kept, refused, resolved

    def _build(self, texts: Texts, python: str) -> Resolved:
        """Return what the build of these files would install."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / README).write_text(texts.readme, encoding="utf-8")
            (root / REQUIREMENTS).write_text(texts.requirements, encoding="utf-8")
            return self.pip.resolve(build_line(root), root, python)


def _read(path: Path) -> str:
    """Return the text of a file, its line breaks as they are."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        reason = f"{path.name} cannot be read ({error.strerror})"
        raise UserError(f"{reason}: put it back, or correct who may read it.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is no UTF-8 text: save it as UTF-8.") from error


def lines_of(found: Refreshed) -> tuple[str, ...]:
    """Return what was found, a line for each thing."""
    width = max((len(change.name) for change in found.changes), default=0)
    return (
        *(f"{change.name:<{width}}  {change.before}  ->  {change.after}" for change in found.changes),
        *(f"{change.written} stays away: {reason}" for change, reason in found.refused),
        *(f"{name} {out} is out and not allowed by itself: change its line by hand." for name, out in _out(found)),
        *(f"{name} stays as it is: {reason}." for name, reason in found.held),
        f"The build for Python {found.resolved.python} gets {_gets(found.resolved)}.",
    )


def message_of(found: Refreshed) -> str:
    """Return the message of the commit."""
    return f"{TITLE}: {', '.join(change.written for change in found.changes)}\n\n{_proof(found)}\n"


def title_of(found: Refreshed, tests: str) -> str:
    """Return the title of the pull request; red tests stand in it."""
    names = ", ".join(change.name for change in found.changes)
    return f"{TITLE}: {names}" + ("" if tests in ("", PASSED) else " (tests do not pass)")


def body_of(found: Refreshed, tests: str, log: str) -> str:
    """Return the text of the pull request: old and new, the proof, how the tests ended and where their log is."""
    rows = "\n".join(f"| {change.name} | `{change.before}` | `{change.after}` |" for change in found.changes)
    rest = [f"- {line}" for line in lines_of(found)[len(found.changes) : -1]]
    parts = [
        f"The newest versions that the rules allow.\n\n| Package | Before | After |\n| --- | --- | --- |\n{rows}",
        _proof(found),
        _tested(tests, log),
        "\n".join(rest),
        ABOUT,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _proof(found: Refreshed) -> str:
    return f"The build's line resolves for Python {found.resolved.python}: {_gets(found.resolved)}."


def _tested(tests: str, log: str) -> str:
    seen = f" ([log]({log}))" if log else ""
    if not tests:
        return "Nobody has run the tests."
    if tests == PASSED:
        return f"All tests passed with these versions{seen}."
    return f"**The tests did not pass with these versions**{seen}: mend the code on this branch, or close this."


def _gets(resolved: Resolved) -> str:
    versions = [(name, resolved.version(name)) for name in TOLD]
    return ", ".join(f"{name} {version}" for name, version in versions if version)


def _out(found: Refreshed) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(found.ahead.items()))
