"""Settings to component values and back, with every bound checked; knows no component."""

from __future__ import annotations

from collections.abc import Sequence

from microscope.errors import UserError
from microscope.records import GenerationSettings
from microscope.ui import text

MEGAPIXEL = 1_000_000
BOUNDS = (
    (text.NEW_TOKENS, 1, 1024),
    (text.TEMPERATURE, 0, 2),
    (text.TOP_P, 0.01, 1),
    (text.TOP_K, 0, 1000),
    (text.PENALTY, 0.5, 2),
    (text.SEED, 0, 2**31 - 1),
    (text.BUDGET, 0, 25),
)


def read_settings(values: Sequence[float | None]) -> GenerationSettings:
    """Return the settings of the controls' values, in their order; a value out of bounds is a `UserError`."""
    checked = []
    for (name, least, most), value in zip(BOUNDS, values, strict=True):
        if value is None or not least <= value <= most:
            raise UserError(text.OUT_OF_RANGE.format(name=name, least=least, most=most, value=value))
        checked.append(value)
    tokens, temperature, top_p, top_k, penalty, seed, budget = checked
    return GenerationSettings(
        max_new_tokens=int(tokens),
        temperature=float(temperature),
        top_p=float(top_p),
        top_k=int(top_k),
        repetition_penalty=float(penalty),
        seed=int(seed),
        image_budget=round(budget * MEGAPIXEL) or None,
    )


def write_settings(settings: GenerationSettings) -> tuple[float, ...]:
    """Return the controls' values of the settings, in their order."""
    return (
        settings.max_new_tokens,
        settings.temperature,
        settings.top_p,
        settings.top_k,
        settings.repetition_penalty,
        settings.seed,
        (settings.image_budget or 0) / MEGAPIXEL,
    )
