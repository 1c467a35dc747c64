"""Tiny vision-language models of many transformers families: random weights, a tokenizer trained here, no download.

`FAMILIES` maps a family's name to what builds its model and processor; `save_family` writes the folder that
`from_pretrained` reads. Each has about 0.2 M parameters and takes less than a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.records import Picture

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast, ProcessorMixin

Built = tuple["PreTrainedModel", "ProcessorMixin"]

STANDARD = ("<pad>", "<s>", "</s>")
CORPUS = (
    "what is in the image ? a red square on a white wall . where is the cat ? on the left of the dog .",
    "User: describe the image briefly. Assistant: a small cat sits near a blue cup.",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 8,
}
SIDES = {"height": 64, "width": 64}
ENCODER_DECODER = {"layers": 2, "attention_heads": 4, "ffn_dim": 96}
ROPE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4}


def save_family(name: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a family's model, initialised from the seed, and its processor into a folder, and return it."""
    torch.manual_seed(seed)
    model, processor = FAMILIES[name]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def spec_of(folder: Path, **fields: Any) -> ModelSpec:
    """Return the specification of the checkpoint in a folder, named after it, in float32."""
    given = {"key": folder.name, "label": folder.name, "source": str(folder), "folder": True, "dtype": "float32"}
    return ModelSpec(**{**given, **fields})


def local_of(folder: Path, **fields: Any) -> LocalCheckpoint:
    """Return the checkpoint in a folder as the fetcher finds it."""
    return Fetcher().fetch(spec_of(folder, **fields))


def picture(width: int = 90, height: int = 70, seed: int = 0) -> Picture:
    """Return a picture of coloured noise."""
    noise = torch.randint(0, 256, (height * width * 3,), generator=torch.Generator().manual_seed(seed))
    return Picture(width, height, bytes(noise.tolist()))


def _tokenizer(named: dict[str, str], tags: Sequence[str] = (), *, begins: bool = False) -> PreTrainedTokenizerFast:
    """Train a tokenizer; `tags` are further special tokens, and one that `begins` adds its first token by itself."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[*STANDARD, *dict.fromkeys([*named.values(), *tags])],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(CORPUS, trainer)
    if begins:
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        **dict(zip(("pad_token", "bos_token", "eos_token"), STANDARD, strict=True)),
        model_input_names=["input_ids", "attention_mask"],
        extra_special_tokens=named,
    )


def _chat(image: str) -> str:
    return CHAT_TEMPLATE.replace("IMAGE", image)


def _text(tokenizer: PreTrainedTokenizerFast, kind: str | None = None, **more: Any) -> dict[str, Any]:
    return {**TEXT, "vocab_size": len(tokenizer), **({"model_type": kind} if kind else {}), **more}


def _siglip(**more: Any) -> dict[str, Any]:
    return {"model_type": "siglip_vision_model", "vision_use_head": False, **VISION, **more}


def _tiled(name: str) -> Built:
    """Build Idefics3 or SmolVLM: one view of the whole, and tiles with their marks."""
    marks = [f"<row_{row + 1}_col_{column + 1}>" for row in range(6) for column in range(6)]
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "end_of_utterance_token": "<end_of_utterance>",
        "global_image_token": "<global-img>",
    }
    tokenizer = _tokenizer(named, marks)
    sizes = {"size": {"longest_edge": 192}, "max_image_size": {"longest_edge": 64}}
    images = getattr(transformers, f"{name}ImageProcessor")(**sizes)
    videos = (transformers.SmolVLMVideoProcessor(),) if name == "SmolVLM" else ()
    processor = getattr(transformers, f"{name}Processor")(
        images, tokenizer, *videos, image_seq_len=16, chat_template=_chat("<image>")
    )
    config = getattr(transformers, f"{name}Config")(
        vision_config=VISION,
        text_config=_text(tokenizer, "llama"),
        scale_factor=2,
        image_token_id=tokenizer.image_token_id,
        pad_token_id=0,
    )
    return getattr(transformers, f"{name}ForConditionalGeneration")(config), processor


def _qwen(name: str, vision: dict[str, Any], text: dict[str, Any]) -> Built:
    """Build Qwen2.5-VL or Qwen3-VL: as many image tokens as the picture needs."""
    named = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    }
    tokenizer = _tokenizer(named, ["<|im_end|>"])
    pixels = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    images = transformers.Qwen2VLImageProcessor(patch_size=8, merge_size=2, temporal_patch_size=2, size=pixels)
    videos = transformers.Qwen2VLVideoProcessor() if name == "Qwen2_5_VL" else transformers.Qwen3VLVideoProcessor()
    template = _chat("<|vision_start|><|image_pad|><|vision_end|>")
    processor = getattr(transformers, f"{name}Processor")(images, tokenizer, videos, chat_template=template)
    shared = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 64,
    }
    config = getattr(transformers, f"{name}Config")(
        text_config=_text(tokenizer, **text),
        vision_config={**shared, **vision},
        **{f"{kind}_id": getattr(tokenizer, f"{kind}_id") for kind in named},
    )
    return getattr(transformers, f"{name}ForConditionalGeneration")(config), processor


def _qwen2_5_vl() -> Built:
    vision = {"depth": 2, "window_size": 32, "fullatt_block_indexes": [1]}
    return _qwen("Qwen2_5_VL", vision, {"rope_parameters": ROPE})


def _qwen3_vl() -> Built:
    vision = {"depth": 3, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
    return _qwen("Qwen3VL", vision, {"head_dim": 16, "rope_parameters": {**ROPE, "mrope_interleaved": True}})


def _llava(name: str, **pins: Any) -> Built:
    """Build LLaVA 1.5 or LLaVA-NeXT: a CLIP tower; of the first, without a chat template."""
    tokenizer = _tokenizer({"image_token": "<image>"}, ["[INST]"], begins=True)
    images = getattr(transformers, "CLIPImageProcessor" if name == "Llava" else "LlavaNextImageProcessor")(
        size={"shortest_edge": 64}, crop_size=SIDES, **pins
    )
    processor = getattr(transformers, f"{name}Processor")(
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=None if name == "Llava" else _chat("<image>"),
    )
    config = getattr(transformers, f"{name}Config")(
        vision_config={"model_type": "clip_vision_model", "projection_dim": 64, **VISION},
        text_config=_text(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        **pins,
    )
    return getattr(transformers, f"{name}ForConditionalGeneration")(config), processor


def _llava_onevision() -> Built:
    tokenizer = _tokenizer({"image_token": "<image>", "video_token": "<video>"})
    pins = [[height, width] for height in (64, 128, 192) for width in (64, 128, 192)]
    images = transformers.LlavaOnevisionImageProcessor(size=SIDES, image_grid_pinpoints=pins)
    shared = {"vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_4"}
    videos = transformers.LlavaOnevisionVideoProcessor()
    processor = transformers.LlavaOnevisionProcessor(
        images, tokenizer, videos, num_image_tokens=64, chat_template=_chat("<image>"), **shared
    )
    config = transformers.LlavaOnevisionConfig(
        vision_config=_siglip(),
        text_config=_text(tokenizer, "qwen2"),
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
        image_grid_pinpoints=pins,
        vision_feature_layer=-1,
        **shared,
    )
    return transformers.LlavaOnevisionForConditionalGeneration(config), processor


def _internvl() -> Built:
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = _tokenizer(named)
    processor = transformers.InternVLProcessor(
        transformers.GotOcr2ImageProcessor(size=SIDES, max_patches=6),
        tokenizer,
        transformers.InternVLVideoProcessor(),
        image_seq_length=16,
        chat_template=_chat("<IMG_CONTEXT>\n"),
    )
    config = transformers.InternVLConfig(
        vision_config={**VISION, "image_size": [64, 64], "patch_size": [8, 8]},
        text_config=_text(tokenizer, "qwen2"),
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=16,
        downsample_ratio=0.5,
    )
    return transformers.InternVLForConditionalGeneration(config), processor


def _paligemma() -> Built:
    """Build PaliGemma, which has no chat template: its processor places the image tokens."""
    tokenizer = _tokenizer({"image_token": "<image>"})
    images = transformers.SiglipImageProcessor(size=SIDES)
    images.image_seq_length = 64
    processor = transformers.PaliGemmaProcessor(images, tokenizer)
    config = transformers.PaliGemmaConfig(
        vision_config=_siglip(projection_dim=64),
        text_config=_text(tokenizer, "gemma", head_dim=16),
        image_token_index=tokenizer.image_token_id,
        projection_dim=64,
        hidden_size=64,
        pad_token_id=0,
    )
    return transformers.PaliGemmaForConditionalGeneration(config), processor


def _gemma3() -> Built:
    """Build Gemma 3, whose template begins with the token that its tokenizer would add as well."""
    named = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = _tokenizer(named, begins=True)
    template = "<s>" + _chat("<start_of_image>")
    images = transformers.Gemma3ImageProcessor(size=SIDES)
    processor = transformers.Gemma3Processor(images, tokenizer, chat_template=template, image_seq_length=16)
    layers = {"head_dim": 16, "sliding_window": 2048, "layer_types": ["full_attention"] * 3}
    config = transformers.Gemma3Config(
        text_config=_text(tokenizer, **layers),
        vision_config=_siglip(),
        mm_tokens_per_image=16,
        image_token_index=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
    )
    model = transformers.Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.2)
    return model, processor


def _florence2() -> Built:
    """Build Florence-2, the one with an encoder, which sees, and a decoder, which answers."""
    tokenizer = _tokenizer({"image_token": "<image>"})
    images = transformers.CLIPImageProcessor(size=SIDES, crop_size=SIDES, do_center_crop=False)
    # One token for the whole, and one for each of the four patches that the tower leaves.
    images.image_seq_length = 5
    processor = transformers.Florence2Processor(images, tokenizer, num_additional_image_tokens=0)
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    sides = {f"{side}_{what}": size for side in ("encoder", "decoder") for what, size in ENCODER_DECODER.items()}
    config = transformers.Florence2Config(
        vision_config={
            "embed_dim": [8, 16, 16, 32],
            "num_heads": [1, 2, 2, 2],
            "num_groups": [1, 2, 2, 2],
            "depths": [1, 1, 1, 1],
            "projection_dim": 64,
            "window_size": 4,
        },
        text_config={"vocab_size": len(tokenizer), "d_model": 64, "decoder_start_token_id": 2, **sides, **special},
        image_token_id=tokenizer.image_token_id,
        **special,
    )
    return transformers.Florence2ForConditionalGeneration(config), processor


FAMILIES: dict[str, Callable[[], Built]] = {
    "idefics3": lambda: _tiled("Idefics3"),
    "smolvlm": lambda: _tiled("SmolVLM"),
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "llava": lambda: _llava("Llava"),
    "llava_next": lambda: _llava("LlavaNext", image_grid_pinpoints=[[64, 128], [128, 64], [128, 128]]),
    "llava_onevision": _llava_onevision,
    "internvl": _internvl,
    "paligemma": _paligemma,
    "gemma3": _gemma3,
    "florence2": _florence2,
}
