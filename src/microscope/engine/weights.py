"""What safetensors files of a checkpoint there are and whether they are whole; reads headers only."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from microscope.catalog.folders import CONFIG, checkpoint_problem
from microscope.errors import UserError

WHOLE, ADAPTER = "model.safetensors", "adapter_model.safetensors"
INDEX = "model.safetensors.index.json"
FLOATS = {"float32": 4, "float16": 2, "bfloat16": 2}
LENGTH_BYTES = 8
FLOAT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def weight_files(folder: Path, label: str, *, adapter: bool = False) -> tuple[Path, ...]:
    """Return the safetensors files that loading a model's (or a PEFT adapter's) folder reads, in name order.

    What else a trainer left beside them is not looked at. Raises `UserError` where the configuration, the weights or
    a part of them are missing, and for a file whose header and size disagree.
    """
    names = {path.name for path in folder.iterdir()}
    problem = checkpoint_problem(names - {CONFIG} if adapter else names)
    if problem is not None:
        raise UserError(f"{label} {problem}.")
    if adapter:
        files = [folder / ADAPTER]
    elif WHOLE in names:
        files = [folder / WHOLE]
    else:
        files = [folder / name for name in sorted(set(_index(folder / INDEX, label).values()))]
    for path in files:
        check_whole(path, label)
    return tuple(files)


def check_whole(path: Path, label: str) -> None:
    """Refuse a safetensors file that is missing, whose header cannot be read, or whose size is not what it says."""
    try:
        state = path.stat()
        _open(path, state.st_size, state.st_mtime_ns)
    except FileNotFoundError as error:
        raise UserError(
            f"{label} is incomplete: {path.name} is missing from {path.parent.name}; copy or download it again."
        ) from error
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{label} has a damaged weight file: {path.name} cannot be read; copy or download it again."
        ) from error


def resident_bytes(files: tuple[Path, ...], dtype: str) -> int:
    """Return the bytes the weights take once loaded as `dtype`, a torch dtype's name or `auto`, from headers alone."""
    total = 0.0
    for path in files:
        for entry in read_header(path)[0].values():
            start, end = entry["data_offsets"]
            resized = dtype in FLOATS and entry["dtype"] in FLOAT_BYTES
            total += (end - start) * (FLOATS[dtype] / FLOAT_BYTES[entry["dtype"]] if resized else 1)
    return int(total)


@lru_cache(maxsize=4096)
def _open(path: Path, _size: int, _modified: int) -> None:
    """Open a file and close it; one that opened before in the same state is not opened again."""
    with safe_open(path, framework="np"):
        pass


def _index(path: Path, label: str) -> dict[str, str]:
    """Return which file each tensor is in."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{label} has a damaged {path.name}; copy or download it again.") from error


def read_header(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Read a safetensors header, and return its entries by tensor and where in the file their data begin.

    The format is eight bytes of length, then JSON, then data (https://huggingface.co/docs/safetensors).
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, LENGTH_BYTES + length
