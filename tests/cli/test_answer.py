"""Asking one question about one image: one line a checkpoint, or everything as JSON."""

from __future__ import annotations

import json

import pytest

from microscope.settings import REPOSITORY
from tests.cli.commands import ASK, KEYS, ran


def test_one_line_a_checkpoint_in_the_order_asked() -> None:
    keys = [KEYS[-1], KEYS[0]]
    found = ran(*ASK, "--models", ", ".join(keys))
    assert found.status == 0
    assert [line.partition(": ")[0] for line in found.out.splitlines()] == keys


def test_json_carries_tokens_facts_and_the_settings_given() -> None:
    arguments = [*ASK, "--models", KEYS[-1], "--temperature", "2", "--seed", "11", "--json"]
    first = ran(*arguments)
    assert first.status == 0
    (row,) = json.loads(first.out)
    assert list(row) == ["checkpoint", "state", "message", "answer"]
    assert (row["checkpoint"], row["state"], row["message"]) == (KEYS[-1], "done", "")
    assert row["answer"]["facts"]["seed"] == 11
    assert 1 <= len(row["answer"]["tokens"]) <= 4
    again = ran(*arguments)
    assert again.status == 0
    (kept,) = json.loads(again.out)
    assert kept["answer"] == {**row["answer"], "computed": "store"}


def test_an_unknown_checkpoint_is_said_and_the_others_are_answered() -> None:
    found = ran(*ASK, "--models", f"nothing,{KEYS[0]}", "--json")
    assert found.status == 1
    unknown, known = json.loads(found.out)
    assert (unknown["checkpoint"], unknown["state"], unknown["answer"]) == ("nothing", "failed", None)
    assert unknown["message"].startswith("The checkpoint nothing is not in the catalogue")
    assert (known["checkpoint"], known["state"]) == (KEYS[0], "done")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--image", "/nowhere/image.png", "The image is no longer there"),
        ("--image", str(REPOSITORY / "README.md"), "This file is not an image"),
        ("--question", "  ", "There is no question yet"),
    ],
)
def test_bad_input_is_one_sentence_on_standard_error(option: str, value: str, sentence: str) -> None:
    found = ran(*ASK, "--models", KEYS[0], option, value)
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith(sentence)
    assert len(found.err.splitlines()) == 1
