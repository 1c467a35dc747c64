"""Refuses inputs that a model cannot take: those of another model's processor; knows no request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from microscope.errors import UserError

# What transformers says where a model gets another model's inputs.
MISFITS = ("image tokens do not match", "are not used by the model")
LONGEST = 120


@contextmanager
def fitting(model: PreTrainedModel, inputs: dict[str, torch.Tensor], label: str) -> Iterator[None]:
    """Turn what goes wrong with another model's inputs into a `UserError` that says so."""
    if int(inputs["input_ids"].max()) >= model.get_input_embeddings().num_embeddings:
        # On a GPU it would spoil the whole process.
        raise UserError(_unfit(label, "its tokenizer knows more tokens than its model"))
    try:
        yield
    except ValueError as error:
        if not any(part in str(error) for part in MISFITS):
            raise
        raise UserError(_unfit(label, " ".join(str(error).split())[:LONGEST])) from error


def _unfit(label: str, reason: str) -> str:
    return (
        f"{label} and its processor do not fit ({reason}); name the processor that it was trained with as "
        "processor_from in models.yaml."
    )
