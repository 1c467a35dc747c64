"""Which version of the template a copy is, and how a later one comes into it; asks no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from microscope import __version__
from microscope.space.front_matter import front_matter_of
from microscope.space.payload import MANIFEST, read_manifest


@dataclass(frozen=True)
class Template:
    """The version of a copy, as it says itself.

    `digest` is that of the files that it was deployed with, None where no manifest tells. `origin` is the Space that
    it is a duplicate of, None where its README does not say.
    """

    version: str
    digest: str | None = None
    origin: str | None = None


def template_of(root: Path) -> Template:
    """Return which version of the template the copy at `root` is."""
    front = front_matter_of(root / "README.md")
    wrong = {problem.key for problem in (*front.problems, *front.warnings)}
    origin = front.text("duplicated_from") if "duplicated_from" not in wrong else ""
    try:
        manifest = read_manifest((root / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return Template(__version__, origin=origin or None)
    return Template(manifest.version or __version__, manifest.digest or None, origin or None)


def update_command(space: str, origin: str | None) -> str:
    """Return the command that brings a later version into a Space: the origin's, or that of a checkout."""
    return f"microscope space update {space}{f' --from {origin}' if origin is not None else ''}"
