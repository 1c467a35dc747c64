"""The report as one HTML file: asks no other machine, needs no script, reads in light, dark and print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from microscope.evaluation.analyse.canonical import canonical
from microscope.evaluation.analyse.phrases import counted
from microscope.evaluation.analysis import Analysis
from microscope.evaluation.reports import sections
from microscope.evaluation.reports.gallery import gallery
from microscope.evaluation.reports.markup import bullets, section, text
from microscope.evaluation.reports.provenance import provenance
from microscope.evaluation.results import Results
from microscope.records import Picture

ASSETS = Path(__file__).parents[4] / "assets" / "report"
STYLES = ("figures.css", "page.css")
# Whatever stands in a set or an answer, a browser loads nothing for it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

Json = dict[str, Any]


def report_html(results: Results, analysis: Analysis, record: Json, picture: Callable[[str], Picture]) -> str:
    """Return the report: the verdict first, then what it rests on; `record` is what `report_json` made of both.

    `picture` reads a picture by its name in the set; one that it refuses with a `UserError` is a sentence.
    """
    ordered, _ = canonical(results)
    body = "".join(
        (
            _head(results, analysis),
            _warnings(analysis),
            sections.scores(analysis),
            sections.pairs(analysis),
            sections.timelines(analysis),
            sections.slices(ordered, analysis),
            sections.effects(analysis),
            sections.traits(analysis),
            section("Where they disagree", gallery(ordered, analysis.options, picture)),
            section("Method", f"<p>{text(analysis.method)}</p>"),
            provenance(record),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(results.set.name)}: evaluation</title><style>{_styles()}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(results: Results, analysis: Analysis) -> str:
    about = f"{counted(analysis.n, 'question')} about {counted(analysis.images, 'image')}"
    arms = counted(len(analysis.marks), "checkpoint")
    outcome = f" · {text(analysis.outcome)}" if analysis.outcome else ""
    name = text(results.set.name)
    return f'<p class="kicker">{name} · {about} · {arms}{outcome}</p><h1>{text(analysis.verdict)}</h1>'


def _warnings(analysis: Analysis) -> str:
    if not analysis.warnings:
        return ""
    return f'<section class="warnings"><h2>Before you rely on it</h2>{bullets(analysis.warnings)}</section>'


def _styles() -> str:
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in STYLES)
