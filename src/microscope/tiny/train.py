"""Trains the embedded checkpoints from a seed: first the vision tower by patches, then the whole model on questions.

Knows nothing of the app. Method: dense supervision of the vision tower, then next-word prediction on packed
independent questions, with a term that asks two heads of one text layer to look at the evidence (attention
supervision as in Qiao et al., "Exploring Human-like Attention Supervision in Visual Question Answering", AAAI 2018).
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import Idefics3ForConditionalGeneration, Idefics3Processor

from microscope.tiny.model import build_model, build_processor
from microscope.tiny.packing import (
    FIRST_IMAGE_TOKEN,
    IGNORE,
    PATCHES,
    Batch,
    LabelledPatches,
    PackedScenes,
    Packer,
    Recipe,
    attention_mask,
)
from microscope.tiny.scenes import COLOURS, KINDS


@dataclass(frozen=True)
class Plan:
    """One training run: its lengths in steps, learning rates, and the language steps at which it saves."""

    seed: int = 0
    threads: int = 1
    vision_steps: int = 2000
    language_steps: int = 6000
    save_at: tuple[int, ...] = (100, 300, 800, 2000, 4000, 6000)
    vision_rate: float = 3e-3
    language_rate: float = 2e-3
    tower_share: float = 0.3
    evidence_layer: int = 2
    evidence_heads: int = 2
    evidence_weight: float = 0.2
    recipe: Recipe = field(
        default_factory=lambda: Recipe(
            images=32,
            questions=6,
            fresh=8,
            weights={
                "colour": 1.2,
                "name": 0.6,
                "count": 0.4,
                "where": 1.2,
                "at": 0.6,
                "exists": 1.2,
                "left": 1.0,
                "describe": 0.5,
            },
        )
    )


class Log:
    """A JSON-lines file of what the run measured, one object a line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._start = path, time.monotonic()
        path.write_text("")

    def write(self, **facts: float | str) -> None:
        """Append one line with the seconds since the start."""
        facts["seconds"] = round(time.monotonic() - self._start, 1)
        with self._path.open("a") as file:
            file.write(json.dumps(facts) + "\n")


def stream(dataset: PackedScenes | LabelledPatches) -> Iterator:
    """Prepare batches in one worker process, a few ahead, in an order that the seed alone decides."""
    return iter(DataLoader(dataset, batch_size=None, num_workers=1, prefetch_factor=4))


def mixed_precision() -> torch.autocast:
    """Compute matrix products in bfloat16, the precision that the checkpoints are saved in."""
    return torch.autocast("cpu", torch.bfloat16)


def teach_vision(model: Idefics3ForConditionalGeneration, plan: Plan, log: Log) -> None:
    """Teach the vision tower the kind and colour under each patch, with two linear heads that are then dropped."""
    tower = model.model.vision_model
    width = tower.config.hidden_size
    heads = torch.nn.ModuleList([torch.nn.Linear(width, len(names) + 1) for names in (KINDS, COLOURS)])
    parameters = [*tower.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, weight_decay=0.05, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.vision_rate, max(plan.vision_steps, 2), pct_start=0.1
    )
    batches = stream(LabelledPatches(64, 16, plan.seed + 1))
    for step in tqdm(range(plan.vision_steps), desc="vision"):
        images, *labels = next(batches)
        with mixed_precision():
            states = tower(images).last_hidden_state
            logits = [head(states).float() for head in heads]
        pairs = zip(logits, labels, strict=True)
        losses = [functional.cross_entropy(x.flatten(0, 1), y.flatten()) for x, y in pairs]
        loss = torch.stack(losses).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 99 or step + 1 == plan.vision_steps:
            things = labels[0] > 0
            right = [(x.argmax(-1) == y)[things].float().mean().item() for x, y in zip(logits, labels, strict=True)]
            log.write(stage="vision", step=step + 1, loss=loss.item(), kind=right[0], colour=right[1])


class EvidenceTerm:
    """Asks the first heads of one text layer to look at the evidence: minus log of the attention mass on it."""

    def __init__(self, model: Idefics3ForConditionalGeneration, plan: Plan) -> None:
        attention = model.model.text_model.layers[plan.evidence_layer].self_attn
        self._heads, self._seen = plan.evidence_heads, torch.empty(0)
        self._shared_config, self._attention = attention.config, attention
        attention.config = copy.deepcopy(attention.config)
        attention.config._attn_implementation = "eager"
        self._hook = attention.register_forward_hook(self._remember)

    def _remember(self, module: torch.nn.Module, inputs: tuple, output: tuple) -> None:
        self._seen = output[1]

    def loss(self, evidence: torch.Tensor) -> torch.Tensor:
        """Return the mean over the positions that have evidence; `evidence` is `(B, L, patches)`."""
        patches = slice(FIRST_IMAGE_TOKEN, FIRST_IMAGE_TOKEN + PATCHES)
        mass = (self._seen[:, : self._heads, :, patches].float() * evidence[:, None]).sum(-1)
        wanted = (evidence.sum(-1) > 0)[:, None].expand_as(mass)
        return -(mass[wanted] + 1e-4).log().mean()

    def remove(self) -> None:
        """Give the layer its own attention back."""
        self._hook.remove()
        self._attention.config = self._shared_config


def answer_loss(model: Idefics3ForConditionalGeneration, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weighted loss over answer tokens and whether each of them was predicted right."""
    asked = batch["labels"] != IGNORE
    with mixed_precision():
        states = model.model(
            input_ids=batch["input_ids"],
            position_ids=batch["position_ids"],
            attention_mask=attention_mask(batch["segments"]),
            pixel_values=batch["pixel_values"],
            use_cache=False,
        ).last_hidden_state
        logits = model.lm_head(states[asked]).float()
    labels, weights = batch["labels"][asked], batch["weights"][asked]
    loss = (functional.cross_entropy(logits, labels, reduction="none") * weights).sum() / weights.sum()
    return loss, logits.argmax(-1) == labels


def teach_language(
    model: Idefics3ForConditionalGeneration, processor: Idefics3Processor, plan: Plan, out: Path, log: Log
) -> None:
    """Teach the whole model to answer, and save it at the planned steps."""
    tower = list(model.model.vision_model.parameters())
    known = {id(parameter) for parameter in tower}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    rates = [plan.language_rate, plan.language_rate * plan.tower_share]
    optimiser = torch.optim.AdamW([{"params": rest}, {"params": tower}], weight_decay=0.05, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, max(plan.language_steps, 2), pct_start=0.08)
    batches = stream(PackedScenes(Packer(processor.tokenizer), plan.recipe, plan.seed + 2))
    term = EvidenceTerm(model, plan)
    for step in tqdm(range(1, plan.language_steps + 1), desc="language"):
        batch = next(batches)
        loss, right = answer_loss(model, batch)
        evidence = term.loss(batch["evidence"])
        optimiser.zero_grad()
        (loss + plan.evidence_weight * evidence).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step in plan.save_at:
            log.write(
                stage="language",
                step=step,
                loss=loss.item(),
                evidence=evidence.item(),
                tokens=right.float().mean().item(),
            )
        if step in plan.save_at:
            save(model, processor, out / f"scenes-step-{step}")
    term.remove()


def save(model: Idefics3ForConditionalGeneration, processor: Idefics3Processor, folder: Path) -> None:
    """Write a complete `from_pretrained` folder in bfloat16."""
    copied = build_model(processor.tokenizer)
    copied.load_state_dict(model.state_dict())
    copied = copied.to(torch.bfloat16)
    copied.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    copied.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    copied.save_pretrained(folder)
    processor.save_pretrained(folder)


def train(plan: Plan, out: Path, log_file: Path) -> None:
    """Run the whole plan; `out` receives one folder a saved step.

    One computing thread and one that prepares batches keep two cores busy, and the sums in one order.
    """
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    processor = build_processor()
    model = build_model(processor.tokenizer)
    log = Log(log_file)
    teach_vision(model, plan, log)
    teach_language(model, processor, plan, out, log)
