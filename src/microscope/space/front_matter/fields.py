"""The keys that a front matter may have, and the check of each one's value; knows no other key beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from microscope.space.front_matter import checks, words
from microscope.space.front_matter.checks import Check, suggest
from microscope.space.front_matter.emoji import emoji_advice
from microscope.space.front_matter.problem import Problem, error, warning
from microscope.space.front_matter.values import Value

_COMMIT = re.compile(r"[0-9a-f]{40}")
_PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/|spaces/|models/)?([\w.-]+(?:/[\w.-]+)?)"
)
_OWNER_AND_NAME = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"
_DURATION = re.compile(r"\d+(?:\.\d+)?\s*(?:s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?)")
_SEVERAL_DURATIONS = re.compile(rf"{_DURATION.pattern}(?:\s*{_DURATION.pattern})+")


def utf16_length(text: str) -> int:
    """Return a text's characters as the Hub counts them, in which most emojis are two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def hub_id_advice(text: str) -> str:
    """Return what to write instead of a text that is no id on the Hub; ids without an owner exist among old ones."""
    page = _PAGE.match(text)
    if page is not None:
        return f"write the id alone, {page[1]}"
    try:
        validate_repo_id(text)
    except HFValidationError:
        return "write an id as the Hub has it, such as org/name"
    return ""


def _description(text: str) -> str:
    length = utf16_length(text)
    if length <= words.LONGEST_DESCRIPTION:
        return ""
    more = " (the Hub counts most emojis as two)" if length > len(text) else ""
    return f"it has {length} characters{more}, shorten it to {words.LONGEST_DESCRIPTION}"


def _path(text: str) -> str:
    parts = text.removeprefix("./").split("/")
    if "\\" in text or any(part in ("", ".", "..") for part in parts):
        return "write a path from the top of the repository, such as app.py"
    return ""


def _preloaded(text: str) -> str:
    name, *rest = text.split()
    files, commits = rest[:1], rest[1:]
    if wrong := hub_id_advice(name):
        return wrong
    if len(commits) > 1:
        return "write org/name, then files with commas and no spaces between them, then a commit"
    if files and _COMMIT.fullmatch(files[0]):
        return "write the files before the commit, such as org/name config.json COMMIT"
    if files and not all(file and not file.startswith("/") for file in files[0].split(",")):
        return "write the files with one comma between two, such as org/name config.json,model.safetensors"
    if commits and not _COMMIT.fullmatch(commits[0]):
        return "write the whole commit, 40 digits and letters from a to f, and no branch"
    return ""


def _licence(text: str) -> str:
    if text in words.LICENCES:
        return ""
    word = re.sub(r"[\s_]+", "-", text.strip().lower())
    return suggest(word, words.LICENCES, f"take an identifier of {words.LICENCES_PAGE}")


def _hardware(text: str) -> str:
    if text in words.HARDWARE:
        return ""
    if "zero" in text.lower():
        return "did you mean 'zero-a10g', as the Hub calls ZeroGPU?"
    if text.lower().startswith(("h100", "v5e", "h200")):
        return "Spaces have no such hardware any more, and `microscope tiers` lists what there is"
    sizes = [name for name in words.HARDWARE if text and name.startswith(text.lower())]
    if len(sizes) > 1:
        return f"write which one, {', '.join(sizes)}"
    return suggest(text, words.HARDWARE, "`microscope tiers` lists what there is")


def _sdk(key: str, value: Value) -> Iterator[Problem]:
    if value.content == words.DEPRECATED_SDK:
        reason = "streamlit is no SDK of its own any more; write docker, and a Dockerfile that runs it"
        yield warning(value.line, key, reason)
    else:
        yield from checks.text(checks.one_of(words.SDKS))(key, value)


def _storage(key: str, value: Value) -> Iterator[Problem]:
    found = list(checks.text(checks.one_of(words.STORAGES))(key, value))
    ignored = "suggested_storage is ignored since Spaces have no storage of their own; remove it, and mount a bucket"
    yield from found or [warning(value.line, key, ignored)]


def _scope(key: str, value: Value) -> Iterator[Problem]:
    if value.content in words.GRANTED_SCOPES:
        yield warning(value.line, key, f"{key} has {value.content}, which every sign-in grants; remove it")
    else:
        yield from checks.text(checks.one_of(words.SCOPES))(key, value)


def _startup(key: str, value: Value) -> Iterator[Problem]:
    if value.kind == "number":
        yield error(value.line, key, f"{key} is {value.written} without a unit; write it with one, such as 30m or 1h")
    elif value.kind == "text" and _SEVERAL_DURATIONS.fullmatch(value.content):
        yield warning(
            value.line, key, f"{key} is {value.shown}; write it in one unit, such as 90m, which is documented"
        )
    else:
        yield from checks.text(_duration)(key, value)


def _duration(text: str) -> str:
    if not _DURATION.fullmatch(text):
        return "write a duration such as 30m or 1h"
    return "" if float(re.match(r"[\d.]+", text)[0]) else "write a duration above zero, such as 30m"  # type: ignore[index]


def _headers(key: str, value: Value) -> Iterator[Problem]:
    if value.kind != "fields":
        yield error(value.line, key, f"{key} is {value.shown or 'empty'}; write indented header: value lines below it")
        return
    for name, line in value.twice.items():
        yield error(line, key, f"{key} has {name} twice; remove one of the two")
    for name, one in value.content.items():
        if name not in words.CUSTOM_HEADERS:
            if name.lower() in words.CUSTOM_HEADERS:
                yield error(one.line, key, f"{key} has {name}; write it in lower case")
            else:
                advice = suggest(name, words.CUSTOM_HEADERS)
                yield error(one.line, key, f"{key} has {name!r}, which a Space may not set; {advice}")
        elif one.kind != "text" or one.content not in words.CUSTOM_HEADERS[name]:
            advice = suggest(one.written, words.CUSTOM_HEADERS[name])
            yield error(one.line, key, f"{name} is {one.shown or 'empty'}; {advice}")


_PYTHON = checks.matching(r"3\.\d{1,2}(?:\.\d{1,3})?", 'write a version such as "3.12" or "3.12.12"')
_SDK_VERSION = checks.matching(
    r"\d{1,4}\.\d{1,4}(?:\.\d{1,4})?(?:(?:a|b|rc|\.dev|-beta\.|-alpha\.)\d{1,4})?", "write one version such as 6.31.0"
)
_ORGANISATION = checks.matching(r"[A-Za-z0-9][\w-]*", "write an organisation's name as its page has it")
_COLOUR = checks.text(checks.one_of(words.COLOURS))
_IDS = checks.listed(checks.text(hub_id_advice))

FIELDS: Mapping[str, Check] = {
    "title": checks.text(),
    "emoji": checks.text(emoji_advice),
    "colorFrom": _COLOUR,
    "colorTo": _COLOUR,
    "sdk": _sdk,
    "sdk_version": checks.version(_SDK_VERSION),
    "python_version": checks.version(_PYTHON),
    "app_file": checks.text(_path),
    "app_build_command": checks.text(),
    "app_port": checks.whole(1, words.LAST_PORT),
    "base_path": checks.text(checks.matching(r"/[^\s]*", "begin it with /, and leave out spaces")),
    "suggested_hardware": checks.text(_hardware),
    "suggested_storage": _storage,
    "fullWidth": checks.flag,
    "header": checks.text(checks.one_of(words.HEADERS)),
    "short_description": checks.text(_description),
    "models": _IDS,
    "datasets": _IDS,
    "tags": checks.listed(checks.text()),
    "thumbnail": checks.text(
        checks.matching(r"https?://\S+", "write the address of a picture, beginning with https://")
    ),
    "pinned": checks.flag,
    "hf_oauth": checks.flag,
    "hf_oauth_scopes": checks.listed(_scope),
    "hf_oauth_expiration_minutes": checks.whole(1, words.LONGEST_SIGN_IN_MINUTES),
    "hf_oauth_authorized_org": checks.listed(checks.text(_ORGANISATION), single=True),
    "disable_embedding": checks.flag,
    "startup_duration_timeout": _startup,
    "custom_headers": _headers,
    "preload_from_hub": checks.listed(checks.text(_preloaded)),
    "license": checks.listed(checks.text(_licence), single=True),
    "license_name": checks.text(),
    "license_link": checks.text(),
    "language": checks.listed(checks.text(), single=True),
    "duplicated_from": checks.text(checks.matching(_OWNER_AND_NAME, "write the Space it comes from, owner/name")),
    "dev-mode-folder": checks.text(checks.matching(r"/\S*", "write an absolute path, such as /home/user/app")),
}


def unknown(key: str, value: Value) -> Problem:
    """Return what to say of a key that the Hub does not know; one letter amiss is an error, for the field is lost."""
    if key in words.MISTAKEN:
        return error(value.line, key, words.MISTAKEN[key])
    advice = suggest(key, FIELDS, "remove it unless something of yours reads it")
    told = f"the Hub ignores {key!r}, no field of a Space; {advice}"
    return error(value.line, key, told) if advice.endswith("?") else warning(value.line, key, told)
