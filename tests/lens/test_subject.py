"""What a subject is asked again and again is what the model says: plain, without tokens, one mask or many."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from microscope.errors import UserError
from microscope.lens import subject as module
from microscope.lens.probe import Probe
from microscope.lens.subject import Subject, across, capturing, repeated
from tests.families import FAMILIES
from tests.lens.looking import Sight, Sights, eager_copy

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

VARIED = (*FAMILIES, "paligemma2", "sliding")
DECODERS = tuple(name for name in VARIED if name != "florence2")
NEAR = 1e-4


def halves(cells: int) -> torch.Tensor:
    """Return masks: nothing hidden, one cell, the first half, every second one, all but one."""
    hidden = torch.zeros(5, cells, dtype=torch.bool)
    hidden[1, 1] = hidden[2, : cells // 2] = hidden[3, ::2] = hidden[4, 1:] = True
    return hidden


@torch.no_grad()
def really_without(sight: Sight, hidden: torch.Tensor) -> torch.Tensor:
    """Return the answer's log-probabilities by a language model that never gets the hidden tokens' rows.

    The other rows keep the positions that they had.
    """
    subject, given = sight.subject(), dict[str, Any]()
    with capturing(sight.model, given, decoder_only=True):
        subject.forward()
    stays = torch.ones(subject.full["input_ids"].shape[1], dtype=torch.bool)
    stays[subject.positions[hidden]] = False
    length = len(stays)

    def shorter(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shorter(name, one) for key, one in value.items()}
        if name == "deepstack_visual_embeds":
            return [one[~hidden] for one in value]
        if not isinstance(value, torch.Tensor):
            return value
        for axis, size in enumerate(value.shape):
            value = value.index_select(axis, stays.nonzero().flatten()) if size == length else value
        return value

    given = {name: shorter(name, value) for name, value in given.items()}
    given.setdefault("position_ids", torch.arange(length)[None, stays])
    given.setdefault("attention_mask", torch.ones(1, int(stays.sum()), dtype=torch.long))
    states = sight.model.get_decoder()(**{**given, "use_cache": False}).last_hidden_state
    rows = (stays.cumsum(0) - 1)[subject.target_rows]
    logits = sight.model.get_output_embeddings()(states[:, rows])
    cap = getattr(sight.model.config.get_text_config(), "final_logit_softcapping", None)
    return subject.logprobs(logits if cap is None else cap * torch.tanh(logits / cap))[0]


@pytest.mark.parametrize("name", VARIED)
def test_plain_is_what_the_model_said_as_it_answered(name: str, sights: Sights) -> None:
    sight = sights(name)
    subject = sight.subject()
    assert torch.allclose(subject.plain, torch.tensor(sight.logprobs), atol=NEAR)
    assert subject._batchable is (name != "florence2")
    assert (subject.forwards, subject.vision) == ((1, 1) if subject.encodes else (2, 1))
    assert torch.allclose(subject.forward(), subject.plain, atol=1e-6)


@pytest.mark.parametrize("name", DECODERS)
def test_without_tokens_is_as_if_their_rows_were_never_there(name: str, sights: Sights) -> None:
    sight = sights(name)
    subject = sight.subject()
    # A row that is gone leaves a window behind that reaches further back; one that is hidden does not.
    masks = halves(subject.cells)
    found = subject.without(masks)
    expected = torch.stack([really_without(sight, hidden) for hidden in masks])
    if name == "sliding":
        assert torch.allclose(found[0], expected[0], atol=NEAR)
        return
    assert torch.allclose(found, expected, atol=NEAR)
    assert torch.allclose(found[0], subject.plain, atol=NEAR)
    # What is compared must differ by more than what is allowed.
    assert float((found[2] - found[0]).abs().max()) > 3 * NEAR


@pytest.mark.parametrize("name", VARIED)
def test_many_masks_at_once_are_as_one_at_a_time(name: str, sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = sights(name).subject()
    masks = halves(subject.cells)
    monkeypatch.setattr(Subject, "batch", 4)
    sizes = [len(scores) for scores in subject.batches(masks)]
    assert sizes == ([1] * 5 if subject.encodes else [4, 1])
    together = subject.without(masks)
    monkeypatch.setattr(Subject, "batch", 1)
    alone = torch.cat([subject.without(one[None]) for one in masks])
    assert torch.allclose(together, alone, atol=1e-5)
    # The whole model, vision tower and all, says the same.
    probe = Probe(subject.model, hidden=torch.zeros(1, subject.prompt_length, dtype=torch.bool))
    assert probe.hidden is not None
    probe.hidden[0, subject.positions] = masks[2]
    with torch.no_grad(), probe.attached():
        whole = probe.run(subject.forward)
    assert torch.allclose(whole, together[2], atol=NEAR)


@pytest.mark.parametrize("name", VARIED)
def test_with_every_token_hidden_there_is_still_an_answer(name: str, sights: Sights) -> None:
    subject = sights(name).subject()
    every = torch.ones(1, subject.cells, dtype=torch.bool)
    found = subject.without(every)
    assert bool(found.isfinite().all())
    # Nothing of the picture is left: another one changes nothing.
    other = {
        key: value.flip(-1) * 0.5 if value.is_floating_point() else value for key, value in subject.inputs.items()
    }
    apart = Subject(subject.model, other, subject.answer, subject.positions)
    assert not torch.allclose(apart.plain, subject.plain, atol=1e-6)
    assert torch.allclose(apart.without(every), found, atol=1e-5)


def test_an_encoder_hides_its_tokens_and_the_decoder_none_of_its_own(sights: Sights) -> None:
    sight = sights("florence2")
    subject = sight.subject((50, 60, 70, 80, 90, 100))
    hidden = torch.tensor([[True, False, True, True, False]])
    masked = sight.inputs["attention_mask"].clone()
    masked[0, subject.positions[hidden[0]]] = 0
    with torch.no_grad():
        expected = subject.forward(attention_mask=masked)
    assert torch.allclose(subject.without(hidden)[0], expected, atol=NEAR)
    assert not torch.allclose(expected, subject.plain, atol=NEAR)


def test_as_many_masks_go_together_as_the_memory_is_meant_for(sights: Sights, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sights("gemma3").subject().batch == module.MOST_MASKS
    long = sights("llava_next").subject()
    assert long.batch == module.BATCH_TOKENS // (long.prompt_length + len(long.answer)) < module.MOST_MASKS
    monkeypatch.setattr(module, "BATCH_LOGITS", 3 * 4 * long.model.get_input_embeddings().num_embeddings)
    assert long.batch == 3
    monkeypatch.setattr(module, "BATCH_TOKENS", 1)
    assert long.batch == 1


def test_passes_are_counted_and_the_picture_is_encoded_once(sights: Sights) -> None:
    subject = sights("llava_next").subject()
    encoded = []
    hook = subject.model.model.vision_tower.register_forward_hook(lambda *_: encoded.append(1))
    assert subject._batchable
    before = subject.forwards
    subject.without(torch.zeros(70, subject.cells, dtype=torch.bool))
    hook.remove()
    assert (subject.forwards - before, subject.vision, len(encoded)) == (70, 1, 1)


def test_a_model_that_does_more_around_its_language_model_is_asked_as_a_whole(
    fresh: Callable[..., PreTrainedModel], sights: Sights
) -> None:
    sight, model = sights("llava"), fresh("llava")
    subject = Subject(model, sight.inputs, sight.answer, torch.tensor(sight.positions))
    assert subject._batchable
    # Here the logits are made otherwise than by the head alone.
    model.register_forward_hook(lambda _module, _inputs, out: out.__class__(logits=out.logits * 3))
    other = Subject(model, sight.inputs, sight.answer, torch.tensor(sight.positions))
    assert not other._batchable
    assert torch.allclose(other.without(halves(other.cells)[:1])[0], other.plain, atol=1e-6)


def test_attention_by_matrices_is_kept(sights: Sights) -> None:
    sight = sights("idefics3")
    model = eager_copy(sight.model)
    subject = Subject(model, sight.inputs, sight.answer, torch.tensor(sight.positions))
    masks = halves(subject.cells)
    assert torch.allclose(subject.without(masks), sight.subject().without(masks), atol=NEAR)
    assert model.config.get_text_config()._attn_implementation == "eager"
    assert model.config._attn_implementation == "eager"


def test_the_answer_is_text_in_every_input_that_says_so(sights: Sights) -> None:
    both = sights("paligemma").subject().full["token_type_ids"][0].tolist()
    assert set(both[:-4]) == {0}
    assert both[-4:] == [1] * 4
    pictures = sights("gemma3").subject().full
    assert pictures["token_type_ids"][0].sum() == 16
    assert pictures["token_type_ids"][0, -4:].tolist() == [0] * 4
    assert pictures["attention_mask"][0, -4:].tolist() == [1] * 4
    kinds = sights("qwen2_5_vl").subject().full["mm_token_type_ids"][0]
    assert kinds.shape == sights("qwen2_5_vl").subject().full["input_ids"][0].shape
    assert kinds[-4:].tolist() == [0] * 4


def test_a_decoder_of_its_own_begins_with_its_own_token(sights: Sights) -> None:
    subject = sights("florence2").subject((50, 60, 70))
    assert subject.full["decoder_input_ids"].tolist() == [[2, 50, 60]]
    assert subject.target_rows.tolist() == [0, 1, 2]
    assert torch.equal(subject.full["input_ids"], subject.inputs["input_ids"])


def test_an_empty_answer_is_told(sights: Sights) -> None:
    with pytest.raises(UserError, match="ask another question"):
        sights("llava").subject(())


def test_modules_across_are_the_decoders_own(sights: Sights) -> None:
    model = sights("florence2").model
    assert len(across(model)) == 2
    assert across(sights("llava").model) == frozenset()


def test_capturing_keeps_the_first_call_and_lets_go(sights: Sights) -> None:
    subject, kept = sights("llava").subject(), dict[str, Any]()
    with torch.no_grad(), capturing(subject.model, kept, decoder_only=True):
        subject.forward()
        first = kept["inputs_embeds"]
        subject.forward(pixel_values=subject.inputs["pixel_values"] * 0)
    assert kept["inputs_embeds"] is first
    assert not subject.model.get_decoder()._forward_pre_hooks
    assert all(value is not None for value in kept.values())


def test_what_is_captured_is_repeated_by_its_kind() -> None:
    embeds, positions = torch.randn(1, 5, 3), torch.arange(15).reshape(3, 1, 5)
    assert repeated(embeds, 2).shape == (2, 5, 3)
    assert repeated(positions, 2).shape == (3, 2, 5)
    assert repeated({"full_attention": torch.ones(1, 1, 5, 5), "none": None}, 2)["full_attention"].shape == (
        2,
        1,
        5,
        5,
    )
    deeper = [torch.arange(8).reshape(4, 2)]
    assert torch.equal(repeated(deeper, 2)[0], torch.cat([deeper[0], deeper[0]]))
    assert repeated(torch.arange(5), 2).tolist() == [0, 1, 2, 3, 4]
    assert repeated(torch.tensor(1.5), 2) == 1.5
    assert repeated("eager", 2) == "eager"


def test_the_model_is_as_it_was(sights: Sights) -> None:
    model = sights("qwen3_vl").model
    before = copy.deepcopy(model.config.to_dict())
    subject = sights("qwen3_vl").subject()
    subject.without(halves(subject.cells))
    assert model.config.to_dict() == before
    assert [model.config._attn_implementation, model.config.text_config._attn_implementation] == ["sdpa", "sdpa"]
