"""Training batches: several independent questions packed behind one image; knows no optimiser and no file.

Every question sees the image prefix and itself, never another question, and counts positions as if it were alone:
what training shows is token for token what inference shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.utils.data import IterableDataset
from transformers import PreTrainedTokenizerFast

from microscope.records import Box
from microscope.tiny.model import END, IMAGE_SIDE, PATCH, PATCHES
from microscope.tiny.questions import Question, ask_any
from microscope.tiny.scenes import COLOURS, KINDS, Scene, sample_scene

PREFIX = ("<user>", "<fake_token_around_image>", "<global-img>", *["<image>"] * PATCHES, "<fake_token_around_image>")
FIRST_IMAGE_TOKEN = PREFIX.index("<image>")
SIDE_PATCHES = IMAGE_SIDE // PATCH
IGNORE = -100
COVERED = 0.25
LOOK_BACK = 2

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Recipe:
    """What a batch is made of: images a batch, questions an image, new scenes a batch, shares of the kinds."""

    images: int
    questions: int
    fresh: int
    weights: dict[str, float]
    reservoir: int = 20_000


def pixels(image: Image.Image) -> np.ndarray:
    """Resize to the model's view and normalise to [-1, 1], as its image processor does; `(3, 64, 64)` float32."""
    small = image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS)
    return (np.asarray(small, np.float32) / 127.5 - 1).transpose(2, 0, 1)


def patch_cover(box: Box) -> np.ndarray:
    """Return the share of each patch that the box covers, `(64,)` float32 in row-major order."""
    edges = np.arange(SIDE_PATCHES + 1) / SIDE_PATCHES
    across = np.clip(np.minimum(box.right, edges[1:]) - np.maximum(box.left, edges[:-1]), 0, None) * SIDE_PATCHES
    down = np.clip(np.minimum(box.bottom, edges[1:]) - np.maximum(box.top, edges[:-1]), 0, None) * SIDE_PATCHES
    return np.outer(down, across).astype(np.float32).ravel()


def patch_labels(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return (kind, colour) of the object under each patch, `(64,)` int64 each; 0 is background."""
    kinds, colours = np.zeros(PATCHES, np.int64), np.zeros(PATCHES, np.int64)
    for thing in scene.objects:
        under = patch_cover(thing.box) > COVERED
        kinds[under] = 1 + KINDS.index(thing.kind)
        colours[under] = 1 + list(COLOURS).index(thing.colour)
    return kinds, colours


class Packer:
    """Turns scenes and questions into padded tensors with a block-diagonal mask."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._ids = tokenizer.get_vocab()
        self._prefix = [self._ids[token] for token in PREFIX]

    def words(self, text: str) -> list[int]:
        """Return the token ids of a text; equal to the tokenizer's, and quicker."""
        return [self._ids[word] for word in re.findall(r"\w+|[^\w\s]+", text)]

    def pack(self, scenes: list[Scene], questions: list[list[Question]]) -> Batch:
        """Pack one row per scene.

        Returns `pixel_values (B, 1, 3, 64, 64)`, `input_ids`, `position_ids`, `labels`, `weights` and `segments`
        `(B, L)`, and `evidence (B, L, 64)`: where the token at that position should look; all zero where it need not.
        """
        rows = [self._row(asked) for asked in questions]
        length = max(len(row["input_ids"]) for row in rows)
        batch = {name: torch.from_numpy(np.stack([_pad(row[name], length) for row in rows])) for name in rows[0]}
        batch["pixel_values"] = torch.from_numpy(np.stack([pixels(scene.image) for scene in scenes]))[:, None]
        return batch

    def _row(self, questions: list[Question]) -> dict[str, np.ndarray]:
        start = len(self._prefix)
        ids, positions, labels = list(self._prefix), list(range(start)), [IGNORE] * start
        weights, segments, looks = [0.0] * start, [1] * start, [np.zeros(PATCHES, np.float32)] * start
        for number, question in enumerate(questions):
            prompt = [*self.words(question.text), self._ids[END], self._ids["<assistant>"]]
            answer, boxes = self._answer(question)
            ids += prompt + answer
            positions += range(start, start + len(prompt) + len(answer))
            labels += [IGNORE] * (len(prompt) - 1) + answer + [IGNORE]
            weights += [0.0] * (len(prompt) - 1) + [len(answer) ** -0.5] * len(answer) + [0.0]
            segments += [number + 2] * (len(prompt) + len(answer))
            first = self._union(question.evidence if len(question.parts) == 1 else ())
            looks += [np.zeros(PATCHES, np.float32)] * (len(prompt) - 1 - LOOK_BACK) + [first] * LOOK_BACK
            looks += [self._union((box,) if box else question.evidence) for box in boxes] + [looks[0]]
        return {
            "input_ids": np.array(ids),
            "position_ids": np.array(positions),
            "labels": np.array(labels),
            "weights": np.array(weights, np.float32),
            "segments": np.array(segments),
            "evidence": np.stack(looks),
        }

    def _answer(self, question: Question) -> tuple[list[int], list[Box | None]]:
        ids: list[int] = []
        boxes: list[Box | None] = []
        for text, box in question.parts:
            words = self.words(text)
            ids += words
            boxes += [box] * len(words)
        return [*ids, self._ids[END]], [*boxes, boxes[-1]]

    def _union(self, boxes: tuple[Box, ...]) -> np.ndarray:
        cover = np.zeros(PATCHES, np.float32)
        for box in boxes:
            cover = np.maximum(cover, patch_cover(box))
        return (cover > COVERED).astype(np.float32)


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    fill = IGNORE if values.dtype == np.int64 and (values == IGNORE).any() else 0
    padded = np.full((length, *values.shape[1:]), fill, values.dtype)
    padded[: len(values)] = values
    return padded


def attention_mask(segments: torch.Tensor) -> torch.Tensor:
    """Return the additive mask `(B, 1, L, L)` float32: causal, and from a segment only to itself and to segment 1."""
    causal = torch.tril(torch.ones(segments.shape[1], segments.shape[1], dtype=torch.bool))
    same = segments[:, :, None] == segments[:, None, :]
    allowed = causal & (same | (segments == 1)[:, None, :])
    return torch.zeros(allowed.shape, dtype=torch.float32).masked_fill_(~allowed, torch.finfo(torch.float32).min)[
        :, None
    ]


class PackedScenes(IterableDataset):
    """An endless stream of packed batches from training digits; the same seed gives the same stream."""

    def __init__(self, packer: Packer, recipe: Recipe, seed: int) -> None:
        self._packer, self._recipe, self._seed = packer, recipe, seed

    def __iter__(self) -> Iterator[Batch]:
        rng, recipe = np.random.default_rng(self._seed), self._recipe
        kept: list[Scene] = []
        while True:
            for _ in range(recipe.fresh if kept else recipe.images):
                scene = sample_scene(rng, "train")
                small = Scene(scene.image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS), scene.objects)
                if len(kept) < recipe.reservoir:
                    kept.append(small)
                else:
                    kept[int(rng.integers(len(kept)))] = small
            newest = kept[-recipe.fresh :] if len(kept) < recipe.reservoir else []
            older = [kept[int(i)] for i in rng.integers(0, len(kept), recipe.images - len(newest))]
            scenes = newest + older
            asked = [
                [ask_any(rng, scene.objects, recipe.weights) for _ in range(recipe.questions)] for scene in scenes
            ]
            yield self._packer.pack(scenes, asked)


class LabelledPatches(IterableDataset):
    """An endless stream of (pixels, kind per patch, colour per patch) for the vision tower's lessons."""

    def __init__(self, images: int, fresh: int, seed: int, reservoir: int = 20_000) -> None:
        self._images, self._fresh, self._seed, self._reservoir = images, fresh, seed, reservoir

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        rng = np.random.default_rng(self._seed)
        kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        while True:
            for _ in range(self._fresh if kept else self._images):
                scene = sample_scene(rng, "train")
                lesson = ((pixels(scene.image) * 127.5 + 127.5).round().astype(np.uint8), *patch_labels(scene))
                if len(kept) < self._reservoir:
                    kept.append(lesson)
                else:
                    kept[int(rng.integers(len(kept)))] = lesson
            chosen = [kept[int(i)] for i in rng.integers(0, len(kept), self._images)]
            images, kinds, colours = (np.stack(column) for column in zip(*chosen, strict=True))
            yield torch.from_numpy(images).float() / 127.5 - 1, torch.from_numpy(kinds), torch.from_numpy(colours)
