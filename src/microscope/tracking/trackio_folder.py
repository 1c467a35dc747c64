"""Imports Trackio so that it keeps its files in a given folder; knows nothing of what is kept there.

Trackio takes its folder from the environment, once, as it is imported, and copies it into several of its modules. Here
a folder is an argument: wherever Trackio holds it, it is set before every use. Within a process the last folder counts
for all of Trackio; one app has one.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from microscope.tracking.base import need

# The names under which Trackio's modules hold its folder, and which part of it each is.
HOLDERS = {"TRACKIO_DIR": ".", "MEDIA_DIR": "media", "ARTIFACTS_DIR": "artifacts"}
# Trackio drops these from a project's name as it makes a file of it.
NOT_IN_PROJECTS = re.compile(r"[^\w-]+")


def trackio_in(folder: Path) -> ModuleType:
    """Return the library, which from now on reads and writes in a folder; makes the folder where it is missing."""
    trackio = library("trackio")
    library("trackio.server")
    folder = folder.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "trackio":
            for holder in HOLDERS.keys() & vars(module).keys():
                setattr(module, holder, folder / HOLDERS[holder])
    return trackio


def library(module: str) -> ModuleType:
    """Return a module of Trackio's; where it is not installed, a `UserError` says how to install it."""
    return need(module, "Trackio", "pip install -r requirements.txt")


def project_name(project: str) -> str:
    """Return the name that Trackio keeps a project under, so that it is called the same everywhere."""
    return NOT_IN_PROJECTS.sub("-", project).strip("-") or "default"


@contextlib.contextmanager
def speaking_aside() -> Iterator[None]:
    """Send what is printed meanwhile to the standard error: Trackio greets, and our standard output is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
