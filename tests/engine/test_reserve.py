"""What is reserved for an answer bounds what its tensors take, within a factor, and grows with what is asked."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedConfig, PreTrainedModel

from microscope.engine.generate import stream
from microscope.engine.prompts import prepare
from microscope.engine.reserve import FLOOR, VOCABULARY, head_copy_bytes, reserve_bytes
from microscope.records import GenerationSettings
from tests.engine.conftest import Loaded
from tests.families import FAMILIES, picture, spec_of

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MEGABYTE = 10**6
SHORT, LONG = "what is in the image ?", "a cat " * 250
SIZES = {"prompt_tokens": 500, "image_tokens": 300, "new_tokens": 100, "pixels": 600_000, "dtype_bytes": 2}


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the storages that operations made and that still live, and keeps the most there were."""

    def __init__(self, known: list[torch.Tensor]) -> None:
        super().__init__()
        self.most = self._now = 0
        self._live = {tensor.untyped_storage()._cdata: 0 for tensor in known}

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation, and count what it made."""
        made = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage._cdata in self._live:
            return
        self._live[storage._cdata] = storage.nbytes()
        self._now += storage.nbytes()
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._forget, storage._cdata)

    def _forget(self, storage: int) -> None:
        self._now -= self._live.pop(storage)


def measured_and_reserved(one: Loaded, model: PreTrainedModel, question: str, new_tokens: int) -> tuple[int, int]:
    """Return the most bytes that lived beside weights and inputs during one answer, and what is reserved for it."""
    prepared = prepare(one.processor, spec_of(one.folder), picture(), question, None)
    settings = GenerationSettings(max_new_tokens=new_tokens, temperature=0.8, top_p=0.9, top_k=0, seed=1)
    live = LiveBytes([*model.parameters(), *model.buffers(), *prepared.inputs.values()])
    with live:
        list(stream(model, prepared.inputs, settings))
    reserved = reserve_bytes(
        model.config,
        prompt_tokens=prepared.prompt_tokens,
        image_tokens=prepared.image_tokens,
        new_tokens=new_tokens,
        pixels=sum(value.numel() for value in prepared.inputs.values() if value.is_floating_point()),
        dtype_bytes=model.dtype.itemsize,
    )
    return live.most, reserved


def assert_bound(measured: int, reserved: int) -> None:
    """Assert that the reserve is enough even without its floor, and not out of proportion."""
    assert 0 < measured <= reserved - FLOOR
    assert reserved <= 8 * measured + 4 * MEGABYTE


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(("question", "new_tokens"), [(SHORT, 60), (LONG, 4)], ids=["long answer", "long prompt"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_reserve_bounds_what_an_answer_takes(
    family: str,
    question: str,
    new_tokens: int,
    dtype: torch.dtype,
    loaded: Callable[..., Loaded],
    fresh: Callable[..., PreTrainedModel],
) -> None:
    model = fresh(family).to(dtype)
    assert_bound(*measured_and_reserved(loaded(family), model, question, new_tokens))


@pytest.mark.parametrize("family", ["llava", "idefics3", "florence2"])
def test_eager_attention_has_its_scores_reserved(
    family: str, loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    model = fresh(family)
    _, fused = measured_and_reserved(loaded(family), model, LONG, 2)
    model.set_attn_implementation("eager")
    measured, eager = measured_and_reserved(loaded(family), model, LONG, 2)
    assert_bound(measured, eager)
    assert eager > fused


def test_a_wide_vocabulary_and_a_tower_of_many_patches_are_bounded() -> None:
    """The proportions are those of real models: heads of 64, feed-forward three times as wide, grouped keys."""
    width = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = transformers.Idefics3Config(
        vision_config={**width, "image_size": 256, "patch_size": 16},
        text_config={**width, "model_type": "llama", "vocab_size": 20_000, "num_key_value_heads": 2},
        scale_factor=4,
        image_token_id=7,
        pad_token_id=0,
    )
    model = transformers.Idefics3ForConditionalGeneration(config).eval().requires_grad_(requires_grad=False)
    ids = torch.tensor([[1, *[7] * 80, *[9] * 100]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": torch.randn(1, 5, 3, 256, 256)}
    live = LiveBytes([*model.parameters(), *model.buffers(), *inputs.values()])
    with live:
        list(stream(model, inputs, GenerationSettings(max_new_tokens=3)))
    sizes = {"prompt_tokens": 181, "image_tokens": 80, "new_tokens": 3, "pixels": inputs["pixel_values"].numel()}
    reserved = reserve_bytes(model.config, **sizes, dtype_bytes=4)
    assert live.most <= reserved <= 4 * live.most


@given(
    prompt=st.integers(1, 5000),
    images=st.integers(0, 5000),
    new=st.integers(0, 5000),
    pixels=st.integers(0, 10**8),
    more=st.integers(1, 1000),
)
def test_more_of_anything_never_needs_less(prompt: int, images: int, new: int, pixels: int, more: int) -> None:
    config = transformers.Idefics3Config()
    asked = {"prompt_tokens": prompt, "image_tokens": images, "new_tokens": new, "pixels": pixels, "dtype_bytes": 2}
    before = reserve_bytes(config, **asked)
    for name in ("prompt_tokens", "image_tokens", "new_tokens"):
        assert reserve_bytes(config, **{**asked, name: asked[name] + more}) > before, name
    assert reserve_bytes(config, **{**asked, "pixels": pixels + more}) >= before
    assert reserve_bytes(config, **{**asked, "dtype_bytes": 4}) > before


def text_of(**fields: Any) -> PreTrainedConfig:
    """Return a text model's configuration: 10 layers of 8 heads of 64, of which 2 have keys and values."""
    shape = {"hidden_size": 512, "num_hidden_layers": 10, "num_attention_heads": 8, "num_key_value_heads": 2}
    return transformers.Qwen2Config(**{**shape, "vocab_size": 1000, **fields})


def growth(config: PreTrainedConfig, new_tokens: int) -> int:
    """Return what tokens of the answer add."""
    with_them = reserve_bytes(config, **{**SIZES, "new_tokens": new_tokens})
    return with_them - reserve_bytes(config, **{**SIZES, "new_tokens": 0})


def test_a_token_of_the_answer_adds_its_keys_and_values_in_each_layer_and_one_more() -> None:
    keys, repeated = 2 * 2 * 64 * 2, 2 * 8 * 64 * 2
    assert growth(text_of(), 100) == 100 * (11 * keys + repeated)


def test_a_sliding_window_bounds_what_a_layer_keeps() -> None:
    layers = ["sliding_attention"] * 9 + ["full_attention"]
    config = text_of(layer_types=layers, use_sliding_window=True, sliding_window=600)
    keys, repeated = 2 * 2 * 64 * 2, 2 * 8 * 64 * 2
    assert growth(config, 1000) == 9 * 100 * keys + 1000 * (2 * keys + repeated)


def test_experts_that_work_together_count_together() -> None:
    shape = {"hidden_size": 512, "num_hidden_layers": 2, "num_attention_heads": 8, "intermediate_size": 512}
    few, many = (
        transformers.Qwen2MoeConfig(**shape, moe_intermediate_size=1000, num_experts_per_tok=count) for count in (2, 4)
    )
    asked = {**SIZES, "pixels": 0}
    assert reserve_bytes(few, **asked) < reserve_bytes(many, **asked)


def test_hidden_states_of_all_layers_count_where_one_is_chosen() -> None:
    config = transformers.Idefics3Config()
    asked = {**SIZES, "prompt_tokens": 1}
    without_them = reserve_bytes(config, **asked)
    config.vision_feature_layer = -2
    assert reserve_bytes(config, **asked) > without_them


def test_without_a_picture_no_tower_counts() -> None:
    asked = {**SIZES, "prompt_tokens": 1, "image_tokens": 0}
    config = transformers.LlavaConfig()
    assert reserve_bytes(config, **{**asked, "pixels": 0}) < reserve_bytes(config, **asked)


class OddConfig(PreTrainedConfig):
    """A configuration whose fields are not what their names say."""

    hidden_size = "large"
    num_attention_heads = 0
    num_hidden_layers = None
    num_key_value_heads = -1
    vocab_size: tuple[int, ...] = ()
    vision_config: Any = None


@pytest.mark.parametrize("config", [PreTrainedConfig(), OddConfig()], ids=["empty", "odd"])
def test_a_configuration_that_is_not_known_counts_as_that_of_a_large_model(config: PreTrainedConfig) -> None:
    known = transformers.LlamaConfig(vocab_size=VOCABULARY, intermediate_size=16384)
    assert reserve_bytes(config, **SIZES) == reserve_bytes(known, **SIZES)


def test_a_configuration_whose_layers_differ_counts_by_the_largest() -> None:
    config = transformers.Gemma4Config()
    with pytest.raises(RuntimeError):
        _ = config.text_config.head_dim
    largest = max(layer.head_dim for layer in config.text_config.per_layer_config)
    keys = 2 * largest * 2
    assert growth(config, 100) >= 100 * keys


def test_several_text_models_in_one_configuration_are_no_error() -> None:
    config = transformers.Blip2Config()
    config.get_text_config = lambda: config.missing  # type: ignore[method-assign]
    assert reserve_bytes(config, **SIZES) > 0


def test_the_copy_of_the_output_head_that_a_cpu_makes_is_told() -> None:
    """The copy is made within one operation, where counting storages does not see it."""
    config = text_of(hidden_size=64, vocab_size=20_000)
    head = torch.zeros(20_000, 64, dtype=torch.bfloat16)
    states = torch.zeros(1, 300, 64, dtype=torch.bfloat16)
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        functional.linear(states[:, -1:, :], head)
    events = profiled.profiler.kineto_results.events()
    taken = sum(max(0, event.nbytes()) for event in events if event.name() == "[memory]")
    logits = 20_000 * 2
    assert logits <= taken <= head_copy_bytes(config, 2) + logits + MEGABYTE // 4
    assert head_copy_bytes(config, 2) == head.nbytes
