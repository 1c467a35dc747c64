"""A shell takes weights by reference, gives them back at once, and is as new for whoever comes next."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForImageTextToText, PreTrainedModel

from microscope.engine.loading.images import WeightImage, identity_of, map_files
from microscope.engine.loading.keys import Unmapped, map_keys
from microscope.engine.loading.shells import FREE, FREE_OF_ONE, Shell, Shells, capture
from microscope.engine.loading.signature import Signature
from tests.engine.test_loader import same
from tests.families import FAMILIES, local_of

FAMILY = "qwen2_5_vl"


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Keep the collector of cycles from hiding that references are not enough."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def image(checkpoint: Callable[..., Path]) -> WeightImage:
    return map_files(identity_of(local_of(checkpoint(FAMILY))))


@pytest.fixture
def model(checkpoint: Callable[..., Path]) -> PreTrainedModel:
    return AutoModelForImageTextToText.from_pretrained(checkpoint(FAMILY), dtype=torch.float32).eval()


@pytest.fixture
def shell(model: PreTrainedModel, image: WeightImage) -> Shell:
    return capture(model, map_keys(model, image))


def tensors(shell: Shell, image: WeightImage) -> list[torch.Tensor]:
    return [image.tensors[slot.key] for slot in shell.slots]


def state(model: PreTrainedModel) -> dict[str, object]:
    """Return everything that modules have in their attributes, by path; containers by what is in them."""
    found: dict[str, object] = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            found[f"{path}.{name}"] = id(value)
            found.update({f"{path}.{name}[{key}]": id(one) for key, one in inside})
    return found


def signature(name: str) -> Signature:
    return Signature(name, "", "auto", None, None, "cpu")


@pytest.mark.parametrize("family", FAMILIES)
def test_capturing_leaves_the_model_as_it_was_loaded(
    family: str, checkpoint: Callable[..., Path], fresh: Callable[..., PreTrainedModel]
) -> None:
    model = fresh(family)
    before = state(model)
    shell = capture(model, map_keys(model, map_files(identity_of(local_of(checkpoint(family))))))
    assert state(model) == before
    assert shell.model is model
    assert {id(slot.tensor) for slot in shell.slots} >= {id(parameter) for parameter in model.parameters()}


def test_filling_points_at_the_tensors_themselves(shell: Shell, image: WeightImage, model: PreTrainedModel) -> None:
    given = tensors(shell, image)
    shell.fill(given)
    assert [slot.tensor.data_ptr() for slot in shell.slots] == [tensor.data_ptr() for tensor in given]
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.usefixtures("no_collection")
def test_stripping_frees_the_weights_at_once(shell: Shell, image: WeightImage) -> None:
    shell.strip()
    shell.fill([tensor.clone() for tensor in tensors(shell, image)])
    gone = [weakref.ref(slot.tensor) for slot in shell.slots]
    start = time.perf_counter()
    assert shell.strip()
    assert time.perf_counter() - start < 0.05
    assert [one() for one in gone] == [None] * len(gone)
    assert all(slot.tensor is slot.placeholder and slot.tensor.is_meta for slot in shell.slots)


def test_a_clone_is_another_model_with_no_weights_and_tables_of_its_own(
    shell: Shell, image: WeightImage, model: PreTrainedModel, fresh: Callable[..., PreTrainedModel]
) -> None:
    clone = shell.clone()
    assert same(model, fresh(FAMILY)), "the original keeps its weights"
    assert all(parameter.is_meta for parameter in clone.model.parameters())
    assert not {id(one) for one in model.modules()} & {id(one) for one in clone.model.modules()}
    assert not {id(one) for one in model.buffers()} & {id(one) for one in clone.model.buffers()}
    assert clone.model.config is not model.config
    assert clone.model.config.text_config is clone.model.model.language_model.config
    clone.fill(tensors(clone, image))
    assert same(clone.model, model)
    assert shell.strip()
    assert same(clone.model, fresh(FAMILY))


def test_a_clone_is_as_new_though_its_original_is_in_use(shell: Shell, model: PreTrainedModel) -> None:
    model.model.rope_deltas = torch.ones(1)
    model.model.register_forward_hook(lambda *_: None)
    model.config.text_config.hidden_act = "gelu"
    model.model.left_behind = [1]
    clone = shell.clone().model
    assert clone.model.rope_deltas is None
    assert not clone.model._forward_hooks
    assert clone.config.text_config.hidden_act != "gelu"
    assert not hasattr(clone.model, "left_behind")


def test_a_clone_of_a_clone_serves_as_well(
    shell: Shell, image: WeightImage, fresh: Callable[..., PreTrainedModel]
) -> None:
    clone = shell.clone().clone()
    clone.fill(tensors(clone, image))
    assert same(clone.model, fresh(FAMILY))
    assert clone.strip()


def test_what_is_left_on_modules_goes_with_the_weights(shell: Shell, model: PreTrainedModel) -> None:
    assert shell.strip()
    new = state(model)
    inner, config = model.model, model.config.text_config
    inner.rope_deltas = torch.ones(1)
    inner.left_behind = object()
    inner.register_forward_hook(lambda *_: None)
    inner.visual = nn.Identity()
    inner.language_model.rotary_emb.register_buffer("inv_freq", torch.zeros(3), persistent=False)
    inner.language_model.register_parameter("extra", nn.Parameter(torch.ones(1)))
    del inner.language_model.rotary_emb.max_seq_len_cached
    config.rope_parameters = {}
    config.added = True
    assert shell.strip()
    assert state(model) == new
    assert config.rope_parameters != {}
    assert not hasattr(config, "added")


def test_a_shell_whose_tables_were_written_into_is_not_used_again(shell: Shell, model: PreTrainedModel) -> None:
    model.model.language_model.rotary_emb.inv_freq.mul_(2)
    assert not shell.strip()


def test_a_model_that_hooks_move_between_devices_is_no_shell(model: PreTrainedModel, image: WeightImage) -> None:
    keys = map_keys(model, image)
    model.lm_head._hf_hook = object()
    with pytest.raises(Unmapped, match="moved between devices by hooks"):
        capture(model, keys)


def test_parameters_of_a_kind_of_their_own_are_no_shell(model: PreTrainedModel, image: WeightImage) -> None:
    class Packed(nn.Parameter):
        pass

    keys = map_keys(model, image)
    model.lm_head._parameters["weight"] = Packed(model.lm_head.weight.detach(), requires_grad=False)
    with pytest.raises(Unmapped, match=r"lm_head\.weight is a Packed"):
        capture(model, keys)


def empty() -> Shell:
    return Shell(nn.Identity(), (), (), 0)


def test_a_free_shell_is_taken_once_and_the_latest_first() -> None:
    shells, first, second = Shells(), empty(), empty()
    shells.give(signature("a"), first)
    shells.give(signature("a"), second)
    assert shells.has_free(signature("a"))
    assert [shells.take(signature("a")) for _ in range(3)] == [second, first, None]
    assert not shells.has_free(signature("a"))
    assert shells.take(signature("b")) is None


def test_few_of_one_and_few_in_all_are_kept_the_least_recently_used_dropped() -> None:
    shells, kept = Shells(), [empty() for _ in range(FREE_OF_ONE + 1)]
    for shell in kept:
        shells.give(signature("a"), shell)
    for number in range(FREE - FREE_OF_ONE + 1):
        shells.give(signature(str(number)), empty())
    taken = [shells.take(signature("a")) for _ in range(FREE_OF_ONE + 1)]
    assert [shell for shell in taken if shell is not None] == kept[: FREE_OF_ONE - 1]
    assert all(shells.has_free(signature(str(number))) for number in range(FREE - FREE_OF_ONE + 1))


def test_one_in_use_is_copied_for_as_long_as_it_lives(shell: Shell) -> None:
    shells = Shells()
    shells.know(signature("a"), shell)
    copied = shells.take(signature("a"))
    assert copied is not None
    assert copied is not shell
    assert type(copied.model) is type(shell.model)
    shells.know(signature("a"), copied)
    del copied
    gc.collect()
    assert shells.take(signature("a")) is not None, "the first is still in use"
    other = Shells()
    other.know(signature("a"), empty())
    gc.collect()
    assert other.take(signature("a")) is None
    other.know(signature("b"), shell)
    assert list(other._alive) == [signature("b")]


def test_several_threads_never_get_one_shell_twice() -> None:
    shells, start, used, failures = Shells(), threading.Barrier(4), set(), []

    def work() -> None:
        start.wait(60)
        for _ in range(500):
            shell = shells.take(signature("a")) or empty()
            if id(shell) in used:
                failures.append(shell)
            used.add(id(shell))
            used.discard(id(shell))
            shells.give(signature("a"), shell)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


def test_a_lock_that_was_held_at_the_fork_is_opened() -> None:
    shells = Shells()
    shells._lock.acquire()
    shells.after_fork()
    assert shells.take(signature("a")) is None


def test_a_model_of_which_no_shell_can_be_made_keeps_its_weights(
    fresh: Callable[..., PreTrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise AttributeError("a module without attributes")

    model = fresh("idefics3")
    before = dict(model.named_parameters())
    monkeypatch.setattr("microscope.engine.loading.shells._Record.of", fail)
    with pytest.raises(AttributeError):
        capture(model, {name: name for name in model.state_dict()})
    assert all(parameter is before[name] for name, parameter in model.named_parameters())
