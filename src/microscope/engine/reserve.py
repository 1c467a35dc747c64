"""What one answer needs beside the weights, from a model's configuration alone; knows no device and loads nothing.

An upper bound of tensors that live at the same time, for a batch of one under `torch.no_grad`. The terms are those of
the forward passes of transformers 5: each is a sum of rows a token, and the largest phase counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from transformers import PreTrainedConfig

FLOAT = 4
# What positions, small tensors of every step, and the rounding of allocators take.
FLOOR = 2**20
# Of a model that does not say.
VOCABULARY = 128_000
# Answer tokens of which one pass is gone through backwards.
GRADIENTS = 4


@dataclass(frozen=True)
class _Stack:
    """The shape of a stack of transformer layers; what a configuration leaves open is that of a model of 7 B."""

    layers: int = 32
    hidden: int = 4096
    intermediate: int = 16384
    heads: int = 32
    kv_heads: int = 32
    head_dim: int = 128
    eager: bool = False

    @property
    def attention(self) -> int:
        """Return the elements that the heads' queries of one token have."""
        return self.heads * self.head_dim

    def row(self, dtype_bytes: int) -> int:
        """Return the bytes that one token takes while a layer is computed.

        Four rows of the hidden size: the embeddings, which the caller holds, the residual, what was normed, and what
        comes out. Then the larger of feed-forward and attention. Feed-forward has gate, its activation, up and their
        product; attention has queries, keys and values, the first two turned by their positions with a temporary
        each, keys and values repeated for each query head, and the result as it is and in order. Norms compute in
        float32, with the square and the result beside the input.
        """
        wide = max(4 * self.intermediate, 10 * self.attention)
        return dtype_bytes * (4 * self.hidden + wide) + FLOAT * 3 * self.hidden

    def scores(self, queries: int, keys: int, dtype_bytes: int) -> int:
        """Return the bytes of attention scores; fused attention (sdpa, flash) makes none.

        Eager attention has for each head the products, with the mask added, in float32 for the softmax and after it.
        """
        return self.heads * queries * keys * (2 * dtype_bytes + 2 * FLOAT) if self.eager else 0


def reserve_bytes(
    config: PreTrainedConfig,
    *,
    prompt_tokens: int,
    image_tokens: int,
    new_tokens: int,
    pixels: int,
    dtype_bytes: int,
) -> int:
    """Return the bytes that the activations and the KV cache of one answer need at most.

    `prompt_tokens` count the `image_tokens` among them, `pixels` are the elements of `pixel_values`. It adds up: the
    KV cache at its longest; the larger of the vision tower's and the prompt's activations, which do not live at the
    same time; the image features and the mask of their places, in the prompt's embeddings; the attention mask; the
    logits of the last position with what sampling makes of them; and a fixed floor. A configuration of a shape that
    is not known counts as that of a model of 7 B. Not counted: the workspaces of a card's libraries, `head_copy_bytes`
    on a CPU, and the whole prompt's logits, which some older architectures compute.
    """
    text = _text_config(config)
    decoder = _text_stack(text, "decoder")
    encoder = _text_stack(text, "encoder") if getattr(text, "is_encoder_decoder", False) else None
    cache = _cache_bytes(text, decoder, (prompt_tokens, new_tokens), dtype_bytes, crossed=encoder is not None)
    reader = encoder or decoder
    prefill = prompt_tokens * reader.row(dtype_bytes) + reader.scores(prompt_tokens, prompt_tokens, dtype_bytes)
    features = image_tokens * decoder.hidden * (3 * dtype_bytes + 1)
    vision = _vision_bytes(config, pixels, dtype_bytes) if pixels else 0
    return (
        FLOOR
        + cache
        + max(prefill, vision)
        + features
        + _mask_bytes(text, prompt_tokens, dtype_bytes)
        + _logits_bytes(text, dtype_bytes)
    )


def head_copy_bytes(config: PreTrainedConfig, dtype_bytes: int) -> int:
    """Return the bytes of the copy that a CPU makes of the output head, once an answer, where it computes in bfloat16.

    The head is applied to the last position alone, which is a slice of them all; torch 2.13 takes that for a batch of
    products, and makes the transposed weight contiguous for it. In float32 and float16, and on a card, it does not.
    """
    text = _text_config(config)
    return _first(text, ("vocab_size",), VOCABULARY) * _text_stack(text, "decoder").hidden * dtype_bytes


def study_bytes(
    config: PreTrainedConfig, *, prompt_tokens: int, new_tokens: int, together: int, dtype_bytes: int
) -> int:
    """Return the bytes that looking inside needs at most, beside what an answer does.

    A pass that is gone through backwards keeps the activations of prompt and answer in every layer, and the gradients
    of a few tokens. Passes that go together, of `together` tokens in all, have their own activations, and a mask for
    each pair of positions, which fused attention turns into numbers. An answer that is foreseen has the logits of all
    its tokens, in two precisions.
    """
    text = _text_config(config)
    stack, length = _text_stack(text, "decoder"), prompt_tokens + new_tokens
    gradients = GRADIENTS * length * stack.attention * dtype_bytes
    each = length * stack.row(dtype_bytes) + gradients + stack.scores(length, length, dtype_bytes)
    masks = together * length * (2 + 2 * FLOAT)
    logits = new_tokens * _first(text, ("vocab_size",), VOCABULARY) * (dtype_bytes + FLOAT)
    return max(stack.layers * each, together * stack.row(dtype_bytes) + masks) + 2 * logits


def _cache_bytes(
    text: PreTrainedConfig, stack: _Stack, tokens: tuple[int, int], dtype_bytes: int, *, crossed: bool
) -> int:
    """Return the bytes of keys and values at the end of prompt and answer.

    A layer with a sliding window ends with the window's alone, but keeps the prompt's whole until the second token:
    what it slices is a view. `DynamicCache` appends by `torch.cat`, so one layer is there twice, and where a key
    serves several queries one layer is repeated for each of them. With an encoder (`crossed`), each layer has keys and
    values of the whole prompt as well, and the decoder's own prompt is a token or two.
    """
    prompt, new = tokens
    token = 2 * stack.kv_heads * stack.head_dim * dtype_bytes
    lengths = [
        prompt + new if window is None else max(prompt, min(prompt + new, window))
        for window in _windows(text, stack.layers)
    ]
    if crossed:
        # As many again for the prompt as for the answer; who takes part in which is not worth telling apart.
        lengths = [prompt + new] * stack.layers
    longest = max(lengths, default=0)
    return token * (sum(lengths) + longest) + 2 * stack.attention * dtype_bytes * longest


def _windows(text: PreTrainedConfig, layers: int) -> list[int | None]:
    """Return each layer's sliding window, None where it sees everything; chunks are kept like windows."""
    kinds = _read(text, "layer_types")
    kinds = kinds if isinstance(kinds, (list, tuple)) else ()
    window = _first(text, ("sliding_window",), 0)
    chunk = _first(text, ("attention_chunk_size",), 0)
    sizes = {"sliding_attention": window, "chunked_attention": chunk}
    return [sizes.get(kind) or None for kind, _ in zip_longest(kinds[:layers], range(layers))]


def _mask_bytes(text: PreTrainedConfig, prompt: int, dtype_bytes: int) -> int:
    """Return the bytes of the attention masks: every query by every key.

    Causal models with fused attention need none, but that is not the configuration's to tell: a window shorter than
    the prompt or an image that sees itself whole brings one for each kind of layer, as truth values and then as
    numbers, and five truth values while it is made.
    """
    kinds = _read(text, "layer_types")
    count = len(set(kinds)) if isinstance(kinds, (list, tuple)) and kinds else 1
    return prompt * prompt * (count * (1 + dtype_bytes) + 5)


def _logits_bytes(text: PreTrainedConfig, dtype_bytes: int) -> int:
    """Return the bytes of the last position's logits, and of what becomes of them in float32.

    Those are the copy, the scores before and after a processor, the log-softmax, and for sampling the sorted scores
    with their places (int64), their softmax, its sum and the mask of what is left out.
    """
    return _first(text, ("vocab_size",), VOCABULARY) * (dtype_bytes + 8 * FLOAT + 2 * 8)


def _vision_bytes(config: PreTrainedConfig, pixels: int, dtype_bytes: int) -> int:
    """Return the bytes that the vision tower and the projection of its features take.

    Four copies of the pixels (as given in float32, in the model's dtype, the selection of real images, the rows for
    the patches' convolution) and their mask; a row for each patch as in text; what the projection gathers from
    neighbouring patches; and the hidden states of all layers, where the configuration names one to take. Eager
    attention is among the patches of one image.
    """
    vision = getattr(config, "vision_config", None)
    stack = _stack(
        vision,
        hidden=_first(vision, ("embed_dim", "hidden_size", "width"), 1280),
        layers=("num_hidden_layers", "depth", "layers"),
        heads=("num_attention_heads", "num_heads"),
        intermediate=("intermediate_size",),
    )
    channels = _first(vision, ("num_channels", "in_channels", "in_chans"), 3)
    # Towers that shrink in stages begin with a stride, and their first stage is the largest.
    patch = _first(vision, ("patch_stride", "patch_size"), 14)
    frames = _first(vision, ("temporal_patch_size",), 1)
    patches = -(-pixels // (channels * patch * patch * frames))
    side = _first(vision, ("image_size",), 0)
    together = min(patches, (side // patch) ** 2 + 1) if side else patches
    kept = stack.layers if getattr(config, "vision_feature_layer", None) is not None else 0
    rows = patches * (stack.row(dtype_bytes) + (kept + 3) * stack.hidden * dtype_bytes)
    return pixels * (FLOAT + 3 * dtype_bytes + 4) + rows + stack.scores(patches, together, dtype_bytes)


def _text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    try:
        return config.get_text_config()
    except (ValueError, AttributeError):
        # Several of them, or none that it knows.
        return getattr(config, "text_config", None) or config


def _text_stack(text: PreTrainedConfig, side: str) -> _Stack:
    return _stack(
        text,
        hidden=_first(text, ("hidden_size", "d_model", "n_embd"), _Stack.hidden),
        layers=(f"{side}_layers", "num_hidden_layers", "num_layers", "n_layer"),
        heads=(f"{side}_attention_heads", "num_attention_heads", "num_heads", "n_head"),
        intermediate=(f"{side}_ffn_dim", "intermediate_size", "ffn_dim", "d_ff", "n_inner"),
    )


def _stack(
    config: PreTrainedConfig | None,
    *,
    hidden: int,
    layers: Sequence[str],
    heads: Sequence[str],
    intermediate: Sequence[str],
) -> _Stack:
    """Read a stack's shape under the names that families give it."""
    count = _first(config, heads, max(1, hidden // 64))
    # Experts of which several are asked have the sum of their sizes.
    experts = _first(config, ("moe_intermediate_size",), 0) * _first(config, ("num_experts_per_tok",), 1)
    return _Stack(
        layers=_first(config, layers, _Stack.layers),
        hidden=hidden,
        intermediate=max(_first(config, intermediate, 4 * hidden), experts),
        heads=count,
        kv_heads=_first(config, ("num_key_value_heads",), count),
        head_dim=max(
            _first(config, ("head_dim", "d_kv"), -(-hidden // count)),
            _first(config, ("qk_head_dim",), 0),
            _first(config, ("v_head_dim",), 0),
        ),
        eager=getattr(config, "_attn_implementation", None) == "eager",
    )


def _first(config: PreTrainedConfig | None, names: Sequence[str], otherwise: int) -> int:
    """Return the first of the attributes that is a positive number, or the first of a list of them."""
    for name in names:
        value = _read(config, name)
        value = value[0] if isinstance(value, (list, tuple)) and value else value
        if isinstance(value, int) and value > 0:
            return value
    return otherwise


def _read(config: PreTrainedConfig | None, name: str) -> object:
    """Return an attribute, None where there is none, and the largest number where layers differ in it."""
    try:
        return getattr(config, name, None)
    except RuntimeError:
        # Such a configuration refuses to name one for all of them.
        layers = getattr(config, "per_layer_config", ())
        return max((value for layer in layers if isinstance(value := getattr(layer, name, None), int)), default=None)
