"""Models are kept in the machine's dtype, on its device, and looked for on disk only when they are not resident."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForImageTextToText, PreTrainedModel

from microscope.engine.caching.states import Kind
from microscope.engine.models import Needs
from microscope.errors import UserError
from tests.families import local_of
from tests.keeping import models_of

# What PEFT says on the way.
ignores_what_peft_says = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.mark.parametrize(
    ("machine", "own", "expected"),
    [
        ("float32", "auto", torch.float32),
        ("bfloat16", "auto", torch.bfloat16),
        ("float32", "bfloat16", torch.bfloat16),
        ("auto", "auto", torch.float32),
    ],
)
def test_a_checkpoint_loads_in_its_own_dtype_or_the_machines(
    machine: str, own: str, expected: torch.dtype, checkpoint: Callable[..., Path]
) -> None:
    models = models_of(dtype=machine)
    with models.lease(local_of(checkpoint("idefics3"), dtype=own)) as lease:
        assert lease.resident.model.dtype == expected


def test_the_expected_size_is_that_in_the_dtype(checkpoint: Callable[..., Path]) -> None:
    local = local_of(checkpoint("idefics3"), dtype="auto")
    room = local.bytes * 3 // 4
    with pytest.raises(UserError, match="needs"), models_of(room).lease(local):
        pytest.fail("in float32 there is no room")
    with models_of(room, "bfloat16").lease(local) as lease:
        assert lease.resident.bytes <= room * 1.1


def test_the_files_of_a_resident_model_are_not_looked_at(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "run")
    local = local_of(folder)
    models = models_of()
    with models.lease(local) as lease:
        assert lease.loaded_in is not None
    shutil.rmtree(folder)
    with models.lease(local) as lease:
        assert lease.loaded_in is None


def test_a_model_that_is_placed_stays(checkpoint: Callable[..., Path]) -> None:
    local, other = local_of(checkpoint("idefics3")), local_of(checkpoint("llava"))
    models = models_of(local.bytes * 3 // 2)
    assert models.place(local) == models.cache.snapshot().models[0].bytes > 0
    with models.lease(local) as lease:
        assert lease.loaded_in is None
    with pytest.raises(UserError, match="needs"), models.lease(other):
        pytest.fail("nothing may be evicted for it")


def test_entries_with_the_same_weights_share_a_model(checkpoint: Callable[..., Path]) -> None:
    models = models_of()
    first, second = (local_of(checkpoint("idefics3"), key=key) for key in ("first", "second"))
    with models.lease(first):
        pass
    with models.lease(second) as lease:
        assert lease.loaded_in is None
    (model,) = models.cache.snapshot().models
    assert model.names == {"first", "second"}


@pytest.mark.parametrize("fields", [{"dtype": "bfloat16"}, {"attention": "eager"}])
def test_what_runs_differently_is_another_model(fields: dict[str, str], checkpoint: Callable[..., Path]) -> None:
    models = models_of()
    for local in (local_of(checkpoint("idefics3")), local_of(checkpoint("idefics3"), **fields)):
        with models.lease(local) as lease:
            assert lease.loaded_in is not None


def test_what_an_answer_needs_beside_the_weights_is_reserved(checkpoint: Callable[..., Path]) -> None:
    models, local = models_of(), local_of(checkpoint("idefics3"))
    small, large = (models._reserve(local, Needs(50, 16, tokens, 3 * 64 * 64)) for tokens in (8, 800))
    assert 0 < small < large
    assert models._reserve(local, Needs()) == 0
    # From the model itself where there is one: the files of a packed model are gone.
    with models.lease(local):
        assert models._reserve(local, Needs(50, 16, 8, 3 * 64 * 64)) == small


def test_a_batch_reserves_as_much_for_each_answer(checkpoint: Callable[..., Path]) -> None:
    models, local = models_of(), local_of(checkpoint("idefics3"))
    needs = Needs(50, 16, 8, 3 * 64 * 64)
    one = models._reserve(local, needs)
    assert models._reserve(local, replace(needs, batch=1)) == one
    assert models._reserve(local, replace(needs, batch=24)) == 24 * one
    # What torch copies of the output head it copies once.
    narrow, any_dtype = models_of(dtype="bfloat16"), local_of(checkpoint("idefics3"), dtype="auto")
    single, many = (narrow._reserve(any_dtype, replace(needs, batch=batch)) for batch in (1, 24))
    assert single < many < 24 * single


def test_a_configuration_that_cannot_be_read_reserves_nothing(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "run")
    (folder / "config.json").write_text("{")
    assert models_of()._reserve(local_of(folder), Needs(50, 16, 8, 100)) == 0


def write_adapter(folder: Path, base: Path, seed: int) -> Path:
    """Write a LoRA adapter with weights that change the answers."""
    model = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(seed)
    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    get_peft_model(model, settings).save_pretrained(folder)
    return folder


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.arange(5, 25)[None]).logits


@ignores_what_peft_says
def test_adapters_share_their_base_and_switching_keeps_it(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    base = checkpoint("idefics3")
    folders = [write_adapter(tmp_path / name, base, seed) for seed, name in enumerate("xy")]
    locals_ = [local_of(base), *(local_of(folder, base=str(base)) for folder in folders)]
    expected = [logits(AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32))]
    for folder in folders:
        plain = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
        expected.append(logits(PeftModel.from_pretrained(plain, folder).eval()))
    models, loads = models_of(), []
    models.cache.journal.listen(lambda event: loads.append(event.label) if event.kind is Kind.LOAD else None)
    for number in (1, 0, 2, 1, 2, 0):
        with models.lease(locals_[number]) as lease:
            assert torch.equal(logits(lease.resident.model), expected[number])
    assert loads == ["x"]
    (model,) = models.cache.snapshot().models
    assert model.names == {base.name, "x", "y"}
    assert model.bytes == lease.resident.bytes + lease.resident.adapters.bytes > lease.resident.bytes
    # What is left of the model when it goes is the base's shell alone.
    assert models.cache.unload(model.key, "for the test")
    with models.lease(locals_[0]) as lease:
        assert torch.equal(logits(lease.resident.model), expected[0])
        assert lease.resident.how in ("shell", "pointer")


@ignores_what_peft_says
def test_an_adapter_without_room_beside_its_base_is_refused(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    base = checkpoint("idefics3")
    adapter = local_of(write_adapter(tmp_path / "x", base, 0), base=str(base))
    models = models_of(int(local_of(base).bytes * 1.001))
    with models.lease(local_of(base)):
        pass
    with pytest.raises(UserError, match="x has no room beside its base model"), models.lease(adapter):
        pytest.fail("there is no room")
    with models.lease(local_of(base)) as lease:
        plain = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
        assert torch.equal(logits(lease.resident.model), logits(plain))


def test_a_models_configuration_is_known_before_it_is_loaded(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "run")
    local, models = local_of(folder), models_of()
    config = models.config(local)
    assert config is not None
    assert config.model_type == "idefics3"
    assert models.config(replace(local, folder=tmp_path / "gone")) is None
