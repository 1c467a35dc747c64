"""What one folder holds: a checkpoint that can be loaded, or why not; reads names and small files, never weights."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from microscope.catalog.names import is_hub_id, parse_step
from microscope.catalog.spec import BadEntry, ModelSpec
from microscope.errors import UserError

CONFIG, ADAPTER = "config.json", "adapter_config.json"
PROCESSOR_FILES = frozenset({"processor_config.json", "preprocessor_config.json"})
TOKENIZER_FILES = frozenset({"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json"})

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.safetensors$")
# What other ways of saving leave behind, and what turns it into what we load.
_OTHER_WEIGHTS = (
    (re.compile(r"pytorch_model_fsdp|\.distcp$"), "FSDP shards: merge them with `accelerate merge-weights`"),
    (
        re.compile(r"global_step\d+$|^zero_to_fp32\.py$"),
        "DeepSpeed shards: merge them with its `zero_to_fp32.py --safe_serialization`",
    ),
    (
        re.compile(r"\.(bin|pt|pth|ckpt)$"),
        "weights in the pickle format, which may run code: save them with `save_pretrained`, as safetensors",
    ),
)
# Files of the trainer's own state, which are not weights whatever they end in.
_STATE = re.compile(r"^(optimizer|scheduler|rng_state|scaler|training_args|random_states|sampler)")


def locate(text: str, root: Path) -> Path:
    """Return the absolute path that a text names, relative to `root`; `~/` is the home folder."""
    home = text == "~" or text.startswith("~/")
    return root / (Path(text).expanduser() if home else text)


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; False for what cannot be a path at all."""
    # `Path.is_dir` raises for a name that is too long.
    return os.path.isdir(path)  # noqa: PTH112


def read_folder(folder: Path, template: ModelSpec) -> ModelSpec | BadEntry:
    """Return the checkpoint in a local folder, its key the folder's name, or why it cannot be used."""
    try:
        return _read_folder(folder, template)
    except (UserError, OSError) as error:
        return BadEntry(folder.name, folder_reason(error, folder))


def is_adapter(names: Collection[str]) -> bool:
    """Tell whether a folder with these names in it is a PEFT adapter rather than a whole model."""
    return ADAPTER in names and CONFIG not in names


def checkpoint_problem(names: Collection[str]) -> str | None:
    """Return why a folder with these names in it cannot be loaded, to follow the folder's name; None where it can."""
    if not is_adapter(names) and CONFIG not in names:
        return "is not a checkpoint: it has no config.json"
    if ("adapter_model.safetensors" if is_adapter(names) else "model.safetensors") in names:
        return None
    shards = [match for name in names if (match := _SHARD.search(name))]
    if is_adapter(names) or not shards:
        return _other_weights(names)
    total = int(shards[0][2])
    if len(shards) < total:
        return f"lacks {total - len(shards)} of its {total} safetensors files: copy them all"
    if not any(name.endswith(".safetensors.index.json") for name in names):
        return "lacks model.safetensors.index.json, which tells what is in which of its safetensors files"
    return None


def _other_weights(names: Iterable[str]) -> str:
    candidates = sorted(name for name in names if not _STATE.match(name))
    for pattern, description in _OTHER_WEIGHTS:
        if any(pattern.search(name) for name in candidates):
            return f"has no model.safetensors but {description}"
    return "has no weights: a model.safetensors is needed"


def _read_folder(folder: Path, template: ModelSpec) -> ModelSpec:
    names = {path.name for path in folder.iterdir()}
    problem = checkpoint_problem(names)
    if problem is not None:
        raise UserError(f"{folder} {problem}.")
    spec = _read_adapter(folder, template) if is_adapter(names) else template
    return replace(
        spec,
        key=folder.name,
        label=spec.label or folder.name,
        source=str(folder.resolve()),
        folder=True,
        processor_from=spec.processor_from or _processor_beside(folder, names),
        step=parse_step(folder.name),
    )


def folder_reason(error: Exception, place: str | Path) -> str:
    """Return the sentence for a folder that could not be used."""
    if isinstance(error, OSError):
        return f"The folder {place} cannot be read ({error.strerror}): correct its path, or who may read it."
    return str(error)


def _read_adapter(folder: Path, template: ModelSpec) -> ModelSpec:
    """Return the template with the base model of the adapter in a folder: the given one, or the one its file names."""
    if template.base is not None:
        return template
    try:
        config = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / ADAPTER} cannot be read: copy it again, or name the adapter's base.") from error
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    here = isinstance(base, str) and Path(base).is_absolute() and is_folder(Path(base))
    if not isinstance(base, str) or not (here or is_hub_id(base)):
        raise UserError(f"{folder} is a PEFT adapter on {base!r}, which is neither here nor a Hub id: name its base.")
    revision = config.get("revision")
    return replace(template, base=base, base_revision=revision if isinstance(revision, str) else None)


def _processor_beside(folder: Path, names: Collection[str]) -> str | None:
    """Return the parent folder where a checkpoint without processor or tokenizer finds both there, else None.

    Trainers often save them once, at the top of the run.
    """
    if is_adapter(names) or (PROCESSOR_FILES & set(names) and TOKENIZER_FILES & set(names)):
        return None
    beside = {path.name for path in folder.parent.iterdir()}
    complete = PROCESSOR_FILES & beside and TOKENIZER_FILES & beside
    return str(folder.parent.resolve()) if complete else None
