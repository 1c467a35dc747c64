"""Builds a checkpoint of random weights in SmolVLM's shape; it knows nothing, and takes as long as one that does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

from microscope.engine.torchvision_repair import repair_torchvision
from microscope.tiny.model import CHAT_TEMPLATE, build_tokenizer

# Transformers' classes are asked for by attribute, which imports them: before the repair they do not import.
repair_torchvision()

SIDE, PATCH, SHUFFLE = 256, 16, 4
HEAD = 32


def build_random(
    folder: Path, vision: tuple[int, int], text: tuple[int, int], dtype: torch.dtype = torch.float32
) -> Path:
    """Save model and processor in a folder and return it; towers are given as (width, layers).

    The model has no token that ends an answer, so each answer has as many tokens as it may.
    """
    tokenizer = build_tokenizer()
    pad = tokenizer.pad_token_id
    torch.manual_seed(0)
    model = transformers.Idefics3ForConditionalGeneration(
        transformers.Idefics3Config(
            vision_config=_tower(vision, 4) | {"image_size": SIDE, "patch_size": PATCH},
            text_config=_tower(text, 3) | {"model_type": "llama", "vocab_size": len(tokenizer), "pad_token_id": pad},
            scale_factor=SHUFFLE,
            image_token_id=tokenizer.image_token_id,
            pad_token_id=pad,
            tie_word_embeddings=True,
        )
    )
    model.generation_config.update(eos_token_id=None, pad_token_id=pad)
    model.to(dtype).save_pretrained(folder)
    edge = {"longest_edge": SIDE}
    views = transformers.Idefics3ImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=False)
    seen = (SIDE // PATCH // SHUFFLE) ** 2
    transformers.Idefics3Processor(views, tokenizer, image_seq_len=seen, chat_template=CHAT_TEMPLATE).save_pretrained(
        folder
    )
    return folder


def _tower(size: tuple[int, int], widening: int) -> dict[str, int]:
    width, layers = size
    return {
        "hidden_size": width,
        "intermediate_size": widening * width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD,
        "num_key_value_heads": width // HEAD,
    }


def negated(folder: Path, other: Path) -> Path:
    """Save a second checkpoint of the same shape, every weight the opposite of the first one's, and return it."""
    shutil.copytree(folder, other)
    path = other / "model.safetensors"
    tensors = {name: -tensor for name, tensor in load_file(path).items()}
    # Not over the file itself, which the tensors are mapped from.
    save_file(tensors, path.with_suffix(".new"), {"format": "pt"})
    path.with_suffix(".new").replace(path)
    return other


def copies(folder: Path, count: int) -> tuple[Path, ...]:
    """Return that many checkpoints with the same weights: the folder, and links to its files in others beside it."""
    others = [folder.with_name(f"{folder.name}-{number}") for number in range(2, count + 1)]
    return (folder, *(Path(shutil.copytree(folder, other, copy_function=os.link)) for other in others))
