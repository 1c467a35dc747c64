"""Writes folders that look like checkpoints: the right names, a few bytes of weights, and no model in them."""

from __future__ import annotations

import json
from pathlib import Path

PROCESSOR_FILES = ("processor_config.json", "tokenizer.json", "tokenizer_config.json")


def write_checkpoint(folder: Path, parameters: int = 3, *, processor: bool = True, shards: int = 0) -> Path:
    """Write a checkpoint folder with so many parameters, in so many shards (0: one file), and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "idefics3"}))
    for name in PROCESSOR_FILES if processor else ():
        (folder / name).write_text("{}")
    names = [f"model-{shard + 1:05}-of-{shards:05}.safetensors" for shard in range(shards)] or ["model.safetensors"]
    for name in names:
        write_weights(folder / name, parameters)
    if shards:
        index = {"weight_map": {f"weight.{number}": name for number, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def write_adapter(folder: Path, base: str | None = "org/base") -> Path:
    """Write a PEFT adapter's folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base, "revision": None}))
    write_weights(folder / "adapter_model.safetensors", 2)
    return folder


def write_weights(path: Path, parameters: int) -> None:
    """Write a valid safetensors file with one bfloat16 tensor."""
    tensor = {"weight": {"dtype": "BF16", "shape": [parameters], "data_offsets": [0, 2 * parameters]}}
    header = json.dumps(tensor).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2 * parameters))
