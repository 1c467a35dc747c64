"""Scores checkpoint folders on freshly drawn questions by real generation; knows no catalogue, engine or command line.

Where torchvision needs the engine's repair, transformers' processors do too: repair before importing this module.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
)

from microscope.evaluation.scoring import exact_match
from microscope.tiny.draw import QUESTION_KINDS, DrawnItem, draw_items

BATCH = 64
LONGEST_ANSWER = 48


@dataclass(frozen=True)
class Evaluation:
    """The share of right answers of one checkpoint, over all `n` questions and by kind of question.

    `baseline` is, by kind, what always giving the most frequent answer of these very questions scores.
    `step` is the last number in the folder's name (None: there is none).
    """

    checkpoint: str
    step: int | None
    n: int
    exact_match: float
    by_kind: dict[str, float]
    baseline: dict[str, float]


def run(split: str, n: int, seed: int, folder: Path) -> list[Evaluation]:
    """Evaluate every checkpoint in `folder` on the same `n` questions from `split`; in training order.

    The list is empty where the folder holds no checkpoint.
    """
    items = sorted(draw_items(split, n, seed), key=lambda item: QUESTION_KINDS.index(item.question.kind))
    frequent = most_frequent_answers(items)
    baseline = _by_kind(items, [frequent[item.question.kind] for item in items])
    evaluations = []
    for checkpoint in checkpoint_folders(folder):
        answers = answer_items(checkpoint, items)
        share = float(np.mean(_right(items, answers)))
        by_kind = _by_kind(items, answers)
        evaluations.append(Evaluation(checkpoint.name, training_step(checkpoint), n, share, by_kind, baseline))
    return evaluations


def to_json(evaluations: Sequence[Evaluation]) -> str:
    """Return the evaluations as a JSON list, one object a checkpoint."""
    return json.dumps([asdict(evaluation) for evaluation in evaluations], indent=2)


def training_step(folder: Path) -> int | None:
    """Return the last number in the folder's name, or None."""
    numbers = re.findall(r"\d+", folder.name)
    return int(numbers[-1]) if numbers else None


def checkpoint_folders(folder: Path) -> tuple[Path, ...]:
    """Return the checkpoints directly under `folder`, by training step; those without a step come last."""
    found = [config.parent for config in folder.glob("*/config.json")]
    steps = {path: training_step(path) for path in found}
    return tuple(sorted(found, key=lambda path: (steps[path] is None, steps[path] or 0, path.name)))


def most_frequent_answers(items: Sequence[DrawnItem]) -> dict[str, str]:
    """Return, by kind, the answer that most of the items have: the best that one constant answer can do on them."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        seen[item.question.kind][item.question.answer] += 1
    return {kind: counts.most_common(1)[0][0] for kind, counts in seen.items()}


def answer_items(checkpoint: Path, items: Sequence[DrawnItem]) -> list[str]:
    """Answer every question greedily with the checkpoint in a folder, in batches of neighbours, on the CPU."""
    processor = AutoProcessor.from_pretrained(checkpoint, backend="pil", local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.float32, local_files_only=True)
    answers = []
    with _one_thread():
        for start in tqdm(range(0, len(items), BATCH), desc=checkpoint.name, disable=None):
            answers += _answer_batch(model, processor, items[start : start + BATCH])
    return answers


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one core: threads of so small a model wait for each other longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
def _answer_batch(
    model: Idefics3ForConditionalGeneration, processor: Idefics3Processor, items: Sequence[DrawnItem]
) -> list[str]:
    prompts = [processor.apply_chat_template(_messages(item), add_generation_prompt=True) for item in items]
    images = [[item.scene.image] for item in items]
    inputs = processor(text=prompts, images=images, padding=True, return_tensors="pt")
    generated = model.generate(**inputs, do_sample=False, max_new_tokens=LONGEST_ANSWER)
    new = generated[:, inputs["input_ids"].shape[1] :]
    return [text.strip() for text in processor.batch_decode(new, skip_special_tokens=True)]


def _messages(item: DrawnItem) -> list[dict]:
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": item.question.text}]}]


def _right(items: Sequence[DrawnItem], answers: Sequence[str]) -> list[bool]:
    pairs = zip(items, answers, strict=True)
    return [exact_match(answer, (item.question.answer,)) for item, answer in pairs]


def _by_kind(items: Sequence[DrawnItem], answers: Sequence[str]) -> dict[str, float]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for item, right in zip(items, _right(items, answers), strict=True):
        groups[item.question.kind].append(right)
    return {kind: float(np.mean(right)) for kind, right in groups.items()}
