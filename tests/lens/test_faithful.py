"""A badge starts and ends where it must, its masks are those of its order, and a true map beats a random one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from microscope.lens.faithful import FRACTIONS, RANDOM_ORDERS, Judge, masks
from microscope.lens.subject import Subject
from tests.lens.looking import Scene, Sights

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RANDOM_MASKS = RANDOM_ORDERS * 2 * len(FRACTIONS)


def test_masks_take_the_best_away_and_leave_the_best() -> None:
    found = masks(torch.tensor([3, 0, 1, 4]), 5, (0.25, 0.5))
    assert found.tolist() == [
        [False, False, False, True, False],
        [True, False, False, True, False],
        [True, True, False, False, True],
        [False, True, False, False, True],
    ]
    # Cell 2 has no place, and is never hidden.
    assert not found[:, 2].any()


def test_the_smallest_share_is_a_cell() -> None:
    assert masks(torch.arange(4), 4, (0.01,)).sum(1).tolist() == [1, 3]


@pytest.mark.parametrize("token", [None, 1])
@pytest.mark.parametrize("name", ["llava_next", "qwen2_5_vl", "florence2"])
def test_a_badge_starts_and_ends_where_it_must(name: str, token: int | None, sights: Sights) -> None:
    sight = sights(name)
    context = sight.context()
    badge = Judge(context).badge(torch.arange(len(sight.positions), dtype=torch.float32), token)
    assert badge.fractions == (0.0, *FRACTIONS, 1.0)
    curves = badge.deletion, badge.keep, badge.random_deletion, badge.random_keep
    assert all(len(curve) == len(badge.fractions) for curve in curves)
    assert (badge.deletion[0], badge.random_deletion[0], badge.keep[-1], badge.random_keep[-1]) == (1, 1, 1, 1)
    placed = torch.zeros(1, len(sight.positions), dtype=torch.bool)
    placed[0, list(sight.layout.boxed)] = True
    plain, without = context.subject.plain, context.subject.without(placed)[0]
    tokens = slice(None) if token is None else slice(token, token + 1)
    nothing = float((without[tokens].mean() - plain[tokens].mean()).exp())
    ends = badge.deletion[-1], badge.keep[0], badge.random_deletion[-1], badge.random_keep[0]
    assert ends == pytest.approx((nothing,) * 4, rel=1e-4)
    assert np.isfinite(curves).all()


def test_each_point_is_the_probability_without_those_cells(sights: Sights) -> None:
    sight = sights("llava_next")
    context = sight.context()
    values = torch.rand(len(sight.positions), generator=torch.Generator().manual_seed(3))
    # Those without a place would come first.
    values[[index for index, cell in enumerate(sight.layout.cells) if cell.box is None]] = 9
    badge = Judge(context).badge(values, None)
    order = [cell for cell in values.argsort(descending=True).tolist() if cell in sight.layout.boxed]
    for point, fraction in enumerate(FRACTIONS, start=1):
        hidden = torch.zeros(2, len(sight.positions), dtype=torch.bool)
        count = round(fraction * len(order))
        hidden[0, order[:count]] = hidden[1, order[count:]] = True
        change = (context.subject.without(hidden).mean(1) - context.subject.plain.mean()).exp().tolist()
        assert (badge.deletion[point], badge.keep[point]) == pytest.approx(tuple(change), rel=1e-4)


def test_cells_without_a_place_are_never_hidden(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    sight = sights("llava_onevision")
    newlines = [index for index, cell in enumerate(sight.layout.cells) if cell.box is None]
    hidden: list[torch.Tensor] = []
    plain = Subject.without

    def without(subject: Subject, some: torch.Tensor) -> torch.Tensor:
        hidden.append(some)
        return plain(subject, some)

    monkeypatch.setattr(Subject, "without", without)
    Judge(sight.context()).badge(torch.ones(len(sight.positions)), None)
    every = torch.cat(hidden)
    assert newlines
    assert not every[:, newlines].any()
    assert bool(every[:, list(sight.layout.boxed)].any(0).all())


def test_what_random_orders_do_is_measured_once(sights: Sights) -> None:
    sight = sights("gemma3")
    context = sight.context()
    subject, judge = context.subject, Judge(context)
    assert subject._batchable
    before = subject.forwards
    first = judge.badge(torch.rand(16), None)
    assert subject.forwards - before == 1 + RANDOM_MASKS + 2 * len(FRACTIONS)
    before = subject.forwards
    second = judge.badge(torch.rand(16), 0)
    assert subject.forwards - before == 2 * len(FRACTIONS)
    assert first.random_keep != second.random_keep
    assert Judge(replace(context, seed=0)).badge(torch.rand(16), None).random_keep == first.random_keep
    assert Judge(replace(context, seed=1)).badge(torch.rand(16), None).random_keep != first.random_keep


def test_a_map_of_the_evidence_beats_chance_and_its_opposite(scenes: tuple[Scene, ...]) -> None:
    # Patches around an object tell of it too, so that this is so on average, and not on every picture.
    badges, opposites = [], []
    for scene in scenes:
        judge = Judge(scene.sight.context())
        badges.append(judge.badge(scene.evidence.float(), None))
        opposites.append(judge.badge(-scene.evidence.float(), None))
    kept, chance = np.mean([badge.kept() for badge in badges], axis=0)
    assert kept > 0.95
    assert chance < kept - 0.1
    deletion, keep = np.mean([badge.areas() for badge in badges], axis=0)
    worse, less = np.mean([badge.areas() for badge in opposites], axis=0)
    random = np.mean([np.trapezoid(badge.random_deletion, badge.fractions) for badge in badges])
    assert deletion < random - 0.1
    assert deletion < worse - 0.1
    assert keep > less + 0.1
