"""The page's sentences: none is empty, every state and every origin of an answer has one, and costs read well."""

from __future__ import annotations

import pytest

from microscope.records import State
from microscope.ui import text

CONSTANTS = {name: value for name, value in vars(text).items() if name.isupper()}


@pytest.mark.parametrize("name", [name for name, value in CONSTANTS.items() if isinstance(value, str)])
def test_no_sentence_is_empty_or_untidy(name: str) -> None:
    assert CONSTANTS[name]
    assert CONSTANTS[name] == " ".join(CONSTANTS[name].split())


def test_every_preset_has_a_name_and_a_question() -> None:
    assert all(name and question for name, question in text.PRESETS)
    assert len(dict(text.PRESETS)) == len(text.PRESETS)


def test_every_state_has_a_name() -> None:
    assert set(text.STATES) == {state.value for state in State} | {"stopped"}
    assert all(text.STATES.values())


def test_only_an_answer_computed_now_needs_no_note() -> None:
    assert {name for name, note in text.COMPUTED.items() if not note} == {"now"}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "1 s"), (12.4, "12 s"), (89.6, "90 s"), (90, "2 minutes"), (600, "10 minutes")],
)
def test_the_cost_on_hardware_of_our_own_is_time(seconds: float, shown: str) -> None:
    assert text.cost(seconds, "cpu", 0) == f"About {shown} on cpu. Nobody is waiting."


def test_the_cost_on_zero_gpu_is_quota() -> None:
    assert text.cost_zero(30, 2).startswith("Asks for 30 s of your daily GPU quota")


@pytest.mark.parametrize(
    ("waiting", "shown"),
    [(0, "Nobody is waiting."), (1, "One visitor is ahead of you."), (7, "7 visitors are ahead of you.")],
)
def test_the_queue_is_said_in_either_cost(waiting: int, shown: str) -> None:
    assert text.cost(5, "cpu", waiting).endswith(f" {shown}")
    assert text.cost_zero(5, waiting).endswith(f" {shown}")


@pytest.mark.parametrize(("count", "shown"), [(0, "0.0 MB"), (2_743_056, "2.7 MB"), (4_400_000_000, "4.4 GB")])
def test_sizes_read_as_people_write_them(count: int, shown: str) -> None:
    assert text.megabytes(count) == shown
