"""Before a run it is known what is left of it, what it costs, and what it could see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.evaluation.ablation import arms_of
from microscope.evaluation.planning import ALIKE, DISAGREEMENT
from microscope.evaluation.statistics import detectable_before
from tests.evaluation.service import SETTINGS, SPECS, checkpoint, part_of_set, plain, service


def test_a_plan_counts_items_and_tells_what_the_set_could_see(tmp_path: Path) -> None:
    items = part_of_set(20)
    plan = service(tmp_path).evaluator.plan(items, plain(), "exact")
    count = len(items.items)
    assert (plan.items, plan.images, plan.arms, plan.answers) == (count, 20, 3, 3 * count)
    assert plan.known == 0
    assert plan.seconds > 0
    assert plan.quota_seconds is None
    assert plan.design_effect == pytest.approx(1 + (count / 20 - 1) * ALIKE)
    assert plan.detectable == pytest.approx(detectable_before(count, DISAGREEMENT, plan.design_effect))
    assert not plan.warnings


def test_what_is_kept_is_known_and_costs_nothing(tmp_path: Path) -> None:
    items, here = part_of_set(4), service(tmp_path)
    here.run(items, plain()[:1])
    plan = here.evaluator.plan(items, plain(), "exact")
    assert plan.known == len(items.items)
    everything = here.evaluator.plan(items, plain()[:1], "exact")
    assert everything.known == everything.answers
    assert everything.seconds == 0


def test_a_larger_set_is_looked_up_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items, here = part_of_set(4), service(tmp_path)
    here.run(items, plain()[:1])
    monkeypatch.setattr("microscope.evaluation.planning.LOOKED_UP", 5)
    assert here.evaluator.plan(items, plain()[:1], "exact").known == len(items.items)


@pytest.mark.parametrize(("images", "part"), [(3, "under 6 no test"), (1, "1 different image;"), (8, "only large")])
def test_few_images_are_warned_of(images: int, part: str, tmp_path: Path) -> None:
    plan = service(tmp_path).evaluator.plan(part_of_set(images), plain(), "exact")
    assert any(part in warning for warning in plan.warnings)


def test_more_answers_than_are_kept_are_warned_of(tmp_path: Path) -> None:
    here = service(tmp_path)
    here.evaluator.engine.answerer.store.max_bytes = 10_000
    plan = here.evaluator.plan(part_of_set(15), plain(), "exact")
    assert any("MICROSCOPE_ANSWERS_BYTES" in warning for warning in plan.warnings)


def test_a_checkpoint_that_is_not_here_is_planned_for_all_the_same(tmp_path: Path) -> None:
    gone = replace(checkpoint(300), key="gone", source=str(tmp_path / "nowhere"))
    arms = arms_of((gone, SPECS[2]), SETTINGS)
    plan = service(tmp_path, (gone, SPECS[2])).evaluator.plan(part_of_set(2), arms, "exact")
    assert plan.known == 0
    assert plan.answers == 2 * plan.items
