"""What the Hub says about a checkpoint, its failures told in sentences; downloads no weights, knows no catalogue."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from huggingface_hub import HfApi, ModelInfo, constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    # The base of every failed request, taken from here because it is the library's choice whose class that is.
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from microscope.catalog.session import add_request_hook
from microscope.errors import UserError

log = logging.getLogger("microscope")

PATIENCE_SECONDS = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


class _Request(Protocol):
    """The part of a request that tells what for and how long to wait."""

    url: Any
    extensions: dict[str, Any]


@dataclass(frozen=True)
class HubFile:
    """A file of a repository and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Resolved:
    """A revision of a Hub repository, resolved to a commit.

    `reached` is False where the Hub was not asked or did not answer, and the commit is the one this machine has; then
    the other fields are empty.
    """

    commit: str
    licence: str | None = None
    parameters: int | None = None
    gated: bool = False
    files: tuple[HubFile, ...] = ()
    reached: bool = True


def hub_client(endpoint: str | None = None) -> HfApi:
    """Return a client of the Hub, and see to it that no request of this process waits for ever.

    The library sets no time limit of its own. The limit holds between two pieces of data, not for a whole download.
    """
    _limit_waiting()
    return HfApi(endpoint=endpoint)


def resolve(repo: str, revision: str | None, api: HfApi, cache_folder: Path | None = None) -> Resolved:
    """Return the commit that a revision (None: the default branch) names now, with what the Hub tells about it.

    A commit that this machine has is taken without asking. Where the Hub cannot be reached, the commit this machine
    has for the revision is returned; a UserError says what to do where there is none, or where the Hub refuses.
    """
    local = local_commit(repo, revision, cache_folder)
    if local is not None and local == revision:
        return Resolved(local, reached=False)
    try:
        info = ask(repo, revision, api)
    except UnreachableError:
        if local is None:
            raise
        log.warning("The Hub cannot be reached; %s stays at commit %s.", repo, local[:7])
        return Resolved(local, reached=False)
    commit = info.sha or ""
    if revision != commit:
        _remember(repo, revision, commit, cache_folder)
    files = tuple(HubFile(sibling.rfilename, sibling.size or 0) for sibling in info.siblings or ())
    return Resolved(commit, licence_of(info), parameters_of(info), bool(info.gated), files)


class UnreachableError(UserError):
    """The Hub could not be asked: no network, no answer in time, or an error of its own."""


def ask(repo: str, revision: str | None, api: HfApi) -> ModelInfo:
    """Return the Hub's information about a revision, with its files; every failure is a UserError."""
    try:
        info = api.model_info(repo, revision=revision, files_metadata=True, timeout=PATIENCE_SECONDS)
        if info.gated:
            # The information of a gated repository is public, its files are not.
            api.auth_check(repo)
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise explain_hub_error(error, repo, revision) from error
    return info


def explain_hub_error(error: Exception, repo: str, revision: str | None = None) -> UserError:
    """Return the sentence for a failed request to the Hub about a repository."""
    page = f"https://huggingface.co/{repo}"
    refusals = (
        (
            GatedRepoError,
            f"{repo} is gated: accept its licence on {page}, then set the HF_TOKEN secret to a token of that account.",
        ),
        (
            RepositoryNotFoundError,
            f"The Hub shows us no model {repo}: check its spelling, or set the HF_TOKEN secret if it is private.",
        ),
        (RevisionNotFoundError, f"{repo} has no revision {revision!r}: take one that {page}/tree/main lists."),
        (DisabledRepoError, f"The Hub has disabled {repo}: choose another model."),
    )
    for kind, sentence in refusals:
        if isinstance(error, kind):
            return UserError(sentence)
    if isinstance(error, HfHubHTTPError):
        return _explain_status(error.response.status_code, repo)
    if isinstance(error, OfflineModeIsEnabled):
        return UnreachableError(
            f"{repo} is not on this machine and HF_HUB_OFFLINE keeps us off the network: unset it."
        )
    return UnreachableError(f"The Hub cannot be reached and {repo} is not on this machine: try again in a minute.")


def licence_of(info: ModelInfo) -> str | None:
    """Return the licence that a model card states, such as `apache-2.0`, or None; one of its own by its name."""
    card = info.card_data.to_dict() if info.card_data is not None else {}
    licence = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return licence if isinstance(licence, str) else None


def parameters_of(info: ModelInfo) -> int | None:
    """Return the number of parameters in a repository's safetensors files, or None where the Hub does not know."""
    return info.safetensors.total if info.safetensors is not None else None


def local_commit(repo: str, revision: str | None, cache_folder: Path | None = None) -> str | None:
    """Return the commit that this machine has for a revision (None: the default branch), or None."""
    folder = _repository(repo, cache_folder)
    if revision is not None and _COMMIT.fullmatch(revision):
        commit = revision
    else:
        try:
            commit = _reference(folder, revision).read_text(encoding="utf-8").strip()
        except OSError:
            return None
    return commit if commit and (folder / "snapshots" / commit).is_dir() else None


def _explain_status(status: int, repo: str) -> UserError:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return UnreachableError("The Hub asks us to slow down: try again in a few minutes.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError(f"The Hub has trouble of its own (HTTP {status}): try again in a few minutes.")
    if status == HTTPStatus.UNAUTHORIZED:
        return UserError("The Hub does not accept our token: set the HF_TOKEN secret to a valid one, or remove it.")
    return UserError(f"The Hub refuses {repo} (HTTP {status}): check that the token may read it.")


@cache
def _limit_waiting() -> None:
    # A plain timeout of the client would not do: the library asks for none in almost every request.
    add_request_hook(_set_limit)


def _set_limit(request: _Request) -> None:
    limits = request.extensions.get("timeout", {})
    parts = ("connect", "read", "write", "pool")
    given = {part: limits.get(part) or PATIENCE_SECONDS for part in parts}
    if request.url.path.startswith("/api/models/"):
        # What is said of a model is short, however long others of this process let a commit take.
        given = {part: min(seconds, PATIENCE_SECONDS) for part, seconds in given.items()}
    request.extensions["timeout"] = given


def _repository(repo: str, cache_folder: Path | None) -> Path:
    return (cache_folder or Path(constants.HF_HUB_CACHE)) / ("models--" + repo.replace("/", "--"))


def _reference(folder: Path, revision: str | None) -> Path:
    return folder / "refs" / (revision or constants.DEFAULT_REVISION)


def _remember(repo: str, revision: str | None, commit: str, cache_folder: Path | None) -> None:
    """Write down which commit a revision named, where the library keeps that, for the day the Hub is away.

    A download by commit does not. A cache that cannot be written costs only that fallback.
    """
    reference = _reference(_repository(repo, cache_folder), revision)
    try:
        reference.parent.mkdir(parents=True, exist_ok=True)
        draft = reference.with_name(f"{reference.name}.{os.getpid()}")
        draft.write_text(commit, encoding="utf-8")
        draft.replace(reference)
    except OSError as error:
        log.warning("The commit of %s could not be noted: %s", repo, error)
