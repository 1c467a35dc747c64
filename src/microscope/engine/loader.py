"""Loads one model onto its device, one load at a time in the whole process; knows no cache and no request.

`from_pretrained` replaces process-wide state while it runs (the default dtype, `tie_weights`), so two loads at once
leave tensors on meta and the process poisoned: every load passes one gate, and what it must leave behind is checked.
Whoever makes tensors outside the generation lane passes the same gate.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from tqdm.std import TqdmDefaultWriteLock  # type: ignore[attr-defined]
from transformers import AutoModelForImageTextToText, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from microscope.engine.architectures import register_architecture
from microscope.engine.files import LocalCheckpoint
from microscope.engine.torchvision_repair import repair_torchvision
from microscope.errors import UserError

log = logging.getLogger("microscope")

_TIE_WEIGHTS = PreTrainedModel.tie_weights
# An adapter trained with a larger vocabulary brings these along as wholes.
EMBEDDINGS = ("embed", "lm_head")


class _Gate:
    """The lock of the whole process that a fault of the whole process needs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_GATE = _Gate()


@dataclass(frozen=True)
class Resident:
    """A loaded model on its device, its size in bytes (parameters and buffers), and what loading took in seconds."""

    local: LocalCheckpoint
    model: PreTrainedModel
    bytes: int
    seconds: float


def load(local: LocalCheckpoint, device: str, dtype: str) -> Resident:
    """Load a checkpoint from local files; `dtype` is a torch dtype's name, or `auto` for the one it was saved in.

    Safetensors only, no remote code. Raises `UserError` for a damaged file, an unknown architecture, or weights that
    do not fit the configuration.
    """
    repair_torchvision()
    # The library's bar would run through the log and through a command's output.
    disable_progress_bar()
    with _GATE.lock:
        start = time.perf_counter()
        try:
            model = _from_pretrained(local, dtype)
            if local.adapter is not None:
                model = _with_adapter(model, local)
        finally:
            _restore(local)
    _check_whole(model, local)
    model.eval().requires_grad_(requires_grad=False)
    model.to(device)
    tensors = [*model.parameters(), *model.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Resident(local, model, size, time.perf_counter() - start)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep loads out while it lasts: during one, tensors that any thread makes may come out in the model's dtype."""
    with _GATE.lock:
        yield


def renew_gate() -> None:
    """Open the gate in a forked child: a lock that another thread of the parent held would never be released.

    So too the lock of progress bars, which a download may hold and which every load takes.
    """
    _GATE.lock = threading.Lock()
    TqdmDefaultWriteLock.th_lock._at_fork_reinit()


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
    except torch.OutOfMemoryError:
        raise
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, ImportError, StrictDataclassError) as error:
        raise UserError(_why_not_loaded(local, error)) from error
    unfit = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
    if unfit:
        raise UserError(
            f"{spec.label} does not fit its config.json: {len(unfit)} weights are missing or of another shape, the "
            f"first is {min(unfit)}; save model and configuration together."
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


def _with_adapter(model: PreTrainedModel, local: LocalCheckpoint) -> PreTrainedModel:
    # Imported here: it takes seconds, and only adapters need it.
    from peft import PeftModel, get_peft_model_state_dict, load_peft_weights  # noqa: PLC0415

    spec = local.spec
    unfit = f"The adapter {spec.label} does not fit its base model {spec.base}; name the base it was trained on."
    try:
        adapted = PeftModel.from_pretrained(model, local.adapter, local_files_only=True)
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise UserError(unfit) from error
    # What has no place in the base is dropped without an error, and the base would answer in the adapter's name.
    saved = set(load_peft_weights(str(local.adapter), device="cpu"))
    placed = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if placed - saved or any(not any(part in name for part in EMBEDDINGS) for name in saved - placed):
        raise UserError(unfit)
    return adapted.merge_and_unload()


def _restore(local: LocalCheckpoint) -> None:
    """Put back what a load replaces in the whole process, should it have been left replaced."""
    if torch.get_default_dtype() is not torch.float32:
        log.error("loading %s left the default dtype at %s", local.spec.key, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
    if PreTrainedModel.tie_weights is not _TIE_WEIGHTS:
        log.error("loading %s left PreTrainedModel.tie_weights replaced", local.spec.key)
        PreTrainedModel.tie_weights = _TIE_WEIGHTS


def _check_whole(model: PreTrainedModel, local: LocalCheckpoint) -> None:
    stranded = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
    if stranded:
        raise RuntimeError(f"loading {local.spec.key} left {len(stranded)} tensors on meta, such as {stranded[0]}")
