"""Checkpoints' tensors as they lie in their files, mapped into memory; knows no model.

A mapped file costs no memory of the process's own: the kernel keeps its pages while there is room, so open images are
the tier between a device and the disk. Letting one go is dropping references; its mapping ends with its last tensor.
"""

from __future__ import annotations

import json
import math
import mmap
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from microscope.engine.files import LocalCheckpoint
from microscope.engine.weights import read_header

_MAPS = Path("/proc/self/maps")

# Path, size, modification time and number of each weight file: one that was written anew is another image.
Identity = tuple[tuple[str, int, int, int], ...]

# What the format calls the dtypes that torch has.
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Fact:
    """What a file's header says of one tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class WeightImage:
    """The tensors of a checkpoint's files by their names there, and what the headers say, in the order of the names.

    They are shared by whoever uses them, so nobody may write to them.
    """

    identity: Identity
    tensors: dict[str, torch.Tensor]
    facts: tuple[Fact, ...]
    bytes: int

    @cached_property
    def header(self) -> str:
        """Return the facts as canonical JSON."""
        return json.dumps([(fact.name, fact.dtype, fact.shape) for fact in self.facts])

    @cached_property
    def _places(self) -> frozenset[int]:
        return frozenset(tensor.data_ptr() for tensor in self.tensors.values())

    def has(self, tensor: torch.Tensor) -> bool:
        """Tell whether a tensor is one of the mapped ones, and no copy."""
        return tensor.device.type == "cpu" and tensor.data_ptr() in self._places

    @property
    def written_to(self) -> bool:
        """Tell whether a tensor was changed in memory, as far as torch notices (it does not for `.data`)."""
        return any(tensor._version for tensor in self.tensors.values())


def identity_of(local: LocalCheckpoint) -> Identity:
    """Return what tells the present state of a checkpoint's weight files from every other."""
    found = []
    for path in local.weights:
        state = path.stat()
        found.append((str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(found)


def map_files(identity: Identity) -> WeightImage:
    """Map weight files into memory, reading their headers alone; of two tensors of one name the later file's counts.

    The library's own `get_tensor` gives the same mapped tensors, but loses some memory at every call. Raises
    `SafetensorError` or `OSError` where a file cannot be read, and for a dtype that is not known.
    """
    tensors: dict[str, torch.Tensor] = {}
    facts: dict[str, Fact] = {}
    for path, *_ in identity:
        # It refuses a damaged file, by more than we would look at.
        with safe_open(path, framework="pt"):
            header, start = read_header(Path(path))
        with Path(path).open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        for name, entry in header.items():
            facts[name] = Fact(name, entry["dtype"], tuple(entry["shape"]))
            tensors[name] = _tensor(mapping, start + entry["data_offsets"][0], facts[name])
    size = sum(tensor.nbytes for tensor in tensors.values())
    return WeightImage(identity, tensors, tuple(facts[name] for name in sorted(facts)), size)


def _tensor(mapping: mmap.mmap, offset: int, fact: Fact) -> torch.Tensor:
    """Return a tensor of its own over its place in a file, which stays mapped as long as it lives."""
    dtype, count = DTYPES.get(fact.dtype), math.prod(fact.shape)
    if dtype is None:
        raise SafetensorError(f"{fact.name} has the dtype {fact.dtype}")
    if count == 0:
        return torch.empty(fact.shape, dtype=dtype)
    return torch.frombuffer(mapping, dtype=dtype, count=count, offset=offset).view(fact.shape)


@dataclass
class Images:
    """Open images, the least recently used let go first; at most `budget` mapped bytes are kept."""

    budget: int
    _open: OrderedDict[Identity, WeightImage] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bytes(self) -> int:
        """Return the mapped bytes of the images that are kept."""
        with self._lock:
            return sum(image.bytes for image in self._open.values())

    def find(self, identity: Identity) -> WeightImage | None:
        """Return the image if it is open, as the most recently used one."""
        with self._lock:
            image = self._open.get(identity)
            if image is not None:
                self._open.move_to_end(identity)
            return image

    def keep(self, image: WeightImage) -> None:
        """Keep an image open beyond its use, as the most recently used one, where the budget holds it at all."""
        with self._lock:
            if image.bytes > self.budget:
                return
            self._open[image.identity] = image
            self._open.move_to_end(image.identity)
            while sum(one.bytes for one in self._open.values()) > self.budget:
                self._open.popitem(last=False)

    def forget(self, image: WeightImage) -> None:
        """Keep an image open no longer than it is in use."""
        with self._lock:
            self._open.pop(image.identity, None)

    def after_fork(self) -> None:
        """Open the lock in a forked child."""
        self._lock = threading.Lock()


def mapped_bytes(tensors: Iterable[torch.Tensor], paths: Iterable[Path]) -> int:
    """Return how many bytes of the tensors lie in mappings of the files; 0 where the system does not tell."""
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    names = {str(path.resolve()) for path in paths}
    ranges = []
    for line in lines:
        span, *_, name = line.split(maxsplit=5)
        if name in names:
            start, end = (int(edge, 16) for edge in span.split("-"))
            ranges.append((start, end))
    return sum(
        tensor.nbytes
        for tensor in tensors
        if tensor.device.type == "cpu" and any(start <= tensor.data_ptr() < end for start, end in ranges)
    )
