"""The library's own way gives the weights on disk, leaves the process as it was, and says why where it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from microscope.engine.loader import load
from microscope.engine.loading import pretrained
from microscope.errors import UserError
from tests.engine.conftest import Loaded
from tests.engine.test_loader import load_here, same
from tests.families import local_of

# What PEFT and transformers say on the way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Found missing adapter keys"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]

TIE_WEIGHTS = PreTrainedModel.tie_weights


@pytest.fixture
def folder(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a checkpoint to change."""
    return shutil.copytree(checkpoint("idefics3"), tmp_path / "run")


def edit_json(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "nonesuch"}, "an architecture that the installed transformers does not know"),
        ({"model_type": None}, "an architecture that the installed transformers does not know"),
        ({"text_config": {"hidden_act": "nonesuch"}}, "could not be loaded"),
        ({"vision_config": [1]}, "no usable config.json in run"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes, which"),
    ],
    ids=["unknown", "unnamed", "impossible", "malformed", "quantised"],
)
def test_a_configuration_that_cannot_be_used_says_why(changes: dict[str, Any], reason: str, folder: Path) -> None:
    edit_json(folder / "config.json", **changes)
    with pytest.raises(UserError, match=reason):
        load_here(folder)
    assert torch.get_default_dtype() is torch.float32


def test_a_configuration_that_is_no_json_is_told(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"no usable config\.json in run; copy or download it again"):
        load_here(folder)


def test_a_language_model_is_told_from_one_that_sees(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 64}))
    with pytest.raises(UserError, match="not a model that answers questions about images"):
        load_here(folder)


@pytest.mark.parametrize("model_type", ["idefics3", "nonesuch"])
def test_code_that_a_checkpoint_brings_never_runs_and_nobody_is_asked(
    model_type: str, folder: Path, loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    code = f"from pathlib import Path\nPath({str(folder / 'ran')!r}).touch()\n"
    for name in ("configuration_own.py", "modeling_own.py"):
        (folder / name).write_text(code)
    places = {"AutoConfig": "configuration_own.Own", "AutoModelForImageTextToText": "modeling_own.Own"}
    edit_json(folder / "config.json", model_type=model_type, auto_map=places)
    if model_type == "nonesuch":
        with pytest.raises(UserError, match="brings its own code, which is never run"):
            load_here(folder)
    else:
        assert same(load_here(folder).model, loaded("idefics3").model)
    assert not (folder / "ran").exists()


def test_a_missing_weight_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    gone = min(name for name in tensors if "q_proj" in name)
    del tensors[gone]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=rf"does not fit its config\.json: 1 weights are missing.*{gone}"):
        load_here(folder)


def test_a_weight_of_another_shape_is_named(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = min(name for name in tensors if "q_proj" in name)
    tensors[name] = torch.zeros(3, 3)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=rf"does not fit its config\.json.*{name}"):
        load_here(folder)


def test_weights_without_a_place_are_noted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "extra.weight": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"})
    load_here(folder)
    assert "run: 1 weights are not used by its architecture" in caplog.text


def test_a_file_that_is_damaged_after_it_was_checked_is_told(folder: Path) -> None:
    local = local_of(folder)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:1000])
    with pytest.raises(UserError, match="damaged weight file"):
        load(local, "cpu", "float32")


def test_what_a_load_leaves_replaced_is_put_back(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def poison(*_: object, **__: object) -> None:
        torch.set_default_dtype(torch.bfloat16)
        PreTrainedModel.tie_weights = lambda *_: None
        raise OSError("config.json")

    monkeypatch.setattr(pretrained.AutoModelForImageTextToText, "from_pretrained", poison)
    with pytest.raises(UserError):
        load_here(checkpoint("idefics3"))
    assert torch.get_default_dtype() is torch.float32
    assert PreTrainedModel.tie_weights is TIE_WEIGHTS
    assert caplog.text.count("left") == 2
