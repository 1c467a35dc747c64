"""What commands that ask checkpoints take: keys, and settings within the bounds of the page."""

from __future__ import annotations

import argparse

import pytest

from microscope.cli.asking import add_settings, chosen, flag, keys_of
from microscope.errors import UserError
from tests.cli.commands import ASK, KEYS, ran


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings(parser)
    return parser.parse_args(arguments)


def test_keys_are_named_once_each_in_their_order() -> None:
    assert keys_of(" b, a,,b ,a") == ("b", "a")


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_no_key_at_all_is_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="at least one checkpoint"):
        keys_of(text)


def test_what_is_not_given_is_left_to_the_catalogue() -> None:
    assert chosen(given()) == {}
    assert chosen(given("--top-p", "0.9", "--max-new-tokens", "16")) == {"max_new_tokens": 16, "top_p": 0.9}
    assert flag("image_budget") == "--image-budget"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-new-tokens", "0"), ("--temperature", "-1"), ("--top-p", "5"), ("--seed", "-1"), ("--models", ",")],
)
def test_what_the_page_would_refuse_is_refused_in_a_sentence(option: str, value: str) -> None:
    found = ran(*ASK, "--models", KEYS[0], option, value)
    assert found.status == 1
    assert option in found.err
    assert "Something went wrong" not in found.out + found.err
    assert len(found.err.splitlines()) == 1
