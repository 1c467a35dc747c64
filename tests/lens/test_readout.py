"""What an image token reads as comes from the model's own layers, norm and output head."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from microscope.lens.readout import NEAREST, read_out
from tests.families import FAMILIES
from tests.lens.looking import Sights

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DECODERS = (*(name for name in FAMILIES if name != "florence2"), "paligemma2")


@pytest.mark.parametrize("name", DECODERS)
def test_the_last_layer_reads_as_the_model_answers(name: str, sights: Sights) -> None:
    sight = sights(name)
    position = sight.positions[3]
    found = read_out(sight.subject(), position)
    layers = sight.model.config.get_text_config().num_hidden_layers
    assert [len(layer) for layer in found] == [NEAREST] * (layers + 1)
    with torch.no_grad():
        out = sight.model(**sight.inputs, output_hidden_states=True)
        expected = out.logits[0, position].softmax(-1).topk(NEAREST)
        assert [token for token, _ in found[-1]] == expected.indices.tolist()
        assert [share for _, share in found[-1]] == pytest.approx(expected.values.tolist(), rel=1e-4)
        # The input of the first layer, through the same norm and head.
        first = sight.model.get_decoder().norm(out.hidden_states[0][0, position])
        logits = sight.model.get_output_embeddings()(first)
    assert found[0][0][0] == int(logits.argmax())
    assert all(share >= after for layer in found for (_, share), (_, after) in pairwise(layer))


def test_an_encoder_s_layers_are_read(sights: Sights) -> None:
    sight = sights("florence2")
    found = read_out(sight.subject(), sight.positions[1])
    assert [len(layer) for layer in found] == [NEAREST] * 3
    with torch.no_grad():
        text = {name: value for name, value in sight.subject().full.items() if name != "pixel_values"}
        seen = sight.model(**text, pixel_values=sight.inputs["pixel_values"]).encoder_last_hidden_state
        logits = sight.model.get_output_embeddings()(seen[0, sight.positions[1]])
    assert found[-1][0][0] == int(logits.argmax())
    assert found[-1][0][1] == pytest.approx(float(logits.softmax(-1).max()), rel=1e-4)


def test_other_patches_read_otherwise_and_no_hook_is_left(sights: Sights) -> None:
    subject = sights("llava").subject()
    layers = subject.model.get_decoder().layers
    before = [(len(layer._forward_hooks), len(layer._forward_pre_hooks)) for layer in layers]
    one, other = (read_out(subject, position) for position in subject.positions[:2].tolist())
    assert one != other
    assert read_out(subject, int(subject.positions[0])) == one
    assert subject.forwards == 3
    assert [(len(layer._forward_hooks), len(layer._forward_pre_hooks)) for layer in layers] == before
