"""The door runs tasks by name, and tells each refusal of the platform in a sentence.

What only the platform's own package can show is in tests/zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from spaces.zero.client import html_string
from spaces.zero.gradio import error as platform_error

from microscope.engine.gpu import Door, Task, _refusal, on_zero
from microscope.engine.models import Models
from microscope.errors import UserError
from tests.keeping import models_of

if TYPE_CHECKING:
    from gradio.exceptions import Error

MODELS = models_of(0)


def task(run: Callable[[Models, Any], Iterator[Any]], name: str = "work") -> Task:
    return Task(name, run, lambda _: 3, lambda sentence: f"failed: {sentence}")


def count(_models: Models, payload: int) -> Iterator[int]:
    yield from range(payload)


def test_a_task_gets_the_models_and_its_payload() -> None:
    door = Door(MODELS, (task(lambda models, payload: iter([models, payload]), "echo"),))
    assert list(door.run("echo", 5)) == [MODELS, 5]


def test_tasks_are_run_by_name() -> None:
    door = Door(MODELS, (task(count, "count"), task(lambda *_: iter(["other"]), "other")))
    assert list(door.run("count", 3)) == [0, 1, 2]
    assert list(door.run("other", None)) == ["other"]


def test_off_zero_nothing_is_charged() -> None:
    assert not on_zero()
    assert not Door(MODELS, ()).zero


def test_a_task_that_fails_ends_with_its_own_kind_of_failure() -> None:
    def fail(_models: Models, _payload: object) -> Iterator[str]:
        yield "first"
        raise UserError("There is no memory left; try a smaller image.")

    door = Door(MODELS, (task(fail),))
    assert list(door.run("work", None)) == ["first", "failed: There is no memory left; try a smaller image."]
    assert next(iter(door.run("work", None))) == "first"


def test_closing_stops_the_task() -> None:
    closed = []

    def work(_models: Models, _payload: object) -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    door = Door(MODELS, (task(work),))
    steps = door.run("work", None)
    assert next(steps) == 0
    steps.close()
    assert closed == [True]
    assert next(door.run("work", None)) == 0


QUOTA = "ZeroGPU quota exceeded"
TIMES = "(90s requested vs. 12s left). Try again in 1:00:00. "


@pytest.mark.parametrize(
    ("title", "message", "says"),
    [
        (
            QUOTA,
            f"You have exceeded your free ZeroGPU quota {TIMES}",
            ["used up", "90s requested vs. 12s left", "1:00:00"],
        ),
        (QUOTA, f"You have exceeded your Pro ZeroGPU quota {TIMES}", ["used up", "credits", "12s left"]),
        (QUOTA, f"You have exceeded your ZeroGPU quota {TIMES}", ["used up", "signing in"]),
        (QUOTA, "You have exceeded your ZeroGPU runs limit. ", ["number of GPU calls"]),
        (
            QUOTA,
            "Space app has reached its GPU limit. Try re-running outside of examples",
            ["signing in", "tell apart"],
        ),
        (QUOTA, "No GPU was available after 60s. Try re-running outside", ["No GPU became free", "No quota was used"]),
        (
            "ZeroGPU pending credits exceeded",
            "You have too many ZeroGPU credits allocated",
            ["Too many of your answers"],
        ),
        (
            "ZeroGPU illegal duration",
            "The requested GPU duration (900s) is larger than the maximum allowed",
            ["more GPU time than one call may take", "900s", "fewer checkpoints"],
        ),
        ("ZeroGPU queue timeout", "No GPU was available after 60s Retry later", ["No GPU became free", "try again"]),
        ("ZeroGPU client error", "No GPU was available", ["gave no GPU", "reload"]),
        ("ZeroGPU client error", "Expired ZeroGPU proxy token", ["Expired ZeroGPU proxy token", "reload"]),
        ("ZeroGPU worker error", "GPU task aborted", ["worker stopped", "GPU task aborted", "smaller image"]),
        ("ZeroGPU something new", "Not today", ["refused the GPU", "Not today", "try again"]),
    ],
)
def test_each_refusal_of_the_platform_has_its_sentence(title: str, message: str, says: list[str]) -> None:
    error: Error = platform_error(title, message)
    sentence = _refusal(error)
    assert all(part in sentence for part in says), sentence
    assert ".." not in sentence
    assert "{" not in sentence


def test_a_message_in_html_is_told_as_text() -> None:
    message = html_string(
        'No GPU. <a href="https://huggingface.co/join">Join</a>', "No GPU. [Join](https://huggingface.co/join)"
    )
    assert "<a" not in _refusal(platform_error("ZeroGPU something new", message, html=True))
