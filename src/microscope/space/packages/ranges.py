"""Which newer versions the lines of a requirements.txt may have, and the lines with them; asks no index.

Three kinds of lines move: an exact version goes up within its major one, a window of one minor version
(`>=5.23,<5.24`) moves to a later one within its major one, and Gradio's, which stands in the README's head, does as
exact ones do. All else stays: lower bounds alone are no limit, wider windows were meant, lines for other Pythons hold
what those can run, and torch with its torchvision is what ZeroGPU supports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from microscope.errors import UserError
from microscope.space.front_matter import read_front_matter, replace_field

GRADIO, FIELD = "gradio", "sdk_version"
HELD = {"torch": "what ZeroGPU supports decides", "torchvision": "it goes with torch"}
# The name with its extras, and the versions up to a condition or a comment.
_LINE = re.compile(
    r"^(?P<name>\s*[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*)(?P<versions>[=<>~!][^;#]*?)(?P<rest>\s*(?:[;#].*)?)$"
)


@dataclass(frozen=True)
class Movable:
    """A line that may move: its package, the versions it allows now as they are written, and what it allows at most.

    `index` is the line's number, counted from 0; None for Gradio, which stands in the README.
    """

    name: str
    versions: str
    index: int | None = None

    @property
    def wish(self) -> str:
        """Return what to ask an index for: the newest that the rules allow, at least what there is now."""
        least = min(_numbers(self.versions))
        return f"{self.name}>={least},<{least.major + 1}"

    def moved(self, version: str) -> str:
        """Return the versions as they are written with this one as the newest; as they are where it is none newer."""
        newest = _version(version)
        least = min(_numbers(self.versions))
        if newest is None or newest.is_prerelease or newest.major != least.major or newest <= least:
            return self.versions
        if self.versions.startswith("=="):
            return f"=={newest}"
        if newest in SpecifierSet(self.versions):
            return self.versions
        return f">={newest.major}.{newest.minor},<{newest.major}.{newest.minor + 1}"


@dataclass(frozen=True)
class Change:
    """A line that moves: its package, and the versions before and after, as they are written."""

    name: str
    before: str
    after: str

    @property
    def written(self) -> str:
        """Return the package and what it moves to, in one word."""
        return f"{self.name}{self.after}"


@dataclass(frozen=True)
class Texts:
    """The two files in which versions stand, as they are read."""

    readme: str
    requirements: str

    def movable(self, python: str) -> tuple[Movable, ...]:
        """Return what may move on a Space with this Python, Gradio first."""
        gradio = read_front_matter(self.readme).text(FIELD)
        if _version(gradio) is None:
            raise UserError(
                "The head of README.md names no version of Gradio: write sdk_version there, such as 6.31.0."
            )
        return (Movable(GRADIO, f"=={gradio}"), *_movable_lines(self.requirements, python))

    def held(self) -> tuple[tuple[str, str], ...]:
        """Return what stays whatever is out, with the reason."""
        names = {requirement.name for _, requirement, _ in _lines(self.requirements)}
        return tuple((name, reason) for name, reason in HELD.items() if name in names)

    def with_changes(self, changes: tuple[Change, ...], python: str) -> Texts:
        """Return the texts with lines moved; all else stays as it is, byte for byte."""
        after = {change.name: change.after for change in changes}
        readme, lines = self.readme, self.requirements.splitlines(keepends=True)
        for line in self.movable(python):
            if line.name not in after:
                continue
            if line.index is None:
                readme = replace_field(readme, FIELD, after[line.name].removeprefix("=="))
            else:
                lines[line.index] = lines[line.index].replace(line.versions, after[line.name], 1)
        return Texts(readme, "".join(lines))


def changes_of(written: str, movable: tuple[Movable, ...]) -> tuple[Change, ...]:
    """Return changes from what they are written as, `gradio==6.32.0 trackio>=0.44,<0.45`; what is none is refused."""
    return tuple(_change_of(word, movable) for word in written.split())


def _change_of(word: str, movable: tuple[Movable, ...]) -> Change:
    for line in movable:
        versions = word.removeprefix(line.name)
        numbers = _numbers(versions) if word.startswith(line.name) else ()
        if numbers and line.moved(str(min(numbers))) == versions != line.versions:
            return Change(line.name, line.versions, versions)
    names = ", ".join(line.name for line in movable)
    raise UserError(f"{word!r} is no change that is allowed here: give what a run before printed, of {names}.")


def _movable_lines(text: str, python: str) -> Iterator[Movable]:
    for index, requirement, versions in _lines(text):
        name = canonicalize_name(requirement.name)
        elsewhere = requirement.marker is not None and not requirement.marker.evaluate(_conditions(python))
        if name not in HELD and not elsewhere and _moves(versions):
            yield Movable(name, versions, index)


def _lines(text: str) -> Iterator[tuple[int, Requirement, str]]:
    """Yield the lines that name versions: the number, what is required, and the versions as they are written."""
    for index, line in enumerate(text.splitlines()):
        found = _LINE.match(line)
        if found is not None:
            try:
                yield index, Requirement(line.partition("#")[0]), found["versions"]
            except InvalidRequirement:
                continue


def _moves(versions: str) -> bool:
    """Tell whether versions are one exact version, or a window of one minor version."""
    parts = [part.strip() for part in versions.split(",")]
    if len(parts) == 1:
        exact = _version(parts[0].removeprefix("==")) if parts[0].startswith("==") else None
        # What is newer than a build with a label of its own, or than an epoch, no range can say.
        return exact is not None and not exact.local and not exact.epoch
    numbers = _numbers(versions)
    if sorted(re.sub(r"[\d.\s]+$", "", part) for part in parts) != ["<", ">="] or len(numbers) != len(parts):
        return False
    low, high = sorted(numbers)
    return (low.major, low.minor + 1) == (high.major, high.minor) and not high.micro


def _numbers(versions: str) -> tuple[Version, ...]:
    found = (_version(part.strip().lstrip("<>=~!").strip()) for part in versions.split(","))
    return tuple(one for one in found if one is not None)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _conditions(python: str) -> dict[str, str]:
    short = ".".join(python.split(".")[:2])
    return {"python_version": short, "python_full_version": python if python != short else f"{short}.0"}
