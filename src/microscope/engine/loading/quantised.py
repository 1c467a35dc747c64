"""Tells how a checkpoint is quantised and whether that can be run here; knows no weights, and quantises nothing.

It is asked before a load: the library skips a method that it does not know, or reads the numbers without their
scales, and the model would answer nonsense.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

from microscope.engine.files import LocalCheckpoint
from microscope.engine.loading.signature import read_config

KEY = "quantization_config"
UNNAMED = "an unnamed method"


@dataclass(frozen=True)
class _Need:
    """What a method needs: modules with the packages that bring them, and whether it runs on an NVIDIA GPU only."""

    packages: tuple[tuple[str, str], ...] = ()
    gpu: bool = False


NEEDS = {
    "aqlm": _Need((("aqlm", "aqlm"),)),
    "auto-round": _Need((("auto_round", "auto-round"),)),
    "awq": _Need((("gptqmodel", "gptqmodel"),)),
    "bitsandbytes": _Need((("bitsandbytes", "bitsandbytes"),)),
    "compressed-tensors": _Need((("compressed_tensors", "compressed-tensors"),)),
    "eetq": _Need((("kernels", "kernels"),), gpu=True),
    "fbgemm_fp8": _Need((("fbgemm_gpu", "fbgemm-gpu"),), gpu=True),
    "fouroversix": _Need((("fouroversix", "fouroversix"),)),
    "fp_quant": _Need((("fp_quant", "fp_quant"),), gpu=True),
    "gptq": _Need((("optimum", "optimum"), ("gptqmodel", "gptqmodel"))),
    "higgs": _Need((("flute", "flute-kernel"), ("fast_hadamard_transform", "fast_hadamard_transform")), gpu=True),
    "hqq": _Need((("hqq", "hqq"),)),
    "quanto": _Need((("optimum.quanto", "optimum-quanto"),)),
    "quark": _Need((("quark", "amd-quark"),)),
    "sinq": _Need((("sinq", "sinq"),)),
    "spqr": _Need((("spqr_quant", "spqr_quant"),), gpu=True),
    "torchao": _Need((("torchao", "torchao"),)),
    "vptq": _Need((("vptq", "vptq"),), gpu=True),
}
# The library passes these over for this kind of model, without an error, or cannot read them from safetensors files.
UNREAD = ("gguf", "metal", "mxfp4", "nvfp4")
# Where there is no GPU for them, the library turns their weights back into plain ones.
UNPACKED = ("fp8", "mxfp8")


def quantisation(config: dict[str, Any]) -> str | None:
    """Return the name of the method that a config.json, or a part of it, says its weights were quantised by, or None.

    Raises nothing: one that says nothing useful is an unnamed method.
    """
    own = config.get(KEY)
    if own:
        if not isinstance(own, dict):
            return UNNAMED
        if own.get("load_in_4bit") or own.get("load_in_8bit"):
            return "bitsandbytes"
        return str(own.get("quant_method") or UNNAMED)
    inside = (quantisation(value) for name, value in config.items() if name != KEY and isinstance(value, dict))
    return next((method for method in inside if method is not None), None)


def refusal(local: LocalCheckpoint) -> str | None:
    """Return the sentence that says why a quantised checkpoint cannot be loaded here and what to do; None if it can.

    A checkpoint that is not quantised, or whose configuration cannot be read, is refused by the load if at all.
    """
    config = read_config(local)
    method = None if config is None else quantisation(config)
    reason = None if method is None else _reason(method)
    return None if reason is None else f"{local.spec.label} is quantised with {method}{reason}"


def settle(model: PreTrainedModel, config: dict[str, Any]) -> None:
    """Give weights that the library turned back into plain ones the model's dtype: some come out in their scales'."""
    if quantisation(config) not in UNPACKED or getattr(model.config, KEY, None) is not None:
        return
    for parameter in model.parameters():
        if parameter.is_floating_point() and parameter.dtype != model.config.dtype:
            parameter.data = parameter.data.to(model.config.dtype)


def _reason(method: str) -> str | None:
    instead = "choose an unquantised checkpoint."
    if method == UNNAMED:
        return f"; name it as quant_method in its config.json, or {instead}"
    # Of bitsandbytes the library has two, by the number of bits.
    if method not in AUTO_QUANTIZATION_CONFIG_MAPPING and method != "bitsandbytes":
        return f", which the installed transformers does not know; {instead}"
    if method in UNREAD:
        return f", which transformers does not read for such models; {instead}"
    need = NEEDS.get(method, _Need())
    if need.gpu and not torch.cuda.is_available():
        return f", which runs on an NVIDIA GPU only, and there is none here; {instead}"
    missing = [package for module, package in need.packages if not _is_there(module)]
    if not missing:
        return None
    verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    which = "which" if missing == [method] else f"for which {' and '.join(missing)}"
    return f", {which} {verb} not installed here; add {them} to requirements.txt, or {instead}"


def _is_there(module: str) -> bool:
    # Of a package inside another that is not there, the probe raises.
    parent = module.partition(".")[0]
    return find_spec(parent) is not None and find_spec(module) is not None
