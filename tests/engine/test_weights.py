"""Weight files are found as loading finds them, and what is missing or damaged is said before anything loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from microscope.engine.weights import check_whole, resident_bytes, weight_files
from microscope.errors import UserError


@pytest.fixture
def folder(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a checkpoint to damage."""
    return shutil.copytree(checkpoint("idefics3"), tmp_path / "run")


def test_a_single_file_is_found_and_what_trainers_leave_beside_it_is_not(folder: Path) -> None:
    for name in ("optimizer.pt", "optimizer.safetensors", "consolidated.safetensors", "pytorch_model_fsdp_0.bin"):
        (folder / name).write_bytes(b"not ours")
    assert weight_files(folder, "Run") == (folder / "model.safetensors",)


def test_shards_are_found_by_their_index(folder: Path) -> None:
    shards = split(folder)
    assert weight_files(folder, "Run") == shards


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model-00002-of-00002.safetensors", "lacks 1 of its 2 safetensors files"),
        ("model.safetensors.index.json", "lacks model.safetensors.index.json"),
        ("config.json", "has no config.json"),
    ],
)
def test_a_part_that_is_missing_is_named(name: str, reason: str, folder: Path) -> None:
    split(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"^Run .*{reason}"):
        weight_files(folder, "Run")


def test_a_file_that_only_the_index_names_is_missed(folder: Path) -> None:
    split(folder)
    (folder / "model-00002-of-00002.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    with pytest.raises(UserError, match=r"model-00002-of-00002\.safetensors is missing from run"):
        weight_files(folder, "Run")


def test_an_index_that_is_no_index_is_damaged(folder: Path) -> None:
    split(folder)
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(UserError, match=r"damaged model\.safetensors\.index\.json"):
        weight_files(folder, "Run")


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ((), "has no weights"),
        (("pytorch_model.bin",), "pickle"),
        (("pytorch_model_fsdp.bin", "optimizer.bin"), "FSDP"),
        (("optimizer.safetensors", "training_args.bin"), "has no weights"),
    ],
)
def test_a_folder_without_weights_says_what_it_has_instead(left: tuple[str, ...], reason: str, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    for name in left:
        (folder / name).write_bytes(b"")
    with pytest.raises(UserError, match=reason):
        weight_files(folder, "Run")


def test_an_adapters_folder_needs_the_adapters_weights_alone(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="has no weights"):
        weight_files(folder, "Run", adapter=True)
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    assert weight_files(folder, "Run", adapter=True) == (folder / "adapter_model.safetensors",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-100],
        lambda data: data + b"more",
        lambda data: data[:20] + bytes([data[20] ^ 0xFF]) + data[21:],
        lambda data: b"\xff" * 8 + data[8:],
        lambda _: b"",
    ],
    ids=["cut off", "too long", "flipped bit in the header", "absurd header length", "empty"],
)
def test_a_damaged_file_is_refused(damage: Callable[[bytes], bytes], folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=r"Run has a damaged weight file: model\.safetensors"):
        weight_files(folder, "Run")


def test_a_file_that_was_whole_and_is_damaged_since_is_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    check_whole(file, "Run")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match="damaged"):
        check_whole(file, "Run")


def test_a_file_that_was_repaired_is_accepted(folder: Path) -> None:
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(UserError):
        check_whole(file, "Run")
    file.write_bytes(whole)
    check_whole(file, "Run")


@pytest.mark.parametrize(("dtype", "size"), [("auto", 48), ("float32", 72), ("bfloat16", 40), ("float16", 40)])
def test_resident_bytes_follow_from_the_header(dtype: str, size: int, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    whole = torch.ones(2, dtype=torch.int32)
    save_file({"a": torch.ones(4), "b": torch.ones(12, dtype=torch.bfloat16), "c": whole}, file, {"format": "pt"})
    assert resident_bytes((file,), "auto") == 4 * 4 + 12 * 2 + 2 * 4
    assert resident_bytes((file,), dtype) == size


def split(folder: Path) -> tuple[Path, ...]:
    """Write a folder's weights again as two shards with their index, as transformers does."""
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    halves = (names[: len(names) // 2], names[len(names) // 2 :])
    files = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for file, half in zip(files, halves, strict=True):
        save_file({name: tensors[name] for name in half}, folder / file, {"format": "pt"})
    places = {name: file for file, half in zip(files, halves, strict=True) for name in half}
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    return tuple(folder / file for file in files)
