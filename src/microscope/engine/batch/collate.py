"""Puts the inputs of several prompts together into one batch; knows no family by name.

What has a value for each position of the prompt is padded, on the left where the decoder goes on from the prompt's
end; what is the picture's is laid one after another. Which prompts may go together says `kind_of`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch

Inputs = dict[str, torch.Tensor]
# Tensors of a picture up to this size say what it is (its size, its grid of patches); larger ones are what it shows.
LARGEST_SAYING = 64
# What models and collated tensors raise where they do not fit together.
MISFITS = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError)


@dataclass(frozen=True)
class Parts:
    """One prompt's inputs, batch of one: those that follow its positions, and those of its picture."""

    text: Inputs
    picture: Inputs

    @property
    def length(self) -> int:
        """Return how many positions the prompt has."""
        return self.text["input_ids"].shape[1]


def split(inputs: Inputs, pictures: Collection[str] = ()) -> Parts:
    """Tell a prompt's own tensors, shape (1, length), from those of its picture, whose names may be known.

    Where they are, a question that a second tokenizer read as well is told from a picture's grid.
    """
    shape = inputs["input_ids"].shape
    text = {
        name: value
        for name, value in inputs.items()
        if name not in pictures and (value.shape == shape or (pictures and _is_text(value)))
    }
    return Parts(text, {name: value for name, value in inputs.items() if name not in text})


def _is_text(value: torch.Tensor) -> bool:
    return value.dim() == 2 and len(value) == 1 and not value.is_floating_point()  # noqa: PLR2004  (a row of tokens)


def kind_of(parts: Parts) -> tuple[object, ...]:
    """Return what must be equal for prompts to go together: which tensors there are, their dtypes, and shapes.

    Along the first axis pictures are laid one after another, so that only what follows must be equal.
    """
    text = tuple(sorted(parts.text))
    return text, tuple((name, value.dtype, tuple(value.shape[1:])) for name, value in sorted(parts.picture.items()))


def shape_of(picture: Inputs) -> tuple[object, ...]:
    """Return what must be equal for pictures to be encoded together, and told apart afterwards."""
    return tuple((name, tuple(value.shape)) for name, value in sorted(picture.items()))


def pad(texts: Sequence[Inputs], values: Mapping[str, int], *, left: bool) -> Inputs:
    """Return prompts' tensors as one batch, shape (prompts, longest); `values` are what is padded with (else 0)."""
    padded: Inputs = {}
    for name in texts[0]:
        longest = max(text[name].shape[1] for text in texts)
        rows = torch.full((len(texts), longest), values.get(name, 0), dtype=texts[0][name].dtype)
        for row, text in zip(rows, texts, strict=True):
            length = text[name].shape[1]
            row[longest - length if left else 0 :][:length] = text[name][0]
        padded[name] = rows
    return padded


def lay(pictures: Sequence[Inputs]) -> Inputs:
    """Return pictures' tensors one after another along the first axis."""
    return {name: torch.cat([picture[name] for picture in pictures]) for name in pictures[0]}


def saying(picture: Inputs) -> Inputs:
    """Return the small tensors of a picture, which say what it is."""
    return {
        name: value
        for name, value in picture.items()
        if value.numel() <= LARGEST_SAYING and not value.is_floating_point()
    }
