"""Handlers whose sentences reach the person, and whose bugs do not."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import gradio as gr
import pytest

from microscope.errors import UserError
from microscope.ui.errors import shown

SENTENCE = "The image is empty: choose another one."


def test_a_plain_handler_gives_its_value() -> None:
    assert shown(lambda a, b: a + b)(1, 2) == 3


def test_a_sentence_of_a_plain_handler_is_shown_as_it_is() -> None:
    @shown
    def handler() -> None:
        raise UserError(SENTENCE)

    with pytest.raises(gr.Error) as raised:
        handler()
    assert raised.value.message == SENTENCE
    assert not raised.value.print_exception


def test_a_generator_stays_one_and_its_sentence_comes_after_what_it_gave() -> None:
    @shown
    def handler(count: int) -> Iterator[int]:
        yield from range(count)
        raise UserError(SENTENCE)

    assert inspect.isgeneratorfunction(handler)
    steps = handler(2)
    assert [next(steps), next(steps)] == [0, 1]
    with pytest.raises(gr.Error) as raised:
        next(steps)
    assert raised.value.message == SENTENCE
    assert not raised.value.print_exception


def test_closing_reaches_the_handler() -> None:
    ended = []

    @shown
    def handler() -> Iterator[int]:
        try:
            yield 1
        finally:
            ended.append(True)

    steps = handler()
    next(steps)
    steps.close()
    assert ended == [True]


def test_bugs_pass_through() -> None:
    @shown
    def plain() -> None:
        raise KeyError("bug")

    @shown
    def stream() -> Iterator[int]:
        yield 1
        raise KeyError("bug")

    with pytest.raises(KeyError):
        plain()
    with pytest.raises(KeyError):
        list(stream())


def test_gradio_still_sees_the_handlers_own_parameters() -> None:
    def handler(image: str, request: gr.Request) -> None: ...

    assert list(inspect.signature(shown(handler)).parameters) == ["image", "request"]
