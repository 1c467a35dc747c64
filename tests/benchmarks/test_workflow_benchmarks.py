"""Tests of what runs the workflows' commands here: expressions, steps, and what becomes of them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
VALUES = {"vars.SPACE": "owner/it", "secrets.HF_TOKEN": "", "inputs.to": None, "always()": True, "github.number": 7}
WORKFLOW = """
name: Two
on:
  workflow_dispatch:
    inputs:
      depth:
        default: 3
      plain:
        description: nothing
env:
  ALL: every
jobs:
  first:
    if: vars.SPACE != ''
    env:
      ALL: mine
      HALF: ${{ vars.SPACE }}
    outputs:
      found: ${{ steps.look.outputs.found }}
    steps:
      - uses: somebody/something@main
      - run: make look
        id: look
        continue-on-error: true
      - run: >-
          make
          two
        if: always()
        env:
          HALF: whole
  second:
    uses: ./other.yml
"""


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Return what imports a script as a module; it finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def expressions(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("workflow_expressions")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("vars.SPACE", "owner/it"),
        ("'it''s'", "it's"),
        ("vars.SPACE != ''", True),
        ("inputs.to == ''", True),
        ("vars.SPACE == 'OWNER/it'", True),
        ("! inputs.to && 'yes' || 'no'", "yes"),
        ("inputs.to && 'yes' || 'no'", "no"),
        ("false || null", None),
        ("(true || false) && 3", 3),
        ("true || false && false", True),
        ("format('{1}/{0}', github.number, vars.SPACE)", "owner/it/7"),
        ("always() && github.number == 7", True),
        ("secrets.HF_TOKEN == '' && format('spaces/{0}', vars.SPACE) || ''", "spaces/owner/it"),
    ],
)
def test_an_expression_comes_to_what_github_makes_of_it(
    expressions: ModuleType, expression: str, value: object
) -> None:
    assert expressions.evaluate(expression, VALUES) == value


@pytest.mark.parametrize(
    "expression", ["vars.OTHER", "success()", "contains('a', 'b')", "1 +", "'open", "(1", "1 2", "", "format('a'"]
)
def test_what_is_not_known_is_an_error(expressions: ModuleType, expression: str) -> None:
    with pytest.raises(expressions.UnknownError):
        expressions.evaluate(expression, VALUES)


def test_expressions_stand_in_texts_and_conditions(expressions: ModuleType) -> None:
    text = "a ${{ vars.SPACE }} b ${{ inputs.to }}c ${{ true }}"
    assert expressions.render(text, VALUES) == "a owner/it b c true"
    assert expressions.condition("", VALUES)
    assert expressions.condition("${{ vars.SPACE != '' }}", VALUES)
    assert not expressions.condition("inputs.to", VALUES)


def test_a_workflow_is_read_with_its_steps_in_order(script: Callable[[str], ModuleType], tmp_path: Path) -> None:
    (tmp_path / "two.yml").write_text(WORKFLOW, encoding="utf-8")
    (found,) = script("workflow_steps").read_workflows(tmp_path)
    assert (found.name, found.inputs) == ("two.yml", {"depth": "3", "plain": ""})
    first, second = found.jobs
    assert (first.condition, second.steps) == ("vars.SPACE != ''", ())
    assert first.outputs == {"found": "${{ steps.look.outputs.found }}"}
    look, two = first.steps
    assert (look.command, look.name, look.forgiven, look.condition) == ("make look", "look", True, "")
    assert look.environment == {"ALL": "mine", "HALF": "${{ vars.SPACE }}"}
    assert (two.command, two.forgiven, two.condition) == ("make two", False, "always()")
    assert two.environment == {"ALL": "mine", "HALF": "whole"}
