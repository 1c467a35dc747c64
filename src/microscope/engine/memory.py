"""What memory is left and what we take of it, as the kernel and the card tell; knows no model and keeps no state."""

from __future__ import annotations

import ctypes
import errno
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from microscope.hardware import cgroup_limits

# Where a cgroup's usage stands beside its limit, and what of its page cache the kernel gives back first; versions 2
# and 1. The figure of version 1 that has no prefix leaves out the groups below.
CGROUP_FIGURES = {
    "memory.max": ("memory.current", "inactive_file"),
    "memory.limit_in_bytes": ("memory.usage_in_bytes", "total_inactive_file"),
}

# How errors tell that memory ran out that are neither `MemoryError` nor torch's own class.
OUT_OF_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "CUDA out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "Cannot allocate memory",
    "std::bad_alloc",
)


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the bytes of RAM that may still be taken without swapping, or None where the system does not tell.

    It is the kernel's own estimate, which counts the page cache that it would give back, bounded by what each cgroup
    leaves of its limit: the limit less what is used, without the page cache that nobody used lately.
    """
    figures = [_kilobytes(root / "proc/meminfo", "MemAvailable"), *map(_headroom, cgroup_limits(root))]
    known = [figure for figure in figures if figure is not None]
    return max(0, min(known)) if known else None


def private_bytes() -> int | None:
    """Return the bytes of RAM that this process alone holds, mapped files left out; None where nobody tells."""
    return _kilobytes(Path("/proc/self/status"), "RssAnon")


def trim() -> None:
    """Give memory that was freed back to the system and to the card; never opens a card that was not used yet."""
    release = _malloc_trim()
    if release is not None:
        release(0)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, the machine's or the card's."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)


def device_memory(device: str) -> tuple[int, int] | None:
    """Return the bytes of a card that our tensors take, and all it has; None for the CPU and before its first use.

    Asking earlier would create a context, which takes hundreds of megabytes of the card.
    """
    kind = torch.device(device).type
    if kind == "cuda" and torch.cuda.is_initialized():
        return torch.cuda.memory_allocated(device), torch.cuda.get_device_properties(device).total_memory
    if kind == "mps" and torch.backends.mps.is_available():
        return torch.mps.current_allocated_memory(), torch.mps.recommended_max_memory()
    return None


def _headroom(limit: Path) -> int | None:
    """Return what a cgroup leaves of its limit, None where it has none or does not tell."""
    current, reclaimable = CGROUP_FIGURES[limit.name]
    most, used = _text(limit).strip(), _text(limit.with_name(current)).strip()
    if not (most.isdecimal() and used.isdecimal()):
        return None
    spare = re.search(rf"^{reclaimable} (\d+)$", _text(limit.with_name("memory.stat")), re.MULTILINE)
    return int(most) - int(used) + (int(spare[1]) if spare else 0)


def _kilobytes(path: Path, field: str) -> int | None:
    found = re.search(rf"^{field}:\s*(\d+) kB$", _text(path), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _text(path: Path) -> str:
    """Return a small kernel file's text; empty where it is missing or unreadable, which is normal for them."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    # Only glibc has it: macOS and musl keep nothing back that could be asked for.
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
