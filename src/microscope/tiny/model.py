"""The small VLM in the Idefics3 architecture: its tokenizer, processor and configuration; knows no training."""

from __future__ import annotations

import re

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor, PreTrainedTokenizerFast
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from microscope.tiny.questions import vocabulary

IMAGE_SIDE = 64
PATCH = 8
PATCHES = (IMAGE_SIDE // PATCH) ** 2
END = "<end_of_utterance>"
SPECIAL = (
    "<pad>",
    "<bos>",
    "<eos>",
    "<unk>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
    END,
    "<user>",
    "<assistant>",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}" + END + "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Build the word-level tokenizer: lower case, words and punctuation apart, every word of the questions known."""
    words = sorted({word for text in vocabulary() for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    ids = {token: number for number, token in enumerate((*SPECIAL, *words))}
    core = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token=END,
        unk_token="<unk>",
        padding_side="left",
        model_max_length=512,
        extra_special_tokens={
            "image_token": "<image>",
            "fake_image_token": "<fake_token_around_image>",
            "global_image_token": "<global-img>",
            "end_of_utterance_token": END,
            "user_token": "<user>",
            "assistant_token": "<assistant>",
        },
    )


def build_processor() -> Idefics3Processor:
    """Build the processor: one 64 px view of the image, no tiles, 64 image tokens, PIL backend."""
    image_processor = Idefics3ImageProcessorPil(
        size={"longest_edge": IMAGE_SIDE}, max_image_size={"longest_edge": IMAGE_SIDE}, do_image_splitting=False
    )
    return Idefics3Processor(image_processor, build_tokenizer(), image_seq_len=PATCHES, chat_template=CHAT_TEMPLATE)


def build_model(tokenizer: PreTrainedTokenizerFast) -> Idefics3ForConditionalGeneration:
    """Build the untrained model in float32: about 1.4 M parameters, under 3 MB in bfloat16."""
    ids = tokenizer.convert_tokens_to_ids
    vision = {
        "hidden_size": 96,
        "intermediate_size": 288,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": IMAGE_SIDE,
        "patch_size": PATCH,
    }
    text = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 320,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 512,
        "pad_token_id": ids("<pad>"),
        "bos_token_id": ids("<bos>"),
        "eos_token_id": ids(END),
        "tie_word_embeddings": True,
    }
    config = Idefics3Config(
        vision_config=vision,
        text_config=text,
        scale_factor=1,
        image_token_id=ids("<image>"),
        pad_token_id=ids("<pad>"),
        tie_word_embeddings=True,
        dtype=torch.float32,
    )
    return Idefics3ForConditionalGeneration(config)
