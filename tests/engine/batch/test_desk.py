"""Each picture is processed once for all questions about it, and nobody can tell from what comes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from transformers import BatchFeature, ProcessorMixin

from microscope.catalog.spec import ModelSpec
from microscope.engine.batch import desk as desks
from microscope.engine.batch.desk import Desk
from microscope.engine.files import LocalCheckpoint
from microscope.engine.processors import Processors
from microscope.engine.prompts import Prepared, plan, prepare
from microscope.errors import UserError
from microscope.records import Picture
from tests.engine.batch.conftest import QUESTIONS, SIZES
from tests.engine.conftest import Loaded
from tests.families import FAMILIES, STANDARD, local_of, picture

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PICTURES = tuple(picture(*size, seed=number) for number, size in enumerate(SIZES))


class Looks:
    """An image processor that counts how often it looked at what."""

    def __init__(self, original: Any, change: Callable[[BatchFeature], BatchFeature] = lambda found: found) -> None:
        self._original, self._change = original, change
        self.sizes: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __call__(self, images: Any, **options: Any) -> BatchFeature:
        one = images[0]
        self.sizes.append((one if isinstance(one, Image.Image) else one[0]).size)
        return self._change(self._original(images, **options))


@pytest.fixture
def local(checkpoint: Callable[..., Path]) -> Callable[[str], LocalCheckpoint]:
    return lambda name: local_of(checkpoint(name))


def desk_of(
    local: LocalCheckpoint, change: Callable[[BatchFeature], BatchFeature] | None = None
) -> tuple[Desk, Looks]:
    """Return a desk whose processor is its own, and what counts how often it looks."""
    processor = Processors().get(local)
    looks = Looks(processor.image_processor, *([] if change is None else [change]))
    processor.image_processor = looks
    return Desk(local, processor), looks


def inputs_of(desk: Desk, one: Picture, question: str, budget: int | None = None) -> dict[str, torch.Tensor]:
    planned = desk.plan((one.width, one.height), question, budget)
    prompt, tensors = desk.prepare(one, planned, 7)
    assert prompt.picture == 7
    return {**prompt.text, **tensors}


def same(found: dict[str, torch.Tensor], expected: Prepared) -> bool:
    return found.keys() == expected.inputs.keys() and all(
        value.dtype == expected.inputs[name].dtype and torch.equal(value, expected.inputs[name])
        for name, value in found.items()
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_what_comes_out_is_what_plain_preparing_gives(
    family: str, local: Callable[[str], LocalCheckpoint], loaded: Callable[..., Loaded]
) -> None:
    checkpoint = local(family)
    (desk, looks), plain = desk_of(checkpoint), loaded(family).processor
    for question in QUESTIONS:
        for number, one in enumerate(PICTURES):
            expected = prepare(plain, checkpoint.spec, one, question, None)
            planned = desk.plan((one.width, one.height), question, None)
            assert (planned.prompt, planned.size) == (expected.prompt, expected.size)
            prompt, tensors = desk.prepare(one, planned, number)
            assert same({**prompt.text, **tensors}, expected)
            assert (prompt.length, prompt.image_tokens) == (expected.prompt_tokens, expected.image_tokens)
            assert set(prompt.text) == {name for name in prompt.text if name.endswith(("_ids", "_mask"))}
    # Once more for the first, on which it was tried.
    assert looks.sizes == [SIZES[0], *SIZES]


def test_a_picture_in_another_size_is_looked_at_again(local: Callable[[str], LocalCheckpoint]) -> None:
    desk, looks = desk_of(local("qwen2_5_vl"))
    for budget in (None, 32 * 32, None, 32 * 32):
        inputs_of(desk, PICTURES[0], QUESTIONS[0], budget)
    assert looks.sizes == [(90, 70), (90, 70), (36, 28)]


def test_the_processor_that_others_share_stays_as_it_is(local: Callable[[str], LocalCheckpoint]) -> None:
    """What an answer's address says of the processing is read from it at any time."""
    checkpoint, seen = local("idefics3"), []

    def look(found: BatchFeature) -> BatchFeature:
        seen.append(desk.processor.image_processor)
        return found

    desk, looks = desk_of(checkpoint, look)
    before = dict(vars(desk.processor))
    expected = plan(desk.processor, checkpoint.spec, SIZES[0], QUESTIONS[0], None)
    for question in QUESTIONS:
        for one in PICTURES:
            inputs_of(desk, one, question)
    assert vars(desk.processor) == before
    assert seen == [looks] * 4
    assert desk.plan(SIZES[0], QUESTIONS[0], None) == expected


def another_each_time(found: BatchFeature) -> BatchFeature:
    return BatchFeature({**found, "pixel_values": torch.rand_like(found["pixel_values"])})


def test_a_processor_that_gives_something_else_each_time_is_asked_each_time(
    local: Callable[[str], LocalCheckpoint],
) -> None:
    desk, looks = desk_of(local("llava"), another_each_time)
    found = [inputs_of(desk, PICTURES[0], question)["pixel_values"] for question in QUESTIONS]
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])
    # The trial needs but one look to fail.
    assert len(looks.sizes) == 4


class Strict:
    """A processor that works with no image processor but its own."""

    def __init__(self, original: ProcessorMixin, error: Exception) -> None:
        self.original, self.error = original, error
        self.image_processor = original.image_processor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original, name)

    def __call__(self, **given: Any) -> BatchFeature:
        if self.image_processor is not self.original.image_processor:
            raise self.error
        return self.original(**given)


@pytest.mark.parametrize("error", [TypeError("unknown class"), ValueError("no"), AttributeError("no")])
def test_a_processor_that_takes_no_other_image_processor_works_as_ever(
    error: Exception, local: Callable[[str], LocalCheckpoint]
) -> None:
    desk = Desk(local("llava"), Strict(Processors().get(local("llava")), error))
    for question in QUESTIONS[:2]:
        expected = prepare(desk.processor, desk.spec, PICTURES[1], question, None)
        assert same(inputs_of(desk, PICTURES[1], question), expected)


def test_a_picture_that_is_refused_decides_nothing(local: Callable[[str], LocalCheckpoint]) -> None:
    desk, looks = desk_of(local("qwen2_5_vl"))
    thin = picture(1, 300)
    for _ in range(2):
        with pytest.raises(UserError, match="cannot take this picture or question"):
            inputs_of(desk, thin, QUESTIONS[0])
    for question in QUESTIONS:
        inputs_of(desk, PICTURES[0], question)
        with pytest.raises(UserError, match="cannot take this picture or question"):
            inputs_of(desk, thin, question)
    assert looks.sizes.count(SIZES[0]) == 2


def test_pixels_are_kept_within_a_bound(
    local: Callable[[str], LocalCheckpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = local("llava")
    size = prepare(Processors().get(checkpoint), checkpoint.spec, PICTURES[0], QUESTIONS[0], None)
    monkeypatch.setattr(desks, "KEPT_BYTES", 2 * size.inputs["pixel_values"].nbytes)
    desk, looks = desk_of(checkpoint)
    for one in (0, 1, 0, 2, 0, 1):
        inputs_of(desk, PICTURES[one], QUESTIONS[0])
    # The second one was asked for longest ago when the third one came.
    assert looks.sizes == [SIZES[one] for one in (0, 0, 1, 2, 1)]


def test_questions_are_kept_within_a_bound(
    local: Callable[[str], LocalCheckpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "KEPT", 2)
    rendered, real = [], desks.render_prompt

    def render(processor: ProcessorMixin, spec: ModelSpec, question: str) -> str:
        rendered.append(question)
        return real(processor, spec, question)

    monkeypatch.setattr(desks, "render_prompt", render)
    desk, _ = desk_of(local("llava"))
    for question in ("a", "a", "b", "c", "a"):
        desk.plan((9, 9), question, None)
    assert rendered == ["a", "b", "c", "a"]


def test_a_question_that_a_second_tokenizer_reads_stays_with_its_prompt(
    local: Callable[[str], LocalCheckpoint], loaded: Callable[..., Loaded]
) -> None:
    """InstructBLIP's eyes read the question as well."""
    core = loaded("llava").processor.tokenizer.backend_tokenizer
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core,
        **dict(zip(("pad_token", "bos_token"), STANDARD, strict=False)),
    )
    images = transformers.BlipImageProcessor(size={"height": 64, "width": 64})
    processor = transformers.InstructBlipProcessor(images, tokenizer, tokenizer, num_query_tokens=4)
    desk = Desk(local("llava"), processor)
    for question in QUESTIONS:
        prompt, tensors = desk.prepare(PICTURES[0], desk.plan(SIZES[0], question, None), 0)
        assert set(tensors) == {"pixel_values"}
        expected = prepare(processor, desk.spec, PICTURES[0], question, None)
        assert same({**prompt.text, **tensors}, expected)
        assert prompt.text["qformer_input_ids"].shape != prompt.text["input_ids"].shape
