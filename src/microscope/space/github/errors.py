"""What GitHub refuses, each refusal with the permission or setting that is missing; asks GitHub nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from json import JSONDecodeError
from typing import Literal

from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from microscope.errors import UserError
from microscope.space.causes import clean
from microscope.space.errors import LONGEST_SAID, RefusedError, UnreachableError

Wish = Literal["read", "comment", "propose"]

# What a job of a workflow must be permitted for each wish.
PERMISSIONS: dict[Wish, str] = {
    "read": "`permissions: pull-requests: read`",
    "comment": "`permissions: pull-requests: write`",
    "propose": "`permissions: contents: write` and `pull-requests: write`",
}
ALLOWED = "Allow GitHub Actions to create and approve pull requests"


@dataclass(frozen=True)
class Asked:
    """What GitHub was asked for, of which repository, and the token, which is never repeated."""

    repository: str
    wish: Wish
    token: str


def explain(error: Exception, asked: Asked) -> UserError:
    """Return the error with a sentence for a person, for a failed request to GitHub."""
    if isinstance(error, HfHubHTTPError):
        return _Answer(error, asked).explain()
    if isinstance(error, OfflineModeIsEnabled):
        return UnreachableError("HF_HUB_OFFLINE keeps us off the network: unset it.")
    return UnreachableError(
        "GitHub cannot be reached: check the network and GITHUB_API_URL, and run the job again in a minute."
    )


class _Answer:
    """One answer of GitHub that is no success, and what we asked for."""

    def __init__(self, error: HfHubHTTPError, asked: Asked) -> None:
        self._asked, self._status = asked, int(error.response.status_code)
        self._headers = error.response.headers
        self._said = _said(error).replace(asked.token, "[a token]")

    def explain(self) -> UserError:
        """Return the error for the status."""
        if self._status == HTTPStatus.TOO_MANY_REQUESTS or self._too_fast:
            return UnreachableError("GitHub asks us to slow down: run the job again in an hour.")
        if self._status >= HTTPStatus.INTERNAL_SERVER_ERROR or self._status == HTTPStatus.REQUEST_TIMEOUT:
            return UnreachableError(
                f"GitHub has trouble of its own (HTTP {self._status}): run the job again in a few minutes."
            )
        tell: dict[int, Callable[[], UserError]] = {
            HTTPStatus.UNAUTHORIZED: self._unauthorized,
            HTTPStatus.FORBIDDEN: self._forbidden,
            HTTPStatus.NOT_FOUND: self._missing,
        }
        return tell.get(self._status, self._otherwise)()

    @property
    def _too_fast(self) -> bool:
        """Tell whether a refusal is about how often we ask, for which GitHub has the same status as for others."""
        limited = self._headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self._headers
        return self._status == HTTPStatus.FORBIDDEN and limited

    def _unauthorized(self) -> UserError:
        return RefusedError(
            "GitHub does not accept the token: give the step `GITHUB_TOKEN: ${{ github.token }}` in its env. The "
            "token of a job ends with the job."
        )

    def _forbidden(self) -> UserError:
        if "create or approve pull requests" in self._said:
            return RefusedError(
                f"GitHub lets no job of {self._asked.repository} open pull requests: in its settings, under Actions, "
                f"General, switch on {ALLOWED!r}."
            )
        return RefusedError(
            f"GitHub refuses ({self._said or self._status}): give this job {PERMISSIONS[self._asked.wish]}. Jobs for "
            "pull requests from forks never have more than reading."
        )

    def _missing(self) -> UserError:
        return RefusedError(
            f"GitHub shows this token no such thing in {self._asked.repository}: see that the number or the branch is "
            f"right, and that the job has {PERMISSIONS[self._asked.wish]}."
        )

    def _otherwise(self) -> UserError:
        said = self._said or f"HTTP {self._status}"
        return UserError(f"GitHub refuses ({said}): mend what it says, and run the job again.")


def _said(error: HfHubHTTPError) -> str:
    """Return what GitHub says in one line, its details with it, without control characters and without end."""
    try:
        told = error.response.json()
    except (JSONDecodeError, UnicodeDecodeError):
        return ""
    if not isinstance(told, dict):
        return ""
    details = [one.get("message", "") for one in told.get("errors") or () if isinstance(one, dict)]
    said = "; ".join(str(one) for one in (told.get("message", ""), *details) if one)
    return clean(" ".join(said.split()))[:LONGEST_SAID].rstrip(". ")
