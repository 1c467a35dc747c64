"""What a running copy can tell of itself without asking anybody: where it runs, what it offers, what it is given.

No value of a secret is here, only whether there is one. What cannot be seen from inside a Space is not here either:
its Trusted Publishers, its visibility, who else may write to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microscope.catalog.spec import BadEntry, Catalog, ModelSpec
from microscope.hardware import Machine
from microscope.settings import REPOSITORY, Settings
from microscope.space.expected import asked_tier, mismatch_sentence
from microscope.space.template import Template, template_of

EMBEDDED = REPOSITORY / "assets" / "checkpoints"
# Where the platform's documents mount a volume, and so does `microscope space configure --bucket`.
DATA = Path("/data")
_GATED = re.compile(r"(\S+/\S+) is gated")


@dataclass(frozen=True)
class Storage:
    """Where what is worth keeping lies: the volume that holds the folder (None: the Space's own disk).

    `spare` is a volume that is mounted and not used. `writable` tells whether the folder can be written.
    """

    folder: Path
    volume: Path | None
    spare: Path | None = None
    writable: bool = True


@dataclass(frozen=True)
class Offered:
    """The checkpoints that the catalogue offers, by their names, and the entries that cannot be.

    `preset` names where they stand in the catalogue file, or the variable that names them. `gated` are Hub ids of
    those that need a token; `embedded` counts those that came with the app.
    """

    preset: str
    labels: tuple[str, ...]
    embedded: int
    refused: tuple[BadEntry, ...] = ()
    gated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything that the checklist is made of; `space` is `owner/name`, None off a Space.

    `asked` is the hardware that the README asks for, and `difference` the sentence where the machine is another.
    `webhook` tells whether its secret is set; `host` is where the app answers, empty where nobody says.
    """

    space: str | None
    author: str | None
    machine: Machine
    asked: str | None
    difference: str
    oauth: bool
    token: bool
    offered: Offered
    storage: Storage
    template: Template
    webhook: bool = False
    host: str = ""

    @property
    def settings_page(self) -> str:
        """Return the address of the Space's settings; empty off a Space."""
        return f"https://huggingface.co/spaces/{self.space}/settings" if self.space else ""


def facts_of(settings: Settings, machine: Machine, catalog: Catalog, root: Path = REPOSITORY) -> Facts:
    """Return the facts of this copy; `root` is the folder that it runs from."""
    readme = root / "README.md"
    asked = asked_tier(readme)
    return Facts(
        space=settings.space_id if settings.on_space else None,
        author=settings.space_author if settings.on_space else None,
        machine=machine,
        asked=asked.name if asked is not None else None,
        difference=mismatch_sentence(readme, settings, machine),
        oauth=settings.oauth,
        token=settings.has_token,
        offered=offered_by(catalog),
        storage=storage_of(settings.data),
        template=template_of(root),
        webhook=bool(settings.webhook_secret),
        # With a domain of its own there are several.
        host=(settings.space_host or "").partition(",")[0].strip(),
    )


def offered_by(catalog: Catalog) -> Offered:
    """Return what a catalogue offers."""
    refused = (found[1] for bad in catalog.bad if (found := _GATED.search(bad.reason)) is not None)
    return Offered(
        preset=catalog.preset,
        labels=tuple(spec.label for spec in catalog.specs),
        embedded=sum(map(_is_embedded, catalog.specs)),
        refused=catalog.bad,
        gated=tuple(dict.fromkeys([*(spec.source for spec in catalog.specs if spec.gated), *refused])),
    )


def storage_of(folder: Path, is_mount: Callable[[str], bool] = os.path.ismount, home: Path | None = None) -> Storage:
    """Return where a folder lies that need not exist yet.

    The disk itself is no volume, nor is one that holds the home folder, which every container has.
    """
    mounts = [place for place in (folder, *folder.parents) if is_mount(str(place))]
    own = (Path("/"), home or Path.home(), *(home or Path.home()).parents)
    volume = next((place for place in mounts if place not in own), None)
    spare = DATA if volume is None and is_mount(str(DATA)) else None
    # These two hold what may not be looked into for what is not there, where Path raises.
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110
    return Storage(folder, volume, spare, os.path.isdir(there) and os.access(there, os.W_OK))  # noqa: PTH112


def _is_embedded(spec: ModelSpec) -> bool:
    return spec.folder and Path(spec.source).is_relative_to(EMBEDDED)
