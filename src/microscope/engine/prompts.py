"""Turns a picture and a question into a checkpoint's inputs, in the main process; knows no model weights."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass

import torch
from jinja2 import TemplateError
from PIL import Image
from transformers import PreTrainedTokenizerBase, ProcessorMixin

from microscope.catalog.spec import ModelSpec
from microscope.engine.loading.gate import undisturbed
from microscope.engine.pictures import picture_to_image
from microscope.errors import UserError
from microscope.records import Picture

# Families whose processors come without a chat template, by processor class: the prompt their authors trained with.
FORMATS = {
    "PaliGemmaProcessor": "answer en {question}",
    "LlavaProcessor": "USER: {image}\n{question} ASSISTANT:",
    "LlavaNextProcessor": "USER: {image}\n{question} ASSISTANT:",
    "Blip2Processor": "Question: {question} Answer:",
    "InstructBlipProcessor": "{question}",
    "Florence2Processor": "{question}",
}
PLAIN = "{image}\n{question}"
# Tokenizers may change themselves while they work, and visitors share them.
PREPARING = threading.RLock()


@dataclass(frozen=True)
class Prepared:
    """A checkpoint's inputs: CPU tensors by name, the rendered prompt, and how many of its tokens are image tokens.

    `processing` is what the processor does, as canonical JSON, `size` the picture's as the processor got it.
    """

    inputs: dict[str, torch.Tensor]
    prompt: str
    prompt_tokens: int
    image_tokens: int
    processing: str
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Planned:
    """What of an answer is known before its picture is processed: the prompt, the picture's size, the processing."""

    prompt: str
    size: tuple[int, int]
    processing: str


def plan(
    processor: ProcessorMixin, spec: ModelSpec, size: tuple[int, int], question: str, budget: int | None
) -> Planned:
    """Render the prompt for a picture of some size; `budget` bounds it in pixels before the processor sees it.

    Raises `UserError` where the template cannot be rendered.
    """
    given = shrunk(size, budget or spec.image_budget)
    return Planned(render_prompt(processor, spec, question), given, processing_settings(processor, given))


def prepare(
    processor: ProcessorMixin, spec: ModelSpec, picture: Picture, question: str, budget: int | None
) -> Prepared:
    """Render the prompt and process the picture; `budget` bounds it in pixels before the processor sees it.

    Raises `UserError` where the template cannot be rendered, or the processor refuses the picture.
    """
    planned = plan(processor, spec, (picture.width, picture.height), question, budget)
    image = resized(picture_to_image(picture), planned.size)
    inputs = process(processor, spec, image, planned.prompt)
    image_tokens = len(image_places(processor, inputs))
    length = inputs["input_ids"].shape[1]
    return Prepared(inputs, planned.prompt, length, image_tokens, planned.processing, image.size)


def process(processor: ProcessorMixin, spec: ModelSpec, image: Image.Image, prompt: str) -> dict[str, torch.Tensor]:
    """Return the tensors of one image and its rendered prompt; what the processor refuses is a `UserError`."""
    options: dict[str, object] = {"return_tensors": "pt"}
    if prompt.startswith(processor.tokenizer.bos_token or "\0"):
        # As the library does for its own templates: the tokenizer would begin a second time.
        options["add_special_tokens"] = False
    try:
        with PREPARING, undisturbed():
            batch = processor(images=[image], text=[prompt], **options)
    except ValueError as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{spec.label} cannot take this picture or question ({reason}); try another one, or another checkpoint."
        ) from error
    # PaliGemma's processor brings labels along, of which a loss would be computed.
    return {name: value for name, value in batch.items() if isinstance(value, torch.Tensor) and name != "labels"}


def image_places(processor: ProcessorMixin, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the positions of a prompt that stand for the picture, in order, shape (image tokens,)."""
    return (inputs["input_ids"][0] == image_token_id(processor)).nonzero()[:, 0]


def render_prompt(processor: ProcessorMixin, spec: ModelSpec, question: str) -> str:
    """Render the prompt with one picture: the specification's own template, the chat template, or the family's format.

    A special token that a visitor typed is broken by a space, so that it stays text.
    """
    question = _defuse(processor, question)
    if spec.prompt_template is not None:
        return _fill(spec.prompt_template, processor, question)
    if getattr(processor, "chat_template", None) is None:
        prompt = _fill(FORMATS.get(type(processor).__name__, PLAIN), processor, question)
        return prompt if spec.system is None else f"{spec.system}\n{prompt}"
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    if spec.system is not None:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": spec.system}]})
    try:
        return processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except (TemplateError, ValueError, TypeError) as error:
        raise UserError(
            f"The chat template of {spec.label} cannot be rendered ({error}); give it a prompt_template in "
            "models.yaml."
        ) from error


def shrunk(size: tuple[int, int], budget: int | None) -> tuple[int, int]:
    """Return the size of an image that has at most `budget` pixels, its aspect ratio kept; None leaves it."""
    width, height = size
    if budget is None or width * height <= budget:
        return size
    scale = (budget / (width * height)) ** 0.5
    return max(1, int(width * scale)), max(1, int(height * scale))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the image in that size, itself where it has it."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def image_token_id(processor: ProcessorMixin) -> int:
    """Return the vocabulary id of the image token, -1 where the processor names none."""
    # The processor of Gemma 3 calls the token that begins an image so; its tokenizer knows the one for pixels.
    for one in (processor.tokenizer, processor):
        known = getattr(one, "image_token_id", None)
        if known is not None:
            return known
    token = getattr(processor, "image_token", None)
    return -1 if token is None else processor.tokenizer.convert_tokens_to_ids(str(token))


def processing_settings(processor: ProcessorMixin, size: tuple[int, int]) -> str:
    """Return what the image processor does as canonical JSON, with the size that it is given."""
    settings = {**processor.image_processor.to_dict(), "class": type(processor.image_processor).__name__}
    return json.dumps({**settings, "given": size}, sort_keys=True, default=str)


def _fill(template: str, processor: ProcessorMixin, question: str) -> str:
    # The question comes last: what a visitor types is not a place to fill.
    image = str(getattr(processor, "image_token", None) or "<image>")
    return template.replace("{image}", image).replace("{question}", question)


def _defuse(processor: ProcessorMixin, question: str) -> str:
    for token in sorted(_control_tokens(processor), key=len, reverse=True):
        if token in question:
            question = question.replace(token, f"{token[0]} {token[1:]}")
    return question


def _control_tokens(processor: ProcessorMixin) -> set[str]:
    """Return what the tokenizer, or the processor before it, does not read as text."""
    tokenizer: PreTrainedTokenizerBase = processor.tokenizer
    tokens = {str(token) for token in tokenizer.all_special_tokens}
    for token in tokenizer.added_tokens_decoder.values():
        # Some tags are added without being called special, such as the row and column marks of tiles.
        if token.special or (token.content.startswith("<") and token.content.endswith(">")):
            tokens.add(token.content)
    tokens |= {str(value) for name, value in vars(processor).items() if name.endswith("_token") and value}
    return {token for token in tokens if len(token) > 1 and not token.isspace()}
