"""Where a report's numbers come from: set, checkpoints, settings, versions, and how to cite; computes nothing."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import scipy

from microscope import __version__
from microscope.evaluation.reports.markup import LONG, Head, foreign, note, section, table, text
from microscope.evaluation.results import SetFacts

TOOL = "vlm-microscope"
Json = dict[str, Any]


def versions() -> dict[str, str]:
    """Return the versions of what scores and analyses; those of what answered stand with each arm."""
    return {
        TOOL: __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def citation(facts: SetFacts, version: str = __version__) -> str:
    """Return one line of BibTeX that names the tool, its version, and the set by name and digest."""
    name = "".join(letter for letter in " ".join(facts.name.split()) if letter not in "{}\\")
    return (
        f"@misc{{{TOOL}, title = {{VLM Microscope {version}: evaluation on {name}}}, version = {{{version}}}, "
        f"note = {{set sha256:{facts.digest}}}}}"
    )


def provenance(record: Json) -> str:
    """Return the section that says where everything comes from, out of the record."""
    facts, items = record["set"], record["items"]
    rows = [
        ("Set", foreign(facts["name"])),
        ("SHA-256 of the set", _code(facts["digest"])),
        ("Rows", f"{facts['rows']:,}, of which {facts['refused']:,} could not be used"),
        ("Answered", f"{items['done']:,} of {items['total']:,} questions, about {items['images']:,} images"),
        ("SHA-256 of items.csv", _code(items["sha256"])),
        ("Scorer", foreign(record["scorer"])),
        ("Versions", text(_pairs(record["versions"]))),
        ("Made", text(record["times"]["made"])),
    ]
    return section(
        "Where it comes from",
        table("The set and the tool", [Head("What"), Head("Value", LONG)], rows),
        table("Checkpoints and settings", _HEADS, [_arm(arm, record) for arm in record["arms"]]),
        note("To cite:"),
        f"<pre>{text(record['citation'])}</pre>",
    )


_HEADS = [
    Head("Checkpoint"),
    *(Head(title, LONG) for title in ("Revision", "Weights", "Ran as", "Settings", "Template", "Versions", "How")),
]


def _arm(arm: Json, record: Json) -> list[str]:
    facts = arm["facts"]
    settings = dict(arm["settings"])
    varied = {"keep": arm["keep"], "precision": arm["precision"]}
    ran = ", ".join(part for part in (facts["dtype"], facts["device"], facts["attention"]) if part)
    return [
        f"{foreign(arm['label'])}<br><code>{text(arm['key'])}</code>",
        _code(facts["revision"]),
        _code(facts["weights"]),
        text(ran),
        text(_pairs({**settings, **{name: value for name, value in varied.items() if value is not None}})),
        foreign(arm["template"]),
        text(_pairs(facts["versions"])),
        text(record["times"]["ways"].get(arm["key"], "")),
    ]


def _pairs(values: Json) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def _code(value: str) -> str:
    return f"<code>{text(value)}</code>"
