"""Attention rows that are kept while a model answers equal those of attention matrices, family by family."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from microscope.engine.generate import image_tokens, stream
from microscope.lens.call import Call
from microscope.lens.probe import Probe
from microscope.lens.rows import RowKeeper, taught
from microscope.lens.subject import across
from microscope.records import GenerationSettings
from tests.families import FAMILIES
from tests.lens.looking import SETTINGS, Sight, Sights, eager_copy

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ALL = (*FAMILIES, "paligemma2", "sliding")
NEAR = 1e-4


@cache
def eager_rows(sight: Sight) -> tuple[tuple[int, ...], torch.Tensor]:
    """Return what plain `generate` answers, and its attention matrices' last rows, at the image tokens.

    A sliding layer's row has the latest keys alone, which are put where they belong.
    """
    model, crossing = eager_copy(sight.model), sight.model.config.is_encoder_decoder
    found = model.generate(
        **sight.inputs,
        max_new_tokens=SETTINGS.max_new_tokens,
        repetition_penalty=SETTINGS.repetition_penalty,
        do_sample=False,
        suppress_tokens=image_tokens(model),
        output_attentions=True,
        return_dict_in_generate=True,
    )
    prompt, columns = sight.inputs["input_ids"].shape[1], torch.tensor(sight.positions)
    steps = found.cross_attentions if crossing else found.attentions
    rows = []
    for number, layers in enumerate(steps):
        total = prompt if crossing else prompt + number
        placed = [torch.nn.functional.pad(layer[0, :, -1], (total - layer.shape[-1], 0)) for layer in layers]
        rows.append(torch.stack([one[:, columns] for one in placed]))
    begins = 1 if crossing else prompt
    return tuple(found.sequences[0, begins:].tolist()), torch.stack(rows)


def keeper_of(sight: Sight) -> RowKeeper:
    crossing = across(sight.model) if sight.model.config.is_encoder_decoder else None
    return RowKeeper(torch.tensor(sight.positions), crossing)


def far(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference, as a share of the largest value."""
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", ALL)
def test_rows_while_answering_are_those_of_attention_matrices(name: str, sights: Sights) -> None:
    sight = sights(name)
    keeper = keeper_of(sight)
    with torch.no_grad(), Probe(sight.model, keeper).attached() as probe:
        list(probe.iterate(stream(sight.model, sight.inputs, SETTINGS)))
    ids, expected = eager_rows(sight)
    assert ids[: len(sight.answer)] == sight.answer
    rows = keeper.rows()
    assert rows.shape[1:] == (sight.model.config.get_text_config().num_hidden_layers, 4, len(sight.positions))
    assert far(rows, expected[: len(rows)]) < NEAR
    assert keeper.layers == rows.shape[1]
    # A row moves with its token: were another step's taken for it, it would show.
    assert far(rows[1:], expected[: len(rows) - 1]) > NEAR


@pytest.mark.parametrize("name", ALL)
def test_rows_of_an_answer_that_is_known_are_the_same(name: str, sights: Sights) -> None:
    sight = sights(name)
    scores, rows = taught(sight.subject())
    expected = eager_rows(sight)[1][: len(sight.answer)]
    assert far(rows, expected) < NEAR
    assert torch.allclose(scores, torch.tensor(sight.logprobs), atol=NEAR)


def test_a_window_is_left_behind_by_the_answer(sights: Sights) -> None:
    # Eight positions: the picture lies before them from the first token on, and one layer sees it all the same.
    sight = sights("sliding")
    rows = taught(sight.subject())[1]
    assert rows[:, 1].sum(-1).min() > 0
    assert float(rows[-1, [0, 2]].abs().max()) == 0


def test_a_window_that_still_reaches_the_picture_has_its_rows_where_they_belong(sights: Sights) -> None:
    one = sights("sliding")
    # The last positions of the prompt, which the window leaves one after another.
    columns = torch.arange(one.inputs["input_ids"].shape[1])[-6:]
    keeper = RowKeeper(columns)
    with torch.no_grad(), Probe(one.model, keeper).attached() as probe:
        list(probe.iterate(stream(one.model, one.inputs, SETTINGS)))
    rows = keeper.rows()[:, [0, 2]]
    seen = (rows > 0).all(1).all(1)
    # Step i sees 8 - 1 - i prompt positions beside its own: all six, then one less for each.
    assert seen.sum(-1).tolist() == [6, 6, 6, 5][: len(rows)]
    assert all(bool(one[-1]) for one in seen)


def test_an_answer_longer_than_its_prompt_keeps_its_rows_across(sights: Sights) -> None:
    sight = sights("florence2")
    answer = tuple(40 + number for number in range(sight.inputs["input_ids"].shape[1] + 4))
    keeper, model, caches = keeper_of(sight), sight.model, [None]
    given = {"attention_mask": sight.inputs["attention_mask"], "input_ids": sight.inputs["input_ids"]}

    def step(token: int) -> None:
        ids = torch.tensor([[token]])
        found = model(**given, decoder_input_ids=ids, encoder_outputs=seen, past_key_values=caches[0])
        caches[0] = found.past_key_values

    with torch.no_grad(), Probe(model, keeper).attached() as probe:
        first = model(**sight.inputs, decoder_input_ids=torch.tensor([[2]]))
        seen = BaseModelOutput(last_hidden_state=first.encoder_last_hidden_state)
        list(probe.iterate(step(token) for token in (2, *answer[:-1])))
    # What an encoder saw is there to the last token: no window leaves it behind.
    assert far(keeper.rows(), taught(sight.subject(answer))[1]) < NEAR


def test_steps_with_and_without_a_mask_come_in_their_order() -> None:
    keeper, module = RowKeeper(torch.tensor([0, 2])), torch.nn.Linear(1, 1)
    generator = torch.Generator().manual_seed(0)
    whole = torch.randn(1, 2, 6, 4, generator=generator)
    expected = []
    for length in (4, 5, 6):
        query, key = (torch.randn(1, 2, 4 if length == 4 else 1, 4, generator=generator), whole[:, :, :length])
        allowed = torch.ones(1, 1, 1, length, dtype=torch.bool)
        allowed[..., 1] = length != 5
        call = Call(module, query, key, key, allowed if length == 5 else None, 0.5, query, causal=True)
        keeper(call)
        scores = (query[:, :, -1:] @ key.transpose(2, 3) * 0.5).masked_fill(~allowed, -torch.inf)
        expected.append(scores.softmax(-1)[0, :, 0, [0, 2]])
    rows = keeper.rows()
    assert rows.shape == (3, 1, 2, 2)
    assert torch.allclose(rows[:, 0], torch.stack(expected), atol=1e-6)


def test_a_prompt_of_one_step_keeps_no_queries(sights: Sights) -> None:
    sight = sights("llava")
    keeper = keeper_of(sight)
    with torch.no_grad(), Probe(sight.model, keeper).attached() as probe:
        list(probe.iterate(stream(sight.model, sight.inputs, GenerationSettings(max_new_tokens=1))))
    queries = [step[0] for layer in keeper._layers.values() for step in layer.steps if isinstance(step, tuple)]
    assert queries
    assert all(query.untyped_storage().nbytes() == query.numel() * query.element_size() for query in queries)
