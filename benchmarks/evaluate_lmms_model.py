"""A checkpoint and a set as lmms-eval wants them; knows nothing of the app, nor who asks.

The evaluator, the task class and the model class are lmms-eval's own. Its class for Idefics2, which batches by the
prompts' lengths, serves the embedded checkpoints of the next generation: only how model and processor are loaded is
ours, and that the model is kept for another run. Where torchvision needs the engine's repair, this module does too:
repair before importing it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
import transformers
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.api.task import ConfigurableTask
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.models.simple.idefics2 import Idefics2
from lmms_eval.tasks import TaskManager
from PIL import Image

NAME, METRIC = "evaluation-set", "exact"


class Loaded(Idefics2):
    """lmms-eval's Idefics2 with a checkpoint from a folder, in float32 on the CPU."""

    def __init__(self, checkpoint: Path, batch: int) -> None:
        # Not the parent's: it asks the hub for an Idefics2.
        lmms.__init__(self)
        self._model = transformers.AutoModelForImageTextToText.from_pretrained(
            checkpoint, dtype=torch.float32, local_files_only=True
        )
        self._processor = transformers.AutoProcessor.from_pretrained(checkpoint, backend="pil", local_files_only=True)
        self._tokenizer, self._config = self._processor.tokenizer, self._model.config
        self._device = torch.device("cpu")
        self._rank, self._world_size = 0, 1
        self.batch_size_per_gpu = batch
        self.answering = 0.0

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answer as the parent does, and note the seconds."""
        start = time.perf_counter()
        texts = super().generate_until(requests)
        self.answering = time.perf_counter() - start
        return texts

    def clean(self) -> None:
        """Keep the model, which the parent deletes after a run."""


class Harness:
    """The model, the set's file, and lmms-eval's index of tasks: everything that one start serves many runs."""

    def __init__(self, rows: Path, checkpoint: Path, batch: int, new_tokens: int) -> None:
        self._rows, self._batch, self._new_tokens = rows, batch, new_tokens
        self._model = Loaded(checkpoint, batch)
        self._manager = TaskManager()

    def run(self) -> dict[str, Any]:
        """Run the set once; the seconds are from the model and the task's rows to the scores, and of the answers."""
        task = self._task()
        start, processor = time.perf_counter(), time.process_time()
        # Without its bootstrap, which is no part of answering and scoring.
        found = simple_evaluate(
            model=self._model,
            tasks=[task],
            task_manager=self._manager,
            batch_size=self._batch,
            bootstrap_iters=0,
        )
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        samples = sorted(found["samples"][NAME], key=lambda sample: sample["doc_id"])
        return {
            "seconds": seconds,
            "answering": self._model.answering,
            "processor": processor,
            "texts": [sample["resps"][0][0] for sample in samples],
            "mean": float(found["results"][NAME][f"{METRIC},none"]),
        }

    def _task(self) -> ConfigurableTask:
        return ConfigurableTask(
            config={
                "task": NAME,
                "dataset_path": "json",
                "dataset_kwargs": {"data_files": {"test": str(self._rows)}},
                "test_split": "test",
                "output_type": "generate_until",
                "doc_to_visual": _pictures,
                "doc_to_text": _question,
                "doc_to_target": _target,
                "process_results": _score,
                "metric_list": [{"metric": METRIC, "aggregation": "mean", "higher_is_better": True}],
                "generation_kwargs": {"do_sample": False, "max_new_tokens": self._new_tokens},
            }
        )


def _pictures(row: dict[str, Any]) -> list[Image.Image]:
    return [Image.open(row["image"]).convert("RGB")]


def _question(row: dict[str, Any]) -> str:
    return row["question"]


def _target(row: dict[str, Any]) -> str:
    return row["answers"][0]


def _score(row: dict[str, Any], texts: list[str]) -> dict[str, float]:
    # The set's answers are plain lower-case words; whoever reads the texts scores them again by the app's own rule.
    return {METRIC: float(texts[0].strip().lower() in row["answers"])}
