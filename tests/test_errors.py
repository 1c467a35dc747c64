"""The two kinds of errors: a sentence is shown as it is, a bug is logged whole and shown to nobody."""

from __future__ import annotations

import re

import pytest

from microscope.errors import UserError, explain


def test_a_sentence_is_shown_as_it_is_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(UserError("The image is empty: choose another one.")) == "The image is empty: choose another one."
    assert caplog.records == []


def test_a_bug_is_logged_with_its_traceback_and_its_text_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    try:
        read_everything()
    except ValueError as error:
        sentence = explain(error)
    assert "secret" not in sentence
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "Traceback" in caplog.text
    assert "/secret/path" in caplog.text
    (reference,) = re.findall(r"reference ([0-9a-f]{8})\.$", sentence)
    assert reference in record.getMessage()


def read_everything() -> None:
    raise ValueError("/secret/path")


def test_every_bug_has_a_reference_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("the same")
    assert explain(error) != explain(error)
