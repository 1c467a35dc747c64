"""The command line in this process, over the embedded checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import microscope.engine  # noqa: F401  (repairs torchvision before the tests import transformers)
from microscope import __version__
from microscope.cli import main
from microscope.settings import REPOSITORY, VARIABLES
from microscope.tiny.draw import QUESTION_KINDS
from microscope.tiny.evaluate import checkpoint_folders

IMAGE = str(REPOSITORY / "assets" / "examples" / "colour.png")
FOLDERS = checkpoint_folders(REPOSITORY / "assets" / "checkpoints")
KEYS = [folder.name for folder in FOLDERS]
EXPLAIN = ["explain", "--image", IMAGE, "--question", "What colour is the nine?", "--models"]
ASK = ["answer", "--image", IMAGE, "--question", "What colour is the nine?", "--max-new-tokens", "4"]


@pytest.fixture(autouse=True)
def _laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give every command the environment of a laptop without a GPU, without a network and with empty stores."""
    for variable in VARIABLES:
        if variable.name != "HF_HOME":
            monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("MICROSCOPE_DATA", str(tmp_path))
    monkeypatch.setenv("MICROSCOPE_PRESET", "cpu-basic")
    monkeypatch.setenv("ACCELERATOR", "none")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["answer", "--image", IMAGE, "--question", "What?"],
        ["explain", "--image", IMAGE, "--question", "What?"],
        [*EXPLAIN, KEYS[0], "--token", "first"],
        ["tables"],
        ["tables", "--write", "--check"],
        ["tiny"],
        ["tiny", "evaluate", "--split", "both"],
    ],
    ids=" ".join,
)
def test_a_misused_command_exits_with_2_and_shows_its_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_of:
        main(arguments)
    assert exit_of.value.code == 2
    assert "usage: microscope" in capsys.readouterr().err


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"microscope {__version__}\n"


def test_models_lists_key_label_source_and_revision(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    printed = capsys.readouterr()
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert [(key, source) for key, _, source, _ in rows] == [(one.name, str(one)) for one in FOLDERS]
    assert all(label for _, label, _, _ in rows)
    assert printed.err == ""


def test_models_says_what_is_not_available_and_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MICROSCOPE_MODELS", f"{FOLDERS[0]},{tmp_path / 'gone'}")
    assert main(["models"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{KEYS[0]}\t")
    assert printed.err.startswith("not available: ")
    assert "gone" in printed.err


def test_answer_prints_one_line_a_checkpoint_in_the_order_asked(capsys: pytest.CaptureFixture[str]) -> None:
    keys = [KEYS[-1], KEYS[0]]
    assert main([*ASK, "--models", ", ".join(keys)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == keys


def test_answer_as_json_carries_tokens_facts_and_the_settings_given(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*ASK, "--models", KEYS[-1], "--temperature", "2", "--seed", "11", "--json"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    (row,) = json.loads(first)
    assert list(row) == ["checkpoint", "state", "message", "answer"]
    assert (row["checkpoint"], row["state"], row["message"]) == (KEYS[-1], "done", "")
    assert row["answer"]["facts"]["seed"] == 11
    assert 1 <= len(row["answer"]["tokens"]) <= 4
    assert main(arguments) == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert again["answer"] == {**row["answer"], "computed": "store"}


def test_an_unknown_checkpoint_is_said_and_the_others_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ASK, "--models", f"nothing,{KEYS[0]}", "--json"]) == 1
    unknown, known = json.loads(capsys.readouterr().out)
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
def test_bad_input_is_one_sentence_on_standard_error(
    option: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ASK, "--models", KEYS[0], option, value]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(sentence)
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-new-tokens", "0"), ("--temperature", "-1"), ("--top-p", "5"), ("--seed", "-1"), ("--models", ",")],
)
def test_what_the_page_would_refuse_is_refused_in_a_sentence(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ASK, "--models", KEYS[0], option, value]) == 1
    printed = capsys.readouterr()
    assert "Something went wrong" not in printed.out + printed.err
    assert len(printed.err.splitlines()) == 1


def test_explain_prints_the_answer_its_map_and_what_it_is_without_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EXPLAIN, f"{KEYS[-1]},{KEYS[0]}", "--keep", "0.25"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{KEYS[-1]}: green"
    assert [line.partition(": ")[0] for line in lines if not line.startswith(" ")] == [KEYS[-1], KEYS[0]]
    first = lines[1 : lines.index(next(line for line in lines if line.startswith(f"{KEYS[0]}: ")))]
    assert first[0].startswith("  Relevance (")
    assert first[1].startswith("  the best 20 % of the patches keep ")
    assert first[2].startswith("  strongest at (left, top): ")
    assert first[3].startswith("  without 48 patches: ")


def test_explain_as_json_has_the_finding_and_writes_the_maps(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "maps.png"
    given = ["--method", "gradient", "--token", "0", "--keep", "0.5", "--rule", "random", "--json", "--png", str(out)]
    assert main([*EXPLAIN, KEYS[-1], *given]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["checkpoint"], row["state"], row["message"]) == (KEYS[-1], "done", "")
    assert row["finding"]["answer"]["text"] == "green"
    assert ("gradient", 0) in [(one["method"], one["token"]) for one in row["finding"]["heats"]]
    assert (row["change"]["rule"], len(row["change"]["rejected"])) == ("random", 32)
    with Image.open(out) as image:
        assert image.format == "PNG"


def test_explain_says_what_failed_and_explains_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EXPLAIN, f"nothing,{KEYS[-1]}"]) == 1
    lines = capsys.readouterr().out.splitlines()
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
def test_what_cannot_be_explained_is_one_sentence_on_standard_error(
    given: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*EXPLAIN, KEYS[0], *given]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(sentence)
    assert len(printed.err.splitlines()) == 1


def test_a_token_beyond_the_answer_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EXPLAIN, KEYS[-1], "--token", "30"]) == 0
    assert capsys.readouterr().out == f"{KEYS[-1]}: green\n  this answer has no such token\n"


def test_a_bad_variable_is_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROSCOPE_QUEUE_SIZE", "many")
    assert main(["models"]) == 1
    printed = capsys.readouterr().err
    assert "MICROSCOPE_QUEUE_SIZE" in printed
    assert len(printed.splitlines()) == 1


def test_examples_answers_every_example_with_every_checkpoint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MICROSCOPE_MODELS", str(FOLDERS[0]))
    out = tmp_path / "answers.json"
    assert main(["examples", "--out", str(out)]) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    shipped = json.loads((REPOSITORY / "assets" / "examples" / "answers.json").read_text(encoding="utf-8"))
    assert {row["example"] for row in written} == {row["example"] for row in shipped}
    assert capsys.readouterr().out == f"{len(written)} answers in {out}\n"


def test_the_generated_parts_of_the_readme_are_fresh() -> None:
    assert main(["tables", "--check"]) == 0


def test_tiny_evaluate_prints_a_row_a_checkpoint_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tiny", "evaluate", "--n", "16", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["checkpoint"] for row in rows] == KEYS
    for row in rows:
        assert list(row) == ["checkpoint", "step", "n", "exact_match", "by_kind", "baseline"]
        assert row["n"] == 16
        assert set(row["by_kind"]) == set(QUESTION_KINDS)


def test_tiny_evaluate_prints_a_table_with_the_baseline_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tiny", "evaluate", "--n", "8"]) == 0
    head, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert head == ["checkpoint", "all", *QUESTION_KINDS]
    assert [row[0] for row in rows] == ["always the most frequent", *KEYS]
    assert {len(row) for row in rows} == {len(head)}


def test_tiny_evaluate_of_a_folder_without_checkpoints_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["tiny", "evaluate", "--n", "8", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"There are no checkpoints in {tmp_path}")
