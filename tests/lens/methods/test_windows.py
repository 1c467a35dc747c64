"""Hidden neighbourhoods are what the answer loses around a place, sharper with every batch."""

from __future__ import annotations

import pytest
import torch

from microscope.lens.methods.windows import METHOD, REACH, SIDE, WINDOWS
from microscope.lens.places import centres, spread_points
from microscope.lens.subject import Subject
from tests.lens.looking import Scene, Sights, hits


def test_it_sharpens_batch_by_batch_and_honours_its_steps(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "batch", 10)
    sight = sights("llava")
    found = list(METHOD.maps(sight.context(25), None))
    assert [(one.done, one.total) for one in found] == [(10, 25), (20, 25), (25, 25)]
    assert not torch.equal(found[0].values, found[1].values)
    whole = list(METHOD.maps(sight.context(), 0))
    assert (whole[-1].done, whole[-1].total) == (WINDOWS, WINDOWS)
    ends = [float((one.values - whole[-1].values).abs().mean()) for one in whole]
    # Nearer to the end the longer it goes.
    assert sum(ends[:4]) > sum(ends[-5:-1])


def test_given_up_it_asks_no_more(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "batch", 10)
    sight = sights("llava")
    context = sight.context()
    assert context.subject._batchable
    before = context.subject.forwards
    maps = METHOD.maps(context, None)
    next(maps)
    assert sight.model.config.text_config._attn_implementation != "sdpa"
    maps.close()  # type: ignore[attr-defined]
    assert context.subject.forwards == before + 10
    assert sight.model.config.text_config._attn_implementation == "sdpa"


def test_a_value_is_the_loss_of_the_windows_around(sights: Sights) -> None:
    sight = sights("qwen2_5_vl")
    context = sight.context(6)
    *_, found = METHOD.maps(context, 1)
    plain, middle, points = context.subject.plain[1], centres(sight.layout), spread_points(6)
    losses = []
    for x, y in points.tolist():
        near = [abs(cx - x) <= SIDE / 2 and abs(cy - y) <= SIDE / 2 for cx, cy in middle.tolist()]
        losses.append(float(plain - context.subject.without(torch.tensor([near]))[0, 1]))
    width = REACH / 6**0.5
    for cell, (cx, cy) in enumerate(middle.tolist()):
        weights = [
            2.718281828459045 ** (-((cx - x) ** 2 + (cy - y) ** 2) / (2 * width**2)) for x, y in points.tolist()
        ]
        value = sum(weight * loss for weight, loss in zip(weights, losses, strict=True)) / sum(weights)
        assert float(found.values[cell]) == pytest.approx(max(0.0, value), abs=1e-5)


def test_what_has_no_place_is_never_hidden_and_has_no_value(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    sight, masks, plain = sights("llava_next"), list[torch.Tensor](), Subject.batches
    monkeypatch.setattr(Subject, "batches", lambda subject, hidden: masks.append(hidden) or plain(subject, hidden))
    *_, found = METHOD.maps(sight.context(20), None)
    nowhere = [index for index, cell in enumerate(sight.layout.cells) if cell.box is None]
    assert nowhere
    assert found.values[nowhere].tolist() == [0] * len(nowhere)
    assert not masks[0][:, nowhere].any()
    # Both views of a place are hidden together.
    assert all(len({sight.layout.cells[cell].view for cell in row.nonzero().flatten()}) > 1 for row in masks[0])


def test_it_points_at_the_evidence_where_chance_does_not(scenes: tuple[Scene, ...]) -> None:
    assert hits("windows", scenes, steps=48) >= 8
    assert hits("random", scenes) <= 4
