"""Random halves: means of what is seen less means of what is hidden, closer with every batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from microscope.lens.methods.rise import HIDDEN, MASKS, METHOD, _difference, _masks
from microscope.lens.places import centres
from microscope.lens.subject import Subject
from tests.lens.looking import Scene, Sights


def test_it_converges_batch_by_batch_and_honours_its_steps(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "batch", 10)
    sight = sights("llava")
    found = list(METHOD.maps(sight.context(25), None))
    assert [(one.done, one.total) for one in found] == [(10, 25), (20, 25), (25, 25)]
    whole = list(METHOD.maps(sight.context(), None))
    assert whole[-1].total == MASKS
    ends = [float((one.values - whole[-1].values).abs().mean()) for one in whole]
    assert ends[0] > ends[len(ends) // 2] > ends[-2]


def test_given_up_it_asks_no_more(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "batch", 10)
    sight = sights("internvl")
    context = sight.context()
    assert context.subject._batchable
    before = context.subject.forwards
    maps = METHOD.maps(context, None)
    next(maps)
    maps.close()  # type: ignore[attr-defined]
    assert context.subject.forwards == before + 10
    assert sight.model.config.text_config._attn_implementation == "sdpa"


def test_a_value_is_what_seeing_adds(sights: Sights) -> None:
    sight = sights("qwen3_vl")
    context = sight.context(12)
    *_, found = METHOD.maps(context, 0)
    hidden = _masks(centres(sight.layout), 12, 0)
    chances = [float(context.subject.without(mask[None])[0, 0].exp()) for mask in hidden]
    for cell in range(len(sight.positions)):
        gone = [chance for chance, mask in zip(chances, hidden, strict=True) if mask[cell]]
        seen = [chance for chance, mask in zip(chances, hidden, strict=True) if not mask[cell]]
        expected = sum(seen) / len(seen) - sum(gone) / len(gone) if seen and gone else 0
        assert float(found.values[cell]) == pytest.approx(expected, abs=1e-6)


def test_masks_hide_half_in_patches_and_nothing_without_a_place(sights: Sights) -> None:
    middle = centres(sights("llava_onevision").layout)
    nowhere = middle.isnan().any(1)
    hidden = _masks(middle, 400, 0)
    assert not hidden[:, nowhere].any()
    shares = hidden[:, ~nowhere].float().mean(0)
    assert float(shares.mean()) == pytest.approx(HIDDEN, abs=0.03)
    assert 0.35 < float(shares.min()) < float(shares.max()) < 0.65
    assert torch.equal(hidden, _masks(middle, 400, 0))
    assert not torch.equal(hidden, _masks(middle, 400, 1))
    # Neighbours are most often hidden together, those far away by chance.
    near, by, far = _masks(torch.tensor([[0.5, 0.5], [0.52, 0.5], [0.95, 0.1]]), 400, 0).T
    assert float((near == by).float().mean()) > 0.85
    assert 0.4 < float((near == far).float().mean()) < 0.6


def test_what_was_never_or_always_hidden_has_no_difference() -> None:
    hidden = torch.tensor([[True, False, True], [False, False, True]])
    found = _difference(hidden, torch.tensor([0.2, 0.6]))
    assert found.tolist() == pytest.approx([0.4, 0, 0])


def test_another_seed_draws_others(sights: Sights) -> None:
    context = sights("llava").context(8)
    (*_, one), (*_, other) = METHOD.maps(context, None), METHOD.maps(replace(context, seed=1), None)
    assert not torch.equal(one.values, other.values)


def test_the_evidence_has_more_than_the_rest(scenes: tuple[Scene, ...]) -> None:
    higher = 0
    for scene in scenes:
        *_, found = METHOD.maps(scene.sight.context(64), None)
        higher += int(found.values[scene.evidence].mean() > found.values[~scene.evidence].mean())
    assert higher >= 9
