"""The specification of one checkpoint; knows no file format and loads nothing."""

from __future__ import annotations

from dataclasses import dataclass

from microscope.records import GenerationSettings


@dataclass(frozen=True)
class ModelSpec:
    """One checkpoint that can be run.

    `source` is a Hub id (`org/name`) or an absolute folder; `folder` tells which. `revision` is a branch, tag or
    commit of the Hub (None: the default branch) and `subfolder` a checkpoint inside it. `base` names the model that a
    PEFT adapter in `source` belongs to. `processor_from` is where processor and tokenizer come from when the
    checkpoint has none (a Hub id or a folder). `image_budget` is in pixels, `min_vram` in bytes, `parameters` a count.
    `step` and `run` place it in its training run. `architecture` names a reviewed local implementation.
    """

    key: str
    label: str
    source: str
    folder: bool = False
    revision: str | None = None
    subfolder: str | None = None
    licence: str | None = None
    parameters: int | None = None
    dtype: str = "auto"
    attention: str = "sdpa"
    generation: GenerationSettings = GenerationSettings()
    image_budget: int | None = None
    min_vram: int | None = None
    base: str | None = None
    base_revision: str | None = None
    processor_from: str | None = None
    gated: bool = False
    pin: bool = False
    system: str | None = None
    prompt_template: str | None = None
    architecture: str | None = None
    run: str | None = None
    step: int | None = None


@dataclass(frozen=True)
class BadEntry:
    """An entry that cannot be used: shown greyed, with one sentence that names line, value, and what is allowed.

    `away` tells that the Hub could not be asked, and that nothing is known against the entry.
    """

    name: str
    reason: str
    line: int | None = None
    away: bool = False


@dataclass(frozen=True)
class Catalog:
    """Every checkpoint of one preset in display order, the entries that failed, and the name of the preset."""

    specs: tuple[ModelSpec, ...]
    bad: tuple[BadEntry, ...] = ()
    preset: str = ""

    @property
    def settings(self) -> GenerationSettings:
        """Return the settings that a page starts with: the first checkpoint's own defaults."""
        return self.specs[0].generation if self.specs else GenerationSettings()

    def get(self, key: str) -> ModelSpec | None:
        """Return the checkpoint of that key, or None."""
        return next((spec for spec in self.specs if spec.key == key), None)
