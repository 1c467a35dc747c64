"""Asks a running app one question as a program would, in a child process with a time limit; judges no answer."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microscope.errors import UserError
from microscope.settings import REPOSITORY

log = logging.getLogger("microscope")

CONVERSATION = Path(__file__).with_name("conversation.py")
ENDPOINT = "/compare"
SHOWN = 300
LOOK = "Look at the Space's run log; if it does not mend itself, roll back."


@dataclass(frozen=True)
class Question:
    """A question about a picture of this repository, and the answer that is right.

    `checkpoint` is the embedded checkpoint that is known to give it, in every dtype and by a wide margin.
    """

    image: Path
    question: str
    checkpoint: str
    answer: str


# In the long answer no token is less likely than 0.998, in float32, bfloat16 and float16; weights that do not belong
# together describe the scene otherwise. It is not the question of the example, whose answers ship with the app.
KNOWN = Question(
    REPOSITORY / "assets" / "examples" / "exists.png",
    "What do you see?",
    "scenes-step-6000",
    "a purple triangle at the top left and a yellow square at the top right and a red circle at the middle left and a "
    "white two at the center",
)


@dataclass(frozen=True)
class Reply:
    """What came back: `state` is done or failed, `message` why it failed, `computed` now, store or example.

    `seconds` is how long the app took, on `device` in `dtype`.
    """

    state: str
    text: str = ""
    message: str = ""
    computed: str = ""
    tokens: int = 0
    seconds: float = 0.0
    dtype: str = ""
    device: str = ""


class AskError(UserError):
    """The question got no reply; `detail` says what was seen, `advice` what to do next."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(f"{detail}. {advice}")
        self.detail, self.advice = detail, advice


class BusyError(AskError):
    """The app lives, and had no room for the question."""


class UnheardError(AskError):
    """The question, or the answer, was lost on the way."""


def ask(address: str, question: Question, seed: int, token: str | None, seconds: float) -> Reply:
    """Return the app's reply to a question, waiting so many seconds at most; every failure is an AskError.

    Decoding is greedy, which a seed does not change; but an answer is kept under its settings, so that with a seed
    that was not used before it is computed, and not taken from the store.
    """
    asked = {
        "address": address,
        "token": token,
        "image": str(question.image),
        "endpoint": ENDPOINT,
        "arguments": {
            "question": question.question,
            "checkpoints": [question.checkpoint],
            "max_new_tokens": 48,
            "temperature": 0,
            "seed": seed,
        },
    }
    return _read(_converse(asked, seconds), address)


def _converse(asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    # Isolated: a module beside the program may not stand in for one of a library that has the same name.
    command = [sys.executable, "-I", str(CONVERSATION)]
    try:
        child = subprocess.run(  # noqa: S603  (our own program)
            command, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise AskError(
            f"no answer came within {seconds:.0f} s", "Look in the run log for what it waits for, or allow it longer."
        ) from error
    log.debug("what the client said: %s", child.stderr)
    try:
        told = json.loads(child.stdout)
    except ValueError as error:
        last = (child.stderr.strip().splitlines() or ["nothing"])[-1][:SHOWN]
        raise AskError(f"it could not be asked from here ({last})", "Install this project anew.") from error
    return dict(told)


def _read(told: dict[str, Any], address: str) -> Reply:
    if "error" in told:
        raise _failure(str(told["error"]), str(told["message"]))
    # The endpoint's own shape: a list with one object a checkpoint.
    rows = told["result"] if isinstance(told["result"], list) else []
    row = rows[0] if rows and isinstance(rows[0], dict) else {}
    if not isinstance(row.get("state"), str):
        raise AskError(f"{ENDPOINT} of {address} returns something else", "Check that it is a VLM Microscope.")
    answer = row.get("answer") or {}
    facts = answer.get("facts") or {}
    return Reply(
        state=row["state"],
        text=str(row.get("text", "")),
        message=str(row.get("message", "")),
        computed=str(answer.get("computed", "")),
        tokens=int(facts.get("tokens") or 0),
        seconds=float(facts.get("total_seconds") or 0),
        dtype=str(facts.get("dtype", "")),
        device=str(facts.get("device", "")),
    )


def _failure(kind: str, message: str) -> AskError:
    said = " ".join(message.split())[:SHOWN].rstrip(".")
    if kind == "QueueError" or "Queue is full" in message:
        return BusyError("its queue is full", "Ask again when fewer people wait.")
    if kind == "TooManyRequestsError":
        return BusyError("it asks us to slow down", "Ask again in a few minutes.")
    if kind == "AuthenticationError":
        return AskError("it asks to sign in", "Set HF_TOKEN to a token that may read the Space.")
    if kind in ("AppError", "ValidationError"):
        return AskError(f"it refused the question ({said})", LOOK)
    return UnheardError(f"it could not be asked ({kind}: {said})", LOOK)
