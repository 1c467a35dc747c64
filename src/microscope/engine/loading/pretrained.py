"""Loads a model by the library's own way, checks what it must leave behind, and says why where it cannot.

Knows no gate: whoever calls it holds the one for loads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForImageTextToText, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from microscope.engine.architectures import register_architecture
from microscope.engine.files import LocalCheckpoint
from microscope.engine.loading.gate import put_back
from microscope.engine.loading.quantised import quantisation, refusal, settle
from microscope.engine.loading.signature import read_config
from microscope.engine.memory import is_out_of_memory
from microscope.engine.torchvision_repair import repair_torchvision
from microscope.errors import UserError

log = logging.getLogger("microscope")


def load_pretrained(local: LocalCheckpoint, dtype: str) -> PreTrainedModel:
    """Load a checkpoint's model into CPU memory, without its adapter; `dtype` is a torch dtype's name or `auto`.

    Safetensors only, no remote code. Raises `UserError` for a damaged file, an unknown architecture, or weights that
    do not fit the configuration.
    """
    reason = refusal(local)
    if reason is not None:
        raise UserError(reason)
    repair_torchvision()
    # The library's bar would run through the log and through a command's output.
    disable_progress_bar()
    try:
        model = _from_pretrained(local, dtype)
        settle(model, read_config(local) or {})
    finally:
        for left in put_back():
            log.error("loading %s left %s", local.spec.key, left)
    check_nothing_on_meta((*model.named_parameters(), *model.named_buffers()), local)
    return model.eval().requires_grad_(requires_grad=False)


def check_nothing_on_meta(tensors: Iterable[tuple[str, torch.Tensor]], local: LocalCheckpoint) -> None:
    """Raise `RuntimeError` where one of a loaded model's named tensors has no memory: it would answer nonsense."""
    stranded = [name for name, tensor in tensors if tensor.is_meta]
    if stranded:
        raise RuntimeError(f"loading {local.spec.key} left {len(stranded)} tensors on meta, such as {stranded[0]}")


def _from_pretrained(local: LocalCheckpoint, dtype: str) -> PreTrainedModel:
    spec = local.spec
    register_architecture(spec.architecture)
    try:
        model, report = AutoModelForImageTextToText.from_pretrained(
            local.folder,
            dtype=dtype,
            attn_implementation=spec.attention,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            # Weights of another shape are refused below, with a sentence that names one.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except SafetensorError as error:
        raise UserError(f"{spec.label} has a damaged weight file; copy or download it again.") from error
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, ImportError, StrictDataclassError) as error:
        if is_out_of_memory(error):
            raise
        raise UserError(_why_not_loaded(local, error)) from error
    unfit = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
    if unfit:
        raise UserError(
            f"{spec.label} does not fit its config.json: {len(unfit)} weights are missing or of another shape, the "
            f"first is {min(unfit)}; save model and configuration together."
        )
    if report["unexpected_keys"] and quantisation(read_config(local) or {}) is not None:
        # Scales without a place: what they belong to would be taken as it stands.
        raise UserError(
            f"{spec.label} is quantised in a way that its architecture does not read: a weight such as "
            f"{min(report['unexpected_keys'])} has no place; choose an unquantised checkpoint."
        )
    if report["unexpected_keys"]:
        log.warning("%s: %d weights are not used by its architecture", spec.key, len(report["unexpected_keys"]))
    return model


def _why_not_loaded(local: LocalCheckpoint, error: Exception) -> str:
    text = str(error)
    label = local.spec.label
    if "trust_remote_code" in text:
        return (
            f"{label} brings its own code, which is never run; give it a reviewed local architecture in models.yaml."
        )
    if "does not recognize this architecture" in text or "Unrecognized model" in text:
        return f"{label} has an architecture that the installed transformers does not know; a newer version may."
    if "Unrecognized configuration class" in text:
        return f"{label} is not a model that answers questions about images; choose an image-text-to-text checkpoint."
    if isinstance(error, (StrictDataclassError, OSError)) or "config.json" in text:
        return f"{label} has no usable config.json in {local.folder.name}; copy or download it again."
    reason = " ".join(text.split())[:200]
    return f"{label} could not be loaded ({reason}); correct the checkpoint or choose another one."
