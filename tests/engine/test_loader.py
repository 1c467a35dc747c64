"""A load gives exactly the weights on disk, whichever way it goes, and leaves the process as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, PreTrainedConfig, PreTrainedModel

from microscope.engine import loader
from microscope.engine.caching.states import LoadDropped
from microscope.engine.loader import Loader, Resident, load
from microscope.engine.loading import gate, pretrained
from microscope.engine.loading.shells import Shell
from microscope.engine.loading.upload import Uploads
from microscope.engine.memory import private_bytes
from microscope.engine.prompts import prepare
from microscope.errors import UserError
from tests.engine.conftest import Loaded
from tests.engine.test_weights import split
from tests.families import FAMILIES, local_of, picture, spec_of

ROUNDS, SWAPS = 10, 50
PATIENCE = 120.0
PLENTY = 10**9
TIE_WEIGHTS = PreTrainedModel.tie_weights
SIMPLE = (bool, int, float, str, type(None), tuple)
QUESTION = "what is in the image ?"

# Families whose checkpoints go through a shell: all of them, those with other names on disk as well.
SHELLS = frozenset(FAMILIES)
TIED = {"internvl", "paligemma", "gemma3", "florence2"}


@pytest.fixture
def folder(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a copy of a checkpoint to change."""
    return shutil.copytree(checkpoint("idefics3"), tmp_path / "run")


def load_here(folder: Path, dtype: str = "float32", **fields: Any) -> Resident:
    return load(local_of(folder, **fields), "cpu", dtype)


def same(first: PreTrainedModel, second: PreTrainedModel) -> bool:
    """Tell whether two models have the same weights and buffers to the bit."""
    states = [dict(model.named_parameters()) | dict(model.named_buffers()) for model in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        tensor.dtype == states[1][name].dtype and torch.equal(tensor, states[1][name])
        for name, tensor in states[0].items()
    )


def plain(folder: Path, dtype: str = "float32") -> PreTrainedModel:
    """Load as plain transformers code does."""
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()


def settings(value: object) -> object:
    """Return a configuration's attributes, and those of the configurations inside it."""
    if isinstance(value, PreTrainedConfig):
        return {name: settings(inside) for name, inside in vars(value).items()}
    return value


def attributes(model: PreTrainedModel) -> dict[str, object]:
    """Return the attributes of all modules by path; of those that are not simple, the type."""
    return {
        f"{path}.{name}": value if isinstance(value, SIMPLE) else type(value)
        for path, module in model.named_modules()
        for name, value in vars(module).items()
    }


def shared(model: PreTrainedModel) -> list[set[str]]:
    """Return the names of parameters that are one."""
    names: dict[int, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).add(name)
    return sorted((group for group in names.values() if len(group) > 1), key=min)


def assert_equal(model: PreTrainedModel, expected: PreTrainedModel) -> None:
    """Hold that a model is what plain code loads: weights, buffers, ties, settings, and what its modules know."""
    assert type(model) is type(expected)
    assert same(model, expected)
    assert shared(model) == shared(expected)
    assert settings(model.config) == settings(expected.config)
    assert vars(model.generation_config) == vars(expected.generation_config)
    assert attributes(model) == attributes(expected)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def inputs(loaded: Loaded, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return a picture and a question as the model takes them."""
    given = prepare(loaded.processor, spec_of(loaded.folder), picture(), QUESTION, None).inputs
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in given.items()}


@torch.no_grad()
def answer(model: PreTrainedModel, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tokens that a model generates, and the logits of the first."""
    out = model.generate(**given, max_new_tokens=4, do_sample=False, return_dict_in_generate=True, output_logits=True)
    return out.sequences, out.logits[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_are_those_of_plain_code(family: str, loaded: Callable[..., Loaded]) -> None:
    expected = loaded(family)
    resident = load_here(expected.folder)
    assert type(resident.model) is type(expected.model)
    assert same(resident.model, expected.model)
    assert not resident.model.training
    assert not any(parameter.requires_grad for parameter in resident.model.parameters())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_in_anothers_shell_is_what_plain_code_loads(
    family: str, dtype: str, checkpoint: Callable[..., Path], loaded: Callable[..., Loaded]
) -> None:
    """The first has answered before, and leaves nothing of that behind."""
    given = inputs(loaded(family), getattr(torch, dtype))
    here = Loader("cpu", PLENTY)
    first = here.load(local_of(checkpoint(family)), dtype)
    assert first.how == "plain"
    assert_equal(first.model, plain(checkpoint(family), dtype))
    answer(first.model, given)
    here.release(first)
    second = here.load(local_of(checkpoint(family, 1)), dtype)
    assert (second.how == "shell") == (family in SHELLS)
    expected = plain(checkpoint(family, 1), dtype)
    assert_equal(second.model, expected)
    for ours, theirs in zip(answer(second.model, given), answer(expected, given), strict=True):
        assert torch.equal(ours, theirs)
    here.release(second)
    again = here.load(local_of(checkpoint(family)), dtype)
    assert again.how == "pointer"
    assert_equal(again.model, plain(checkpoint(family), dtype))


@pytest.mark.parametrize("family", FAMILIES)
def test_two_checkpoints_of_one_shell_live_side_by_side(
    family: str, checkpoint: Callable[..., Path], loaded: Callable[..., Loaded]
) -> None:
    here, given = Loader("cpu", PLENTY), inputs(loaded(family), torch.float32)
    first = here.load(local_of(checkpoint(family)), "float32")
    # What it leaves on its modules stays there while the second one is made.
    answer(first.model, given)
    second = here.load(local_of(checkpoint(family, 1)), "float32")
    assert (first.how, second.how) == ("plain", "shell")
    assert first.model is not second.model
    for resident, seed in ((first, 0), (second, 1)):
        expected = plain(checkpoint(family, seed))
        assert same(resident.model, expected)
        for ours, theirs in zip(answer(resident.model, given), answer(expected, given), strict=True):
            assert torch.equal(ours, theirs)
    assert {id(module) for module in first.model.modules()} & {
        id(module) for module in second.model.modules()
    } == set()
    assert {id(buffer) for buffer in first.model.buffers()} & {
        id(buffer) for buffer in second.model.buffers()
    } == set()


@pytest.mark.parametrize("family", sorted(TIED))
def test_tied_weights_stay_tied(family: str, checkpoint: Callable[..., Path]) -> None:
    here = Loader("cpu", PLENTY)
    first = here.load(local_of(checkpoint(family)), "float32")
    second = here.load(local_of(checkpoint(family, 1)), "float32")
    assert shared(first.model) == shared(second.model) != []


def test_bytes_and_seconds_are_measured(checkpoint: Callable[..., Path]) -> None:
    here, local = Loader("cpu", PLENTY), local_of(checkpoint("idefics3"))
    weights = sum(tensor.nbytes for tensor in load_file(checkpoint("idefics3") / "model.safetensors").values())
    for how in ("plain", "pointer"):
        resident = here.load(local, "float32")
        assert resident.how == how
        assert weights <= resident.bytes < weights * 1.1
        assert resident.seconds > 0
        here.release(resident)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is mapped")
def test_weights_in_the_dtype_of_their_file_are_the_file(checkpoint: Callable[..., Path]) -> None:
    here, local = Loader("cpu", PLENTY), local_of(checkpoint("idefics3"))
    weights = sum(tensor.nbytes for tensor in load_file(checkpoint("idefics3") / "model.safetensors").values())
    for _ in ("plain", "pointer"):
        resident = here.load(local, "float32")
        assert resident.mapped == weights
        here.release(resident)
    for _ in ("plain", "shell"):
        resident = here.load(local, "bfloat16")
        assert resident.mapped == 0
        here.release(resident)


@pytest.mark.parametrize(("dtype", "expected"), [("auto", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_dtype_is_what_was_asked(dtype: str, expected: torch.dtype, checkpoint: Callable[..., Path]) -> None:
    assert load_here(checkpoint("idefics3"), dtype).model.dtype == expected


def test_a_shell_is_of_one_dtype_and_one_attention(checkpoint: Callable[..., Path]) -> None:
    here = Loader("cpu", PLENTY)
    for dtype, attention in (("float32", "sdpa"), ("bfloat16", "sdpa"), ("float32", "eager")):
        resident = here.load(local_of(checkpoint("idefics3"), attention=attention), dtype)
        assert (resident.how, resident.model.dtype) == ("plain", getattr(torch, dtype))
        assert resident.model.config._attn_implementation == attention
        here.release(resident)


@pytest.mark.parametrize(
    "change",
    [{"rms_norm_eps": 1e-3}, {"max_position_embeddings": 2048}, {"hidden_act": "gelu"}, {"note": "none"}],
    ids=str,
)
def test_one_other_value_in_the_configuration_is_another_shell(
    change: dict[str, Any], checkpoint: Callable[..., Path], folder: Path
) -> None:
    here = Loader("cpu", PLENTY)
    here.release(here.load(local_of(checkpoint("idefics3")), "float32"))
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    resident = here.load(local_of(folder), "float32")
    assert resident.how == "plain"
    assert_equal(resident.model, plain(folder))


def test_a_checkpoint_has_its_own_names_and_generation_settings(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    here = Loader("cpu", PLENTY)
    here.release(here.load(local_of(checkpoint("llava")), "float32"))
    folder = shutil.copytree(checkpoint("llava", 1), tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    config |= {"_name_or_path": "somebody/else", "transformers_version": "4.40.0"}
    config["text_config"] |= {"_name_or_path": "somebody/base", "transformers_version": "4.1.0"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"max_new_tokens": 7, "eos_token_id": [2, 5]}))
    named = here.load(local_of(folder), "float32")
    assert named.how == "shell"
    assert_equal(named.model, plain(folder))
    here.release(named)
    # The one after it has nothing of them, and without a file the settings come from the configuration.
    (folder / "generation_config.json").unlink()
    (folder / "config.json").write_bytes((checkpoint("llava", 1) / "config.json").read_bytes())
    unnamed = here.load(local_of(folder), "float32")
    assert unnamed.how == "pointer"
    assert_equal(unnamed.model, plain(folder))


def test_shards_load_as_a_single_file_does(folder: Path, loaded: Callable[..., Loaded]) -> None:
    split(folder)
    here = Loader("cpu", PLENTY)
    assert same(load_here(folder).model, loaded("idefics3").model)
    for how in ("plain", "pointer"):
        resident = here.load(local_of(folder), "float32")
        assert resident.how == how
        assert same(resident.model, loaded("idefics3").model)
        here.release(resident)


def test_a_file_that_was_written_anew_is_read_anew(
    folder: Path, checkpoint: Callable[..., Path], loaded: Callable[..., Loaded]
) -> None:
    here = Loader("cpu", PLENTY)
    here.release(here.load(local_of(folder), "float32"))
    shutil.copyfile(checkpoint("idefics3", 1) / "model.safetensors", folder / "new")
    (folder / "new").replace(folder / "model.safetensors")
    resident = here.load(local_of(folder), "float32")
    assert resident.how == "shell"
    assert same(resident.model, loaded("idefics3", 1).model)


def test_weights_that_were_changed_in_memory_reach_nobody_else(
    checkpoint: Callable[..., Path], loaded: Callable[..., Loaded]
) -> None:
    here, local = Loader("cpu", PLENTY), local_of(checkpoint("idefics3"))
    here.release(here.load(local, "float32"))
    changed = here.load(local, "float32")
    with torch.no_grad():
        next(changed.model.parameters()).zero_()
    here.release(changed)
    resident = here.load(local, "float32")
    assert resident.how == "shell"
    assert same(resident.model, loaded("idefics3").model)


def test_files_stay_mapped_only_within_the_budget(checkpoint: Callable[..., Path]) -> None:
    here, local = Loader("cpu", 0), local_of(checkpoint("idefics3"))
    for how in ("plain", "shell", "shell"):
        resident = here.load(local, "float32")
        assert resident.how == how
        here.release(resident)


def test_what_is_left_of_a_model_after_its_release_is_empty(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    here = Loader("cpu", PLENTY)
    resident = here.load(local_of(checkpoint("idefics3")), "float32")
    here.release(resident)
    assert all(parameter.is_meta for parameter in resident.model.parameters())
    folder = with_extra_weight(checkpoint("idefics3"), tmp_path / "run")
    whole = here.load(local_of(folder), "float32")
    here.release(whole)
    assert list(whole.model.parameters()) == list(whole.model.buffers()) == []


def test_a_second_release_takes_nothing_from_the_next_model(
    checkpoint: Callable[..., Path], loaded: Callable[..., Loaded]
) -> None:
    here = Loader("cpu", PLENTY)
    first = here.load(local_of(checkpoint("idefics3")), "float32")
    here.release(first)
    second = here.load(local_of(checkpoint("idefics3", 1)), "float32")
    assert second.model is first.model
    here.release(first)
    assert same(second.model, loaded("idefics3", 1).model)


def with_extra_weight(source: Path, folder: Path) -> Path:
    """Return a copy of a checkpoint whose file has a weight too many."""
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "extra.weight": torch.zeros(2)}, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_what_fits_no_shell_is_loaded_the_librarys_way_and_that_is_noted(
    checkpoint: Callable[..., Path], tmp_path: Path, loaded: Callable[..., Loaded], caplog: pytest.LogCaptureFixture
) -> None:
    here, folder = Loader("cpu", PLENTY), with_extra_weight(checkpoint("idefics3"), tmp_path / "run")
    with caplog.at_level("INFO", "microscope"):
        for _ in range(2):
            resident = here.load(local_of(folder), "float32")
            assert resident.how == "plain"
            assert same(resident.model, loaded("idefics3").model)
    assert "run is loaded the library's way each time: extra.weight has no place in the model" in caplog.text


def test_a_damaged_file_is_told_where_a_shell_waits(checkpoint: Callable[..., Path], folder: Path) -> None:
    here, local = Loader("cpu", PLENTY), local_of(folder)
    here.release(here.load(local_of(checkpoint("idefics3")), "float32"))
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged weight file"):
        here.load(local, "float32")
    assert here.load(local_of(checkpoint("idefics3")), "float32").how == "pointer"


def test_a_cold_file_is_read_first_and_progress_is_told(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, told = local_of(checkpoint("idefics3")), []
    monkeypatch.setattr(loader, "cached_fraction", lambda _: 0.0)
    Loader("cpu", PLENTY).load(local, "float32", progress=lambda done, total: told.append((done, total)))
    assert told[0] == told[-1] == (local.bytes, local.bytes)
    assert len(told) == 2


@pytest.mark.parametrize("fraction", [0.95, None])
def test_a_warm_file_and_one_of_which_nobody_knows_are_not_read_first(
    fraction: float | None, checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, told = local_of(checkpoint("idefics3")), []
    monkeypatch.setattr(loader, "cached_fraction", lambda _: fraction)
    monkeypatch.setattr(loader, "read_ahead", lambda *_, **__: pytest.fail("it was read"))
    Loader("cpu", PLENTY).load(local, "float32", progress=lambda done, total: told.append((done, total)))
    assert told == [(local.bytes, local.bytes)]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_load_that_nobody_wants_any_more_ends_at_the_next_step(
    step: int, checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, local = Loader("cpu", PLENTY), local_of(checkpoint("idefics3"))
    here.release(here.load(local, "float32"))
    monkeypatch.setattr(loader, "cached_fraction", lambda _: 0.0)
    # Reading asks as well, before each block; it is left out to count the steps.
    monkeypatch.setattr(loader, "read_ahead", lambda *_, **__: 0)
    answers: Iterator[bool] = iter([False] * (step - 1) + [True])
    with pytest.raises(LoadDropped):
        here.load(local, "float32", cancelled=lambda: next(answers))
    assert here.load(local, "float32").how == "pointer"


def test_a_load_that_fails_half_way_gives_its_shell_back(
    checkpoint: Callable[..., Path], loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, local = Loader("cpu", PLENTY), local_of(checkpoint("idefics3"))
    here.release(here.load(local, "float32"))
    with monkeypatch.context() as full:
        full.setattr(Uploads, "bring", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError))
        with pytest.raises(torch.OutOfMemoryError):
            here.load(local, "float32")
    resident = here.load(local, "float32")
    assert resident.how == "pointer"
    assert same(resident.model, loaded("idefics3").model)


@pytest.mark.skipif(private_bytes() is None, reason="the system does not tell what memory is the process's own")
def test_memory_does_not_grow_with_swaps(checkpoint: Callable[..., Path]) -> None:
    here = Loader("cpu", PLENTY)
    locals_ = [local_of(checkpoint("qwen2_5_vl", seed)) for seed in (0, 1)]

    def swap() -> None:
        for local in locals_:
            here.release(here.load(local, "float32"))

    for _ in range(5):
        swap()
    before = private_bytes()
    for _ in range(SWAPS // 2):
        swap()
    # A model takes 0.8 MB, its modules without weights about as much.
    assert private_bytes() - before < 2**20


def test_two_threads_that_load_at_once_spoil_nothing(
    loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the gate, loads that overlap leave tensors on meta, and the process never recovers."""
    families = ("idefics3", "llava")
    start, failures, inside, most = threading.Barrier(len(families)), [], [0], [0]
    real = pretrained.AutoModelForImageTextToText.from_pretrained

    def watched(*arguments: Any, **options: Any) -> object:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        try:
            return real(*arguments, **options)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(pretrained.AutoModelForImageTextToText, "from_pretrained", watched)

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


def test_what_trainers_leave_beside_the_weights_is_skipped(folder: Path, loaded: Callable[..., Loaded]) -> None:
    for name in ("optimizer.pt", "scheduler.pt", "training_args.bin", "pytorch_model_fsdp_0", "pytorch_model.bin"):
        (folder / name).write_bytes(b"\x80\x04 not a pickle that anybody should open")
    save_file({"exp_avg": torch.zeros(3)}, folder / "optimizer.safetensors")
    assert same(load_here(folder).model, loaded("idefics3").model)


# Python 3.12 and later warn of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_loads_while_its_parent_does(checkpoint: Callable[..., Path]) -> None:
    local, here = local_of(checkpoint("idefics3")), Loader("cpu", PLENTY)
    here.release(here.load(local, "float32"))
    with gate.loading(), here._lock, here._shells._lock, here._images._lock:
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(int(PATIENCE))
                here.after_fork()
                os._exit(int(here.load(local, "float32").how != "pointer"))
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("fault", [TypeError("cannot pickle '_thread.lock' object"), KeyError("a tied buffer")])
def test_a_kept_module_that_cannot_be_used_leaves_the_librarys_way(
    fault: Exception,
    checkpoint: Callable[..., Path],
    loaded: Callable[..., Loaded],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Shell) -> Shell:
        raise fault

    loader = Loader("cpu", 10**9)
    first = loader.load(local_of(checkpoint("idefics3")), "float32")
    monkeypatch.setattr(Shell, "clone", fail)
    second = loader.load(local_of(checkpoint("idefics3", 1)), "float32")
    assert (first.how, second.how) == ("plain", "plain")
    assert same(second.model, loaded("idefics3", 1).model)
    assert "is loaded the library's way, for its kept module failed" in caplog.text


def test_memory_that_runs_out_in_a_kept_module_is_told_as_that(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    loader = Loader("cpu", 10**9)
    loader.release(loader.load(local_of(checkpoint("idefics3")), "float32"))
    monkeypatch.setattr(Shell, "fill", exhaust)
    with pytest.raises(torch.OutOfMemoryError):
        loader.load(local_of(checkpoint("idefics3", 1)), "float32")
