"""Brings a file's tensors to where and how a model wants them; knows neither files nor models.

To another device they go through two reused buffers, while one is filled the other is sent: a mapped file cannot be
sent by itself at the full rate, and memory that is new for every tensor costs more than the sending.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch

STAGING_BYTES = 64 * 2**20


class Uploads:
    """The way to one device; its buffers are made for the first tensor and kept. One load uses it at a time."""

    def __init__(self, device: str, staging_bytes: int = STAGING_BYTES) -> None:
        self._device, self._size = torch.device(device), staging_bytes
        self._cuda = self._device.type == "cuda"
        self._buffers: list[torch.Tensor] = []
        # When the device has taken what was in the buffer of that number.
        self._taken: list[torch.cuda.Event] = []
        self._side: torch.cuda.Stream | None = None
        self._current, self._filled = 0, 0

    def bring(self, wanted: Iterable[tuple[torch.Tensor, torch.dtype]]) -> list[torch.Tensor]:
        """Return the tensors on the device in the dtypes asked for; they are there when it returns.

        On a CPU a tensor that has its dtype already is returned as it is, without a copy.
        """
        if self._device.type == "cpu":
            return [tensor.to(dtype) for tensor, dtype in wanted]
        return self.send(wanted)

    def send(self, wanted: Iterable[tuple[torch.Tensor, torch.dtype]]) -> list[torch.Tensor]:
        """Send all through the buffers, whatever the device; casts are made there."""
        self._prepare()
        try:
            return [self._send(tensor.detach(), dtype) for tensor, dtype in wanted]
        finally:
            if self._side is not None:
                self._side.synchronize()

    def _send(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        # In the main stream's memory, for there it is used and freed; what that stream still does with it comes first.
        target = torch.empty(tensor.shape, dtype=tensor.dtype, device=self._device)
        if self._side is not None:
            self._side.wait_stream(torch.cuda.current_stream(self._device))
        self._copy(tensor, target)
        if dtype == target.dtype:
            return target
        if self._side is not None:
            torch.cuda.current_stream(self._device).wait_stream(self._side)
        return target.to(dtype)

    def _prepare(self) -> None:
        if not self._buffers:
            buffers = [torch.empty(self._size, dtype=torch.uint8, pin_memory=self._cuda) for _ in range(2)]
            if self._cuda:
                self._side = torch.cuda.Stream(self._device)
                self._taken = [torch.cuda.Event(), torch.cuda.Event()]
            # Last: a card that is full may have refused one of the others, and this is tried again.
            self._buffers = buffers
        self._filled = 0

    def _copy(self, source: torch.Tensor, target: torch.Tensor) -> None:
        given = source.contiguous().reshape(-1).view(torch.uint8)
        taken = target.reshape(-1).view(torch.uint8)
        done = 0
        while done < given.numel():
            if self._filled == self._size:
                self._turn()
            count = min(given.numel() - done, self._size - self._filled)
            room = self._buffers[self._current][self._filled : self._filled + count]
            room.copy_(given[done : done + count])
            with self._on_side():
                taken[done : done + count].copy_(room, non_blocking=self._cuda)
            self._filled += count
            done += count

    def _turn(self) -> None:
        """Go on with the other buffer, once the device has taken what was in it."""
        if self._side is not None:
            self._taken[self._current].record(self._side)
        self._current, self._filled = 1 - self._current, 0
        if self._side is not None:
            self._taken[self._current].synchronize()

    def _on_side(self) -> AbstractContextManager[object]:
        return nullcontext() if self._side is None else torch.cuda.stream(self._side)
