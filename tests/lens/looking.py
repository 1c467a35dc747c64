"""Tiny checkpoints with a picture, a question and an answer: what tests of the lens's mechanisms look into."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from microscope.engine.generate import Piece, stream
from microscope.engine.pictures import image_to_picture, picture_to_image
from microscope.lens.blank import blank
from microscope.lens.layout import Layout, image_positions, lay_out
from microscope.lens.methods import find_method
from microscope.lens.methods.base import Context
from microscope.lens.places import centres
from microscope.lens.rows import taught
from microscope.lens.subject import Subject
from microscope.records import GenerationSettings, Item
from microscope.tiny.evalset import read_evalset
from tests.engine.conftest import CHECKPOINTS, Loaded
from tests.families import FAMILIES, picture
from tests.lens.preparing import inputs_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

# With seed 0 they answer nothing, or next to nothing.
SEEDS = {"florence2": 1, "llava_onevision": 1}
# Random weights like to say the same again, or to end at once.
SETTINGS = GenerationSettings(max_new_tokens=4, repetition_penalty=3.0)

EVALSET = CHECKPOINTS.parent / "evalset"
SCENES = 10
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "out_proj")
SHARP = 4.0


@dataclass(frozen=True, eq=False)
class Sight:
    """A model, what its processor makes of a picture and a blank one, where the image tokens are, and its answer."""

    name: str
    model: PreTrainedModel
    inputs: dict[str, torch.Tensor]
    blank: dict[str, torch.Tensor]
    layout: Layout
    positions: tuple[int, ...]
    answer: tuple[int, ...]
    logprobs: tuple[float, ...]

    def subject(self, answer: tuple[int, ...] | None = None) -> Subject:
        """Return a subject that has not been asked anything."""
        return Subject(
            self.model, self.inputs, self.answer if answer is None else answer, torch.tensor(self.positions)
        )

    def context(self, steps: int | None = None) -> Context:
        """Return what methods get."""
        subject = self.subject()
        return Context(subject, self.blank, self.layout, taught(subject)[1], steps=steps)


Sights = Callable[[str], Sight]


@pytest.fixture(scope="session")
def sights(fresh: Callable[..., PreTrainedModel], loaded: Callable[..., Loaded]) -> Sights:
    """Return what gives a family's model, with what it sees and answers, once for each name."""

    @cache
    def see(name: str) -> Sight:
        if name in VARIANTS:
            return sight_of(name, *VARIANTS[name]())
        seed = SEEDS.get(name, 0)
        return sight_of(name, fresh(name, seed), loaded(name, seed).processor)

    return see


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture whose answer has a known place: what the model sees, and which cells lie in the evidence."""

    sight: Sight
    evidence: torch.Tensor


@pytest.fixture(scope="session")
def scenes() -> tuple[Scene, ...]:
    """Return ten questions about names and colours that the embedded model answers rightly."""
    folder = CHECKPOINTS / "scenes-step-6000"
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    processor, found = AutoProcessor.from_pretrained(folder), list[Scene]()
    for item in read_evalset(EVALSET):
        if len(found) < SCENES and item.kind in ("name", "colour"):
            found.extend(_answered_rightly(item, model, processor))
    return tuple(found)


def _answered_rightly(item: Item, model: PreTrainedModel, processor: ProcessorMixin) -> Iterator[Scene]:
    image = Image.open(EVALSET / item.image).convert("RGB")
    given, nothing = (
        inputs_of(processor, each, item.question) for each in (image, picture_to_image(blank(image_to_picture(image))))
    )
    ids, logprobs = answered(model, given, GenerationSettings(max_new_tokens=8))
    layout = lay_out(model.config, processor, image.size, given)
    if layout is None or processor.tokenizer.decode(ids).strip() not in item.answers:
        return
    box = item.evidence[0]
    inside = [box.left <= x <= box.right and box.top <= y <= box.bottom for x, y in centres(layout).tolist()]
    yield Scene(Sight(item.id, model, given, nothing, layout, layout.positions, ids, logprobs), torch.tensor(inside))


def sight_of(name: str, model: PreTrainedModel, processor: ProcessorMixin, size: tuple[int, int] = (90, 70)) -> Sight:
    """Return what a model makes of a picture of noise, its attention sharpened before."""
    sharpen(model)
    taken = picture(*size)
    inputs, nothing = (inputs_of(processor, picture_to_image(each)) for each in (taken, blank(taken)))
    layout = lay_out(model.config, processor, size, inputs)
    assert layout is not None
    ids, logprobs = answered(model, inputs)
    positions = image_positions(model.config, inputs)
    return Sight(name, model, inputs, nothing, layout, positions, ids, logprobs)


@torch.no_grad()
def sharpen(model: PreTrainedModel) -> None:
    """Make attention matter: fresh weights attend to everything alike, and hardly say anything with it."""
    parts = [model.get_decoder(), *([model.get_encoder()] if model.config.is_encoder_decoder else [])]
    for name, weight in (named for part in parts for named in part.named_parameters()):
        if name.endswith("weight") and name.rsplit(".", 2)[-2] in PROJECTIONS:
            weight.mul_(SHARP)


def answered(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], settings: GenerationSettings = SETTINGS
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the tokens of an answer and their log-probabilities."""
    pieces = [piece for piece in stream(model, inputs, settings) if isinstance(piece, Piece)]
    return (
        tuple(token for piece in pieces for token in piece.ids),
        tuple(logprob for piece in pieces for logprob in piece.logprobs),
    )


def eager_copy(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy that computes attention as a matrix, and gives it out when it is asked to."""
    other = copy.deepcopy(model)
    other.set_attn_implementation("eager")
    return other


def paligemma2() -> tuple[PreTrainedModel, ProcessorMixin]:
    """Build PaliGemma 2: its text model bends its scores and its logits, which SDPA cannot."""
    torch.manual_seed(0)
    model, processor = FAMILIES["paligemma"]()
    caps = {"attn_logit_softcapping": 1.0, "final_logit_softcapping": 0.5, "query_pre_attn_scalar": 16}
    text = {**model.config.text_config.to_dict(), **caps, "model_type": "gemma2"}
    return _rebuilt(model, text), processor


def sliding_gemma3() -> tuple[PreTrainedModel, ProcessorMixin]:
    """Build a Gemma 3 most of whose layers see eight positions only."""
    torch.manual_seed(0)
    model, processor = FAMILIES["gemma3"]()
    layers = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
    other = _rebuilt(model, {**model.config.text_config.to_dict(), **layers})
    torch.nn.init.normal_(other.model.multi_modal_projector.mm_input_projection_weight, std=0.2)
    return other, processor


def _rebuilt(model: PreTrainedModel, text: dict[str, Any]) -> PreTrainedModel:
    config = type(model.config)(**{**model.config.to_dict(), "text_config": text})
    return type(model)(config).eval()


VARIANTS = {"paligemma2": paligemma2, "sliding": sliding_gemma3}


def hits(key: str, scenes: tuple[Scene, ...], steps: int | None = None) -> int:
    """Return in how many scenes the highest value of a method's map lies in the evidence."""
    found = 0
    for scene in scenes:
        *_, estimate = find_method(key).maps(scene.sight.context(steps), None)
        found += int(scene.evidence[int(estimate.values.argmax())])
    return found
