"""Results and what they say as one JSON object: everything it takes to check a claim, and to make it again.

The same answers give the same bytes, whatever order they came in and however often the run was broken off: everything
that may differ stands under `times`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from microscope.evaluation.analyse.canonical import canonical
from microscope.evaluation.analysis import Analysis, Slice
from microscope.evaluation.reports.clean import rounded, whole
from microscope.evaluation.reports.tables import items_csv
from microscope.evaluation.results import ArmAnswers, Results

FORMAT = "vlm-microscope/evaluation/1"
TIMES = "times"

Json = dict[str, Any]


def report_json(
    results: Results, analysis: Analysis, *, made: str, versions: Mapping[str, str], citation: str
) -> Json:
    """Return the record of a run; `made` is ISO 8601 in UTC, `versions` are those of what scored and analysed.

    Numbers have ten significant digits; null stands where there is none. `items.sha256` is that of `items_csv`.
    """
    ordered, _ = canonical(results)
    record = {
        "format": FORMAT,
        "citation": citation,
        "versions": dict(versions),
        "set": asdict(ordered.set),
        "scorer": ordered.scorer,
        "items": {
            "done": len(ordered.items),
            "total": ordered.total,
            "images": len(ordered.images),
            "sha256": hashlib.sha256(items_csv(ordered).encode("utf-8")).hexdigest(),
        },
        "arms": [_arm(answers) for answers in ordered.answers],
        "analysis": _analysis(analysis),
        TIMES: {"made": made, "ways": {answers.arm.key: answers.facts.way for answers in ordered.answers}},
    }
    plain: Json = _plain(record)
    return plain


def record_text(record: Json) -> str:
    """Return a record as JSON in its one form: sorted keys, ASCII, a newline at the end."""
    return json.dumps(record, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _arm(answers: ArmAnswers) -> Json:
    """Return what an arm was, and what its answers were made with."""
    arm, facts = asdict(answers.arm), asdict(answers.facts)
    # How a run went on, whether in batches or one by one, is no part of what it found.
    del facts["way"]
    return {
        **arm,
        "factors": [{"factor": name, "level": level} for name, level in answers.arm.factors],
        "facts": {**facts, "versions": dict(answers.facts.versions)},
    }


def _analysis(analysis: Analysis) -> Json:
    """Return the analysis in full; of a slice the number of its items, which `items_csv` has by name."""
    return {**asdict(analysis), "slices": [_slice(part) for part in analysis.slices]}


def _slice(part: Slice) -> Json:
    return {**asdict(part), "items": len(part.items)}


def _plain(value: Any) -> Any:  # noqa: ANN401 (JSON is any of several types)
    """Return a value as JSON has it, numbers rounded, texts whole."""
    if isinstance(value, dict):
        return {whole(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return whole(value)
    # Python's own numbers: NumPy's would make the text depend on where a number came from.
    return int(value) if isinstance(value, int) else rounded(float(value))
