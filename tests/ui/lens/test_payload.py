"""The payload says what the findings say, in JSON that a browser can unpack."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from microscope.engine.pictures import picture_to_image
from microscope.lens.colours import DIFFERENCE, HEAT
from microscope.lens.findings import Cost, Heat
from microscope.records import Picture
from microscope.ui.lens import packing, payload
from tests.ui.lens import samples


def unpack(row: dict[str, Any]) -> np.ndarray:
    steps = np.frombuffer(base64.b64decode(row["data"]), "<u2")
    return row["low"] + (row["high"] - row["low"]) * steps / 65_535


def row_of(values: np.ndarray) -> dict[str, Any]:
    found = replace(samples.finding(), heats=(Heat("relevance", None, values),))
    shown = payload.pane(found, key="a", label="A", methods=samples.METHODS)
    return shown["maps"][1]["rows"][0]


def test_it_is_json_with_the_names_that_the_page_reads() -> None:
    made = json.loads(json.dumps(samples.page(4, busy=True, message="3 of 4"), allow_nan=False))
    assert set(made) == {"mode", "picture", "question", "busy", "message", "lut", "panes", "timeline", "evidence"}
    assert (made["mode"], made["busy"], made["message"], made["timeline"]) == ("lens", True, "3 of 4", None)
    names = {"key", "label", "state", "message", "address", "answer", "layout", "maps", "heads", "random", "vision"}
    assert all(set(pane) == names | {"without", "readout", "facts"} for pane in made["panes"])
    assert base64.b64decode(made["lut"]["heat"]) == HEAT.tobytes()
    assert base64.b64decode(made["lut"]["difference"]) == DIFFERENCE.tobytes()


def test_a_pane_without_a_finding_holds_its_state_alone() -> None:
    pane = payload.pane(None, key="d", label="D", state="failed", message="Gone.")
    assert (pane["state"], pane["message"]) == ("failed", "Gone.")
    assert [pane[name] for name in ("answer", "layout", "heads", "vision", "without", "readout")] == [None] * 6
    assert [pane[name] for name in ("maps", "random", "facts")] == [[], [], []]


def test_a_picture_travels_whole_where_it_is_small_and_at_most_1024_pixels_wide() -> None:
    small = samples.picture(64, 48)
    shown = payload.page(small, "", [])["picture"]
    decoded = Image.open(BytesIO(base64.b64decode(shown["src"].partition(",")[2])))
    assert decoded.convert("RGB").tobytes() == picture_to_image(small).tobytes()
    wide = Picture(2000, 10, bytes(3 * 2000 * 10))
    shown = payload.page(wide, "", [])["picture"]
    assert (shown["width"], shown["height"]) == (2000, 10)
    assert Image.open(BytesIO(base64.b64decode(shown["src"].partition(",")[2]))).size == (1024, 5)


def test_a_picture_that_a_caller_keeps_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, run = samples.picture(64, 48), payload.Run("run", ())
    source = payload.picture_source(picture)
    assert payload.page(picture, "", [])["picture"]["src"] == source
    assert payload.timeline(picture, "", run)["picture"]["src"] == source

    def never(picture: Picture) -> str:
        raise AssertionError

    monkeypatch.setattr(payload, "picture_source", never)
    for made in (payload.page(picture, "", [], source=source), payload.timeline(picture, "", run, source=source)):
        assert made["picture"] == {"src": source, "width": 64, "height": 48}


def test_tokens_carry_their_probability_with_and_without_the_image() -> None:
    found = samples.finding()
    answer = payload.pane(found, key="a", label="A")["answer"]
    assert [token["text"] for token in answer["tokens"]] == list(samples.ANSWER)
    assert answer["tokens"][1] == {"text": " red", "logprob": -0.1, "prior": -2.9}
    assert answer["finish"] == "end"
    unknown = payload.pane(replace(found, prior=()), key="a", label="A")["answer"]["tokens"]
    assert [token["prior"] for token in unknown] == [None] * 5


def test_the_layout_keeps_the_order_and_the_cells_without_a_place() -> None:
    layout = payload.pane(samples.finding("b", samples.tiled()), key="b", label="B")["layout"]
    assert len(layout["boxes"]) == len(layout["view"]) == 81
    assert layout["boxes"][0] == [0, 0, 0.125, 0.125]
    assert [index for index, box in enumerate(layout["boxes"]) if box is None] == [64]
    assert [frame["name"] for frame in layout["frames"]] == ["tiles"] * 4 + ["thumbnail"]
    expected = {"name": "tiles", "box": [0, 0, 0.5, 0.5], "rows": 4, "columns": 4, "width": 128, "height": 128}
    assert layout["frames"][0] == expected


def test_maps_come_back_as_they_were() -> None:
    found = samples.finding()
    maps = payload.pane(found, key="a", label="A", methods=samples.METHODS)["maps"]
    assert [(one["method"], one["tier"]) for one in maps] == [(one.key, one.tier) for one in samples.METHODS]
    assert [row["token"] for row in maps[0]["rows"]] == [0, 1, 2, 3, 4, None]
    values = found.heat("attention", 2).values
    assert np.abs(unpack(maps[0]["rows"][2]) - values).max() <= np.ptp(values) / 65_535
    assert maps[2]["rows"] == []


@pytest.mark.parametrize("values", [[0.25] * 64, [-2.0] + [3.0] * 63, [0.0] * 64])
def test_even_and_negative_maps_come_back(values: list[float]) -> None:
    known = np.asarray(values, np.float32)
    assert unpack(row_of(known)) == pytest.approx(known, abs=1e-4)


def test_what_is_no_number_counts_as_the_lowest() -> None:
    values = np.linspace(1, 2, 64, dtype=np.float32)
    values[5], values[6] = np.nan, np.inf
    row = row_of(values)
    assert (row["low"], row["high"]) == (1.0, 2.0)
    assert unpack(row)[5] == unpack(row)[6] == 1.0
    assert unpack(row_of(np.full(64, np.nan, np.float32))).tolist() == [0.0] * 64


def test_the_badge_has_its_curves_and_what_a_fifth_keeps() -> None:
    rows = payload.pane(samples.finding(), key="a", label="A", methods=samples.METHODS)["maps"][1]["rows"]
    assert rows[0]["badge"]["kept"] == pytest.approx([0.83, 0.31])
    assert rows[0]["badge"]["fractions"] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert rows[0]["badge"]["by_chance"] is False
    badge = samples.badge()
    chance = Heat("relevance", None, samples.finding().vision, badge=replace(badge, keep=badge.random_keep))
    shown = payload.pane(replace(samples.finding(), heats=(chance,)), key="a", label="A", methods=samples.METHODS)
    assert shown["maps"][1]["rows"][0]["badge"]["by_chance"] is True
    assert len({len(rows[0]["badge"][name]) for name in ("deletion", "keep", "random_deletion", "random_keep")}) == 1


@pytest.mark.parametrize(
    ("cost", "line"),
    [
        (Cost(), ""),
        (Cost(0.8, 1, 5), "0.80 s, 1 forward pass, 5 backward passes"),
        (Cost(12.345, 256, 0, 1), "12.35 s, 256 forward passes, 1 pass of the vision tower"),
    ],
)
def test_a_cost_in_words(cost: Cost, line: str) -> None:
    assert payload.cost_line(cost) == line


def test_heads_come_back_with_their_share_of_the_image() -> None:
    found = samples.finding()
    heads = payload.pane(found, key="a", label="A")["heads"]
    assert (heads["layers"], heads["heads"]) == (3, 4)
    share = np.frombuffer(base64.b64decode(heads["share"]), np.uint8).reshape(5, 3, 4) / 255
    assert share == pytest.approx(found.rows.astype(np.float32).sum(-1), abs=1 / 255)
    most = np.frombuffer(base64.b64decode(heads["row_max"]), "<f4").reshape(5, 3, 4, 1)
    rows = np.frombuffer(base64.b64decode(heads["rows"]), np.uint8).reshape(5, 3, 4, 64) / 255 * most
    assert np.abs(rows - found.rows).max() <= most.max() / 255


def test_rows_of_heads_stay_behind_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_HEAD_VALUES", 5 * 3 * 4 * 64 - 1)
    heads = payload.pane(samples.finding(), key="a", label="A")["heads"]
    assert heads["rows"] is None
    assert heads["row_max"] is None
    assert heads["share"]
    some = replace(samples.finding(), rows=samples.finding().rows[:2])
    assert payload.pane(some, key="a", label="A")["heads"]["tokens"] == 2
    none = replace(samples.finding(), rows=np.zeros((0, 3, 4, 64), np.float16))
    assert payload.pane(none, key="a", label="A")["heads"] is None


def test_the_order_by_chance_is_the_same_every_time_and_ranks_every_cell() -> None:
    ranks = [payload.pane(samples.finding("b", samples.tiled()), key="b", label="B")["random"] for _ in range(2)]
    assert ranks[0] == ranks[1]
    assert sorted(ranks[0]) == list(range(81))
    assert ranks[0] != sorted(ranks[0])


def test_vision_attention_is_there_or_is_not() -> None:
    found = samples.finding()
    vision = payload.pane(found, key="a", label="A")["vision"]
    assert np.abs(unpack(vision) - found.vision).max() < 1e-4
    assert payload.pane(replace(found, vision=None), key="a", label="A")["vision"] is None


def test_change_and_readout_are_told() -> None:
    pane = payload.pane(samples.finding(), key="a", label="A", change=samples.change(), readout=samples.readout(3))
    assert pane["without"] == {
        "rule": "map",
        "rejected": [1, 2, 3],
        "text": "The blue circle",
        "pixels_text": "A square",
        "before": 0.84,
        "after": 0.12,
        "pixels_after": 0.04,
    }
    assert pane["readout"]["cell"] == 3
    assert pane["readout"]["layers"][2] == [["red", 0.4]]
    assert ["Seed", "7"] in pane["facts"]


def test_a_timeline_holds_its_steps_and_the_best() -> None:
    made = json.loads(json.dumps(samples.timeline(), allow_nan=False))
    assert (made["mode"], made["panes"]) == ("timeline", [])
    run = made["timeline"]
    assert [one["step"] for one in run["steps"]] == [100, 800, 2000, 6000]
    assert (run["best"], run["reference"], run["run"]) == (2, "The red circle", "scenes")
    assert run["steps"][2]["pane"]["address"] == "step 2000"
    assert run["steps"][2]["probability"] == 0.9


def test_of_known_evidence_it_is_told_whether_a_map_points_at_it() -> None:
    finding = samples.finding()
    heat = next(one for one in finding.heats if one.token is None)
    best = finding.layout.cells[int(heat.values.argmax())].box
    told = payload.pane(finding, key="a", label="A", methods=samples.METHODS, evidence=(best,))
    rows = next(one["rows"] for one in told["maps"] if one["method"] == heat.method)
    row = next(row for row in rows if row["token"] is None)
    assert row["points"] is True
    assert 0 < row["mass"] < 1
    unknown = payload.pane(finding, key="a", label="A", methods=samples.METHODS)
    assert {row["points"] for one in unknown["maps"] for row in one["rows"]} == {None}
    page = payload.page(samples.picture(), "what ?", [told], evidence=(best,))
    assert len(page["evidence"]) == 1
