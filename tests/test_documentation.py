"""The generated parts of README.md: how they are rendered, and that those in the repository are fresh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import pytest

from microscope.catalog.file import read_file
from microscope.documentation import (
    endpoints_table,
    families_table,
    file_tree,
    methods_table,
    models_table,
    part_names,
    render,
    scorers_table,
    tables,
    tiers_table,
    trackers_table,
    variables_table,
)
from microscope.hardware import TIERS, tier
from microscope.settings import REPOSITORY, VARIABLES, Variable
from microscope.space.expected import offers

README = "before\n<!-- begin generated: one -->\nold\n<!-- end generated -->\nbetween\n"
README += "<!-- begin generated: two -->\nkept\n<!-- end generated -->\nafter\n"

MODELS = """
models:
  own-run:
    run: steps
    label: Our run
    licence: apache-2.0
  small:
    hub: org/small@v2
    parameters: 256M
    subfolder: best
  large:
    hub: org/large
    parameters: 2.2B
    gated: true
    licence: gemma
presets:
  cpu-basic:
    models: [own-run]
  t4-small:
    models: [small, own-run]
"""


def test_a_part_is_replaced_and_everything_else_stays() -> None:
    rendered = render(README, {"one": "| new |\n"})
    assert rendered == README.replace("old", "| new |")


def test_rendering_twice_changes_nothing() -> None:
    once = render(README, {"one": "new", "two": ""})
    assert render(once, {"one": "new", "two": ""}) == once


def test_a_part_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="three"):
        render(README, {"one": "new", "three": "nowhere"})


def test_part_names_are_in_order() -> None:
    assert part_names(README) == ("one", "two")


def test_models_are_listed_with_their_presets(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "models.yaml").write_text(MODELS)
    lines = models_table(read_file(tmp_path / "models.yaml")).splitlines()
    assert lines[2:] == [
        "| Our run | `steps`, every checkpoint of the run |  | apache-2.0 |  | `cpu-basic`, `t4-small` |",
        "| small | [`org/small/best`](https://huggingface.co/org/small) at `v2` | 256 M |  |  | `t4-small` |",
        "| large | [`org/large`](https://huggingface.co/org/large) | 2.2 B | gemma | needed |  |",
    ]


def test_tiers_are_listed_with_what_they_hold_offer_and_cost(tmp_path: Path) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "models.yaml").write_text(MODELS)
    models = read_file(tmp_path / "models.yaml")
    lines = tiers_table(offers(models, tier("l4x4"))).splitlines()
    assert len(lines) == 2 + len([known for known in TIERS if known.on_hub])
    assert lines[2] == "| `cpu-basic` |  | 16 GB | 8.0 GB | `cpu-basic`, 1 of 1 | free | free |"
    assert "| **`l4x4`** | 4 × 24 GB | 186 GB | 19.2 GB | `t4-small`, 2 of 2 | $3.80 | $2,774 |" in lines
    assert "**" not in "".join(line for line in lines if "l4x4" not in line)
    assert tables(REPOSITORY)["tiers"].count("**`") == 1


def test_every_variable_is_listed_once() -> None:
    table = variables_table()
    for variable in VARIABLES:
        assert table.count(f"| `{variable.name}` |") == 1


def test_a_bar_in_a_meaning_does_not_break_the_table() -> None:
    table = variables_table((Variable("A", "on", "on | off"),))
    assert "| `A` | `on` | on \\| off |" in table


def ask(question: str, checkpoints: list[str], seed: float) -> str:
    """Stand for a public function of the app."""
    return f"{question} {checkpoints} {seed}"


def test_endpoints_come_from_the_public_functions_of_an_app() -> None:
    with gr.Blocks() as demo:
        question = gr.Textbox(label="Question")
        keys = gr.Dropdown(["a", "b"], multiselect=True, label="Checkpoints")
        button = gr.Button("Run")
        seed = gr.Number(7, label="Seed")
        button.click(ask, [question, keys, seed], question, api_name="ask")
        button.click(lambda: None, api_name="secret", api_visibility="private")
    table = endpoints_table(demo.get_api_info())
    assert "| `/ask` | `question` | `str` | required | Question |" in table
    assert "|  | `checkpoints` | `list[str]` | as on the page | Checkpoints |" in table
    assert "|  | `seed` | `float` | `7` | Seed |" in table
    assert "secret" not in table


def test_a_choice_of_several_may_depend_on_the_machine_whatever_its_type_is() -> None:
    told = {"parameter_name": "keys", "label": "Keys", "python_type": {"type": "list[str]", "description": ""}}
    given = told | {"parameter_has_default": True, "parameter_default": ["a", "b"]}
    table = endpoints_table({"named_endpoints": {"/ask": {"parameters": [given]}}})
    assert "| `/ask` | `keys` | `list[str]` | as on the page | Keys |" in table


def test_methods_and_families_are_told_as_they_describe_themselves() -> None:
    assert methods_table([Described()]) == (
        "| Method | On the page | Tier | A value is | What it says |\n| --- | --- | --- | --- | --- |\n"
        "| `key` | Label | evidence | a unit | a note |\n"
    )
    assert "| Name | `a`, `b` |" in families_table([Described()])
    assert "| `key` | Label | a note |" in scorers_table([Described()])
    assert "| `key` | Label | there already |" in trackers_table([Described()])


def test_the_tree_tells_the_purpose_of_each_module_from_its_docstring(tmp_path: Path) -> None:
    room = tmp_path / "src" / "microscope" / "room"
    room.mkdir(parents=True)
    (room / "__init__.py").write_text('"""A room of things."""\n')
    (room / "thing.py").write_text('"""Does the thing, v1.2 of it; knows nothing else."""\n')
    (room.parent / "urls.py").write_text('"""URLs of the app.\n\nMore about them.\n"""\n')
    (tmp_path / "LICENSE").write_text("")
    tree = file_tree(tmp_path).splitlines()
    assert [line.split(maxsplit=1) for line in tree[1:-1]] == [
        ["LICENSE", "Apache-2.0"],
        ["src/microscope/"],
        ["urls.py", "URLs of the app"],
        ["room/", "a room of things"],
        ["thing.py", "does the thing, v1.2 of it"],
    ]


@dataclass(frozen=True)
class Described:
    """What tables ask of methods and of families."""

    key: str = "key"
    label: str = "Label"
    tier: str = "evidence"
    unit: str = "a unit"
    note: str = "a note"
    name: str = "Name"
    model_types: frozenset[str] = frozenset("ba")
    install: str = ""


def test_a_long_purpose_is_wrapped_under_itself(tmp_path: Path) -> None:
    package = tmp_path / "src" / "microscope"
    package.mkdir(parents=True)
    (package / "long.py").write_text(f'"""{"word " * 40}."""\n')
    lines = file_tree(tmp_path).splitlines()[2:-1]
    assert len(lines) > 1
    assert all(len(line) <= 119 and line.index("word") == lines[0].index("word") for line in lines)


def test_the_readme_is_fresh() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert readme == render(readme, tables(REPOSITORY)), "run `make tables`"
