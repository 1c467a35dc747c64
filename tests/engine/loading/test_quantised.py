"""A quantised checkpoint is loaded as it should be, or refused before the load with what is missing."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

from microscope.engine.loading import quantised
from microscope.engine.loading.quantised import NEEDS, UNREAD, quantisation, refusal, settle
from tests.engine.conftest import Loaded
from tests.families import local_of

# As the libraries write them into config.json.
WRITTEN: dict[str, dict[str, Any]] = {
    "bitsandbytes": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "quant_method": "bitsandbytes"},
    "gptq": {"bits": 4, "group_size": 128, "desc_act": False, "sym": True, "quant_method": "gptq"},
    "awq": {"bits": 4, "group_size": 128, "zero_point": True, "version": "gemm", "quant_method": "awq"},
    "compressed-tensors": {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {}},
    "torchao": {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}}},
    "hqq": {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
    "quanto": {"quant_method": "quanto", "weights": "int8", "activations": None},
}
FP8 = {
    "quant_method": "fp8",
    "activation_scheme": "dynamic",
    "weight_block_size": [128, 128],
    "modules_to_not_convert": ["model.vision_model", "model.connector", "lm_head"],
}
INSTEAD = "choose an unquantised checkpoint."


@pytest.fixture
def folder(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a checkpoint to change."""
    return shutil.copytree(checkpoint("idefics3"), tmp_path / "run")


@pytest.fixture
def said(folder: Path) -> Callable[..., str | None]:
    """Return what asks about a checkpoint whose config.json says how it was quantised."""

    def ask(written: object) -> str | None:
        configure(folder, written)
        return refusal(local_of(folder))

    return ask


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of packages that are taken to be installed."""
    there: set[str] = set()
    monkeypatch.setattr(quantised, "find_spec", lambda name: name if name in there else None)
    return there


def configure(folder: Path, written: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "quantization_config": written}))


def pack(folder: Path) -> None:
    """Write the language model's layers as eight-bit floats with a scale each, as fp8 checkpoints have them."""
    tensors = load_file(folder / "model.safetensors")
    for name in [name for name in tensors if "text_model" in name and name.endswith("proj.weight")]:
        scale = tensors[name].abs().max() / torch.finfo(torch.float8_e4m3fn).max
        tensors[f"{name}_scale_inv"] = scale.reshape(1, 1)
        tensors[name] = (tensors[name] / scale).to(torch.float8_e4m3fn)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    configure(folder, FP8)


@pytest.mark.parametrize(
    ("config", "method"),
    [
        ({}, None),
        ({"quantization_config": None, "text_config": {"hidden_size": 64}}, None),
        ({"quantization_config": {"quant_method": "gptq"}}, "gptq"),
        ({"text_config": {"quantization_config": {"quant_method": "awq"}}}, "awq"),
        ({"quantization_config": {"load_in_8bit": True}}, "bitsandbytes"),
        ({"quantization_config": {"bits": 4}}, "an unnamed method"),
        ({"quantization_config": "4bit"}, "an unnamed method"),
    ],
)
def test_the_method_is_what_the_configuration_says(config: dict[str, Any], method: str | None) -> None:
    assert quantisation(config) == method


def test_a_checkpoint_that_is_not_quantised_is_not_refused(folder: Path) -> None:
    assert refusal(local_of(folder)) is None


def test_a_configuration_that_cannot_be_read_is_left_to_the_load(folder: Path) -> None:
    local = local_of(folder)
    (folder / "config.json").write_text("{")
    assert refusal(local) is None


@pytest.mark.parametrize("method", WRITTEN)
def test_what_is_not_installed_is_named_and_then_not_refused(
    method: str, said: Callable[..., str | None], packages: set[str]
) -> None:
    reason = said(WRITTEN[method])
    assert reason is not None
    assert reason.startswith(f"run is quantised with {method}, ")
    assert reason.endswith(
        f"not installed here; add {'them' if method == 'gptq' else 'it'} to requirements.txt, or {INSTEAD}"
    )
    assert all(package in reason for _, package in NEEDS[method].packages)
    packages.update(module for module, _ in NEEDS[method].packages)
    packages.add("optimum")
    assert said(WRITTEN[method]) is None


def test_the_sentence_reads_well(said: Callable[..., str | None], packages: set[str]) -> None:
    tail = f"not installed here; add it to requirements.txt, or {INSTEAD}"
    assert said(WRITTEN["bitsandbytes"]) == f"run is quantised with bitsandbytes, which is {tail}"
    assert said(WRITTEN["awq"]) == f"run is quantised with awq, for which gptqmodel is {tail}"


@pytest.mark.parametrize("method", [method for method, need in NEEDS.items() if need.gpu])
def test_what_needs_a_gpu_is_refused_without_one(
    method: str, said: Callable[..., str | None], packages: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.update(module for module, _ in NEEDS[method].packages)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason = f"run is quantised with {method}, which runs on an NVIDIA GPU only, and there is none here; {INSTEAD}"
    assert said({"quant_method": method}) == reason
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert said({"quant_method": method}) is None


@pytest.mark.parametrize("method", [*UNREAD, "nonesuch", ""])
def test_what_the_library_would_pass_over_is_refused(method: str, said: Callable[..., str | None]) -> None:
    """It loads the packed numbers as if they were the weights, or knows no such method and says so in its log."""
    reason = said({"quant_method": method, "bits": 4})
    assert reason is not None
    assert reason.endswith(INSTEAD)


def test_every_method_of_the_library_is_decided() -> None:
    known = {name.removesuffix("_4bit").removesuffix("_8bit") for name in AUTO_QUANTIZATION_CONFIG_MAPPING}
    # Those need nothing beside the library; what they cannot load, the load refuses.
    assert known - NEEDS.keys() - set(UNREAD) == {"bitnet", "fp8", "gemma", "mxfp8"}


def test_a_package_inside_one_that_is_not_there_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.util.find_spec("nonesuch") is None
    assert not quantised._is_there("nonesuch.part")
    assert not quantised._is_there("json.nonesuch")
    assert quantised._is_there("json.decoder")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes with eight-bit floats themselves")
@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16"])
def test_eight_bit_floats_load_as_plain_weights_where_there_is_no_gpu(
    dtype: str, folder: Path, loaded: Callable[..., Loaded]
) -> None:
    pack(folder)
    assert refusal(local_of(folder)) is None
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).eval()
    settle(model, json.loads((folder / "config.json").read_text()))
    expected = torch.float32 if dtype == "auto" else getattr(torch, dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {expected}
    tokens = torch.arange(3, 20)[None]
    with torch.inference_mode():
        ours = model(input_ids=tokens).logits.float()
        plain = loaded("idefics3").model(input_ids=tokens).logits
    assert torch.cosine_similarity(ours.flatten(), plain.flatten(), dim=0) > 0.99


def test_only_what_was_turned_back_is_settled(loaded: Callable[..., Loaded]) -> None:
    model = loaded("idefics3").model
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    settle(model, {})
    assert before == {name: id(parameter) for name, parameter in model.named_parameters()}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
