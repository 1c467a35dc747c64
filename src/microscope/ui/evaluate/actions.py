"""What the Evaluate tab does, as functions on plain data; knows no component and no event."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from microscope.catalog.spec import ModelSpec
from microscope.errors import UserError
from microscope.evaluation.ablation import FACTORS, arms_of
from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Options
from microscope.evaluation.course import asked as asked_of
from microscope.evaluation.items.base import ItemSet, Preview
from microscope.evaluation.items.reading import embedded_set, preview_columns, read_set
from microscope.evaluation.progress import Plan, Progress
from microscope.evaluation.results import Arm, Results
from microscope.evaluation.scoring import find_scorer
from microscope.records import GenerationSettings, Picture
from microscope.ui.compare.actions import MOST_CHECKPOINTS, Actions, Stops
from microscope.ui.evaluate import words
from microscope.ui.evaluate.choices import Choices, Source, limited
from microscope.ui.evaluate.following import following
from microscope.ui.evaluate.view import Shown

# What a visitor who is not the owner may have computed at once.
MOST_ANSWERS = 2_000
POINTS = 100


class Evaluating(Protocol):
    """What runs a set through checkpoints: the evaluator, or a stand-in."""

    def plan(self, items: ItemSet, arms: Sequence[Arm], scorer: str) -> Plan:
        """Return what a run would be."""
        ...

    def run(self, items: ItemSet, arms: Sequence[Arm], scorer: str, *, early: bool = False) -> Iterator[Progress]:
        """Yield where the run stands; closing the iterator stops it."""
        ...


@dataclass(frozen=True, eq=False)
class Asked:
    """A run that can start: everything in it was checked."""

    items: ItemSet
    arms: tuple[Arm, ...]
    scorer: str
    early: bool
    options: Options

    @property
    def labels(self) -> dict[str, str]:
        """Return what people call each arm, by key."""
        return {arm.key: arm.label for arm in self.arms}


@dataclass(frozen=True)
class EvaluateActions:
    """The tab's actions over one evaluator; made once, before launch."""

    evaluator: Evaluating
    compare: Actions
    folder: Path
    offline: bool = False
    stops: Stops = field(default_factory=Stops)

    @cached_property
    def shipped(self) -> ItemSet:
        """Return the set that ships with the app."""
        return embedded_set(self.folder)

    def read(self, source: Source, columns: Mapping[str, str] | None, tell: Callable[[int, int], None]) -> ItemSet:
        """Return the set of a source; one that cannot be read is a `UserError`.

        `columns` says which column means what, by field; None guesses all.
        """
        source = source.checked()
        if source.kind == words.SHIPPED:
            return self.shipped
        place, split = _place(source), source.split or None
        # Nobody should wait, or have this machine work, for a million pictures.
        limit = words.HUB_ROWS if source.kind == words.HUB else None
        return read_set(place, columns=columns, split=split, limit=limit, offline=self.offline, tell=tell)

    def reading(self, source: Source, columns: Mapping[str, str] | None) -> Iterator[tuple[int, int] | ItemSet]:
        """Yield how far the reading of a set is, and at the end the set."""
        items = yield from following(lambda tell: self.read(source, columns, tell))
        yield items

    def preview(self, source: Source) -> Preview:
        """Return the columns of a source and what they seem to mean; one that cannot be read is a `UserError`."""
        source = source.checked()
        return preview_columns(_place(source), split=source.split or None, offline=self.offline)

    def asked(self, items: ItemSet | None, choices: Choices) -> Asked:
        """Check what was chosen and return the run; the first thing wrong is a `UserError`."""
        if items is None:
            raise UserError(words.NO_SET)
        if not items.items:
            raise UserError(words.NO_ITEMS)
        find_scorer(choices.scorer)
        arms = self.arms(choices)
        keys = [arm.key for arm in arms]
        if choices.baseline is not None and choices.baseline not in keys:
            raise UserError(words.UNKNOWN_BASELINE.format(key=choices.baseline, known=", ".join(keys)))
        if choices.early and choices.baseline is not None:
            # Such a run stops when all are decided against the first.
            arms = tuple(sorted(arms, key=lambda arm: arm.key != choices.baseline))
        chosen = limited(items, choices.limit, at_random=choices.at_random)
        return Asked(chosen, arms, choices.scorer, choices.early, options(choices.baseline, choices.margin))

    def check_keys(self, keys: Sequence[str]) -> tuple[ModelSpec, ...]:
        """Check the chosen checkpoints and return them in catalogue order; any number may be."""
        specs = self.compare.engine.catalog.specs
        known = [spec.key for spec in specs]
        if not keys:
            raise UserError(words.NO_CHECKPOINT)
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise UserError(words.UNKNOWN_CHECKPOINT.format(key=unknown[0], known=", ".join(known)))
        return tuple(spec for spec in specs if spec.key in keys)

    def arms(self, choices: Choices) -> tuple[Arm, ...]:
        """Return the columns of a run: each checkpoint at each combination of what is varied."""
        specs = self.check_keys(choices.checkpoints)
        return arms_of(specs, self.settings(choices.new_tokens), dict(choices.factors))

    def settings(self, new_tokens: int) -> GenerationSettings:
        """Return the generation settings of a run: the catalogue's, with so many tokens at most."""
        return replace(self.compare.defaults(), max_new_tokens=new_tokens)

    def plan(self, asked: Asked) -> Plan:
        """Return what a run takes and what it could see."""
        return self.evaluator.plan(asked.items, asked.arms, asked.scorer)

    def admit(self, asked: Asked, *, owner: bool) -> None:
        """Refuse what is too much for one visitor; the owner may run anything."""
        if owner:
            return
        plan = self.plan(asked)
        if plan.answers - plan.known > MOST_ANSWERS:
            raise UserError(words.TOO_MUCH.format(asked=plan.answers - plan.known, most=MOST_ANSWERS))

    def run(self, visitor: str, asked: Asked) -> Generator[Progress, None, None]:
        """Yield where the run stands, each time with the results that were last seen; Stop ends it.

        Closing the iterator ends it too. What was answered is kept either way, so that running again goes on.
        """
        flag, results = self.stops.start(visitor), None
        steps = self.evaluator.run(asked.items, asked.arms, asked.scorer, early=asked.early)
        try:
            for step in steps:
                results = step.results or results
                if flag.is_set() and not step.over:
                    yield replace(step, results=results, over=True, stopped_early=words.STOPPED)
                    return
                yield replace(step, results=results)
        finally:
            if close := getattr(steps, "close", None):
                close()
            self.stops.end(visitor)

    def analysed(self, items: ItemSet, results: Results, chosen: Options) -> Shown:
        """Return results with what they say."""
        return Shown(items, results, analyse(results, chosen))

    def opened(self, shown: Shown, place: int) -> tuple[Picture, str, list[str], GenerationSettings]:
        """Return the picture, question, checkpoints and settings of an item, for another tab."""
        if shown.results is None or shown.items is None or not 0 <= place < len(shown.results.items):
            raise UserError(words.NOTHING_RUN)
        item = shown.results.items[place]
        known = self.compare.engine.catalog
        arms = shown.results.arms
        keys = dict.fromkeys(arm.checkpoint for arm in arms if known.get(arm.checkpoint) is not None)
        picture = shown.items.pictures.read(item.image)
        return picture, asked_of(arms[0], item), list(keys)[:MOST_CHECKPOINTS], arms[0].settings


def _place(source: Source) -> Path | str:
    return Path(source.file) if source.file and source.kind == words.UPLOAD else source.hub


def options(baseline: str | None, margin: float) -> Options:
    """Return what is asked of results; `margin` is in points, and 0 asks for no such verdict."""
    return Options(baseline=baseline, margin=margin / POINTS or None)


def factor_hint(key: str | None) -> str:
    """Return what a factor's levels may be; nothing for an unknown one."""
    return next((factor.hint for factor in FACTORS if factor.key == key), "")
