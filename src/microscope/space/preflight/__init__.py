"""What can be said of a project before it is a Space: one check a file, in the order in which a table lists them."""

from __future__ import annotations

from microscope.space.preflight import (
    assets,
    catalogue,
    files,
    front_matter,
    imports,
    installing,
    models,
    packages,
    requirements,
    secrets,
    starting,
    upload,
)
from microscope.space.preflight.base import Check

CHECKS: tuple[Check, ...] = (
    front_matter.CHECK,
    requirements.CHECK,
    installing.CHECK,
    packages.CHECK,
    imports.CHECK,
    starting.CHECK,
    catalogue.CHECK,
    models.CHECK,
    assets.CHECK,
    files.CHECK,
    secrets.CHECK,
    upload.CHECK,
)
