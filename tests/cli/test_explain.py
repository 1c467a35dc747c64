"""Explaining answers: what they rest on, and what they are without the rest, as lines, JSON and a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.commands import EXPLAIN, KEYS, ran


def test_the_answer_its_map_and_what_it_is_without_the_rest_are_printed() -> None:
    found = ran(*EXPLAIN, f"{KEYS[-1]},{KEYS[0]}", "--keep", "0.25")
    assert found.status == 0
    lines = found.out.splitlines()
    assert lines[0] == f"{KEYS[-1]}: green"
    assert [line.partition(": ")[0] for line in lines if not line.startswith(" ")] == [KEYS[-1], KEYS[0]]
    first = lines[1 : lines.index(next(line for line in lines if line.startswith(f"{KEYS[0]}: ")))]
    assert first[0].startswith("  Relevance (")
    assert first[1].startswith("  the best 20 % of the patches keep ")
    assert first[2].startswith("  strongest at (left, top): ")
    assert first[3].startswith("  without 48 patches: ")


def test_json_has_the_finding_and_the_maps_are_written(tmp_path: Path) -> None:
    out = tmp_path / "maps.png"
    given = ["--method", "gradient", "--token", "0", "--keep", "0.5", "--rule", "random", "--json", "--png", str(out)]
    found = ran(*EXPLAIN, KEYS[-1], *given)
    assert found.status == 0
    (row,) = json.loads(found.out)
    assert (row["checkpoint"], row["state"], row["message"]) == (KEYS[-1], "done", "")
    assert row["finding"]["answer"]["text"] == "green"
    assert ("gradient", 0) in [(one["method"], one["token"]) for one in row["finding"]["heats"]]
    assert (row["change"]["rule"], len(row["change"]["rejected"])) == ("random", 32)
    with Image.open(out) as image:
        assert image.format == "PNG"


def test_what_failed_is_said_and_the_others_are_explained() -> None:
    found = ran(*EXPLAIN, f"nothing,{KEYS[-1]}")
    assert found.status == 1
    lines = found.out.splitlines()
    assert "nothing: The checkpoint nothing is not in the catalogue" in "".join(lines)
    assert f"{KEYS[-1]}: green" in lines


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--method", "phrenology"], "There is no method 'phrenology'; choose one of "),
        (["--token", "-1"], "Answer tokens are numbered from 0; there is no token -1."),
        (["--keep", "1.5"], "A share of 1.5 of the image tokens cannot be kept"),
        (["--rule", "drawn"], "There is no rule 'drawn' to keep patches by; choose one of "),
        (["--png", "/nowhere/maps.png"], "There is no folder /nowhere to write the picture into"),
        (["--seed", "-1"], "--seed is '-1'"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_explained_is_one_sentence_on_standard_error(given: list[str], sentence: str) -> None:
    found = ran(*EXPLAIN, KEYS[0], *given)
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith(sentence)
    assert len(found.err.splitlines()) == 1


def test_a_token_beyond_the_answer_is_said() -> None:
    found = ran(*EXPLAIN, KEYS[-1], "--token", "30")
    assert (found.status, found.out) == (0, f"{KEYS[-1]}: green\n  this answer has no such token\n")
