"""Checks that everything a Space needs is there, and that all of it together is not too much; sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from microscope import __version__
from microscope.errors import UserError
from microscope.hardware import GB
from microscope.space.findings import Finding
from microscope.space.payload import Payload, read_payload
from microscope.space.preflight.base import Check, Project, failed, fine, warned

NAME = "Upload"
# What the Hub keeps of a Space, files in all, and files in one folder.
MOST_BYTES, MOST_FILES, MOST_IN_FOLDER = GB, 100_000, 10_000
MANY_BYTES = GB // 2


def run(project: Project) -> Sequence[Finding]:
    """Return how many files and bytes a first deploy sends, or what is missing or too much."""
    try:
        payload = read_payload(project.root, __version__)
    except UserError as error:
        return [failed(NAME, str(error), "")]
    found = list(_too_much(payload))
    size = f"{len(payload.files)} files, {payload.size / 10**6:.1f} MB"
    return found or [fine(NAME, f"{size}, digest {payload.digest[:12]}.")]


def _too_much(payload: Payload) -> Sequence[Finding]:
    advice = "Keep checkpoints in model repositories and name them in models.yaml."
    size = payload.size / 10**6
    if payload.size > MOST_BYTES:
        return [failed(NAME, f"{size:,.0f} MB are more than the 1,000 MB that a Space may have.", advice)]
    if len(payload.files) > MOST_FILES:
        return [failed(NAME, f"{len(payload.files):,} files are more than a Space may have.", advice)]
    folder, most = Counter(file.path.rpartition("/")[0] for file in payload.files).most_common(1)[0]
    if most > MOST_IN_FOLDER:
        detail = f"{folder} has {most:,} files, more than the Hub takes in one folder."
        return [failed(NAME, detail, "Spread them over several folders, or pack them.")]
    if payload.size > MANY_BYTES:
        detail = f"{size:,.0f} MB are much for a Space, which keeps every version of its files within 1,000 MB."
        return [warned(NAME, detail, advice)]
    return []


CHECK = Check(NAME, run)
