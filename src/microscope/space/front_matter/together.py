"""What fields say about each other: what needs an SDK, a file or another field; knows no single value's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from microscope.space.front_matter import words
from microscope.space.front_matter.problem import Problem, error, warning
from microscope.space.front_matter.values import Value

ZERO = "zero-a10g"
_DEFAULT_FILES = {"gradio": "app.py", "static": "index.html"}
# The field, the SDKs that read it, and what to do with it elsewhere.
_OF_SDK = (
    ("app_port", ("docker",), "remove it, for only a Docker Space has a port of its own to name"),
    ("app_build_command", ("static",), "remove it, for only a static Space is built by a command"),
    ("base_path", ("gradio", "docker"), "write the page in app_file, for a static Space has no other start"),
)


def check_together(values: Mapping[str, Value], line: int, root: Path | None) -> Iterator[Problem]:
    """Yield what is wrong with well-formed fields beside each other; `line` is the front matter's first.

    `root` is the repository's folder, where files that fields name are looked for; None: they are not.
    """
    sdk = _text(values, "sdk")
    if "sdk" not in values:
        yield error(line, "sdk", "sdk is missing, and the Hub starts nothing without it; write sdk: gradio")
    if "title" not in values:
        yield warning(line, "title", "title is missing, and the Hub shows the repository's name; write title: NAME")
    for key, sdks, advice in _OF_SDK:
        if key in values and sdk and sdk not in sdks:
            yield warning(values[key].line, key, f"{key} is ignored with sdk: {sdk}; {advice}")
    if sdk == "gradio":
        yield from _gradio(values)
    if _text(values, "suggested_hardware") == ZERO:
        yield from _zero(values, sdk)
    yield from _sign_in(values)
    if root is not None:
        yield from _files(values, sdk, root)


def _gradio(values: Mapping[str, Value]) -> Iterator[Problem]:
    line = values["sdk"].line
    version = _text(values, "sdk_version")
    wanted = ".".join(map(str, words.OUR_GRADIO))
    if "sdk_version" not in values:
        reason = "sdk_version is missing, and every build takes the newest Gradio; write the version that was tested"
        yield warning(line, "sdk_version", reason)
    elif (parts := _parts(version)) and parts < words.OUR_GRADIO:
        reason = f"sdk_version is {version}, older than the {wanted} that this app is written for; raise it"
        yield warning(values["sdk_version"].line, "sdk_version", reason)
    if "python_version" not in values:
        reason = 'python_version is missing, and the Hub has changed its own choice; write python_version: "3.12"'
        yield warning(line, "python_version", reason)


def _zero(values: Mapping[str, Value], sdk: str) -> Iterator[Problem]:
    """Yield what ZeroGPU does not run."""
    if sdk and sdk != "gradio":
        reason = f"ZeroGPU runs Gradio alone, and sdk is {sdk}; take other hardware, or write sdk: gradio"
        yield error(values["suggested_hardware"].line, "suggested_hardware", reason)
        return
    python = _text(values, "python_version")
    minor = ".".join(python.split(".")[:2])
    if python and python not in (words.ZERO_PYTHONS.get(minor), minor if minor in words.ZERO_PYTHONS else None):
        known = " or ".join(words.ZERO_PYTHONS)
        reason = f"ZeroGPU has Python {known}, and python_version is {python}; write one of the two in quotes"
        yield error(values["python_version"].line, "python_version", reason)
    version = _text(values, "sdk_version")
    if (parts := _parts(version)) and parts[0] < words.ZERO_GRADIO:
        reason = f"ZeroGPU needs Gradio {words.ZERO_GRADIO} or newer, and sdk_version is {version}; raise it"
        yield error(values["sdk_version"].line, "sdk_version", reason)


def _sign_in(values: Mapping[str, Value]) -> Iterator[Problem]:
    asked = values.get("hf_oauth")
    if asked is not None and asked.content is True:
        return
    for key, value in values.items():
        if key.startswith("hf_oauth_"):
            yield warning(value.line, key, f"{key} is ignored without sign-in; write hf_oauth: true, or remove it")


def _files(values: Mapping[str, Value], sdk: str, root: Path) -> Iterator[Problem]:
    named = values.get("app_file")
    # What a build command makes is not there before it has run.
    if "app_build_command" in values and sdk == "static":
        return
    if named is not None and named.kind == "text" and named.content:
        if not (root / named.content).is_file():
            reason = f"app_file names {named.shown}, which is not in the repository; name the file that starts the app"
            yield error(named.line, "app_file", reason)
    elif named is None and sdk in _DEFAULT_FILES and not (root / _DEFAULT_FILES[sdk]).is_file():
        default = _DEFAULT_FILES[sdk]
        reason = f"app_file is missing, and there is no {default} that would be started; write app_file: FILE"
        yield error(values["sdk"].line, "app_file", reason)
    if sdk == "docker" and not (root / "Dockerfile").is_file():
        reason = "sdk is docker, and the repository has no Dockerfile; add one, or write sdk: gradio"
        yield error(values["sdk"].line, "sdk", reason)


def _text(values: Mapping[str, Value], key: str) -> str:
    """Return a field's text as written, whatever YAML takes it for; empty where it is not given."""
    return values[key].written if key in values else ""


def _parts(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version; empty where it has none."""
    match = re.match(r"(\d{1,4})\.(\d{1,4})", version, re.ASCII)
    return (int(match[1]), int(match[2])) if match is not None else ()
