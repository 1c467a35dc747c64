"""Makes the real `spaces` package run in Zero mode where there is no card, beside any build of torch; knows no app.

Written against spaces 0.51.3 and torch 2.13. In the main process the package's own emulation runs as it is. Packing
the weights and streaming them into a worker run as they are, too, with copies in memory instead of to the card.
What is not covered: in a worker, `tensor.device` is the CPU, and whatever names "cuda" in another way than
`Tensor.to`, `Tensor.cuda`, `torch.tensor` and `torch.empty` fails. Streams do everything at once, and there are no
limits of VRAM.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import ParamSpec, TypeVar

import torch

from microscope.space.zero_app import import_spaces

P = ParamSpec("P")
R = TypeVar("R")


def install() -> None:
    """Import `spaces` in Zero mode; its variables must be set, and nothing may have imported it before."""
    zero = import_spaces()
    unpatch = zero.unpatch

    def enter_worker() -> None:
        unpatch()
        _pretend()

    zero.unpatch = enter_worker


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
