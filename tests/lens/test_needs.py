"""What a study has reserved bounds what its tensors take: gradients keep every layer's, and many masks go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from transformers import PreTrainedModel

from microscope.engine.prompts import prepare
from microscope.engine.reserve import FLOOR, reserve_bytes, study_bytes
from microscope.lens.faithful import Judge
from microscope.lens.layout import image_positions, lay_out
from microscope.lens.methods import find_method
from microscope.lens.methods.base import Context
from microscope.lens.rows import taught
from microscope.lens.subject import BATCH_TOKENS, Subject
from tests.engine.conftest import Loaded
from tests.engine.test_reserve import LiveBytes
from tests.families import FAMILIES, picture, spec_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
QUESTION = "a small cat sits near a blue cup " * 12
ANSWER = (21, 22, 23, 24)


def looks(subject: Subject, one: Loaded, blank: dict[str, torch.Tensor]) -> Iterator[None]:
    """Do what a look does after its answer."""
    layout = lay_out(one.model.config, one.processor, (90, 70), subject.inputs)
    assert layout is not None
    context = Context(subject, blank, layout, taught(subject)[1])
    for key in ("attention", "relevance"):
        for estimate in find_method(key).maps(context, None):
            Judge(context).badge(estimate.values, None)
            yield


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_reserved_for_a_look_bounds_it(
    family: str, loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    one, model = loaded(family), fresh(family)
    prepared = prepare(one.processor, spec_of(one.folder), picture(), QUESTION, None)
    numbers = {name: value for name, value in prepared.inputs.items() if value.is_floating_point()}
    blank = {name: torch.full_like(value, 0.004) for name, value in numbers.items()}
    positions = torch.tensor(image_positions(model.config, prepared.inputs))
    live = LiveBytes([*model.parameters(), *model.buffers(), *prepared.inputs.values(), *blank.values()])
    with live:
        subject = Subject(model, prepared.inputs, ANSWER, positions)
        list(looks(subject, replace(one, model=model), blank))
    sizes = {"prompt_tokens": prepared.prompt_tokens, "dtype_bytes": 4}
    pixels = sum(value.numel() for value in blank.values())
    whole = reserve_bytes(
        model.config, image_tokens=prepared.image_tokens, new_tokens=len(ANSWER), pixels=pixels, **sizes
    )
    reserved = whole + study_bytes(model.config, new_tokens=len(ANSWER), together=BATCH_TOKENS, **sizes)
    assert live.most <= reserved - FLOOR, f"{live.most / reserved:.2f} of what is reserved"
