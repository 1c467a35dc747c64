"""Checkpoints that differ in weights and names alone have one signature; a shell takes over the names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel

from microscope.engine.loading.signature import Signature, read_config, rename, signature_of
from tests.families import local_of

HEADER = '[["weight", "F32", [2]]]'


def sign(folder: Path, config: dict[str, Any], **fields: Any) -> Signature:
    dtype, device, header = fields.pop("dtype", "auto"), fields.pop("device", "cpu"), fields.pop("header", HEADER)
    return signature_of(local_of(folder, **fields), config, header, dtype, device)


@pytest.fixture
def config(checkpoint: Callable[..., Path]) -> dict[str, Any]:
    return json.loads((checkpoint("llava") / "config.json").read_text())


def test_names_are_no_part_of_it(checkpoint: Callable[..., Path], config: dict[str, Any]) -> None:
    named = config | {"_name_or_path": "somebody/else", "transformers_version": "4.0"}
    named["text_config"] = named["text_config"] | {"_name_or_path": "another", "transformers_version": None}
    backwards = dict(reversed(named.items()))
    assert sign(checkpoint("llava"), config) == sign(checkpoint("llava", 1), named)
    assert hash(sign(checkpoint("llava"), config)) == hash(sign(checkpoint("llava", 1), backwards))


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": "float32"},
        {"device": "cuda"},
        {"header": HEADER.replace("2", "3")},
        {"attention": "eager"},
        {"architecture": "own"},
    ],
    ids=str,
)
def test_everything_else_that_decides_how_a_model_is_built_is(
    fields: dict[str, str], checkpoint: Callable[..., Path], config: dict[str, Any]
) -> None:
    assert sign(checkpoint("llava"), config) != sign(checkpoint("llava"), config, **fields)


def test_any_value_of_the_configuration_is(checkpoint: Callable[..., Path], config: dict[str, Any]) -> None:
    assert sign(checkpoint("llava"), config) != sign(checkpoint("llava"), config | {"note": 1})
    inside = {**config, "vision_config": {**config["vision_config"], "layer_norm_eps": 1e-3}}
    assert sign(checkpoint("llava"), config) != sign(checkpoint("llava"), inside)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", None])
def test_a_configuration_is_read_where_it_can_be(
    content: bytes | None, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    local = local_of(shutil.copytree(checkpoint("llava"), tmp_path / "run"))
    assert read_config(local) == json.loads((local.folder / "config.json").read_text())
    (local.folder / "config.json").unlink()
    if content is not None:
        (local.folder / "config.json").write_bytes(content)
    assert read_config(local) is None


def test_a_renamed_model_has_the_names_that_loading_gives(
    checkpoint: Callable[..., Path], config: dict[str, Any]
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint("llava"), dtype=torch.float32)
    expected = AutoModelForImageTextToText.from_pretrained(checkpoint("llava", 1), dtype=torch.float32)
    model.generation_config.max_new_tokens = 3
    rename(model, local_of(checkpoint("llava", 1)), config)
    assert names(model) == names(expected)
    assert vars(model.config) | {"text_config": 0, "vision_config": 0} == vars(expected.config) | {
        "text_config": 0,
        "vision_config": 0,
    }
    assert vars(model.generation_config) == vars(expected.generation_config)


def names(model: PreTrainedModel) -> list[str]:
    return [module.name_or_path for module in model.modules() if isinstance(module, PreTrainedModel)]
