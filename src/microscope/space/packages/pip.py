"""Asks pip what it would install for the Python and the machine of a Space; installs nothing.

Only what packages say of themselves is fetched, not the packages: beside a whole torch that is little. A package that
has no wheel is fetched as its source and asked, which is what the build does, too.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from packaging.utils import canonicalize_name

from microscope.errors import UserError
from microscope.settings import environment_of_child
from microscope.space.child import run_child
from microscope.space.packages.pip_failure import Failure, failure_of

SCRIPT = Path(__file__).with_name("pip_for_target.py")
SECONDS = 300
# The patches that the platform is known to have, and the oldest for all others.
PATCHES = {"3.10": "3.10.13", "3.12": "3.12.12"}
# What the images of a Space, Debian 12 or later, can load.
GLIBC = 36
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, 4, -1)),
    *(f"manylinux{year}_x86_64" for year in (2014, 2010, 1)),
    "linux_x86_64",
)
CONDITIONS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}
MOST_SOURCES = 8
# What would send pip elsewhere than the build goes; where packages come from stays the user's choice.
FOREIGN = (
    "PYTHON",
    "PIP_CONSTRAINT",
    "PIP_NO_DEPS",
    "PIP_ONLY",
    "PIP_PRE",
    "PIP_REPORT",
    "PIP_TARGET",
)


class UnresolvedError(UserError):
    """pip would install nothing; `failure` has the cause."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass(frozen=True)
class Package:
    """A package that would be installed: where it comes from, its hashes by algorithm, whether it was asked for."""

    name: str
    version: str
    url: str
    hashes: Mapping[str, str]
    requested: bool
    kind: Literal["wheel", "source"]


@dataclass(frozen=True)
class Resolved:
    """Everything that would be installed, by name, for a Python."""

    python: str
    packages: tuple[Package, ...]

    def version(self, name: str) -> str:
        """Return the version of a package, empty where it would not be installed."""
        wanted = canonicalize_name(name)
        return next((one.version for one in self.packages if one.name == wanted), "")


@dataclass(frozen=True)
class Pip:
    """The pip of this Python; `options` go into every run, and `seconds` is the most that one question may take."""

    options: tuple[str, ...] = ()
    seconds: float = SECONDS

    def resolve(
        self, arguments: Sequence[str], folder: Path, python: str, until: Callable[[], bool] = lambda: False
    ) -> Resolved:
        """Return what `pip install` with these arguments, run in a folder, would install on a Space with that Python.

        It is given up as soon as `until` holds. An UnresolvedError has the cause in one sentence.
        """
        # Who looks for its module ends what setuptools needs to be imported later in this process.
        if not any(distributions(name="pip")):
            raise UserError("This Python has no pip to ask: run python -m ensurepip.")
        end = monotonic() + self.seconds
        failures: dict[str, Failure] = {}
        with tempfile.TemporaryDirectory() as scratch:
            report, log = Path(scratch) / "report.json", Path(scratch) / "log"
            while True:
                outputs = ("--report", str(report), "--log", str(log))
                command = self._command((*outputs, *arguments), full_version(python), tuple(failures))
                environment = environment_of_child({}, without=FOREIGN)
                ended = run_child(command, folder, environment, max(end - monotonic(), 0), until)
                if ended.status == 0:
                    return Resolved(python, _packages(json.loads(report.read_text(encoding="utf-8"))))
                failure = failure_of(ended, self.seconds, _fetches_of(log))
                if failure.missing in failures:
                    raise UnresolvedError(failure if failure.known else failures[failure.missing])
                if not failure.missing or len(failures) == MOST_SOURCES:
                    raise UnresolvedError(failure)
                failures[failure.missing] = failure

    def _command(self, arguments: Sequence[str], version: str, sources: Sequence[str]) -> list[str]:
        return [
            *(sys.executable, "-I", str(SCRIPT), json.dumps(conditions_of(version))),
            *("install", "--dry-run", "--ignore-installed", "--no-input", "--no-color"),
            *("--disable-pip-version-check", "--retries", "2", "--use-feature", "fast-deps"),
            *("--python-version", version, "--implementation", "cp", "--only-binary", ":all:"),
            *(part for platform in PLATFORMS for part in ("--platform", platform)),
            *(part for name in sources for part in ("--no-binary", name)),
            *self.options,
            *arguments,
        ]


def conditions_of(python: str) -> dict[str, str]:
    """Return what conditions of requirements are decided by on a Space with that Python."""
    version = full_version(python)
    minor = ".".join(version.split(".")[:2])
    return {
        **CONDITIONS,
        "python_version": minor,
        "python_full_version": version,
        "implementation_version": version,
    }


def full_version(python: str) -> str:
    """Return a Python's version with its patch: the platform's own where it is known, else the first."""
    return python if python.count(".") == 2 else PATCHES.get(python, f"{python}.0")  # noqa: PLR2004


def _fetches_of(log: Path) -> tuple[str, ...]:
    """Return the lines of pip's log on what no index gave."""
    if not log.is_file():
        return ()
    with log.open(encoding="utf-8", errors="replace") as file:
        return tuple(line for line in file if "Could not fetch URL" in line)


def _packages(report: Mapping[str, Any]) -> tuple[Package, ...]:
    found = [_package(one) for one in report["install"]]
    return tuple(sorted(found, key=lambda package: package.name))


def _package(told: Mapping[str, Any]) -> Package:
    archive = told["download_info"].get("archive_info", {})
    url = told["download_info"]["url"]
    return Package(
        name=canonicalize_name(told["metadata"]["name"]),
        version=told["metadata"]["version"],
        url=url,
        hashes=archive.get("hashes", {}),
        requested=told["requested"],
        kind="wheel" if url.endswith(".whl") else "source",
    )
