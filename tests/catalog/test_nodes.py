"""YAML files as nodes, and sentences with lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from microscope.catalog.nodes import RefusedError, compose, fields, pairs, read, scalar, show
from microscope.errors import UserError


def accept(_name: str, _node: yaml.Node) -> None:
    """Accept every field."""


def root_of(tmp_path: Path, text: str) -> yaml.Node:
    path = tmp_path / "models.yaml"
    path.write_text(text)
    node = compose(path)
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"models: [", "line 1"),
        (b"a: 1\n  b: 2\n", "line 2"),
        (b"a: \x07\n", "not valid YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 5000, "not valid YAML"),
        (b"a: *nowhere\n", "line 1"),
        (b'a: "\\U00110000"\n', "beyond Unicode"),
        (b'a: "\\UFFFFFFFF"\n', "beyond Unicode"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        compose(path)
    assert str(path) in str(error.value)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MICROSCOPE_CATALOG"):
        compose(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="cannot be read"):
        compose(tmp_path)


def test_an_empty_file_has_no_root_and_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("# nothing\n")
    assert compose(path) is None
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    root = compose(path)
    assert isinstance(root, yaml.MappingNode)
    assert [name for name, _, _ in pairs(root)] == ["a"]


def test_values_stay_as_written(tmp_path: Path) -> None:
    nodes = fields(root_of(tmp_path, "a: no\nb: 1.0\nc: 0o17\nd: 2024-01-01\ne: 'x'\nf:\ng: ~\nh: ''\n"), accept)
    assert {name: scalar(name, node) for name, node in nodes.items()} == {
        "a": "no", "b": "1.0", "c": "0o17", "d": "2024-01-01", "e": "x", "h": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice"),
        ("- x\n", 1, "a list"),
        ("word", 1, "'word'"),
    ],
)
def test_what_is_no_set_of_fields_is_refused_in_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as error:
        fields(root_of(tmp_path, text), accept)
    assert error.value.line == line


def test_a_refused_value_names_field_value_and_what_is_allowed(tmp_path: Path) -> None:
    nodes = fields(root_of(tmp_path, "\nnumber: ten\n"), accept)

    def parse(_: str) -> int:
        raise ValueError("a number")

    with pytest.raises(RefusedError) as error:
        read("number", nodes["number"], parse)
    assert error.value.sentence(Path("/x/models.yaml")) == "models.yaml, line 2: number is 'ten'; write a number."


def test_a_sentence_that_asks_ends_in_its_question_mark(tmp_path: Path) -> None:
    error = RefusedError(root_of(tmp_path, "a"), "did you mean 'b'?")
    assert error.sentence(Path("models.yaml")) == "models.yaml, line 1: did you mean 'b'?"


def test_a_nested_value_is_no_text(tmp_path: Path) -> None:
    nodes = fields(root_of(tmp_path, "a: [1]\nb: {c: 1}\n"), accept)
    with pytest.raises(RefusedError, match="a is a list"):
        scalar("a", nodes["a"])
    with pytest.raises(RefusedError, match="b is indented fields"):
        scalar("b", nodes["b"])


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    assert len(show(root_of(tmp_path, "x" * 1000))) < 80
