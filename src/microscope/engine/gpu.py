"""The one door to the accelerator, and the only module that knows the platform's `spaces` package.

The whole app has exactly one decorated function: workers are kept per decorated function, and two would mean two
packs of weights in memory. It is a generator that runs a task by name; tasks are given before launch. Off ZeroGPU the
decorator returns the function itself, and the same path runs in this process; whose turn it is, the model cache says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import spaces

from microscope.engine.models import Models
from microscope.engine.usage import Booking, Ended, Ledger, Stamped, stamped
from microscope.errors import UserError

NO_GPU = "No GPU became free within a minute; try again shortly. No quota was used."

# What each refusal of the platform means to a visitor, by the title of its error.
REFUSALS = {
    "ZeroGPU pending credits exceeded": "Too many of your answers are being computed; try again when one is done.",
    "ZeroGPU illegal duration": (
        "This request asks for more GPU time than one call may take; choose fewer checkpoints or fewer new tokens. "
        "({detail})"
    ),
    "ZeroGPU queue timeout": NO_GPU,
    "ZeroGPU client error": "The platform gave no GPU ({detail}); reload the page and try again. No quota was used.",
    "ZeroGPU worker error": (
        "The GPU worker stopped ({detail}); try again, with a smaller image or fewer new tokens if it happens again."
    ),
}
OTHER_REFUSAL = "The platform refused the GPU ({detail}); try again shortly."

# One title stands for every used-up quota, and for the queue's timeout where the platform's token is missing: what
# holds is told by a part of the message.
QUOTA_TITLE = "ZeroGPU quota exceeded"
QUOTA_REFUSALS = {
    "No GPU was available": "",
    "runs limit": "You have used up your number of GPU calls for now; try again later.",
    "Space app": (
        "The GPU quota of visitors whom the platform cannot tell apart is used up; signing in to Hugging Face and "
        "opening this page there gives you your own."
    ),
    "free ZeroGPU": "Your GPU quota for today is used up; a PRO account has more.",
    "Pro ZeroGPU": "Your GPU quota for today is used up; credits extend it.",
    "": "Your GPU quota for today is used up; signing in to Hugging Face gives you more.",
}
WITHOUT_QUOTA = (
    "Examples still answer, and a duplicate of this Space on hardware of its own needs no quota. ({detail})"
)


@dataclass(frozen=True)
class Task:
    """Work that needs the accelerator: `run(models, payload)` yields plain data, `seconds(payload)` is its estimate.

    `failed(sentence)` makes the item that stands for a failure of the whole task. `finishes(item)` tells that an item
    is the last of an answer, and `waits(item)` that until then the task only waited for others; both are for the
    ledger alone.
    """

    name: str
    run: Callable[[Models, Any], Iterator[Any]]
    seconds: Callable[[Any], int]
    failed: Callable[[str], Any]
    finishes: Callable[[Any], bool] = lambda _: False
    waits: Callable[[Any], bool] = lambda _: False


class Door:
    """Runs tasks on the accelerator; made once, before launch. Its `ledger` tells what they took."""

    def __init__(self, models: Models, tasks: tuple[Task, ...]) -> None:
        self.zero = on_zero()
        self.ledger = Ledger()
        self._tasks = {task.name: task for task in tasks}
        self._enter = _decorated(models, self._tasks)

    def run(self, name: str, payload: Any) -> Iterator[Any]:  # noqa: ANN401  (a task's own plain data)
        """Run a task and yield what it yields; a refusal of the platform is a `UserError`.

        Call it from the visitor's own request: the platform charges the quota it finds in the context. Closing the
        iterator stops the task.
        """
        task, steps = self._tasks[name], self._enter(name, payload)
        asked = self.asks(task.seconds(payload)) if self.zero else 0
        try:
            yield from Booking(self.ledger, name, asked, task.finishes).items(_Remote(steps) if self.zero else steps)
        except _platform_errors() as error:
            raise UserError(_refusal(error)) from error

    def asks(self, declared: int) -> int:
        """Return the seconds that the platform is asked for where a task declares so many: on some cards, more."""
        if not self.zero:
            return declared
        return round(spaces.zero.client.get_duration_seconds(timedelta(seconds=declared), None))


@dataclass(frozen=True)
class _Remote:
    """Steps that run in a worker. Closing them waits for the worker's next step, and whoever closes must not wait.

    Gradio closes in its event loop, and the next step may be a whole model away.
    """

    steps: Generator[Stamped | Ended, None, None]

    def __iter__(self) -> Iterator[Stamped | Ended]:
        return self

    def __next__(self) -> Stamped | Ended:
        return next(self.steps)

    def close(self) -> None:
        """Have the worker stop at its next step."""
        threading.Thread(target=self.steps.close, daemon=True).start()


def on_zero() -> bool:
    """Tell whether this process runs on ZeroGPU."""
    return bool(spaces.config.Config.zero_gpu)


def _decorated(models: Models, tasks: dict[str, Task]) -> Callable[[str, Any], Generator[Stamped | Ended, None, None]]:
    def seconds(name: str, payload: Any) -> int:  # noqa: ANN401
        return tasks[name].seconds(payload)

    def run(name: str, payload: Any) -> Generator[Stamped | Ended, None, None]:  # noqa: ANN401
        task = tasks[name]
        # A raised exception would show the visitor its class name alone and cost the warm worker: failures are data.
        yield from stamped(task.run(models, payload), task.failed, task.waits)

    return spaces.GPU(run, duration=seconds)


def _refusal(error: Exception) -> str:
    title, message = str(getattr(error, "title", "")), str(getattr(error, "message", error))
    sentence = REFUSALS.get(title, OTHER_REFUSAL)
    if title == QUOTA_TITLE:
        why = next(why for part, why in QUOTA_REFUSALS.items() if part in message)
        sentence = f"{why} {WITHOUT_QUOTA}" if why else NO_GPU
    return sentence.format(detail=message.strip().rstrip("."))


def _platform_errors() -> tuple[type[Exception], ...]:
    if not on_zero():
        return ()
    # Imported here: Gradio takes seconds to import, and only ZeroGPU raises its errors.
    from gradio.exceptions import Error  # noqa: PLC0415

    return (Error,)
