"""Rows that are over are left out as their company allows, and all that a model keeps of the others stays theirs."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    DynamicCache,
    EncoderDecoderCache,
    LogitsProcessorList,
    PreTrainedModel,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
)
from transformers.modeling_outputs import BaseModelOutput

from microscope.engine.batch.rows import COMPANY, Company, Roll, keep_rows, rows_of

ROWS = torch.tensor([0, 2])
VALUES = torch.arange(12.0).reshape(3, 4)


def test_nobody_is_left_out_of_a_company_that_stays() -> None:
    roll = Roll(3, COMPANY)
    assert roll.call([True, False, True]) == []
    assert roll.rows == [0, 1, 2]


def test_each_that_is_over_is_left_out_at_once_where_all_are_to_be() -> None:
    roll = Roll(3, Company(1.0))
    assert roll.call([False, False, False]) == []
    assert roll.call([False, True, False]) == [0, 2]
    assert roll.rows == [0, 2]
    # Places are those among the rows that are left.
    assert roll.call([True, False]) == [1]
    assert roll.rows == [2]
    assert roll.call([True]) == []
    assert roll.rows == [2], "there is no batch of none"


def test_rows_wait_for_each_other_until_it_is_worth_it() -> None:
    roll = Roll(4, Company(0.5))
    assert roll.call([True, False, False, False]) == []
    # One that is over stays over, whatever it goes on to say.
    assert roll.call([False, True, False, False]) == [2, 3]
    assert roll.rows == [2, 3]


def test_limits_end_rows_one_after_another() -> None:
    roll = Roll(3, Company(1.0, (1, 2)))
    assert roll.call([False] * 3) == [1, 2]
    assert roll.call([False] * 2) == [1]
    assert roll.rows == [2]
    assert roll.call([False]) == []


def test_each_row_keeps_its_own_generator() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    roll = Roll(3, Company(1.0), list(generators))
    roll.call([True, False, False])
    assert roll.generators == generators[1:]


@given(st.integers(1, 6), st.floats(0, 1), st.data())
def test_the_rows_that_are_left_are_those_that_go_on(count: int, share: float, data: st.DataObject) -> None:
    roll, over = Roll(count, Company(share)), set()
    for _ in range(8):
        ended = data.draw(st.lists(st.booleans(), min_size=len(roll.rows), max_size=len(roll.rows)))
        before = list(roll.rows)
        over |= {row for row, end in zip(before, ended, strict=True) if end}
        going = [row for row in before if row not in over]
        kept = roll.call(ended)
        few = bool(going) and len(going) < len(before) and len(going) <= share * len(before)
        assert roll.rows == (going if few else before)
        assert [before[place] for place in kept] == (going if few else [])


def cache(count: int) -> DynamicCache:
    made = DynamicCache()
    states = torch.arange(float(count * 2)).reshape(count, 1, 2, 1)
    made.update(states, states + 100, 0)
    return made


class Inner(torch.nn.Module):
    """Keeps something of a batch, as some models do, in an attribute that no state has."""

    rope_deltas: torch.Tensor | None


class Model(torch.nn.Module):
    def __init__(self, deltas: torch.Tensor | None) -> None:
        super().__init__()
        self.inner = Inner()
        self.inner.rope_deltas = deltas


def cut(deltas: torch.Tensor | None = None, **passed_on: Any) -> tuple[dict[str, Any], torch.Tensor | None]:
    model = Model(deltas)
    found = rows_of(cast("PreTrainedModel", model), passed_on, ROWS, 3)
    return found, model.inner.rope_deltas


def test_what_has_an_entry_for_each_row_is_cut_and_all_else_is_left() -> None:
    other = torch.arange(5)
    found, _ = cut(attention_mask=VALUES, cache_position=other, use_cache=True, nothing=None, scalar=torch.tensor(3.0))
    assert torch.equal(found["attention_mask"], VALUES[ROWS])
    assert found["cache_position"] is other
    assert (found["use_cache"], found["nothing"], float(found["scalar"])) == (True, None, 3.0)


@pytest.mark.parametrize("kinds", [3, 4])
def test_positions_of_several_kinds_come_before_the_rows(kinds: int) -> None:
    positions = torch.arange(kinds * 3 * 2).reshape(kinds, 3, 2)
    found, _ = cut(position_ids=positions)
    assert torch.equal(found["position_ids"], positions[:, ROWS])
    plain, _ = cut(position_ids=VALUES)
    assert torch.equal(plain["position_ids"], VALUES[ROWS])


def test_caches_are_cut_in_place() -> None:
    both = EncoderDecoderCache(cache(3), cache(3))
    one, expected = cache(3), cache(3).layers[0].keys[ROWS]
    found, _ = cut(past_key_values=one, both=both)
    assert found["past_key_values"] is one
    for part in (one, both.self_attention_cache, both.cross_attention_cache):
        assert torch.equal(part.layers[0].keys, expected)
        assert torch.equal(part.layers[0].values, expected + 100)


def test_what_an_encoder_gave_is_cut() -> None:
    found, _ = cut(encoder_outputs=BaseModelOutput(last_hidden_state=VALUES[..., None]))
    assert isinstance(found["encoder_outputs"], BaseModelOutput)
    assert torch.equal(found["encoder_outputs"].last_hidden_state, VALUES[ROWS][..., None])


def test_what_a_model_keeps_inside_is_cut_where_it_is_of_this_batch() -> None:
    _, deltas = cut(torch.tensor([[1], [2], [3]]))
    assert deltas is not None
    assert deltas.tolist() == [[1], [3]]
    _, other = cut(torch.tensor([[1], [2]]))
    assert other is not None
    assert other.tolist() == [[1], [2]], "it is another batch's"
    assert cut(None)[1] is None


def test_logits_processors_go_on_with_the_rows_that_are_left() -> None:
    padding = torch.tensor([0, 1, 2])
    penalty = RepetitionPenaltyLogitsProcessor(2.0, prompt_ignore_length=padding)
    # As many tokens as there were rows, which are no rows.
    suppress = SuppressTokensLogitsProcessor([1, 2, 3])
    keep_rows(LogitsProcessorList([penalty, suppress]), ROWS, 3)
    assert penalty.prompt_ignore_length is not None
    assert penalty.prompt_ignore_length.tolist() == [0, 2]
    ids = torch.tensor([[4, 5, 6], [4, 4, 5]])
    scores = penalty(ids, torch.ones(2, 8))
    assert [row.nonzero().flatten().tolist() for row in scores == 0.5] == [[4, 5, 6], [5]]
    assert [row.nonzero().flatten().tolist() for row in suppress(ids, scores) == -math.inf] == [[1, 2, 3]] * 2


def test_a_whole_penalty_has_nothing_to_cut() -> None:
    penalty, other = RepetitionPenaltyLogitsProcessor(2.0), SimpleNamespace(prompt_ignore_length=3)
    keep_rows(LogitsProcessorList([penalty, other]), ROWS, 3)
    assert penalty.prompt_ignore_length is None
    assert other.prompt_ignore_length == 3
