"""A load gives exactly the weights on disk, leaves the process as it was, and says why where it cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, PreTrainedModel

from microscope.engine import loader
from microscope.engine.loader import Resident, load
from microscope.errors import UserError
from tests.engine.conftest import Loaded
from tests.engine.test_weights import split
from tests.families import FAMILIES, local_of

# What PEFT and transformers say on the way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Found missing adapter keys"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]

ROUNDS = 10
PATIENCE = 120.0
TIE_WEIGHTS = PreTrainedModel.tie_weights


@pytest.fixture
def folder(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a checkpoint to change."""
    return shutil.copytree(checkpoint("idefics3"), tmp_path / "run")


def load_here(folder: Path, dtype: str = "float32", **fields: Any) -> Resident:
    return load(local_of(folder, **fields), "cpu", dtype)


def edit_json(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def same(first: PreTrainedModel, second: PreTrainedModel) -> bool:
    """Tell whether two models have the same weights and buffers to the bit."""
    states = [dict(model.named_parameters()) | dict(model.named_buffers()) for model in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        tensor.dtype == states[1][name].dtype and torch.equal(tensor, states[1][name])
        for name, tensor in states[0].items()
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_are_those_of_plain_code(family: str, loaded: Callable[..., Loaded]) -> None:
    plain = loaded(family)
    resident = load_here(plain.folder)
    assert type(resident.model) is type(plain.model)
    assert same(resident.model, plain.model)
    assert not resident.model.training
    assert not any(parameter.requires_grad for parameter in resident.model.parameters())


def test_bytes_and_seconds_are_measured(checkpoint: Callable[..., Path]) -> None:
    resident = load_here(checkpoint("idefics3"))
    weights = sum(tensor.nbytes for tensor in load_file(checkpoint("idefics3") / "model.safetensors").values())
    assert weights <= resident.bytes < weights * 1.1
    assert resident.seconds > 0


@pytest.mark.parametrize(("dtype", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_dtype_is_what_was_asked(dtype: str, expected: torch.dtype, checkpoint: Callable[..., Path]) -> None:
    assert load_here(checkpoint("idefics3"), dtype).model.dtype == expected


def test_attention_is_what_the_entry_says(checkpoint: Callable[..., Path]) -> None:
    for attention in ("sdpa", "eager"):
        assert load_here(checkpoint("idefics3"), attention=attention).model.config._attn_implementation == attention


def test_shards_load_as_a_single_file_does(folder: Path, loaded: Callable[..., Loaded]) -> None:
    split(folder)
    assert same(load_here(folder).model, loaded("idefics3").model)


def test_what_trainers_leave_beside_the_weights_is_skipped(folder: Path, loaded: Callable[..., Loaded]) -> None:
    for name in ("optimizer.pt", "scheduler.pt", "training_args.bin", "pytorch_model_fsdp_0", "pytorch_model.bin"):
        (folder / name).write_bytes(b"\x80\x04 not a pickle that anybody should open")
    save_file({"exp_avg": torch.zeros(3)}, folder / "optimizer.safetensors")
    assert same(load_here(folder).model, loaded("idefics3").model)


def test_two_threads_that_load_at_once_spoil_nothing(
    loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the gate, loads that overlap leave tensors on meta, and the process never recovers."""
    families = ("idefics3", "llava")
    start, failures, inside, most = threading.Barrier(len(families)), [], [0], [0]
    real = loader.AutoModelForImageTextToText.from_pretrained

    def watched(*arguments: Any, **options: Any) -> object:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        try:
            return real(*arguments, **options)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(loader.AutoModelForImageTextToText, "from_pretrained", watched)

    def work(family: str) -> None:
        local = local_of(loaded(family).folder)
        for number in range(ROUNDS):
            start.wait(PATIENCE)
            if not same(load(local, "cpu", "float32").model, loaded(family).model):
                failures.append((family, number))

    for family in families:
        loaded(family)
    threads = [threading.Thread(target=work, args=(family,)) for family in families]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    assert most == [1]
    assert not any(thread.is_alive() for thread in threads)
    assert torch.get_default_dtype() is torch.float32
    assert PreTrainedModel.tie_weights is TIE_WEIGHTS
    assert torch.ones(1).dtype is torch.float32


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "nonesuch"}, "an architecture that the installed transformers does not know"),
        ({"model_type": None}, "an architecture that the installed transformers does not know"),
        ({"text_config": {"hidden_act": "nonesuch"}}, "could not be loaded"),
        ({"vision_config": [1]}, "no usable config.json in run"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes"),
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


def make_lora(folder: Path, base: Path, targets: tuple[str, ...] = ("q_proj", "v_proj")) -> PreTrainedModel:
    """Write a LoRA adapter with weights that change the answers, and return the base with the adapter merged."""
    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(7)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=list(targets), init_lora_weights=False))
    adapted.save_pretrained(folder)
    return adapted.merge_and_unload()


def test_an_adapter_is_merged_into_its_base(
    checkpoint: Callable[..., Path], loaded: Callable[..., Loaded], tmp_path: Path
) -> None:
    base = checkpoint("idefics3")
    merged = make_lora(tmp_path / "adapter", base)
    model = load_here(tmp_path / "adapter", base=str(base)).model
    assert same(model, merged)
    assert not same(model, loaded("idefics3").model)


@pytest.mark.parametrize("base", ["qwen2_5_vl", "llava", "gemma3"])
def test_an_adapter_on_another_base_is_refused(base: str, checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    """PEFT itself loads it with a warning, and the base answers in the adapter's name."""
    make_lora(tmp_path / "adapter", checkpoint("idefics3"))
    with pytest.raises(
        UserError, match=f"adapter does not fit its base model .*{base}.*; name the base it was trained"
    ):
        load_here(tmp_path / "adapter", base=str(checkpoint(base)))


@pytest.mark.parametrize("change", [lambda names: names[1:], lambda names: [*names, names[0].replace("0", "9", 1)]])
def test_an_adapter_of_which_a_part_has_no_place_or_is_missing_is_refused(
    change: Callable[[list[str]], list[str]], checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    make_lora(adapter, checkpoint("idefics3"))
    tensors = load_file(adapter / "adapter_model.safetensors")
    names = sorted(tensors)
    changed = {name: tensors.get(name, tensors[names[0]]).clone() for name in change(names)}
    save_file(changed, adapter / "adapter_model.safetensors")
    with pytest.raises(UserError, match="does not fit its base model"):
        load_here(adapter, base=str(checkpoint("idefics3")))


def test_an_adapter_with_weights_of_another_shape_is_refused(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    make_lora(adapter, checkpoint("idefics3"))
    tensors = load_file(adapter / "adapter_model.safetensors")
    name = min(tensors)
    save_file({**tensors, name: tensors[name][:, :5].contiguous()}, adapter / "adapter_model.safetensors")
    with pytest.raises(UserError, match="does not fit its base model"):
        load_here(adapter, base=str(checkpoint("idefics3")))


def test_an_adapter_whose_settings_are_damaged_is_refused(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    make_lora(adapter, checkpoint("idefics3"))
    (adapter / "adapter_config.json").write_text('{"peft_type": "NONESUCH"}')
    with pytest.raises(UserError, match="does not fit its base model"):
        load_here(adapter, base=str(checkpoint("idefics3")))


def test_what_a_load_leaves_replaced_is_put_back(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def poison(*_: object, **__: object) -> None:
        torch.set_default_dtype(torch.bfloat16)
        PreTrainedModel.tie_weights = lambda *_: None
        raise OSError("config.json")

    monkeypatch.setattr(loader.AutoModelForImageTextToText, "from_pretrained", poison)
    with pytest.raises(UserError):
        load_here(checkpoint("idefics3"))
    assert torch.get_default_dtype() is torch.float32
    assert PreTrainedModel.tie_weights is TIE_WEIGHTS
    assert caplog.text.count("left") == 2


# Python 3.12 and later warn of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_loads_while_its_parent_does(checkpoint: Callable[..., Path]) -> None:
    local = local_of(checkpoint("idefics3"))
    with loader._GATE.lock:
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(int(PATIENCE))
                loader.renew_gate()
                os._exit(int(load(local, "cpu", "float32").bytes == 0))
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
