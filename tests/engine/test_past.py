"""A cache is called what the installed transformers calls it."""

from __future__ import annotations

from dataclasses import fields

from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from microscope.engine.past import CACHE


def test_the_name_is_that_of_what_models_return() -> None:
    for kind in (BaseModelOutputWithPast, CausalLMOutputWithPast):
        assert CACHE in {field.name for field in fields(kind)}
