"""Every method gives every family a map: of its shape, finite, and the same again."""

from __future__ import annotations

import pytest
import torch

from microscope.errors import UserError
from microscope.lens.findings import ATTENTION, CONTROL, EVIDENCE, RELEVANCE
from microscope.lens.methods import METHODS, find_method
from microscope.lens.methods.base import MOST_ROWS, Context, Estimate
from tests.families import FAMILIES
from tests.lens.looking import Sights

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 5


def last(key: str, context: Context, token: int | None) -> Estimate:
    *_, found = find_method(key).maps(context, token)
    return found


@pytest.mark.parametrize("name", [*FAMILIES, "paligemma2", "sliding"])
def test_every_method_maps_every_family(name: str, sights: Sights) -> None:
    sight = sights(name)
    context, again = sight.context(STEPS), sight.context(STEPS)
    for method in METHODS:
        if method.key in ("integrated", "occlusion") and name in ("llava_next", "llava_onevision"):
            with pytest.raises(UserError, match="hidden neighbourhoods"):
                last(method.key, context, None)
            continue
        found = last(method.key, context, None)
        assert found.values.shape == (len(sight.positions),), method.key
        assert bool(found.values.isfinite().all()), method.key
        assert found.done == found.total
        assert torch.equal(found.values, last(method.key, again, None).values), method.key
        # A window that the answer has left behind has no attention for the picture.
        if method.tier != ATTENTION or name != "sliding":
            assert float(found.values.abs().max()) > 0, method.key
        if method.key not in ("attention", "random"):
            one = last(method.key, context, len(sight.answer) - 1)
            assert not torch.equal(one.values, found.values), method.key


def test_methods_have_their_own_keys_and_go_from_quick_to_slow() -> None:
    keys = [method.key for method in METHODS]
    assert len(set(keys)) == len(keys)
    assert all(find_method(key).key == key for key in keys)
    order = [ATTENTION, RELEVANCE, EVIDENCE, CONTROL]
    assert [order.index(method.tier) for method in METHODS] == sorted(order.index(method.tier) for method in METHODS)
    assert all(method.label and method.unit and method.note for method in METHODS)


def test_an_unknown_method_is_told_with_those_there_are() -> None:
    with pytest.raises(UserError, match="There is no method 'saliency'; choose one of attention, heads, relevance"):
        find_method("saliency")


@pytest.mark.parametrize("token", [-1, 4])
def test_an_unknown_token_is_told(token: int, sights: Sights) -> None:
    context = sights("llava").context()
    assert context.tokens_of(None) == (0, 1, 2, 3)
    assert context.tokens_of(3) == (3,)
    with pytest.raises(UserError, match=f"4 tokens, numbered from 0; there is no token {token}"):
        context.tokens_of(token)


def test_a_blank_picture_is_held_against_once(sights: Sights) -> None:
    sight = sights("qwen2_5_vl")
    context = sight.context()
    assert set(context.blank_inputs) == {"pixel_values"}
    before = context.subject.forwards
    prior, rows = context.prior, context.blank_rows_of([0, 2])
    assert context.subject.forwards == before + 1
    with torch.no_grad():
        expected = context.subject.forward(pixel_values=sight.blank["pixel_values"])
    assert torch.allclose(prior, expected, atol=1e-5)
    real = context.rows_of([0, 2])
    assert rows.shape == real.shape
    assert not torch.allclose(rows, real, atol=1e-5)


def test_rows_that_were_not_kept_are_computed_once(sights: Sights) -> None:
    sight = sights("llava")
    whole, first = sight.context(), sight.context()
    first.known = whole.known[:1]
    before = first.subject.forwards
    found = first.rows_of([0, 2])
    assert first.subject.forwards == before + 1
    assert torch.allclose(found, whole.rows_of([0, 2]), atol=1e-6)
    first.rows_of([2, 0])
    assert first.subject.forwards == before + 1


def test_of_a_long_answer_the_tokens_that_the_picture_raised_stand_for_all(sights: Sights) -> None:
    sight = sights("gemma3")
    context = Context(sight.subject(tuple(range(40, 60))), sight.blank, sight.layout)
    assert context.chosen(7) == (7,)
    raised = (context.subject.plain - context.prior).tolist()
    assert context.chosen(None, 3) == tuple(sorted(sorted(range(20), key=lambda token: -raised[token])[:3]))
    assert context.chosen(None, 20) == tuple(range(20))
    assert len(context.chosen(None)) == MOST_ROWS


def test_what_maps_share_is_told_as_the_cost_of_each(sights: Sights) -> None:
    context = sights("llava").context()
    context.relevancy([0, 1])
    assert (context.shared["relevance"].forwards, context.shared["relevance"].backwards) == (1, 2)
    assert context.prior.shape == (len(context.subject.answer),)
    assert context.shared["attention"].forwards == 1


def test_relevancy_is_computed_for_what_is_missing(sights: Sights) -> None:
    context = sights("gemma3").context()
    both = context.relevancy([2, 0])
    assert context.subject.backwards == 2
    found = context.relevancy([0, 1, 2])
    assert context.subject.backwards == 3
    assert torch.equal(found.carried[[2, 0]], both.carried)
    assert torch.equal(found.last_rows[[2, 0]], both.last_rows)


def test_a_target_is_a_token_or_their_mean(sights: Sights) -> None:
    context = sights("llava").context()
    scores = torch.tensor([[-1.0, -2.0, -3.0, -6.0], [0.0, 0.0, 0.0, -4.0]])
    assert context.logprob(scores, None).tolist() == [-3, -1]
    assert context.logprob(scores, 3).tolist() == [-6, -4]
