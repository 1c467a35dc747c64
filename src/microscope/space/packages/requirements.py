"""The full list of what the build of a Space installs, every version pinned with its hash, in the format of pip.

It holds for one Python on Linux on x86-64, no older than Debian 12. Where packages come from stays the reader's
choice: no index of this machine is written, only PyTorch's own for the wheels that need no GPU.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from microscope.errors import UserError
from microscope.space.packages.build_line import build_line
from microscope.space.packages.pip import GLIBC, Package, Pip, Resolved, UnresolvedError
from microscope.space.packages.pip_failure import Reason

CPU, CUDA = "cpu", "cuda"
# PyTorch's own index of wheels that need no GPU; the usual index has those for CUDA.
INDEXES = {CPU: "https://download.pytorch.org/whl/cpu", CUDA: ""}
ALGORITHM = "sha256"
WIDTH = 100


def requirements(root: Path, pip: Pip, python: str, variant: str) -> str:
    """Return the pinned list of a project for a Python, such as 3.12, with torch for the CPU or for CUDA.

    A UserError says in a sentence why there is none: no network, a conflict, a package without a hash.
    """
    index = INDEXES[variant]
    beside = ("--extra-index-url", index) if index else ()
    try:
        found = pip.resolve([*beside, *build_line(root)], root, python)
    except UnresolvedError as error:
        if error.failure.reason is not Reason.NETWORK:
            raise
        where = f"The package index, or {index} beside it," if index else "The package index"
        raise UserError(f"{where} cannot be reached: check the network, and try again.") from error
    _check_torch(found, variant)
    return "".join(f"{line}\n" for line in _lines(found, variant))


def _check_torch(found: Resolved, variant: str) -> None:
    """Refuse a list with another torch than was asked for, which pip takes where an index cannot be reached."""
    for_cpu = found.version("torch").endswith("+cpu")
    if variant == CPU and not for_cpu:
        raise UserError(
            f"No wheel of torch for the CPU and Python {found.python} was found: check that {INDEXES[CPU]} can be "
            f"reached, or ask for the list for CUDA with --variant {CUDA}."
        )
    if variant == CUDA and for_cpu:
        raise UserError(
            "pip takes torch for the CPU on this machine: see in pip config list what tells it to, and run this "
            f"without it, or ask for the list for the CPU with --variant {CPU}."
        )


def _lines(found: Resolved, variant: str) -> Iterator[str]:
    machine = f"Python {found.python} on Linux on x86-64 with glibc 2.{GLIBC} or later"
    torch = f"torch for {'the CPU' if variant == CPU else 'CUDA'}"
    how = "Install it with pip install --require-hashes -r and this file."
    said = f"What the build of a Space installs, for {machine}, {torch}. {how}"
    yield from textwrap.wrap(said, WIDTH, initial_indent="# ", subsequent_indent="# ")
    if INDEXES[variant]:
        yield f"--extra-index-url {INDEXES[variant]}"
    yield from map(_pinned, found.packages)


def _pinned(package: Package) -> str:
    digest = package.hashes.get(ALGORITHM)
    if digest is None:
        raise UserError(
            f"Where {package.name} {package.version} comes from tells no sha256 of it: take it from another index."
        )
    return f"{package.name}=={package.version} --hash={ALGORITHM}:{digest}"
