"""Tells which checkpoints are alike but for their weights, and gives a shell the name of the one it is filled with.

Knows no tensor and no shell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from microscope.catalog.folders import CONFIG
from microscope.engine.files import LocalCheckpoint

# What a configuration says about where it comes from, at any depth, and what it is where nothing is said.
NAMES = {"_name_or_path": "", "transformers_version": None}


@dataclass(frozen=True)
class Signature:
    """What decides how a model is built: two checkpoints with the same one differ in their weights alone.

    `config`, without names, and `header`, of all files, are canonical JSON; `dtype` is what was asked for.
    """

    config: str
    header: str
    dtype: str
    attention: str | None
    architecture: str | None
    device: str


def read_config(local: LocalCheckpoint) -> dict[str, Any] | None:
    """Return a checkpoint's config.json, None where it is unusable: whoever loads it says why."""
    try:
        config = json.loads((local.folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) else None


def signature_of(local: LocalCheckpoint, config: dict[str, Any], header: str, dtype: str, device: str) -> Signature:
    """Return the signature of a checkpoint as it is to be loaded."""
    canonical = json.dumps(_unnamed(config), sort_keys=True)
    spec = local.spec
    return Signature(canonical, header, dtype, spec.attention, spec.architecture, device)


def rename(model: PreTrainedModel, local: LocalCheckpoint, config: dict[str, Any]) -> None:
    """Give a model of the same signature the names and generation settings that loading the checkpoint would give."""
    _name(model.config, config)
    model.config.name_or_path = str(local.folder)
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            module.name_or_path = module.config.name_or_path
    if model.can_generate():
        # As from_pretrained does, which passes all of these along.
        nowhere = dict.fromkeys(("cache_dir", "proxies", "token", "revision"))
        where = {"force_download": False, "local_files_only": True, "subfolder": "", "trust_remote_code": False}
        model.adjust_generation_fn(None, True, None, local.folder, **nowhere, **where)


def _unnamed(value: Any) -> Any:  # noqa: ANN401  (whatever JSON holds)
    if isinstance(value, dict):
        return {key: _unnamed(inside) for key, inside in value.items() if key not in NAMES}
    return [_unnamed(inside) for inside in value] if isinstance(value, list) else value


def _name(config: PreTrainedConfig, values: dict[str, Any]) -> None:
    for name, default in NAMES.items():
        setattr(config, name, values.get(name, default))
    for name, inside in vars(config).items():
        if isinstance(inside, PreTrainedConfig):
            _name(inside, values.get(name) or {})
