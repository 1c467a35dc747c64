"""Inverting stripes of the picture moves the tokens that each family says lie there, and no others.

The two share nothing: a family reads settings, the probe sees pixels go in and tokens come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
import torch
from PIL import Image, ImageChops

from microscope.errors import UserError
from microscope.lens.families.family import NEWLINE, SUMMARY, THUMBNAIL, WHOLE
from microscope.lens.layout import MEASURED, Layout, image_positions, lay_out
from microscope.lens.stripes import STRIPES, entry, measure, movement
from microscope.records import Box
from tests.engine.conftest import Loaded
from tests.families import FAMILIES, VISION
from tests.lens.preparing import Changed, inputs_of, layout, noise, reprocess

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZES = [(150, 100), (100, 230), (300, 90)]
# How many tokens, of those of three pictures, need not move most where they are said to lie: random weights mix.
MISSES = {"paligemma": 2, "gemma3": 4, "florence2": 4}
Moved = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def probed(loaded: Callable[..., Loaded]) -> Callable[[str, tuple[int, int]], tuple[Layout, Moved]]:
    """Return what lays out a picture by family and measures what moves, each once."""

    @cache
    def probe(family: str, size: tuple[int, int]) -> tuple[Layout, Moved]:
        one = loaded(family)
        known = layout(one, size)
        assert known is not None
        return known, movement(one.model, reprocess(one.processor), noise(size), known.positions)

    return probe


def overlaps(low: float, high: float, stripe: int) -> bool:
    return stripe / STRIPES < high + 1e-6 and (stripe + 1) / STRIPES > low - 1e-6


def hit(box: Box, across: torch.Tensor, down: torch.Tensor) -> bool:
    """Tell whether a token moves most where its box lies."""
    column, row = int(across.argmax()), int(down.argmax())
    return overlaps(box.left, box.right, column) and overlaps(box.top, box.bottom, row)


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_move_most_where_their_family_says_they_lie(family: str, probed: Callable[..., Any]) -> None:
    hits = boxed = 0
    for size in SIZES:
        known, (across, down) = probed(family, size)
        for token in known.boxed:
            hits += hit(known.cells[token].box, across[:, token], down[:, token])
            boxed += 1
    assert boxed > 0
    assert hits >= boxed - MISSES.get(family, 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_token_without_a_place_does_not_move_unless_it_sums_up_the_whole(
    family: str, probed: Callable[..., Any]
) -> None:
    for size in SIZES:
        known, moved = probed(family, size)
        for token, cell in enumerate(known.cells):
            most = max(float(axis[:, token].max()) for axis in moved)
            assert (most > 0) == (cell.view != NEWLINE)
            assert (cell.box is None) == (cell.view in (NEWLINE, SUMMARY))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", SIZES[:2])
def test_measured_boxes_hold_the_middle_of_the_known_ones(
    family: str, size: tuple[int, int], loaded: Callable[..., Loaded]
) -> None:
    one = loaded(family)
    known = layout(one, size)
    assert known is not None
    measured = measure(one.model, reprocess(one.processor), noise(size), known.positions)
    assert (measured.source, measured.views, measured.positions) == (MEASURED, (), known.positions)
    held = 0
    for token in known.boxed:
        mine, theirs = known.cells[token].box, measured.cells[token].box
        assert mine is not None
        assert theirs is not None
        x, y = (mine.left + mine.right) / 2, (mine.top + mine.bottom) / 2
        held += token in measured.covering(x, y)
    assert held >= (0.9 if family != "florence2" else 0.5) * len(known.boxed)
    placeless = {token for token, cell in enumerate(measured.cells) if cell.box is None}
    assert placeless == {token for token, cell in enumerate(known.cells) if cell.view == NEWLINE}
    assert {measured.cells[token].view for token in known.boxed} == {WHOLE}


@pytest.mark.parametrize(
    ("family", "patch", "settings"),
    [
        ("idefics3", 10, {"image_seq_len": 9}),
        ("llava_next", 12, {"patch_size": 12}),
        ("llava_onevision", 12, {"num_image_tokens": 25}),
    ],
)
@pytest.mark.parametrize("size", [(192, 128), (100, 230)])
def test_tokens_move_where_they_lie_though_patches_do_not_fill_a_tile(
    family: str, patch: int, settings: dict[str, int], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VISION, "patch_size", patch)
    torch.manual_seed(0)
    model, processor = FAMILIES[family]()
    for name, value in settings.items():
        setattr(processor, name, value)
    known = lay_out(model.config, processor, size, inputs_of(processor, noise(size)))
    assert known is not None
    assert all(view.width % patch == 0 for view in known.views if view.name == THUMBNAIL)
    across, down = movement(model.eval(), reprocess(processor), noise(size), known.positions)
    boxed = [(token, box) for token, cell in enumerate(known.cells) if (box := cell.box) is not None]
    assert [token for token, box in boxed if not hit(box, across[:, token], down[:, token])] == []


def test_what_a_crop_leaves_out_is_found_unseen(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    known = layout(one, (150, 100))
    assert known is not None
    seen = measure(one.model, reprocess(one.processor), noise((150, 100)), known.positions).seen
    assert (seen.top, seen.bottom) == (0, 1)
    assert abs(seen.left - known.seen.left) <= 1 / STRIPES
    assert abs(seen.right - known.seen.right) <= 1 / STRIPES
    assert seen.left > 0.1
    assert seen.right < 0.9


def test_an_unknown_architecture_is_measured(loaded: Callable[..., Loaded]) -> None:
    one, size = loaded("qwen2_5_vl"), (96, 64)
    inputs = inputs_of(one.processor, noise(size))
    config = Changed(one.model.config, {"model_type": "nobody_knows"})
    assert lay_out(config, one.processor, size, inputs) is None
    positions = image_positions(config, inputs)
    found = measure(one.model, reprocess(one.processor), noise(size), positions, stripes=8)
    assert found.source == MEASURED
    assert len(found.cells) == len(positions) == 24
    first, last = found.cells[0].box, found.cells[-1].box
    assert first is not None
    assert last is not None
    assert (first.left, first.top) == (0, 0)
    assert (last.right, last.bottom) == (1, 1)
    assert first.right <= 0.25


def test_every_stripe_inverts_its_own_part_of_the_picture(loaded: Callable[..., Loaded]) -> None:
    one, image, shown = loaded("llava"), noise((30, 20)), []

    def spy(given: Image.Image) -> Mapping[str, torch.Tensor]:
        shown.append(given)
        return inputs_of(one.processor, given)

    movement(one.model, spy, image, image_positions(one.model.config, inputs_of(one.processor, image)), 4)
    boxes = [ImageChops.difference(image, given).getbbox() for given in shown]
    assert boxes[0] is None
    assert boxes[1:5] == [(0, 0, 8, 20), (8, 0, 15, 20), (15, 0, 22, 20), (22, 0, 30, 20)]
    assert boxes[5:] == [(0, 0, 30, 5), (0, 5, 30, 10), (0, 10, 30, 15), (0, 15, 30, 20)]


def test_a_picture_of_one_pixel_is_seen_whole(loaded: Callable[..., Loaded]) -> None:
    one = loaded("paligemma")
    positions = image_positions(one.model.config, inputs_of(one.processor, noise((1, 1))))
    found = measure(one.model, reprocess(one.processor), noise((1, 1)), positions)
    assert found.seen == Box(0, 0, 1, 1)
    assert {cell.box for cell in found.cells} == {Box(0, 0, 1, 1)}


def test_image_tokens_whose_number_changes_with_the_picture_are_refused(loaded: Callable[..., Loaded]) -> None:
    one, calls = loaded("qwen2_5_vl"), []

    def fickle(given: Image.Image) -> Mapping[str, torch.Tensor]:
        calls.append(given)
        return inputs_of(one.processor, given if len(calls) == 1 else given.resize((128, 96)))

    positions = image_positions(one.model.config, inputs_of(one.processor, noise((96, 64))))
    with pytest.raises(UserError, match="number of image tokens changes"):
        measure(one.model, fickle, noise((96, 64)), positions)


def test_a_checkpoint_that_does_not_look_is_refused(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    blind = inputs_of(one.processor, noise((64, 64)))
    positions = image_positions(one.model.config, blind)
    with pytest.raises(UserError, match="No image token changes"):
        measure(one.model, lambda _: blind, noise((64, 64)), positions)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_entry_is_the_first_layer_of_what_reads_the_prompt(family: str, loaded: Callable[..., Loaded]) -> None:
    model = loaded(family).model
    names = {name for name, module in model.named_modules() if module is entry(model)}
    assert len(names) == 1
    (name,) = names
    assert name.endswith("layers.0")
    assert "vision" not in name
    assert ("encoder" in name) == model.config.is_encoder_decoder


def test_no_hook_stays_behind(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    inputs = inputs_of(one.processor, noise((64, 64)))
    before = one.model(**inputs).logits
    movement(one.model, reprocess(one.processor), noise((64, 64)), image_positions(one.model.config, inputs), 2)
    assert not entry(one.model)._forward_pre_hooks
    assert torch.equal(one.model(**inputs).logits, before)
