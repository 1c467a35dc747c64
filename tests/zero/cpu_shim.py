"""Makes the real `spaces` package run in Zero mode where there is no card, beside any build of torch; knows no app.

Written against spaces 0.51.3 and torch 2.13. In the main process the package's own emulation runs as it is. Packing
the weights and streaming them into a worker run as they are, too, with copies in memory instead of to the card.
What is not covered: in a worker, `tensor.device` is the CPU, and whatever names "cuda" in another way than
`Tensor.to`, `Tensor.cuda`, `torch.tensor` and `torch.empty` fails. Streams do everything at once, and there are no
limits of VRAM.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeVar

import torch

MODULE = "spaces.zero.torch"

P = ParamSpec("P")
R = TypeVar("R")


def environment(url: str, home: Path) -> Mapping[str, str]:
    """Return the variables that the platform sets, for a device API at `url` and everything on disk below `home`."""
    group = home / "cgroup"
    group.write_text("0::/space\n")
    return {
        "SYSTEM": "spaces",
        "SPACE_ID": "ada/microscope",
        "SPACE_HOST": "ada-microscope.hf.space",
        "SPACE_AUTHOR_NAME": "ada",
        "ACCELERATOR": "zero-a10g",
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": url,
        "ZEROGPU_OFFLOAD_DIR": str(home / "tensors"),
        "ZEROGPU_PROC_SELF_CGROUP_PATH": str(group),
    }


def install() -> None:
    """Import `spaces` in Zero mode; its variables must be set, and nothing may have imported it before."""
    zero = _import_beside_cpu_build() if torch.version.cuda is None else importlib.import_module(MODULE)
    # Not every file system of a temporary folder knows direct writes, and direct reads need pinned memory.
    os.O_DIRECT = 0
    unpatch = zero.unpatch

    def enter_worker() -> None:
        unpatch()
        _pretend()

    zero.unpatch = enter_worker


def _import_beside_cpu_build() -> ModuleType:
    """Import the package while torch has what builds for CUDA have and this one has not."""
    bad_fork = torch.cuda._is_in_bad_fork
    torch.version.cuda = "12.8"
    torch._C._cuda_init = lambda: None
    # A lambda on this build, and the package sends it to another process.
    torch.cuda._is_in_bad_fork = bool
    try:
        return importlib.import_module(MODULE)
    finally:
        torch.cuda._is_in_bad_fork = bad_fork
        torch.version.cuda = None


def _pretend() -> None:
    """Let the CPU stand in for the card, in a worker process."""
    torch.Tensor.to = _without_cuda(torch.Tensor.to)
    torch.tensor = _without_cuda(torch.tensor)
    torch.empty = _without_cuda(torch.empty)
    torch.Tensor.cuda = lambda tensor, **_: tensor.clone()
    torch.Tensor.pin_memory = lambda tensor: tensor
    torch.cuda.synchronize = lambda: None
    torch.cuda.Stream = torch.cuda.Event = AtOnce
    torch.cuda.current_stream = AtOnce
    torch.cuda.stream = nullcontext


class AtOnce:
    """A stream, or an event on it, where everything has happened as soon as it was asked for."""

    def __init__(self, *_: object) -> None:
        pass

    def wait_stream(self, _other: object) -> None:
        """Wait for nothing."""

    def record(self, _stream: object) -> None:
        """Note nothing."""

    def synchronize(self) -> None:
        """Wait for nothing."""


def _without_cuda(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def on_cpu(*args: P.args, **kwargs: P.kwargs) -> R:
        kept = {name: _cpu(value) for name, value in kwargs.items() if name != "pin_memory"}
        return function(*map(_cpu, args), **kept)

    return on_cpu


def _cpu(value: object) -> object:
    names_cuda = isinstance(value, str | torch.device) and torch.device(value).type == "cuda"
    return torch.device("cpu") if names_cuda else value
