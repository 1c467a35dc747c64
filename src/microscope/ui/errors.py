"""Turns a `UserError` into the sentence Gradio shows; bugs pass through and are logged by Gradio, shown to nobody."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from microscope.errors import UserError


def shown(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler, generator or not, so that its `UserError`s reach the person as they are."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any) -> Iterator[Any]:  # noqa: ANN401
            try:
                yield from handler(*args)
            except UserError as error:
                raise gr.Error(str(error), print_exception=False) from error

        return stream

    @functools.wraps(handler)
    def once(*args: Any) -> Any:  # noqa: ANN401
        try:
            return handler(*args)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return once
