"""Checks the text of a question before anything is queued; knows no tokenizer and no special token."""

from __future__ import annotations

from microscope.errors import UserError

MAX_QUESTION = 2_000


def check_question(text: str) -> str:
    """Return the question without surrounding white space.

    Raises `UserError` where it is empty, longer than 2,000 characters, or holds what no text holds (NUL, half a
    surrogate pair): files, hashes and tokenizers cannot carry those.
    """
    question = text.strip()
    if not question:
        raise UserError("There is no question yet: type one, or choose one of the presets.")
    if len(question) > MAX_QUESTION:
        raise UserError(
            f"The question has {len(question):,} characters, and at most {MAX_QUESTION:,} fit: shorten it."
        )
    if "\0" in question or any("\ud800" <= character <= "\udfff" for character in question):
        raise UserError("The question holds characters that are not text: type it again by hand.")
    return question
