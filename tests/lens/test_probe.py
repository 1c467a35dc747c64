"""The probe listens and hides, and leaves no trace: not in the answer, not in the model, not in other models."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context

import pytest
import torch
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

from microscope.engine.generate import Finished, Piece, image_tokens, stream
from microscope.errors import UserError
from microscope.lens.call import Call, shared
from microscope.lens.probe import EAGER, SDPA, Probe, text_part
from microscope.records import GenerationSettings
from tests.families import FAMILIES
from tests.lens.looking import SETTINGS, Sight, Sights, answered, eager_copy

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

VARIED = (*FAMILIES, "paligemma2", "sliding")
GREEDY = GenerationSettings(max_new_tokens=4)


class Heard:
    """Counts the calls it hears, by module."""

    def __init__(self) -> None:
        self.modules: list[torch.nn.Module] = []

    def __call__(self, call: Call) -> None:
        self.modules.append(call.module)


def implementations(model: PreTrainedModel) -> dict[str, str]:
    """Return what each part of a model attends with, as its modules read it."""
    configs = {name: getattr(model.config, name, None) for name in model.config.sub_configs}
    named = {name: config._attn_implementation for name, config in configs.items() if config is not None}
    modules = {id(one): one for module in model.modules() if (one := getattr(module, "config", None)) is not None}
    return {"": model.config._attn_implementation, **named} | {
        str(number): one._attn_implementation for number, one in enumerate(modules.values())
    }


def tokens_of(updates: Iterator[Piece | Finished]) -> tuple[int, ...]:
    return tuple(token for update in updates if isinstance(update, Piece) for token in update.ids)


@torch.no_grad()
def greedy_without(sight: Sight, hidden: torch.Tensor) -> tuple[int, ...]:
    """Answer with attention as a matrix, a mask of four axes and no cache: prompt columns that nobody sees."""
    model, ids, answer = eager_copy(sight.model), sight.inputs["input_ids"], []
    rest = {name: value for name, value in sight.inputs.items() if name not in ("input_ids", "attention_mask")}
    for _ in range(GREEDY.max_new_tokens):
        length = ids.shape[1]
        gone = functional.pad(hidden, (0, length - len(hidden)))
        allowed = torch.ones(length, length, dtype=torch.bool).tril() & (~gone | torch.eye(length, dtype=torch.bool))
        mask = torch.zeros(length, length).masked_fill(~allowed, torch.finfo(torch.float32).min)
        logits = model(input_ids=ids, attention_mask=mask[None, None], **rest, use_cache=False).logits[0, -1]
        logits[image_tokens(model)] = -torch.inf
        token = int(logits.argmax())
        if token == 2:
            break
        answer.append(token)
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
    return tuple(answer)


@pytest.mark.parametrize("name", VARIED)
def test_an_answer_is_the_same_under_the_probe(name: str, sights: Sights) -> None:
    sight, heard = sights(name), Heard()
    before = implementations(sight.model)
    with Probe(sight.model, heard).attached() as probe:
        under = list(probe.iterate(stream(sight.model, sight.inputs, SETTINGS)))
        assert implementations(sight.model) != before
    pieces = [update for update in under if isinstance(update, Piece)]
    assert tuple(token for piece in pieces for token in piece.ids) == sight.answer
    assert tuple(logprob for piece in pieces for logprob in piece.logprobs) == sight.logprobs
    assert implementations(sight.model) == before
    assert heard.modules
    # Of the text alone: the vision tower is left as it is.
    text = sight.model.get_decoder()
    assert set(heard.modules) <= set(text.modules())


@pytest.mark.parametrize("name", ["llava", "idefics3", "internvl", "llava_next"])
def test_an_answer_without_tokens_is_that_of_a_mask_of_our_own(name: str, sights: Sights) -> None:
    sight = sights(name)
    hidden = torch.zeros(sight.inputs["input_ids"].shape[1], dtype=torch.bool)
    hidden[list(sight.positions[: len(sight.positions) // 2])] = True
    with Probe(sight.model, hidden=hidden[None]).attached() as probe:
        found = tokens_of(probe.iterate(stream(sight.model, sight.inputs, GREEDY)))
    assert found == greedy_without(sight, hidden)
    assert answered(sight.model, sight.inputs, GREEDY)[0] == greedy_without(sight, torch.zeros_like(hidden))


@pytest.mark.parametrize("name", VARIED)
def test_an_answer_without_tokens_has_the_probabilities_of_one_pass(name: str, sights: Sights) -> None:
    sight = sights(name)
    hidden = torch.zeros(1, len(sight.positions), dtype=torch.bool)
    hidden[0, ::2] = True
    probe = Probe(sight.model, hidden=torch.zeros(1, sight.inputs["input_ids"].shape[1], dtype=torch.bool))
    assert probe.hidden is not None
    probe.hidden[0, torch.tensor(sight.positions)[hidden[0]]] = True
    with probe.attached():
        pieces = [one for one in probe.iterate(stream(sight.model, sight.inputs, SETTINGS)) if isinstance(one, Piece)]
    answer = tuple(token for piece in pieces for token in piece.ids)
    logprobs = torch.tensor([logprob for piece in pieces for logprob in piece.logprobs])
    subject = sight.subject(answer)
    # The first token's step is the prompt's, and the others find the hidden keys in the cache.
    assert torch.allclose(subject.without(hidden)[0], logprobs, atol=1e-4)
    assert not torch.allclose(subject.plain, logprobs, atol=1e-4)


def test_the_implementation_comes_back_where_the_work_fails(sights: Sights) -> None:
    model = sights("llava").model
    before = implementations(model)
    probe = Probe(model, Heard())
    with pytest.raises(ZeroDivisionError), probe.attached():
        probe.run(lambda: 1 / 0)
    assert implementations(model) == before
    heard = Heard()
    probe.listen = heard
    answered(model, sights("llava").inputs)
    assert heard.modules == []


def test_the_implementation_comes_back_where_the_answer_is_given_up(sights: Sights) -> None:
    sight = sights("llava")
    before, closed = implementations(sight.model), []

    def steps() -> Iterator[Piece | Finished]:
        try:
            yield from stream(sight.model, sight.inputs, SETTINGS)
        finally:
            closed.append(True)

    def work() -> Iterator[Piece | Finished]:
        with Probe(sight.model, Heard()).attached() as probe:
            yield from probe.iterate(steps())

    going = work()
    next(going)
    assert implementations(sight.model) != before
    going.close()
    assert implementations(sight.model) == before
    assert closed == [True]


def test_steps_taken_in_other_contexts_and_threads_are_heard(sights: Sights) -> None:
    sight, heard = sights("llava"), Heard()
    with Probe(sight.model, heard).attached() as probe:
        steps = probe.iterate(stream(sight.model, sight.inputs, SETTINGS))
        found, counts = [], []
        while (update := copy_context().run(next, steps, None)) is not None:
            found.append(update)
            counts.append(len(heard.modules))
    assert tokens_of(iter(found)) == sight.answer
    assert counts[0] == 3
    assert counts[-1] == 3 * len(sight.answer)
    elsewhere = Heard()
    with Probe(sight.model, elsewhere).attached() as probe:
        steps = probe.iterate(stream(sight.model, sight.inputs, SETTINGS))
        for _ in range(2):
            thread = threading.Thread(target=next, args=(steps,))
            thread.start()
            thread.join()
        steps.close()  # type: ignore[attr-defined]
    assert len(elsewhere.modules) >= 3


def test_other_models_and_threads_are_not_heard(sights: Sights) -> None:
    one, other = sights("llava"), sights("internvl")
    mine, theirs, nobody = Heard(), Heard(), Heard()
    with Probe(one.model, mine).attached() as first, Probe(other.model, theirs).attached() as second:
        pairs = zip(
            first.iterate(stream(one.model, one.inputs, SETTINGS)),
            second.iterate(stream(other.model, other.inputs, SETTINGS)),
            strict=False,
        )
        assert list(pairs)
        # Attached is not yet listening: this goes by nobody's probe.
        before = len(mine.modules), len(theirs.modules)
        assert answered(one.model, one.inputs) == (one.answer, one.logprobs)
        assert (len(mine.modules), len(theirs.modules)) == before
    assert set(mine.modules) <= set(one.model.modules())
    assert set(theirs.modules) <= set(other.model.modules())
    with Probe(one.model, nobody).attached() as probe:

        def inside() -> int:
            thread = threading.Thread(target=answered, args=(one.model, one.inputs))
            thread.start()
            thread.join()
            return len(nobody.modules)

        assert probe.run(inside) == 0


def test_a_model_that_bends_its_scores_goes_by_its_own_function(sights: Sights) -> None:
    sight, calls = sights("paligemma2"), list[Call]()
    text = sight.model.config.text_config
    assert (sight.model.config._attn_implementation, text._attn_implementation) == ("sdpa", "eager")
    with torch.no_grad(), Probe(sight.model, calls.append).attached() as probe:
        assert text._attn_implementation == EAGER
        probe.run(sight.subject().forward)
    assert {call.softcap for call in calls} == {1.0}
    assert (sight.model.config._attn_implementation, text._attn_implementation) == ("sdpa", "eager")


def test_a_model_that_was_asked_for_matrices_keeps_them(sights: Sights) -> None:
    model = eager_copy(sights("llava").model)
    with Probe(model).attached():
        assert model.config.text_config._attn_implementation == EAGER
        assert model.config._attn_implementation == model.config.vision_config._attn_implementation == "eager"
    assert set(implementations(model).values()) == {"eager"}


def test_another_part_of_a_model_is_heard_where_it_is_named(sights: Sights) -> None:
    sight, heard = sights("llava"), Heard()
    with torch.no_grad(), Probe(sight.model, heard, part="vision_config").attached() as probe:
        assert sight.model.config.vision_config._attn_implementation == SDPA
        assert sight.model.config.text_config._attn_implementation == "sdpa"
        probe.run(sight.subject().forward)
    assert heard.modules
    assert not set(heard.modules) & set(sight.model.get_decoder().modules())


def test_a_part_with_attention_of_its_own_is_told(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sights("qwen2_5_vl").model
    assert Probe(model).fits
    for one in {type(module) for module in model.modules() if isinstance(module, PreTrainedModel)}:
        monkeypatch.setattr(one, "_can_set_attn_implementation", classmethod(lambda _cls: False), raising=True)
    probe = Probe(model)
    assert not probe.fits
    with pytest.raises(UserError, match="choose another checkpoint"), probe.attached():
        pass


def test_the_text_part_is_found_by_its_configuration(sights: Sights) -> None:
    assert {text_part(sights(name).model) for name in FAMILIES} == {"text_config"}
    assert text_part(sights("llava").model.get_decoder()) == ""


def random_call(mask: torch.Tensor | None, queries: int = 4, *, causal: bool = True, **more: object) -> Call:
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(1, 4, queries, 8, generator=generator)
    key, value = (torch.randn(1, 2, 6, 8, generator=generator) for _ in range(2))
    return Call(torch.nn.Identity(), query, key, value, mask, 0.3, query, causal, **more)  # type: ignore[arg-type]


def test_rows_are_those_of_the_library_s_attention() -> None:
    # Four queries at the end of six positions, whose keys are shared by pairs of heads.
    for mask in (None, torch.rand(1, 1, 4, 6) < 0.8, torch.randn(1, 1, 4, 6)):
        if mask is not None and mask.dtype == torch.bool:
            mask[..., 0] = True
        call = random_call(mask)
        key, value = shared(call.key, call.query), shared(call.value, call.query)
        allowed = torch.ones(4, 6, dtype=torch.bool).tril(2) if mask is None else mask
        expected = functional.scaled_dot_product_attention(call.query, key, value, allowed, scale=0.3)
        assert torch.allclose(call.rows(0, 4) @ value, expected, atol=1e-5)
        assert torch.equal(call.rows(1, 3), call.rows(0, 4)[:, :, 1:3])


def test_rows_that_may_see_everything_do() -> None:
    assert bool((random_call(None, causal=False).rows(0, 4) > 0).all())
    assert bool((random_call(None, 1).rows(0, 1) > 0).all())
    assert int((random_call(None).rows(0, 1) > 0).sum()) == 3 * 4


def test_rows_bend_by_the_softcap_and_drain_into_sinks() -> None:
    plain, capped = random_call(None), random_call(None, softcap=0.1)
    assert float(capped.rows(3, 4).std()) < float(plain.rows(3, 4).std())
    drained = random_call(None, sinks=torch.tensor([0.0, 0.0, 0.0, 5.0])).rows(3, 4)[0, :, 0].sum(-1)
    assert bool((drained < 1).all())
    assert float(drained[3]) < 0.5 < float(drained[0])


def test_a_mask_of_one_row_is_every_query_s() -> None:
    mask = torch.tensor([True, True, False, True, True, True]).reshape(1, 1, 1, 6)
    assert float(random_call(mask).rows(1, 3)[..., 2].abs().max()) == 0


def test_hiding_makes_one_mask_for_all_layers_alike(sights: Sights) -> None:
    sight = sights("llava")
    probe = Probe(sight.model, hidden=torch.ones(1, sight.inputs["input_ids"].shape[1], dtype=torch.bool))
    masks: list[torch.Tensor | None] = []
    probe.listen = lambda call: masks.append(call.mask)
    with torch.no_grad(), probe.attached():
        probe.run(sight.subject().forward)
    assert len(masks) == 3
    assert masks[0] is not None
    assert all(mask is masks[0] for mask in masks)


def test_where_nothing_is_hidden_a_mask_stays_as_it_is(sights: Sights) -> None:
    model = sights("llava").model
    states = torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 9, 4)
    mask = torch.ones(1, 1, 3, 9, dtype=torch.bool)
    assert Probe(model).hide(mask, states, 0, causal=True) is mask
    probe = Probe(model, hidden=torch.tensor([[False, True, False, True]]))
    # The window has left the prompt behind.
    assert probe.hide(mask, states, 4, causal=True) is mask
    found = probe.hide(mask, states, 2, causal=True)
    assert found is not None
    # Position 3 is the second key from the third on; the queries are the last three.
    assert found[0, 0, 0].tolist() == [True, False, *[True] * 7]
    written = probe.hide(mask.float() * 0, states, 2, causal=True)
    assert written is not None
    assert (written < 0).tolist() == (~found).tolist()
    # The queries themselves: each still sees itself.
    own = Probe(model, hidden=torch.ones(1, 9, dtype=torch.bool)).hide(mask, states, 0, causal=True)
    assert own is not None
    assert own[0, 0].nonzero().tolist() == [[0, 6], [1, 7], [2, 8]]


def test_the_functions_are_registered_under_names_of_their_own(sights: Sights) -> None:
    assert Probe(sights("llava").model).fits
    assert {EAGER, SDPA} <= set(AttentionInterface().keys())
    assert AttentionInterface()["sdpa"] is not AttentionInterface()[SDPA]


def test_fitting_is_asked_without_a_trace(fresh: Callable[..., PreTrainedModel]) -> None:
    model = fresh("qwen3_vl")
    before = implementations(model)
    assert Probe(model, part="vision_config").fits
    assert implementations(model) == before


def test_attention_of_another_kind_is_refused_and_left_as_it_is(sights: Sights) -> None:
    model = sights("llava").model
    text = model.config.get_text_config()
    was = text._attn_implementation_internal
    text._attn_implementation_internal = "flash_attention_2"
    try:
        with pytest.raises(UserError, match="flash_attention_2"), Probe(model).attached():
            pytest.fail("what is explained would not be what was answered")
        assert text._attn_implementation_internal == "flash_attention_2"
    finally:
        text._attn_implementation_internal = was
