"""The lens over an engine, as the page and the command line build it."""

from __future__ import annotations

from pathlib import Path

from microscope.catalog.build import build_catalog
from microscope.engine.build import build_engine
from microscope.hardware import detect
from microscope.lens.build import build_lens
from microscope.lens.task import lens_task
from microscope.settings import Settings


def test_findings_lie_beside_the_answers(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"MICROSCOPE_DATA": str(tmp_path), "HF_HUB_OFFLINE": "1", "ACCELERATOR": "none"}
    )
    machine = detect(settings.platform)
    engine = build_engine(settings, machine, build_catalog(settings, machine), (lens_task,))
    lens = build_lens(engine, settings)
    assert lens.answerer is engine.answerer
    assert lens.findings.get("0" * 64) is None
    assert not (tmp_path / "findings").exists(), "nothing is written before there is something"
