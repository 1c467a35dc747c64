"""What a check before a deploy is, and the project that it looks at; checks nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HTTPError, OIDCError

from microscope.catalog.hub import hub_client
from microscope.hardware import Tier
from microscope.space.errors import KEYLESS
from microscope.space.findings import Finding, Status
from microscope.space.front_matter import FrontMatter, front_matter_of, hardware_of
from microscope.space.packages.build_line import python_of
from microscope.space.packages.pip import Pip
from microscope.space.payload import paths_of

# How many of the same kind are listed by name.
MOST_LISTED = 8


def models_client(endpoint: str | None = None, token: str | None = None) -> HfApi:
    """Return a client that asks for models, with the token given or this machine's; without any where that is keyless.

    A keyless token is for one Space, and says nothing about models.
    """
    api = hub_client(endpoint)
    try:
        found = token or get_token()
    except (OIDCError, HTTPError):
        # What a deploy does next says it, and what to do.
        found = None
    api.token = False if found is None or found.startswith(KEYLESS) else found
    return api


@dataclass(frozen=True)
class Project:
    """The project at `root`, which is to be a Space, and what checks ask: pip, and the Hub for models.

    `start_seconds` is the most that the app may take to start; `stop` is set when nobody waits any more. Nothing is
    read before a check wants it.
    """

    root: Path
    pip: Pip = field(default_factory=Pip)
    hub: Callable[[], HfApi] = models_client
    start_seconds: float = 240
    stop: Event = field(default_factory=Event)

    @cached_property
    def front(self) -> FrontMatter:
        """Return what its README's front matter says."""
        return front_matter_of(self.root / "README.md", self.root)

    @cached_property
    def tier(self) -> Tier | None:
        """Return the hardware that it asks for."""
        return hardware_of(self.front)

    @cached_property
    def python(self) -> str:
        """Return the Python that its Space gets."""
        return python_of(self.front)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Return what its Space is given, by path in order."""
        return tuple(sorted(paths_of(self.root)))

    def sources(self) -> Iterator[str]:
        """Yield the paths of its Python files that a Space runs."""
        return (path for path in self.paths if path.endswith(".py"))


@dataclass(frozen=True)
class Check:
    """One look at a project; `run` returns what it found, at least one finding.

    `slow` ones are left out by --quick, those that need the `network` by --offline.
    """

    name: str
    run: Callable[[Project], Sequence[Finding]]
    slow: bool = False
    network: bool = False


def failed(name: str, detail: str, advice: str) -> Finding:
    """Return a finding that keeps a deploy from going on."""
    return Finding(name, Status.FAILED, detail, advice)


def warned(name: str, detail: str, advice: str) -> Finding:
    """Return a finding that a person should know of."""
    return Finding(name, Status.WARNING, detail, advice)


def fine(name: str, detail: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(name, Status.OK, detail)


def listed(names: Sequence[str], most: int = MOST_LISTED) -> str:
    """Return names in a row, the first of many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
