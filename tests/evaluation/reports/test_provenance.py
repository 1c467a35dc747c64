"""Where numbers come from is told whole, and cited by what does not change."""

from __future__ import annotations

from dataclasses import replace

from microscope import __version__
from microscope.evaluation.analyse import analyse
from microscope.evaluation.reports.provenance import citation, provenance, versions
from microscope.evaluation.reports.record import report_json
from tests.evaluation.reports.findings import MADE, SCRIPT, hostile, plain


def test_a_citation_is_one_line_with_version_and_digest() -> None:
    facts = replace(plain().set, name="my\n{set}\\x")
    found = citation(facts)
    assert "\n" not in found
    assert f"version = {{{__version__}}}" in found
    assert f"set sha256:{'d' * 64}" in found
    assert "evaluation on my setx" in found


def test_versions_are_those_of_what_analyses() -> None:
    assert list(versions()) == ["vlm-microscope", "python", "numpy", "scipy"]


def test_hashes_settings_and_versions_are_shown() -> None:
    made = plain()
    record = report_json(made, analyse(made), made=MADE, versions=versions(), citation=citation(made.set))
    found = provenance(record)
    for words in (
        "d" * 64,
        record["items"]["sha256"],
        "abc123",
        "weights-1",
        "max_new_tokens 64",
        "torch 2.13.0",
        MADE,
    ):
        assert words in found
    assert "@misc{vlm-microscope" in found


def test_nothing_hostile_is_markup() -> None:
    made = hostile()
    record = report_json(made, analyse(made), made=MADE, versions=versions(), citation=citation(made.set))
    assert SCRIPT not in provenance(record)
