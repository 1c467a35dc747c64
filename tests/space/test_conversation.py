"""The program that asks: what it sends, to whom, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from microscope.space.asking import CONVERSATION, KNOWN
from tests.space.scripted_app import Script, reply, scripted

SAVED, GIVEN = "hf_saved_on_this_machine", "hf_given"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Script]]:
    """Serve one app for the module."""
    with scripted() as given:
        yield given


def conversed(url: str, token: str | None) -> dict[str, Any]:
    """Run the program on a machine with a saved token, whose Hub is the app itself."""
    asked = {
        "address": url,
        "token": token,
        "image": str(KNOWN.image),
        "endpoint": "/compare",
        "arguments": {
            "question": "What?",
            "checkpoints": ["mine"],
            "max_new_tokens": 8,
            "temperature": 0,
            "seed": 1,
        },
    }
    telling = {name: value for name, value in os.environ.items() if name not in SILENCING}
    env = {**telling, "HF_TOKEN": SAVED, "HF_ENDPOINT": url}
    child = subprocess.run(
        [sys.executable, "-I", str(CONVERSATION)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=env,
    )
    assert child.stderr == ""
    return json.loads(child.stdout)


SILENCING = {"HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK", "TRANSFORMERS_OFFLINE"}


def test_a_saved_token_is_sent_to_nobody(served: tuple[str, Script]) -> None:
    url, script = served
    assert conversed(url, None) == {"result": reply("yes")}
    assert SAVED not in json.dumps(script.headers)


def test_a_given_token_is_sent(served: tuple[str, Script]) -> None:
    url, script = served
    conversed(url, GIVEN)
    assert script.headers[-1]["x-hf-authorization"] == f"Bearer {GIVEN}"


def test_nobody_is_told_that_the_client_was_used(served: tuple[str, Script]) -> None:
    url, script = served
    conversed(url, None)
    assert [path for path in script.told if "telemetry" in path] == []
