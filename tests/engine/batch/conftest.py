"""What tests of batches share: stacks of prompts about several pictures, and models that are kept between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch

from microscope.engine.batch.asks import Answered, Prompt, Proved, Stack, Update, Way
from microscope.engine.batch.collate import Inputs
from microscope.engine.batch.desk import Desk
from microscope.engine.files import LocalCheckpoint
from microscope.engine.models import Models
from microscope.engine.processors import Processors
from microscope.records import GenerationSettings
from tests.families import local_of, picture
from tests.keeping import models_of

SETTINGS = GenerationSettings(max_new_tokens=6)
QUESTIONS = ("what is in the image ?", "where is the cat ?", "describe the blue cup briefly . what is left of it ?")
# The first two are of one size, and so of one kind everywhere.
SIZES = ((90, 70), (90, 70), (128, 64))


@dataclass(frozen=True)
class Asking:
    """What is asked of one checkpoint: the prompts of each picture, one after another."""

    local: LocalCheckpoint
    pictures: tuple[Inputs, ...]
    prompts: tuple[Prompt, ...]

    def stack(self, settings: GenerationSettings = SETTINGS, way: Way | None = None) -> Stack:
        """Return it as a stack."""
        return Stack(self.local, self.pictures, self.prompts, settings, way)


def asking_of(local: LocalCheckpoint, sizes: Sequence[tuple[int, int]], questions: Sequence[str]) -> Asking:
    """Return every question about a picture of each size."""
    desk = Desk(local, Processors().get(local))
    pictures: list[Inputs] = []
    prompts: list[Prompt] = []
    for number, size in enumerate(sizes):
        one = picture(*size, seed=number)
        made = [desk.prepare(one, desk.plan(size, question, None), number) for question in questions]
        prompts += [prompt for prompt, _ in made]
        pictures.append(made[0][1])
    return Asking(local, tuple(pictures), tuple(prompts))


@pytest.fixture(scope="session")
def asking(checkpoint: Callable[..., Path]) -> Callable[..., Asking]:
    """Return what makes a family's prompts, once."""

    @cache
    def make(name: str) -> Asking:
        return asking_of(local_of(checkpoint(name)), SIZES, QUESTIONS)

    return make


@pytest.fixture(scope="session")
def kept() -> Models:
    """Return models that several tests share, which leave them as they are."""
    return models_of()


@pytest.fixture
def models() -> Models:
    """Return models of a test's own."""
    return models_of()


def synthetic(
    local: LocalCheckpoint, lengths: Iterable[int], pictures: Iterable[int], shapes: Iterable[tuple[int, ...]]
) -> Stack:
    """Return a stack of prompts of these lengths about these pictures, whose pixels have these shapes."""
    prompts = tuple(
        Prompt(_text(length, place), number, 2)
        for place, (length, number) in enumerate(zip(lengths, pictures, strict=True))
    )
    return Stack(local, tuple({"pixel_values": torch.zeros(shape)} for shape in shapes), prompts, SETTINGS)


def _text(length: int, word: int) -> Inputs:
    ids = torch.full((1, length), 3 + word)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def answers_in(updates: Iterable[Update]) -> list[Answered]:
    """Return the answers among updates, in the order of their numbers."""
    return sorted((one for one in updates if isinstance(one, Answered)), key=lambda one: one.number)


def proved_in(updates: Iterable[Update]) -> list[Proved]:
    """Return what was proved, in turn."""
    return [one for one in updates if isinstance(one, Proved)]
