"""One call's rows are those of the whole matrix, and masks allow what they say."""

from __future__ import annotations

import pytest
import torch

from microscope.lens.call import Call, causal_mask, shared, without_keys

POSITIONS, HEADS, WIDTH = 7, 4, 8


@pytest.fixture
def states() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    query = torch.randn(1, HEADS, POSITIONS, WIDTH)
    return query, torch.randn(1, 2, POSITIONS, WIDTH), torch.randn(1, 2, POSITIONS, WIDTH)


def call(states: tuple[torch.Tensor, ...], **more: object) -> Call:
    query, key, value = states
    given = {"mask": None, "scaling": 0.5, "out": torch.zeros(1), "causal": True, **more}
    return Call(torch.nn.Identity(), query, key, value, **given)


def test_rows_are_those_of_the_whole_matrix(states: tuple[torch.Tensor, ...]) -> None:
    query, key, _ = states
    scores = query @ key.repeat_interleave(2, 1).transpose(2, 3) * 0.5
    whole = scores.masked_fill(torch.ones(POSITIONS, POSITIONS).triu(1).bool(), -torch.inf).softmax(-1)
    torch.testing.assert_close(call(states).rows(2, 5), whole[:, :, 2:5])
    torch.testing.assert_close(call(states, causal=False).rows(0, 7), scores.softmax(-1))


def test_a_softcap_and_a_sink_are_part_of_it(states: tuple[torch.Tensor, ...]) -> None:
    query, key, _ = states
    scores = query @ key.repeat_interleave(2, 1).transpose(2, 3) * 0.5
    capped = torch.tanh(scores / 2) * 2
    torch.testing.assert_close(call(states, causal=False, softcap=2.0).rows(0, 7), capped.softmax(-1))
    sinks = torch.arange(HEADS, dtype=torch.float32)
    found = call(states, causal=False, sinks=sinks).rows(0, 7)
    total = scores.exp().sum(-1) + sinks.exp()[None, :, None]
    torch.testing.assert_close(found, scores.exp() / total[..., None])


def test_heads_share_keys_in_their_order(states: tuple[torch.Tensor, ...]) -> None:
    query, key, _ = states
    many = shared(key, query)
    assert many.shape[1] == HEADS
    assert torch.equal(many[:, 1], key[:, 0])
    assert torch.equal(many[:, 2], key[:, 1])
    assert shared(many, query) is many


def test_hidden_keys_are_seen_by_themselves_alone(states: tuple[torch.Tensor, ...]) -> None:
    query, key, _ = states
    hidden = torch.zeros(2, 5, dtype=torch.bool)
    hidden[1, [0, 3]] = True
    allowed = without_keys(causal_mask((query, key), 0, POSITIONS), hidden, (query, key), 0)
    assert torch.equal(allowed[0, 0], torch.ones(POSITIONS, POSITIONS).tril().bool())
    assert allowed[1, 0, :, 3].tolist() == [False, False, False, True, False, False, False]
    assert allowed[1, 0, 0, 0]
    numbers = without_keys(torch.zeros(1, 1, POSITIONS, POSITIONS), hidden, (query, key), 0)
    assert (numbers[1, 0, 4:, 3] == torch.finfo(torch.float32).min).all()
    assert (numbers[0] == 0).all()
