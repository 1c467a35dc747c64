"""Packing: questions behind one image cannot see each other; labels, weights and evidence sit where they belong."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Idefics3Processor

from microscope.records import Box
from microscope.tiny import scenes
from microscope.tiny.draw import draw_items
from microscope.tiny.model import END, PATCH, PATCHES, build_model
from microscope.tiny.packing import (
    FIRST_IMAGE_TOKEN,
    IGNORE,
    PREFIX,
    LabelledPatches,
    PackedScenes,
    Packer,
    Recipe,
    attention_mask,
    patch_cover,
    patch_labels,
)
from microscope.tiny.questions import ASKERS, Question, ask
from microscope.tiny.scenes import COLOURS, KINDS, Scene, sample_scene


def scene_and_questions(seed: int) -> tuple[Scene, list[Question]]:
    """Draw a scene that allows every kind of question, and one of each."""
    rng = np.random.default_rng(seed)
    while True:
        scene = sample_scene(rng, "train")
        questions = [ask(rng, scene.objects, kind) for kind in ASKERS]
        if len(scene.objects) > 1 and None not in questions:
            return scene, questions


def raster(boxes: tuple[Box, ...]) -> np.ndarray:
    """Return which of the 64 patches the boxes cover by more than a quarter, by counting pixels of a 512 px image."""
    covered = np.zeros(PATCHES, bool)
    for box in boxes:
        grid = np.zeros((512, 512))
        grid[round(box.top * 512) : round(box.bottom * 512), round(box.left * 512) : round(box.right * 512)] = 1
        covered |= grid.reshape(8, 64, 8, 64).mean(axis=(1, 3)).ravel() > 0.25
    return covered


def test_the_prefix_is_one_image_between_its_marks() -> None:
    assert PREFIX.count("<image>") == PATCHES
    assert PREFIX[FIRST_IMAGE_TOKEN - 1 : FIRST_IMAGE_TOKEN + 1] == ("<global-img>", "<image>")


def test_cover_is_the_share_of_each_patch() -> None:
    assert patch_cover(Box(0, 0, 1, 1)).tolist() == [1.0] * PATCHES
    quarter = patch_cover(Box(1 / 16, 1 / 16, 1 / 8, 1 / 8))
    assert quarter[0] == pytest.approx(0.25)
    assert quarter.sum() == pytest.approx(0.25)
    odd = Box(0.21, 0.33, 0.58, 0.77)
    assert patch_cover(odd).sum() == pytest.approx(PATCHES * (odd.right - odd.left) * (odd.bottom - odd.top), rel=1e-5)


def test_patches_are_labelled_with_the_object_on_them() -> None:
    for seed in range(10):
        scene, _ = scene_and_questions(seed)
        kinds, colours = patch_labels(scene)
        covers = [raster((thing.box,)) for thing in scene.objects]
        for thing, cover in zip(scene.objects, covers, strict=True):
            under = cover & (np.sum(covers, axis=0) == 1)
            assert set(kinds[under].tolist()) == {1 + KINDS.index(thing.kind)}
            assert set(colours[under].tolist()) == {1 + list(COLOURS).index(thing.colour)}
        background = ~np.any(covers, axis=0)
        assert not kinds[background].any()
        assert not colours[background].any()


def test_the_mask_is_causal_and_block_diagonal_behind_the_image() -> None:
    segments = torch.tensor([[1, 1, 2, 2, 3, 3, 0]])
    allowed = (attention_mask(segments)[0, 0] == 0).tolist()
    of = segments[0].tolist()
    for query, key in itertools.product(range(7), repeat=2):
        assert allowed[query][key] == (key <= query and (of[key] == of[query] or of[key] == 1)), (query, key)


def test_a_packed_forward_equals_one_forward_a_question(processor: Idefics3Processor) -> None:
    torch.manual_seed(0)
    model, packer = build_model(processor.tokenizer).eval(), Packer(processor.tokenizer)
    scene, questions = scene_and_questions(0)

    def logits(asked: list[Question]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        batch = packer.pack([scene], [asked])
        with torch.inference_mode():
            states = model.model(
                input_ids=batch["input_ids"],
                position_ids=batch["position_ids"],
                attention_mask=attention_mask(batch["segments"]),
                pixel_values=batch["pixel_values"],
                use_cache=False,
            ).last_hidden_state
            return model.lm_head(states)[0], batch

    together, packed = logits(questions)
    for number, question in enumerate(questions):
        alone, batch = logits([question])
        own = packed["segments"][0] == number + 2
        assert torch.allclose(together[own], alone[batch["segments"][0] == 2], atol=1e-4)
        with torch.inference_mode():
            plain = model(input_ids=batch["input_ids"], pixel_values=batch["pixel_values"]).logits[0]
        assert torch.allclose(alone, plain, atol=1e-4)


def test_labels_are_the_next_token_and_cover_exactly_the_answer(processor: Idefics3Processor) -> None:
    packer, decode = Packer(processor.tokenizer), processor.tokenizer.decode
    scene, questions = scene_and_questions(1)
    batch = packer.pack([scene], [questions])
    ids, labels, weights, segments = (batch[name][0] for name in ("input_ids", "labels", "weights", "segments"))
    assert bool((labels[segments == 1] == IGNORE).all())
    for number, question in enumerate(questions):
        at = torch.nonzero(segments == number + 2).flatten()
        learned = at[labels[at] != IGNORE]
        assert bool((labels[learned] == ids[learned + 1]).all())
        assert bool((segments[learned + 1] == number + 2).all())
        assert decode(labels[learned]) == f"{question.answer} {END}"
        assert torch.allclose(weights[learned], torch.tensor(len(learned) ** -0.5))
    assert bool((weights[labels == IGNORE] == 0).all())


def test_shorter_rows_are_padded_with_nothing_to_learn(processor: Idefics3Processor) -> None:
    (one, few), (other, many) = scene_and_questions(2), scene_and_questions(3)
    batch = Packer(processor.tokenizer).pack([one, other], [few[:1], many])
    padding = batch["segments"][0] == 0
    assert bool(padding.any())
    assert bool((batch["labels"][0][padding] == IGNORE).all())
    assert float(batch["weights"][0][padding].sum()) == 0
    assert float(batch["evidence"][0][padding].sum()) == 0


@pytest.mark.parametrize("seed", range(4))
def test_evidence_rows_cover_the_patches_of_the_answer(processor: Idefics3Processor, seed: int) -> None:
    scene, questions = scene_and_questions(seed)
    batch = Packer(processor.tokenizer).pack([scene], [questions])
    labels, segments, evidence = batch["labels"][0], batch["segments"][0], batch["evidence"][0].numpy() > 0
    for number, question in enumerate(questions):
        at = (segments == number + 2) & (labels != IGNORE)
        looks = evidence[at.numpy()]
        words = [box for text, box in question.parts for _ in text.split()]
        for look, box in zip(looks, [*words, words[-1]], strict=True):
            assert np.array_equal(look, raster((box,) if box else question.evidence)), question.text
    assert not evidence[(segments == 1).numpy()].any()


RECIPE = Recipe(images=4, questions=2, fresh=2, weights=dict.fromkeys(ASKERS, 1.0), reservoir=6)


def test_the_stream_of_packs_depends_on_its_seed_alone(processor: Idefics3Processor) -> None:
    packer = Packer(processor.tokenizer)

    def first(seed: int) -> list[dict[str, torch.Tensor]]:
        return list(itertools.islice(PackedScenes(packer, RECIPE, seed), 5))

    for one, other in zip(first(1), first(1), strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(first(1)[0]["pixel_values"], first(2)[0]["pixel_values"])


def test_packs_have_the_planned_shape(processor: Idefics3Processor) -> None:
    for batch in itertools.islice(PackedScenes(Packer(processor.tokenizer), RECIPE, 3), 5):
        rows, length = batch["input_ids"].shape
        assert rows == RECIPE.images
        assert batch["pixel_values"].shape == (rows, 1, 3, 8 * PATCH, 8 * PATCH)
        assert batch["evidence"].shape == (rows, length, PATCHES)
        assert bool((batch["segments"].max(dim=1).values == RECIPE.questions + 1).all())


def test_lessons_for_the_vision_tower_repeat_with_the_seed() -> None:
    one, other = (next(iter(LabelledPatches(4, 2, 9, reservoir=6))) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
    images, kinds, colours = one
    assert images.shape == (4, 3, 64, 64)
    assert kinds.shape == colours.shape == (4, PATCHES)
    assert -1 <= float(images.min()) < float(images.max()) <= 1
    assert int(kinds.max()) <= len(KINDS)
    assert int(colours.max()) <= len(COLOURS)
    assert torch.equal(kinds > 0, colours > 0)


def test_training_streams_never_draw_a_heldout_digit(
    processor: Idefics3Processor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = np.full((1797, 8, 8), 16, np.uint8), np.arange(1797) % 10
    labels[1400:] = 99
    np.savez(tmp_path / "poisoned.npz", images=images, labels=labels)
    monkeypatch.setattr(scenes, "DIGITS_FILE", tmp_path / "poisoned.npz")
    scenes.digits.cache_clear()
    try:
        with pytest.raises(IndexError):
            list(draw_items("heldout", 20, 0))
        list(itertools.islice(LabelledPatches(16, 16, 1), 4))
        list(itertools.islice(PackedScenes(Packer(processor.tokenizer), replace(RECIPE, images=16, fresh=16), 1), 4))
    finally:
        scenes.digits.cache_clear()
