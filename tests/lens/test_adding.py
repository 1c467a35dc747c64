"""A method and a family are added the way the README says: what stands there runs."""

from __future__ import annotations

from pathlib import Path

import torch

from microscope.lens.families.family import Family, Shown
from microscope.lens.methods import METHODS
from microscope.lens.methods.base import Context
from tests.adding import shown
from tests.lens.looking import Sights


def test_a_method_is_one_file_with_one_object(tmp_path: Path, sights: Sights) -> None:
    method = shown("Attention of the last layer", tmp_path).METHOD
    assert {name for name in ("key", "label", "tier", "unit", "note") if not getattr(method, name)} == set()
    assert method.key not in [one.key for one in METHODS]
    context: Context = sights("llava").context()
    (estimate,) = method.maps(context, 0)
    torch.testing.assert_close(estimate.values, context.rows_of([0])[0, -1].mean(0))


def test_a_family_is_one_file_with_one_object(tmp_path: Path, sights: Sights) -> None:
    family = shown("My VLM: the image", tmp_path).FAMILY
    assert isinstance(family, Family)
    sight = sights("paligemma")
    asked = Shown(sight.model.config, None, (64, 64), sight.inputs, len(sight.positions))
    placement = family.cells(asked)
    assert placement is not None
    assert [box for box, _ in placement.cells] == [cell.box for cell in sight.layout.cells]
