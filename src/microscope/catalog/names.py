"""The names of checkpoints: Hub ids, revisions, and the step that a name tells; asks no disk and no network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

HUB_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
HUB_FORMS = "org/name, org/name@revision, org/name/subfolder, org/name@* or org/name/*"

_REVISION = re.compile(r"\w[\w.=+/-]{0,199}", re.ASCII)
_HUB_ITEM = re.compile(
    r"(?P<repo>[\w.-]+/[\w.-]+)(?P<subfolder>(?:/[\w.=+-]+)*)(?P<star>/\*)?(?:@(?P<revision>.+))?", re.ASCII
)
# A step outranks an epoch where a name tells both, as in `epoch=3-step=1200`.
_STEPS = (
    re.compile(r"(?:checkpoint|ckpt|step|iter|iteration|update)s?[-_.=]?(\d+)([km]?)(?![a-z])", re.IGNORECASE),
    re.compile(r"epochs?[-_.=]?(\d+)()(?![a-z])", re.IGNORECASE),
    re.compile(r"^(\d+)()$"),
)
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}


class Search(Enum):
    """What of a local folder or a Hub repository to look through for the checkpoints of a run."""

    FOLDER = "its folders"
    REVISIONS = "its branches and tags"
    SUBFOLDERS = "its subfolders"


@dataclass(frozen=True)
class HubName:
    """A Hub id with what may follow it; `search` is None where one checkpoint is named."""

    repo: str
    revision: str | None = None
    subfolder: str | None = None
    search: Search | None = None


def is_hub_id(text: str) -> bool:
    """Tell whether a text is a Hub id of the form `org/name`."""
    if not HUB_ID.fullmatch(text):
        return False
    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return True


def is_revision(text: str) -> bool:
    """Tell whether a text may name a branch, a tag or a commit; it is safe as a path below a folder."""
    parts = text.split("/")
    return _REVISION.fullmatch(text) is not None and ".." not in text and all(parts)


def parse_hub_name(text: str) -> HubName | None:
    """Return what a text such as `org/name@revision` or `org/run/*` names on the Hub, or None where it names nothing.

    `@*` stands for every branch and tag, `/*` for every subfolder.
    """
    match = _HUB_ITEM.fullmatch(text)
    if match is None or not is_hub_id(match["repo"]):
        return None
    subfolder = match["subfolder"].strip("/") or None
    if subfolder is not None and any(part.strip(".") == "" for part in subfolder.split("/")):
        return None
    revision = match["revision"]
    if revision == "*":
        return None if match["star"] else HubName(match["repo"], None, subfolder, Search.REVISIONS)
    if revision is not None and not is_revision(revision):
        return None
    return HubName(match["repo"], revision, subfolder, Search.SUBFOLDERS if match["star"] else None)


def parse_step(name: str) -> int | None:
    """Return the step or epoch that a name such as `checkpoint-500`, `step_10k` or `epoch-3` tells, or None."""
    match = _step(name)
    return None if match is None else int(match[1]) * _THOUSANDS[match[2].lower()]


def training_order(name: str) -> tuple[bool, tuple[tuple[int, str], ...], int, str]:
    """Return a sort key that puts the checkpoints of a run in training order, and names without a step last."""
    match = _step(name)
    step = parse_step(name)
    series = name if match is None else name[: match.start(1)] + name[match.end() :]
    return (step is None, _natural(series), step or 0, name)


def _step(name: str) -> re.Match[str] | None:
    return next((match for pattern in _STEPS if (match := pattern.search(name))), None)


def _natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key under which `run-9` comes before `run-10`."""
    parts = re.split(r"(\d+)", text.lower())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts if part)
