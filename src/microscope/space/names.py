"""Reads what is typed about a Space: its name, variables, secrets, buckets, hardware; mistakes get a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from microscope.errors import UserError
from microscope.hardware import TIERS
from microscope.settings import VARIABLES, Settings

FOREVER = -1
LONGEST_SLEEP = 30 * 24 * 3600
HARDWARE = tuple(tier.name for tier in TIERS if tier.on_hub)

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]{0,94}[A-Za-z0-9_])?"
_SPACE = re.compile(rf"{_PART}/{_PART}")
_PAGE = re.compile(r"(?:https?://[^/]+/)?(?:spaces/)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BUCKET = re.compile(rf"(?:hf://buckets/)?({_PART}/{_PART}):(/[\w./\-]*[\w\-])")
# A word of the name that ends so, or a value that begins so, belongs into a secret.
_SECRET_NAME = re.compile(r"(?:token|secret|secrets|password|passwd|credential|credentials|key)(?:_|$)", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(?:hf_|sk-|gh[pousr]_|github_pat_|xox[abp]-)\w{6,}|.*-----BEGIN|AKIA[0-9A-Z]{12,}")
_OURS = "MICROSCOPE_"


@dataclass(frozen=True)
class Bucket:
    """A storage bucket, `owner/name`, and the path where a Space finds it."""

    source: str
    path: str


def space_name(text: str) -> str:
    """Return the `owner/name` of a Space, of which the address of its page is another form."""
    name = _PAGE.sub("", text.strip(), count=1).strip("/")
    if _SPACE.fullmatch(name) and "--" not in name and ".." not in name:
        return name
    raise UserError(f"{text!r} does not name a Space: give it as owner/name, as its page on the Hub shows it.")


def variables_of(given: Iterable[str]) -> dict[str, str]:
    """Return variables given as `NAME=VALUE`; whatever looks like a secret is refused, and its value not repeated."""
    variables: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            # What was given is not repeated: it may be a token that was put where a variable belongs.
            raise UserError("A variable is given as NAME=VALUE, NAME being letters, digits and underscores.")
        if _SECRET_NAME.search(name) or _SECRET_VALUE.match(value):
            raise UserError(
                f"{name} looks like a secret, and variables are public and copied with the Space: put the value into "
                f"the environment variable {name} and give --secret {name} instead."
            )
        if name in variables:
            raise UserError(f"The variable {name} is given twice; give it once.")
        _check_variable(name)
        variables[name] = value
    # A value that the app would refuse keeps it from starting: better refused here.
    Settings.from_environment(variables)
    return variables


def secret_names_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return names of secrets; a value beside a name is refused, for it would stand in the shell's history."""
    for text in given:
        if not _VARIABLE.fullmatch(text):
            raise UserError(
                "A secret is given by its name alone, letters, digits and underscores; its value is taken from the "
                "environment variable of that name."
            )
    return tuple(dict.fromkeys(given))


def bucket_of(text: str) -> Bucket:
    """Return a bucket given as `owner/bucket:/path`."""
    found = _BUCKET.fullmatch(text.strip())
    if found is None or ".." in found[2]:
        raise UserError(f"{text!r} does not name a bucket and a path: give them as owner/bucket:/data.")
    return Bucket(found[1], found[2])


def hardware_name(text: str) -> str:
    """Return a name of hardware that a Space can have."""
    if text in HARDWARE:
        return text
    raise UserError(f"There is no hardware {text!r} for Spaces; choose one of {', '.join(HARDWARE)}.")


def sleep_seconds(text: str) -> int:
    """Return after how many seconds without a visitor a Space falls asleep; -1 is never."""
    if re.fullmatch(r"-1|[1-9]\d{0,8}", text, re.ASCII) and int(text) <= LONGEST_SLEEP:
        return int(text)
    raise UserError(f"{text!r} is no time to sleep after: give seconds, 1 to {LONGEST_SLEEP}, or -1 for never.")


def _check_variable(name: str) -> None:
    known = {variable.name: variable for variable in VARIABLES}
    if name in known and known[name].set_by == "platform":
        raise UserError(f"{name} is set by the platform itself; leave it out.")
    if name.startswith(_OURS) and name not in known:
        offered = ", ".join(other for other in known if other.startswith(_OURS))
        raise UserError(f"VLM Microscope has no variable {name}; it has {offered}.")
