"""Checks that the pip line of the build installs, by a dry run for the Python of the Space; installs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from microscope.space.findings import Finding
from microscope.space.packages.build_line import build_line
from microscope.space.packages.pip import Resolved, UnresolvedError
from microscope.space.packages.pip_failure import Reason
from microscope.space.preflight.base import Check, Project, failed, fine, listed, warned

NAME = "Build line"
TOLD = ("gradio", "torch", "transformers", "spaces", "huggingface-hub")


def run(project: Project) -> Sequence[Finding]:
    """Return whether the line resolves, to what, or why not."""
    line = build_line(project.root)
    try:
        resolved = project.pip.resolve(line, project.root, project.python, project.stop.is_set)
    except UnresolvedError as error:
        failure = error.failure
        tell = warned if failure.reason is Reason.NETWORK else failed
        return [tell(NAME, f"{failure.told.rstrip('.')}.", failure.advice)]
    return [fine(NAME, _told(resolved))]


def _told(resolved: Resolved) -> str:
    versions = listed([f"{name} {version}" for name in TOLD if (version := resolved.version(name))])
    sources = [package.name for package in resolved.packages if package.kind == "source"]
    built = f"; built from their source: {listed(sources)}" if sources else ""
    return f"{len(resolved.packages)} packages for Python {resolved.python}: {versions}{built}."


CHECK = Check(NAME, run, slow=True, network=True)
