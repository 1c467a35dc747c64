"""Answers a set's questions as anyone would with transformers: processor and `generate`, one item after another.

This is what the app's runs over a set are held against; it knows nothing of the app's engine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from PIL import Image

from microscope.engine.torchvision_repair import repair_torchvision
from microscope.records import Item

NEW_TOKENS = 48


@dataclass(frozen=True)
class Subject:
    """What is asked: items, the folder that has their pictures, and the folder of the checkpoint that answers."""

    items: tuple[Item, ...]
    folder: Path
    checkpoint: Path


@dataclass(frozen=True)
class Taken:
    """What one way took for a whole set, in seconds, and its answers in the order of the items.

    `answering` is the part in which pictures are opened, prompts prepared and answers generated; `seconds` is all, and
    `processor` is that of the processor by all threads: what else runs on the machine does not count there, and what
    is done side by side does. `mean` is the mean score that the way itself reports, None where it reports none.
    """

    seconds: float
    answering: float
    processor: float
    texts: tuple[str, ...]
    mean: float | None = None


class Watch:
    """Measures from when it is made, by the clock and of this process's processor time."""

    def __init__(self) -> None:
        self._seconds, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Return the seconds, and the processor's."""
        return time.perf_counter() - self._seconds, time.process_time() - self._processor


class Loop:
    """A checkpoint in float32 on the CPU with its processor."""

    def __init__(self, subject: Subject) -> None:
        repair_torchvision()
        self._items, self._folder, place = subject.items, subject.folder, subject.checkpoint
        self._processor = transformers.AutoProcessor.from_pretrained(place, backend="pil", local_files_only=True)
        self._model = transformers.AutoModelForImageTextToText.from_pretrained(
            place, dtype=torch.float32, local_files_only=True
        )

    def answer_all(self) -> Taken:
        """Answer all items."""
        watch = Watch()
        texts = tuple(self._answer(item) for item in self._items)
        seconds, processor = watch.read()
        return Taken(seconds, seconds, processor, texts)

    def _answer(self, item: Item) -> str:
        image = Image.open(self._folder / item.image).convert("RGB")
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": item.question}]}]
        prompt = self._processor.apply_chat_template(messages, add_generation_prompt=True)
        inputs = self._processor(text=[prompt], images=[[image]], return_tensors="pt")
        output = self._model.generate(**inputs, do_sample=False, max_new_tokens=NEW_TOKENS)
        return self._processor.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
