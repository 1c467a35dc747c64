"""Models on this machine's device: one cache, one device, one rule for the dtype; knows no request."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from microscope.engine.cache import Lease, ModelCache
from microscope.engine.files import LocalCheckpoint
from microscope.engine.loader import load
from microscope.engine.weights import check_whole, resident_bytes


@dataclass(frozen=True)
class Models:
    """Where models are kept and run: `device` is torch's name, `dtype` what checkpoints load in unless they say.

    `dtype` is a torch dtype's name or `auto`, the one a checkpoint was saved in.
    """

    cache: ModelCache
    device: str
    dtype: str

    def lease(self, local: LocalCheckpoint) -> AbstractContextManager[Lease]:
        """Lease the checkpoint's model, loading it where it is not resident.

        The files are looked at only then: those of a model that was packed are deleted.
        """
        dtype = self.dtype_of(local)
        return self.cache.lease(
            local.cache_key, lambda: _expected(local, dtype), lambda: load(local, self.device, dtype)
        )

    def dtype_of(self, local: LocalCheckpoint) -> str:
        """Return the dtype the checkpoint loads in: its own wish, else the machine's."""
        return local.spec.dtype if local.spec.dtype != "auto" else self.dtype

    def place(self, local: LocalCheckpoint) -> int:
        """Load a checkpoint for good before there are requests, and return its bytes."""
        resident = load(local, self.device, self.dtype_of(local))
        self.cache.add(local.cache_key, resident)
        return resident.bytes


def _expected(local: LocalCheckpoint, dtype: str) -> int:
    """Return the bytes that loading will take; the files may have changed since they were found."""
    for path in local.weights:
        check_whole(path, local.spec.label)
    return resident_bytes(local.weights, dtype)
