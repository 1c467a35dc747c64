"""Checks the head of README.md and the hardware that it asks for; asks no network."""

from __future__ import annotations

from collections.abc import Sequence

from microscope.hardware import GB
from microscope.space.findings import Finding, Status
from microscope.space.front_matter.problem import Problem
from microscope.space.preflight.base import Check, Project, fine, warned

NAME = "Front matter"


def run(project: Project) -> Sequence[Finding]:
    """Return everything that is wrong with the front matter, or what it asks for."""
    front, tier = project.front, project.tier
    found = [_finding(problem) for problem in (*front.problems, *front.warnings)]
    if front.fields and "suggested_hardware" not in front.fields:
        advice = "Write suggested_hardware: zero-a10g, or what microscope tiers lists."
        found.append(warned(NAME, "README.md suggests no hardware, so nobody can say what will fit.", advice))
    if found or tier is None:
        return found
    memory = tier.vram_bytes or tier.ram_bytes
    versions = f"Gradio {front.text('sdk_version')}, Python {project.python}"
    return [fine(NAME, f"{tier.name} with {memory / GB:.0f} GB of memory, {versions}.")]


def _finding(problem: Problem) -> Finding:
    """Return a problem as a finding; its sentence has the advice behind its last semicolon."""
    status = Status.FAILED if problem.level == "error" else Status.WARNING
    reason, semicolon, advice = problem.told().rpartition("; ")
    if not semicolon:
        return Finding(NAME, status, problem.told(), "Correct that line.")
    return Finding(NAME, status, f"{reason}.", f"{advice[:1].upper()}{advice[1:]}")


CHECK = Check(NAME, run)
