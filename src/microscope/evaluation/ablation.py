"""Which arms a run has: checkpoints, and what is varied over them as a full factorial; runs nothing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from microscope.catalog.spec import ModelSpec
from microscope.errors import UserError
from microscope.evaluation.results import ROUNDED, Arm
from microscope.records import GenerationSettings

CHECKPOINT = "checkpoint"
MOST_FACTORS, MOST_ARMS = 2, 64
MEGA = 1_000_000
PRECISIONS = ("auto", "float32", "bfloat16", "float16", *ROUNDED)


@dataclass(frozen=True)
class Factor:
    """Something that can be varied over the same items: its key, its name, and what a level looks like.

    `apply(arm, level)` returns the arm under a level, a text as a person typed it, and raises `ValueError` with what
    a level must be.
    """

    key: str
    label: str
    hint: str
    apply: Callable[[Arm, str], Arm]


def _template(arm: Arm, level: str) -> Arm:
    if level.count("{question}") != 1:
        raise ValueError("it must hold {question} once")
    return replace(arm, template=level.replace("\\n", "\n"))


def _budget(arm: Arm, level: str) -> Arm:
    megapixels = _number(level, "megapixels, such as 0.25", 0, 100)
    budget = round(megapixels * MEGA) or None
    return replace(arm, settings=replace(arm.settings, image_budget=budget))


def _keep(arm: Arm, level: str) -> Arm:
    text = level.strip()
    share = _number(text.removesuffix("%"), "a share such as 20% or 0.2", 0, 100)
    share = share / 100 if text.endswith("%") else share
    if not 0 < share <= 1:
        raise ValueError("it must be a share between 0 and 1, such as 20%")
    return replace(arm, keep=None if share == 1 else share)


def _temperature(arm: Arm, level: str) -> Arm:
    return replace(arm, settings=replace(arm.settings, temperature=_number(level, "a temperature from 0 to 2", 0, 2)))


def _precision(arm: Arm, level: str) -> Arm:
    if level not in PRECISIONS:
        raise ValueError(f"it must be one of {', '.join(PRECISIONS)}")
    return replace(arm, precision=level)


def _number(text: str, what: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"it must be {what}") from error
    if not low <= value <= high:
        raise ValueError(f"it must be {what}")
    return value


FACTORS = (
    Factor("template", "Prompt template", "{question} Answer in one word.", _template),
    Factor("budget", "Image budget in megapixels (0: the checkpoint's own)", "0, 0.01", _budget),
    Factor("keep", "Image tokens kept by the lens", "100%, 20%", _keep),
    Factor("temperature", "Temperature", "0, 0.7", _temperature),
    Factor("precision", "Quantisation (int8, int4: weights rounded)", ", ".join(PRECISIONS), _precision),
)


def find_factor(key: str) -> Factor:
    """Return the factor of a key; an unknown one is a `UserError`."""
    found = next((factor for factor in FACTORS if factor.key == key), None)
    if found is None:
        raise UserError(f"{key!r} cannot be varied; choose one of {', '.join(factor.key for factor in FACTORS)}.")
    return found


def read_levels(key: str, text: str) -> tuple[str, ...]:
    """Return the levels that a person typed: one a line, or, but for templates, separated by commas."""
    parts = text.splitlines() if key == "template" or "\n" in text.strip() else re.split(r"[,;]", text)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def arms_of(
    specs: Sequence[ModelSpec], settings: GenerationSettings, varied: Mapping[str, Sequence[str]] | None = None
) -> tuple[Arm, ...]:
    """Return an arm for each checkpoint, or for each under every combination of the levels of what is varied.

    Several checkpoints are then a factor themselves. A level that means nothing is a `UserError`, as is more than two
    factors, or a factor of one level.
    """
    varied = varied or {}
    plain = [Arm(spec.key, spec.key, spec.label, settings, run=spec.run, step=spec.step) for spec in specs]
    if not varied:
        return tuple(plain)
    _check(varied, len(plain))
    arms = []
    for arm in plain:
        for levels in itertools.product(*varied.values()):
            pairs = tuple(zip(varied, levels, strict=True))
            arms.append(_under(arm, pairs, several=len(plain) > 1))
    return tuple(arms)


def _check(varied: Mapping[str, Sequence[str]], checkpoints: int) -> None:
    if len(varied) > MOST_FACTORS:
        raise UserError(f"At most {MOST_FACTORS} settings can be varied at once; leave the others for another run.")
    if {"keep", "precision"} <= set(varied):
        raise UserError("The lens looks at a checkpoint as it is; vary its tokens or its quantisation, not both.")
    count = checkpoints
    for key, levels in varied.items():
        label = find_factor(key).label
        if len(set(levels)) < 2:  # noqa: PLR2004  (a difference is between two)
            raise UserError(f"{label} needs at least two different levels to be varied; add one, or leave it.")
        count *= len(levels)
    if count > MOST_ARMS:
        raise UserError(f"That makes {count} combinations, and at most {MOST_ARMS} can be run; choose fewer levels.")


def _under(arm: Arm, pairs: tuple[tuple[str, str], ...], *, several: bool) -> Arm:
    for key, level in pairs:
        try:
            arm = find_factor(key).apply(arm, level)
        except ValueError as error:
            raise UserError(f"{find_factor(key).label} cannot be {level!r}; {error}.") from error
    said = ", ".join(f"{key} {level}" for key, level in pairs)
    factors = ((CHECKPOINT, arm.checkpoint), *pairs) if several else pairs
    # Under a setting a checkpoint is no step of its run.
    return replace(
        arm, key=f"{arm.checkpoint} | {said}", label=f"{arm.label}, {said}", factors=factors, run=None, step=None
    )
