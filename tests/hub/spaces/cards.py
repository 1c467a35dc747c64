"""What the loopback Hub thinks of the head of a Space's README.md: errors that refuse it, and warnings."""

from __future__ import annotations

import yaml

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SDKS = ("gradio", "docker", "static")
SHORT = 60


def check_card(readme: str) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings."""
    parts = readme.split("---\n")
    if not readme.startswith("---\n") or len(parts) < 3:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        head = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        return [f"YAML Metadata Error: {str(error).splitlines()[0]}"], []
    if not isinstance(head, dict):
        return ['"value" must be of type object'], []
    colours = [key for key in ("colorFrom", "colorTo") if key in head and head[key] not in COLOURS]
    errors = [f'"{key}" must be one of [{", ".join(COLOURS)}]' for key in colours]
    if head.get("sdk") not in SDKS:
        errors.append(f'"sdk" must be one of [{", ".join(SDKS)}]')
    if len(str(head.get("short_description", ""))) > SHORT:
        errors.append(f'"short_description" length must be less than or equal to {SHORT} characters long')
    return errors, []
