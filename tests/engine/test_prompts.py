"""A checkpoint's inputs are those of plain code, and what a visitor types stays text."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from microscope.catalog.spec import ModelSpec
from microscope.engine.generate import IMAGE_TOKENS
from microscope.engine.loader import load
from microscope.engine.pictures import picture_to_image
from microscope.engine.prompts import (
    FORMATS,
    PLAIN,
    Planned,
    image_places,
    image_token_id,
    plan,
    prepare,
    process,
    processing_settings,
    render_prompt,
    resized,
    shrunk,
)
from microscope.errors import UserError
from tests.engine.conftest import Loaded
from tests.families import FAMILIES, local_of, picture

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUESTION = "what is left of the red square ?"
SPEC = ModelSpec("run", "Run", "/run", folder=True)
WITH_TEMPLATE = [name for name in FAMILIES if name not in ("llava", "paligemma", "florence2")]
# What visitors might type to be taken for the system, the end of their turn, or another image.
INJECTIONS = [
    "<image>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<row_1_col_1>",
    "<|image_pad|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<start_of_image>",
    "<image_soft_token>",
    "<IMG_CONTEXT>",
    "</s>",
    "<s>",
    "<pad>",
    "<video>",
    "[INST]",
]


@pytest.mark.parametrize("family", WITH_TEMPLATE)
def test_the_inputs_are_those_of_the_chat_template(family: str, loaded: Callable[..., Loaded]) -> None:
    processor = loaded(family).processor
    shown = picture()
    content = [{"type": "image", "image": picture_to_image(shown)}, {"type": "text", "text": QUESTION}]
    expected = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    prepared = prepare(processor, SPEC, shown, QUESTION, None)
    assert prepared.inputs.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in prepared.inputs.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tokens_are_counted(family: str, loaded: Callable[..., Loaded]) -> None:
    one = loaded(family)
    prepared = prepare(one.processor, SPEC, picture(), QUESTION, None)
    ids = prepared.inputs["input_ids"]
    assert prepared.prompt_tokens == ids.shape[1]
    assert 0 < prepared.image_tokens < prepared.prompt_tokens
    config = one.model.config
    assert image_token_id(one.processor) in {getattr(config, name, None) for name in IMAGE_TOKENS[:2]}
    assert prepared.image_tokens == int((ids == image_token_id(one.processor)).sum())
    # Florence-2 pools its tower's patches into a few.
    assert prepared.image_tokens >= (5 if family == "florence2" else 16)
    with torch.no_grad():
        logits = one.model(**prepared.inputs).logits
    assert logits.isfinite().all()


def test_a_prompt_that_begins_by_itself_does_not_begin_twice(loaded: Callable[..., Loaded]) -> None:
    processor = loaded("gemma3").processor
    ids = prepare(processor, SPEC, picture(), QUESTION, None).inputs["input_ids"][0].tolist()
    assert ids.count(processor.tokenizer.bos_token_id) == 1


@pytest.mark.parametrize(
    ("family", "prompt"),
    [
        ("llava", f"USER: <image>\n{QUESTION} ASSISTANT:"),
        ("paligemma", f"answer en {QUESTION}"),
    ],
)
def test_a_family_without_a_template_has_its_own_format(
    family: str, prompt: str, loaded: Callable[..., Loaded]
) -> None:
    one = loaded(family)
    assert one.processor.chat_template is None
    assert render_prompt(one.processor, SPEC, QUESTION) == prompt
    expected = one.processor(images=picture_to_image(picture()), text=prompt, return_tensors="pt")
    prepared = prepare(one.processor, SPEC, picture(), QUESTION, None)
    assert torch.equal(prepared.inputs["input_ids"], expected["input_ids"])
    assert "labels" not in prepared.inputs


def test_a_family_that_nobody_wrote_a_format_for_gets_a_plain_one(
    loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = loaded("llava").processor
    monkeypatch.delitem(FORMATS, "LlavaProcessor")
    assert render_prompt(processor, SPEC, "what ?") == PLAIN.format(image="<image>", question="what ?")


def test_a_prompt_template_of_the_entry_comes_first(loaded: Callable[..., Loaded]) -> None:
    spec = replace(SPEC, prompt_template="Look: {image} {question} Answer:")
    processor = loaded("qwen2_5_vl").processor
    assert render_prompt(processor, spec, "what ?") == "Look: <|image_pad|> what ? Answer:"
    assert prepare(processor, spec, picture(), "what ?", None).image_tokens > 1


def test_what_a_visitor_types_is_no_place_to_fill(loaded: Callable[..., Loaded]) -> None:
    spec = replace(SPEC, prompt_template="{image} {question}")
    asked = "is {image} or {question} here ?"
    assert render_prompt(loaded("idefics3").processor, spec, asked) == f"<image> {asked}"


def test_the_system_text_comes_before_the_question(loaded: Callable[..., Loaded]) -> None:
    spec = replace(SPEC, system="answer in one word")
    assert render_prompt(loaded("idefics3").processor, spec, "what ?").startswith("system: answer in one word")
    assert render_prompt(loaded("llava").processor, spec, "what ?").startswith("answer in one word\nUSER: <image>")


@pytest.mark.parametrize("template", ["{% if %}", "{{ raise_exception('no system') }}", "{{ messages.x.y }}"])
def test_a_template_that_cannot_be_rendered_is_told(
    template: str, loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = loaded("idefics3").processor
    monkeypatch.setattr(processor, "chat_template", template)
    with pytest.raises(UserError, match=r"chat template of Run cannot be rendered .*prompt_template in models\.yaml"):
        render_prompt(processor, SPEC, QUESTION)


@pytest.mark.parametrize("family", FAMILIES)
def test_control_tokens_that_a_visitor_types_stay_text(family: str, loaded: Callable[..., Loaded]) -> None:
    processor = loaded(family).processor
    special = {number for number, token in processor.tokenizer.added_tokens_decoder.items() if token.special}
    plain = prepare(processor, SPEC, picture(), QUESTION, None)
    for injected in INJECTIONS:
        prepared = prepare(processor, SPEC, picture(), f"{QUESTION} {injected}{injected} then", None)
        assert prepared.image_tokens == plain.image_tokens, injected
        counts = [sum(token in special for token in one.inputs["input_ids"][0].tolist()) for one in (plain, prepared)]
        assert counts[0] == counts[1], injected
        assert prepared.prompt_tokens > plain.prompt_tokens, "what was typed is still asked"


def test_a_question_without_control_tokens_is_left_as_it_is(loaded: Callable[..., Loaded]) -> None:
    question = "is 1 < 2 > 0, and what does <b> mean ? 5 <= x | y"
    assert question in render_prompt(loaded("idefics3").processor, SPEC, question)


def test_a_load_in_another_thread_leaves_the_inputs_as_they_are(loaded: Callable[..., Loaded], embedded: Path) -> None:
    """While a model loads, tensors of the whole process come out in its dtype."""
    processor, done = loaded("idefics3").processor, threading.Event()
    expected = prepare(processor, SPEC, picture(), QUESTION, None).inputs
    local = local_of(embedded, dtype="auto")

    def load_on() -> None:
        while not done.is_set():
            load(local, "cpu", "bfloat16")

    thread = threading.Thread(target=load_on)
    thread.start()
    found = [prepare(processor, SPEC, picture(), QUESTION, None).inputs for _ in range(30)]
    done.set()
    thread.join()
    for inputs in found:
        assert {name: value.dtype for name, value in inputs.items()} == {n: v.dtype for n, v in expected.items()}
        assert all(torch.equal(value, expected[name]) for name, value in inputs.items())


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 3), (2, 300), (300, 2)])
@pytest.mark.parametrize("family", FAMILIES)
def test_small_and_thin_pictures_are_taken(family: str, size: tuple[int, int], loaded: Callable[..., Loaded]) -> None:
    assert prepare(loaded(family).processor, SPEC, picture(*size), QUESTION, None).image_tokens > 0


def test_a_picture_that_a_processor_refuses_is_told(loaded: Callable[..., Loaded]) -> None:
    with pytest.raises(UserError, match=r"Run cannot take this picture or question \(absolute aspect ratio must be"):
        prepare(loaded("qwen2_5_vl").processor, SPEC, picture(1, 300), QUESTION, None)


def test_the_image_budget_shrinks_the_picture(loaded: Callable[..., Loaded]) -> None:
    processor = loaded("qwen2_5_vl").processor
    large = picture(128, 128)
    counts = [prepare(processor, SPEC, large, QUESTION, budget).image_tokens for budget in (None, 64 * 64, 32 * 32)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2]
    own = replace(SPEC, image_budget=32 * 32)
    assert prepare(processor, own, large, QUESTION, None).image_tokens == counts[2]
    assert prepare(processor, own, large, QUESTION, 64 * 64).image_tokens == counts[1]


@pytest.mark.parametrize(
    ("size", "budget", "expected"),
    [
        ((400, 100), None, (400, 100)),
        ((400, 100), 40_000, (400, 100)),
        ((400, 100), 10_000, (200, 50)),
        ((1000, 1), 10, (100, 1)),
        ((3, 3), 1, (1, 1)),
    ],
)
def test_shrinking_keeps_the_shape(size: tuple[int, int], budget: int | None, expected: tuple[int, int]) -> None:
    assert shrunk(size, budget) == expected
    assert resized(Image.new("RGB", size), expected).size == expected


def test_processing_settings_tell_apart_what_gives_other_pixels(loaded: Callable[..., Loaded]) -> None:
    processor, other = loaded("idefics3").processor, loaded("llava").processor
    image, smaller = (64, 64), (32, 32)
    settings = {processing_settings(*pair) for pair in [(processor, image), (processor, smaller), (other, image)]}
    assert len(settings) == 3
    assert processing_settings(processor, image) == processing_settings(processor, (64, 64))
    assert json.loads(processing_settings(processor, image))["given"] == [64, 64]


def test_the_kept_tensors_are_plain_data(loaded: Callable[..., Loaded], tmp_path: Path) -> None:
    inputs = prepare(loaded("llava_next").processor, SPEC, picture(), QUESTION, None).inputs
    torch.save(inputs, tmp_path / "inputs.pt")
    assert all(tensor.device.type == "cpu" and not tensor.requires_grad for tensor in inputs.values())


@pytest.mark.parametrize("budget", [None, 32 * 32])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_planned_is_what_is_prepared(
    family: str, budget: int | None, loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer's address is known before its picture is processed."""
    processor, one = loaded(family).processor, picture()
    prepared = prepare(processor, SPEC, one, QUESTION, budget)
    monkeypatch.setattr(type(processor.image_processor), "__call__", lambda *_: pytest.fail("it looked at a picture"))
    planned = plan(processor, SPEC, (one.width, one.height), QUESTION, budget)
    assert planned == Planned(prepared.prompt, prepared.size, prepared.processing)


def test_the_budget_of_the_entry_is_planned_with(loaded: Callable[..., Loaded]) -> None:
    processor = loaded("idefics3").processor
    own = replace(SPEC, image_budget=400)
    assert plan(processor, own, (40, 40), QUESTION, None).size == (20, 20)
    assert plan(processor, own, (40, 40), QUESTION, 100).size == (10, 10)
    assert plan(processor, SPEC, (40, 40), QUESTION, None).size == (40, 40)


def test_an_image_in_its_size_is_the_same_image() -> None:
    image = Image.new("RGB", (9, 4))
    assert resized(image, (9, 4)) is image
    assert resized(image, (3, 4)) is not image


@pytest.mark.parametrize("family", FAMILIES)
def test_processing_gives_the_tensors_and_counting_the_tokens_of_preparing(
    family: str, loaded: Callable[..., Loaded]
) -> None:
    processor = loaded(family).processor
    prepared = prepare(processor, SPEC, picture(), QUESTION, None)
    inputs = process(processor, SPEC, picture_to_image(picture()), prepared.prompt)
    assert inputs.keys() == prepared.inputs.keys()
    assert all(torch.equal(value, prepared.inputs[name]) for name, value in inputs.items())
    assert len(image_places(processor, inputs)) == prepared.image_tokens > 0
