"""Whether two checkpoints on this disk are the same files under two commits; reads no file.

A commit that only edits the model card is no other checkpoint, and a set could only tell that within a margin. The
Hub's cache keeps a file once, by its contents, and points to it from every commit that has it.
"""

from __future__ import annotations

from pathlib import Path

from microscope.engine.files import NOT_SETTINGS, LocalCheckpoint


def same_files(one: LocalCheckpoint, other: LocalCheckpoint) -> bool:
    """Tell whether everything that decides an answer is the same; where that cannot be told, it is not."""
    try:
        return _all(one) == _all(other)
    except OSError:
        # ZeroGPU deletes what is packed.
        return False


def _all(local: LocalCheckpoint) -> tuple[dict[str, Path], ...]:
    folders = (local.folder, local.processor, local.adapter)
    return tuple(_files(folder) for folder in folders if folder is not None)


def _files(folder: Path) -> dict[str, Path]:
    return {path.name: path.resolve() for path in folder.iterdir() if path.is_file() and path.name not in NOT_SETTINGS}
