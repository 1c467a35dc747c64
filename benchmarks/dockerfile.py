"""Reads a Dockerfile into stages and instructions, as far as ours goes; runs nothing, knows no image.

No heredocs, no ONBUILD, no escape directive: what is not understood raises a ValueError that names the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

WORDS = frozenset(
    "ARG CMD COPY ENV EXPOSE FROM HEALTHCHECK LABEL RUN STOPSIGNAL USER VOLUME WORKDIR".split()  # noqa: SIM905
)
FLAG = re.compile(r"--([a-z][a-z-]*)=(\S+)\s+")
FROM = re.compile(r"(?P<base>\S+)(\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
PAIR = re.compile(r"""([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)""")
VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, its flags, what follows them as written, and its first line in the file."""

    word: str
    flags: Mapping[str, str]
    value: str
    line: int

    @property
    def command(self) -> tuple[str, ...]:
        """Return what is run: the exec form as it is, the shell form through the shell."""
        text = self.value.removeprefix("CMD").strip() if self.word == "HEALTHCHECK" else self.value
        if text.startswith("["):
            return tuple(map(str, json.loads(text)))
        return ("/bin/sh", "-c", text)

    def pairs(self) -> dict[str, str]:
        """Return the names and values of an ENV or a LABEL."""
        return {name: value.strip("\"'") for name, value in PAIR.findall(self.value)}


@dataclass(frozen=True)
class Stage:
    """One stage: its name, what it begins from (an image, or a stage before it), and its instructions."""

    name: str
    base: str
    instructions: tuple[Instruction, ...] = field(default=())

    def of(self, word: str) -> tuple[Instruction, ...]:
        """Return the instructions with a word, in order."""
        return tuple(one for one in self.instructions if one.word == word)


def read_dockerfile(path: Path) -> tuple[Stage, ...]:
    """Return the stages of a Dockerfile, in order."""
    stages: list[Stage] = []
    for one in _instructions(path.read_text(encoding="utf-8")):
        if one.word == "FROM":
            found = FROM.fullmatch(one.value)
            if found is None:
                raise ValueError(f"line {one.line}: FROM {one.value} is not understood")
            stages.append(Stage(found["name"] or str(len(stages)), found["base"]))
        elif not stages:
            raise ValueError(f"line {one.line}: {one.word} stands before the first FROM")
        else:
            last = stages.pop()
            stages.append(Stage(last.name, last.base, (*last.instructions, one)))
    return tuple(stages)


def lineage(stages: tuple[Stage, ...], name: str) -> tuple[Stage, ...]:
    """Return a stage and the stages that it begins from, the first of them first."""
    found = {stage.name: stage for stage in stages}
    chain = [found[name]]
    while chain[0].base in found:
        chain.insert(0, found[chain[0].base])
    return tuple(chain)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its variables put in, as Docker does outside of RUN and CMD; one that is not set is empty."""
    return VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text)


def _instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions; a comment between the lines of one belongs to none."""
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not (line.strip() or parts):
            continue
        start = start if parts else number
        parts.append(line)
        if not line.endswith("\\"):
            yield _instruction("\n".join(parts), start)
            parts = []
    if parts:
        raise ValueError(f"line {start}: the file ends in the middle of it")


def _instruction(text: str, line: int) -> Instruction:
    joined = text.replace("\\\n", "").strip()
    word, _, rest = joined.partition(" ")
    word, rest = word.upper(), rest.strip()
    if word not in WORDS or "<<" in rest:
        raise ValueError(f"line {line}: {word} is not understood")
    flags = {}
    while match := FLAG.match(rest):
        flags[match[1]] = match[2]
        rest = rest[match.end() :]
    return Instruction(word, flags, rest, line)
