"""Errors in two kinds: `UserError` is a sentence for the person in front of the screen; everything else is a bug.

`explain` turns either into the sentence that may be shown. It is the house's one error boundary's voice: a bug is
logged whole, under a reference that the sentence repeats, and its text is shown to nobody.
"""

from __future__ import annotations

import logging
import uuid

log = logging.getLogger("microscope")


class UserError(Exception):
    """One clear sentence that says what happened and what to do next; safe to show to anyone."""


class OutOfMemoryError(UserError):
    """Memory ran out, or would, although everything idle had gone; the sentence has the numbers."""


def explain(error: Exception) -> str:
    """Return the sentence to show for an error; a bug is logged with its traceback under a short reference."""
    if isinstance(error, UserError):
        return str(error)
    reference = uuid.uuid4().hex[:8]
    log.error("unexpected error, reference %s", reference, exc_info=error)
    return f"Something went wrong on our side. Try again; if it happens again, report the reference {reference}."
