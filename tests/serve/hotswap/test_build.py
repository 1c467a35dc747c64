"""What swaps is built from the settings: the record beside the answers, the owner's set and margin at the gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.reading import EMBEDDED_NAME
from microscope.serve.hotswap.build import build_record, gate_set
from microscope.serve.hotswap.places import Place
from microscope.settings import Settings
from tests.serve.hotswap.lab import Lab
from tests.serve.hotswap.samples import decision


def settings(tmp_path: Path, **variables: str) -> Settings:
    return Settings.from_environment({"MICROSCOPE_DATA": str(tmp_path / "data"), **variables})


def test_the_set_is_the_embedded_one_with_so_many_items_at_most(tmp_path: Path) -> None:
    items = gate_set(settings(tmp_path, MICROSCOPE_SWAP_ITEMS="7"))
    assert (items.facts.name, len(items.items)) == (EMBEDDED_NAME, 7)


def test_the_owner_names_another_set(tmp_path: Path) -> None:
    embedded = gate_set(settings(tmp_path, MICROSCOPE_SWAP_ITEMS="3"))
    name = embedded.items[0].image
    (tmp_path / name).write_bytes((Path(__file__).parents[3] / "assets" / "evalset" / name).read_bytes())
    (tmp_path / "own.csv").write_text(f"image,question,answer\n{name},what is it?,a square\n")
    own = gate_set(settings(tmp_path, MICROSCOPE_SWAP_SET=str(tmp_path / "own.csv")))
    assert [item.question for item in own.items] == ["what is it?"]
    with pytest.raises(UserError, match="There is no file or folder"):
        gate_set(settings(tmp_path, MICROSCOPE_SWAP_SET=str(tmp_path / "gone.csv")))


def test_decisions_lie_beside_everything_else_that_is_kept(tmp_path: Path) -> None:
    build_record(settings(tmp_path)).add(decision())
    assert (tmp_path / "data" / "swaps" / "decisions.jsonl").is_file()


def test_it_knows_what_the_catalogue_asks_for_and_where_to_ask(lab: Lab) -> None:
    lab.publish(300)
    swapper = lab.start()
    work = swapper._work
    assert work.asked == {"ours": Place("lab/run")}
    assert [spec.key for spec in work.sources.catalog().specs] == ["ours"]
    assert work.sources.heads().fixed(Place("lab/run")).revision == lab.hub.commit("lab/run")
    assert work.sources.gate().margin == 0.05
    assert not swapper.standing().staging
    lab.zero = True
    assert lab.start().standing().staging


def test_settings_are_taken(lab: Lab) -> None:
    assert replace(lab.settings, swap_margin=0.02).swap_margin == 0.02
    assert settings(lab.home, MICROSCOPE_SWAP_MARGIN="2pp").swap_margin == 0.02
