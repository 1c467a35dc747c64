"""What the Hub refuses about a Space, each refusal with its own advice; asks the Hub nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from json import JSONDecodeError
from typing import Literal

from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    # The base of every failed request, taken from here because it is the library's choice whose class that is.
    HTTPError,
    OfflineModeIsEnabled,
    OIDCError,
    RevisionNotFoundError,
)

from microscope.errors import UserError
from microscope.space.causes import clean
from microscope.space.retrying import PASSING

TOKENS = "https://huggingface.co/settings/tokens"
KEYLESS = "hf_jwt_"
LONGEST_SAID = 300

Action = Literal["read", "files", "settings", "create"]
SETTINGS = ("settings", "create")


class ConflictError(UserError):
    """Somebody else has committed to the Space meanwhile; nothing of ours was written."""


class RefusedError(UserError):
    """The Hub does not let us: no token, another one needed, or an account that may not."""


class UnreachableError(UserError):
    """The Hub did not answer as it should, again and again: no network, too many requests, or trouble of its own."""


NO_IDENTITY = (
    "This job gets no identity token for the Hub: give it `permissions: id-token: write`, or unset HF_OIDC_RESOURCE "
    "and set HF_TOKEN."
)
NO_NETWORK = "The Hub cannot be reached: check the network, and try again in a minute."
# What fails without an answer about a Space, the narrower first.
_UNANSWERED: tuple[tuple[type[Exception], type[UserError], str], ...] = (
    (OIDCError, RefusedError, NO_IDENTITY),
    (OfflineModeIsEnabled, UnreachableError, "HF_HUB_OFFLINE keeps us off the network: unset it."),
    (EntryNotFoundError, UserError, "A file to be copied is nowhere in the Space's history ({said}): start again."),
    (FileNotFoundError, UserError, "A file went away while it was being sent ({said}): start again."),
    *((kind, UnreachableError, NO_NETWORK) for kind in (HTTPError, JSONDecodeError, TimeoutError)),
)


@dataclass(frozen=True)
class Asked:
    """What the Hub was asked for: the Space, and whether that reads, writes files, or changes or creates the Space.

    What is `hidden` is never repeated, whoever says it.
    """

    space: str
    action: Action
    hidden: tuple[str, ...] = ()


def explain(error: Exception, asked: Asked) -> UserError:
    """Return the error with a sentence for a person, for a failed request about a Space."""
    if isinstance(error, HfHubHTTPError):
        return _Answer(error, asked).explain()
    for kind, tells, sentence in _UNANSWERED:
        if isinstance(error, kind):
            return tells(sentence.format(said=said_by(error)))
    return UserError(
        f"Large files of {asked.space} did not arrive ({said_by(error)}): set HF_HUB_DISABLE_XET=1 and start again."
    )


def conflict(space: str) -> ConflictError:
    """Return the error for a Space whose newest commit is not the one that ours was to stand on."""
    return ConflictError(f"Somebody has committed to {space} meanwhile, nothing was written: run the command again.")


def said_by(error: Exception, hidden: Iterable[str] = ()) -> str:
    """Return what the Hub or a library said, in one line without tokens and without its end."""
    said = (error.server_message or "") if isinstance(error, HfHubHTTPError) else str(error)
    said = " ".join(said.split())
    for value in hidden:
        if value.split():
            said = said.replace(" ".join(value.split()), "[hidden]")
    said = clean(said)
    return said[:LONGEST_SAID].rstrip(". ")


class _Answer:
    """One answer of the Hub that is no success, and what we asked for."""

    def __init__(self, error: HfHubHTTPError, asked: Asked) -> None:
        self._error, self._space, self._action = error, asked.space, asked.action
        self._said = said_by(error, asked.hidden)
        self._status = error.response.status_code
        self._url = error.response.request.url
        token = error.response.request.headers.get("authorization", "").removeprefix("Bearer ")
        self._anonymous, self._keyless = not token, token.startswith(KEYLESS)

    def explain(self) -> UserError:
        """Return the error for the status."""
        if self._status not in PASSING:
            if "audience" in self._url.params:
                # Not the Hub: the service of the workflow, which gives out identity tokens.
                return RefusedError(NO_IDENTITY)
            if self._url.path.endswith("/oauth/token"):
                return self._exchange()
        tell: dict[int, Callable[[], UserError]] = {
            HTTPStatus.UNAUTHORIZED: self._unauthorized,
            HTTPStatus.PAYMENT_REQUIRED: self._unpaid,
            HTTPStatus.FORBIDDEN: self._forbidden,
            HTTPStatus.NOT_FOUND: self._missing,
            HTTPStatus.CONFLICT: partial(conflict, self._space),
            HTTPStatus.PRECONDITION_FAILED: partial(conflict, self._space),
        }
        return tell.get(self._status, self._otherwise)()

    def _exchange(self) -> UserError:
        return RefusedError(
            f"The Hub gives this job no token ({self._said or self._status}): in the settings of {self._space}, under "
            "Trusted Publishers, the provider must be GitHub Actions and the repository, the branch and the workflow "
            f"exactly this job's; and HF_OIDC_RESOURCE must be spaces/{self._space}."
        )

    def _unauthorized(self) -> UserError:
        if self._keyless:
            if self._action in SETTINGS:
                return self._keyless_asks_too_much()
            return RefusedError("The Hub accepts this job's token no longer: run the job again.")
        if not self._anonymous:
            return RefusedError(f"The Hub does not accept the token: set HF_TOKEN to a valid one ({TOKENS}).")
        if self._action == "read":
            return RefusedError(
                f"The Hub shows nobody a Space {self._space} without a token: create it first with microscope space "
                f"create {self._space}, or set HF_TOKEN to a token that may read it."
            )
        return RefusedError(
            f"There is no token: set HF_TOKEN to one that may write to {self._space} ({TOKENS}), or run hf auth login."
        )

    def _unpaid(self) -> UserError:
        return RefusedError(
            "A free account cannot have a Gradio Space on this hardware: ask for ZeroGPU (--hardware zero-a10g, of "
            "which it may have two), or subscribe to PRO (https://huggingface.co/pro)."
        )

    def _forbidden(self) -> UserError:
        if self._keyless:
            if self._action in SETTINGS:
                return self._keyless_asks_too_much()
            return RefusedError(
                "The keyless token is for another Space, or may only read: set HF_OIDC_RESOURCE to "
                f"spaces/{self._space}, and see its settings under Trusted Publishers."
            )
        if "payment method" in self._said:
            return RefusedError(
                "The Hub bills this hardware and knows no way to: add one on https://huggingface.co/settings/billing, "
                "or ask for --hardware zero-a10g."
            )
        if "ZeroGPU" in self._said:
            return RefusedError(
                f"The Hub refuses ({self._said}): delete a Space on ZeroGPU, of which a free account may have two and "
                "PRO ten, or ask for other hardware."
            )
        may = "write to" if self._action == "files" else "manage"
        return RefusedError(
            f"The token may not {may} {self._space}: set HF_TOKEN to one of "
            f"{self._space.split('/')[0]} with the role write ({TOKENS})."
        )

    def _keyless_asks_too_much(self) -> UserError:
        wanted = "create" if self._action == "create" else "configure"
        return RefusedError(
            "A keyless token may write files and nothing else; hardware, secrets and variables need HF_TOKEN: run "
            f"microscope space {wanted} {self._space} once where HF_TOKEN is set and HF_OIDC_RESOURCE is not."
        )

    def _missing(self) -> UserError:
        if isinstance(self._error, RevisionNotFoundError):
            return UserError(f"{self._space} has no such revision: take a commit that its page lists under Files.")
        if isinstance(self._error, EntryNotFoundError):
            return ConflictError(f"{self._space} lacks a file that it had ({self._said}): run the command again.")
        if self._action == "create":
            return RefusedError(f"The token may not create Spaces of {self._space.split('/')[0]}: use one of theirs.")
        return UserError(
            f"The Hub shows us no Space {self._space}: create it with microscope space create {self._space}, or set "
            "HF_TOKEN to a token that may read it."
        )

    def _otherwise(self) -> UserError:
        status, said = self._status, self._said
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return UnreachableError("The Hub asks us to slow down: try again in five minutes.")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return UnreachableError(f"The Hub has trouble of its own (HTTP {status}): try again in a few minutes.")
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or "limit reached" in said:
            return UserError(
                f"{self._space} is too large for the Hub ({said or status}): keep checkpoints in model repositories "
                "and name them in models.yaml."
            )
        advice = "mend what it says and deploy again" if self._action == "files" else "ask for something else"
        return UserError(f"The Hub refuses ({said or f'HTTP {status}'}): {advice}.")
