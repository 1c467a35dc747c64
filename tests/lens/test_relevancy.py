"""Relevancy carried row by row equals Chefer's product of whole matrices, and keeps no matrix of attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from microscope.lens import relevancy as module
from microscope.lens.call import Call
from microscope.lens.probe import Probe
from microscope.lens.relevancy import frozen, relevancy, step
from microscope.lens.subject import Subject
from tests.families import FAMILIES
from tests.lens.looking import Sights, eager_copy

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ALL = (*FAMILIES, "paligemma2", "sliding")
NEAR = 1e-4


def weighed(logit: torch.Tensor, attentions: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return mean over heads of max(0, gradient x attention), for each layer."""
    grads = torch.autograd.grad(logit, attentions, retain_graph=True)
    return [(grad * one).clamp(min=0).mean(1)[0].detach() for grad, one in zip(grads, attentions, strict=True)]


def whole_product(subject: Subject, token: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return R = (I + A_n) ... (I + A_1) at the answer's row, and the sum of that row of every A.

    Where there is an encoder, the decoder's positions come first and the encoder's after them, in one matrix.
    """
    model, row, columns = eager_copy(subject.model), int(subject.target_rows[token]), subject.positions
    with torch.enable_grad():
        out = model(**subject.full, output_attentions=True, use_cache=False)
        logit = out.logits[0, row, subject.answer[token]]
        if not subject.encodes:
            layers = weighed(logit, out.attentions)
            product = torch.eye(len(layers[0]))
            for layer in layers:
                product = product + layer @ product
            return product[row, columns], sum(layer[row, columns] for layer in layers)
        own, across = (weighed(logit, each) for each in (out.decoder_attentions, out.cross_attentions))
        seen = weighed(logit, out.encoder_attentions)
    answers = len(own[0])
    product = torch.eye(answers + len(seen[0]))
    for layer in seen:
        product = product + torch.nn.functional.pad(layer, (answers, 0, answers, 0)) @ product
    for mine, other in zip(own, across, strict=True):
        for part in (torch.nn.functional.pad(mine, (0, len(seen[0]))), torch.cat([torch.zeros_like(mine), other], 1)):
            product = product + torch.nn.functional.pad(part, (0, 0, 0, len(seen[0]))) @ product
    return product[row, answers + columns], sum(layer[row, columns] for layer in across)


def far(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference, as a share of the largest value."""
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", ALL)
def test_relevancy_is_that_of_the_full_product(name: str, sights: Sights) -> None:
    subject = sights(name).subject()
    token = len(subject.answer) - 1
    found = relevancy(subject, [0, token])
    for number, one in enumerate((0, token)):
        carried, single = whole_product(subject, one)
        assert float(carried.max()) > 0
        assert far(found.carried[number], carried) < NEAR
        assert far(found.last_rows[number], single) < NEAR
    # They are of different tokens, and a way through several layers is more than one of them.
    assert far(found.carried[0], found.carried[1]) > NEAR
    assert bool((found.carried >= found.last_rows - 1e-9).all())


@pytest.mark.parametrize("name", ["llava", "gemma3", "paligemma2", "florence2"])
def test_blocks_smaller_than_the_prompt_change_nothing(
    name: str, sights: Sights, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = sights(name).subject()
    expected = relevancy(subject, [1])
    monkeypatch.setattr(module, "BLOCK", 3)
    found = relevancy(subject, [1])
    assert far(found.carried, expected.carried) < 1e-5
    assert far(found.last_rows, expected.last_rows) < 1e-5


@pytest.mark.parametrize("name", ["qwen3_vl", "internvl", "florence2"])
def test_several_tokens_at_once_are_as_one_by_one(name: str, sights: Sights) -> None:
    subject = sights(name).subject()
    tokens = list(range(len(subject.answer)))
    found = relevancy(subject, tokens)
    assert (subject.forwards, subject.backwards) == (1, len(tokens))
    for number, token in enumerate(tokens):
        alone = relevancy(subject, [token])
        assert torch.equal(found.carried[number], alone.carried[0])
        assert torch.equal(found.last_rows[number], alone.last_rows[0])


class Largest(TorchDispatchMode):
    """Collects the shapes of tensors of which two axes are at least so long."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.found: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in tree_leaves(out):
            if isinstance(one, torch.Tensor) and sum(size >= self.length for size in one.shape) > 1:
                self.found.append((str(func), tuple(one.shape)))
        return out


def test_no_matrix_of_all_queries_and_keys_is_made(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = sights("llava_next").subject()
    length = subject.prompt_length
    monkeypatch.setattr(module, "BLOCK", 64)
    # The vocabulary is longer than the prompt, but no other axis of its tensors is as long.
    with Largest(length) as ours:
        relevancy(subject, [0, 1])
    assert ours.found == []
    with Largest(length) as theirs:
        whole_product(subject, 0)
    assert theirs.found


def test_what_is_kept_of_each_layer_is_no_matrix(sights: Sights) -> None:
    subject = sights("llava_next").subject()
    calls: list[Call] = []
    saved: list[tuple[int, ...]] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tuple(tensor.shape))
        return tensor

    probe = Probe(subject.model, calls.append)
    with probe.attached(), torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        probe.run(lambda: module._scores(subject))
    tensors = [
        value for call in calls for one in fields(call) if isinstance(value := getattr(call, one.name), torch.Tensor)
    ]
    assert len(calls) == 3
    shapes = {tuple(tensor.shape) for tensor in tensors} | set(saved)
    assert [shape for shape in shapes if sum(size >= subject.prompt_length for size in shape) > 1] == []


def test_a_step_skips_queries_that_carry_nothing_and_keys_that_come_later() -> None:
    generator = torch.Generator().manual_seed(0)
    query, value, grad = (torch.randn(1, 2, 5, 3, generator=generator) for _ in range(3))
    call = Call(torch.nn.Identity(), query, query, value, None, 1.0, query, causal=True)
    carried = torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    found = step(carried, call, torch.cat([grad, grad]).transpose(1, 2))
    attention = call.rows(0, 5)[0]
    expected = (attention * (grad[0] @ value[0].transpose(1, 2))).clamp(min=0).mean(0)[2]
    assert torch.allclose(found[0], expected, atol=1e-6)
    assert found[0, 3:].tolist() == [0, 0]
    assert found[1].tolist() == [0] * 5


def test_a_layer_that_does_not_reach_the_answer_carries_nothing(sights: Sights) -> None:
    # The last layer's other rows have no gradient, and of a token before it nothing flows back from later ones.
    subject = sights("llava").subject()
    first = relevancy(subject, [0])
    other = Subject(subject.model, subject.inputs, (subject.answer[0], 50, 60), subject.positions)
    assert far(relevancy(other, [0]).carried, first.carried) < 1e-5


def test_weights_are_frozen_only_while_it_lasts(sights: Sights) -> None:
    subject = sights("internvl").subject()
    model = subject.model
    one = next(iter(model.parameters()))
    one.requires_grad_(requires_grad=False)
    before = [parameter.requires_grad for parameter in model.parameters()]
    try:
        relevancy(subject, [0])
        assert [parameter.requires_grad for parameter in model.parameters()] == before
        assert all(parameter.grad is None for parameter in model.parameters())
        with frozen(model):
            assert not any(parameter.requires_grad for parameter in model.parameters())
        with pytest.raises(ZeroDivisionError), frozen(model):
            _ = 1 / 0
        assert [parameter.requires_grad for parameter in model.parameters()] == before
    finally:
        one.requires_grad_(requires_grad=True)
