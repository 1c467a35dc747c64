"""The overview as HTML: every fact is there in words, everything is escaped, and times and sizes read well."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from microscope.engine.caching.states import CacheEvent, Kind
from microscope.engine.overview import ModelRow
from microscope.ui import text
from microscope.ui.models.table import MOST_EVENTS, history, legend, said, summary, table
from tests.ui.models.samples import EVENTS, GB, NOW, ROWS, SEEN, overview_of

NASTY = "<img src=x onerror=alert(1)> & \"quoted\" 'too'"


def parsed(html: str) -> ET.Element:
    """Parse HTML that is well-formed, as ours is."""
    return ET.fromstring(f"<div>{html}</div>")  # noqa: S314  (our own words)


def cells(*rows: ModelRow) -> list[list[str]]:
    """Return the words of every row of a table."""
    body = parsed(table(overview_of(rows), NOW)).findall(".//tbody/tr")
    return [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in body]


def test_every_row_tells_where_how_large_who_uses_it_and_since_when() -> None:
    assert cells(*ROWS) == [
        ["SmolVLM 256M Pinned", "GPU", "512.0 MB", "2 in use", "3 s ago", ""],
        ["SmolVLM 500M", "RAM", "1.0 GB", "1 waiting", "1 min ago", ""],
        ["scenes, step 300", "RAM, mapped", "2.7 MB all mapped from files", "Idle", "2 h ago", ""],
        ["scenes, step 6000", "RAM, mapped", "3.0 MB 1.0 MB mapped from files", "Idle", "Not yet", ""],
        ["Qwen3-VL 2B", "Loading 43%", "4.3 GB", "3 waiting", "Not yet", ""],
        ["LFM2.5-VL 450M", "Page cache 90%", "901.0 MB", "Idle", "Not yet", ""],
        ["InternVL3 1B", "Disk", "1.9 GB", "Idle", "Not yet", "failed; tried again in 8 s"],
        ["Gemma 3 4B", "Hub", "Unknown", "Idle", "Not yet", "It needs a token that may read google/gemma-3-4b-it."],
        ["PaliGemma 2 3B mix", "GPU pack", "6.0 GB", "1 in use", "just now", ""],
    ]


def test_both_users_and_waiters_are_said() -> None:
    assert cells(ModelRow("a", "A", "ram", leases=1, waiting=2))[0][3] == "1 in use, 2 waiting"


def test_it_is_a_table_to_a_screen_reader_however_it_is_laid_out() -> None:
    drawn = parsed(table(SEEN, NOW))
    assert drawn.findtext(".//caption") == text.MODELS_CAPTION
    heads = drawn.findall(".//thead/tr/th")
    assert [head.text for head in heads] == list(text.MODELS_COLUMNS)
    assert {(head.get("scope"), head.get("role")) for head in heads} == {("col", "columnheader")}
    for row in drawn.findall(".//tbody/tr"):
        first, *rest = row
        assert (row.get("role"), first.tag, first.get("scope"), first.get("role")) == ("row", "th", "row", "rowheader")
        assert [cell.get("data-name") for cell in rest] == list(text.MODELS_COLUMNS[1:])
        assert {cell.get("role") for cell in rest} == {"cell"}


@pytest.mark.parametrize(("share", "shown"), [(0.0, "0%"), (0.434, "43%"), (1.7, "100%"), (-1, "0%")])
def test_a_loads_progress_is_a_bar_with_a_name(share: float, shown: str) -> None:
    row = ModelRow("a", "A", "loading", progress=share)
    bar = parsed(table(overview_of((row,)), NOW)).find(".//progress")
    assert bar is not None
    assert bar.get("aria-label") == "Reading A"
    assert 0 <= float(bar.get("value", "")) <= 1
    assert cells(row)[0][1] == f"Loading {shown}"


def test_every_place_is_named_and_explained() -> None:
    assert {row.place for row in ROWS} == set(text.PLACES)
    explained = parsed(legend())
    assert [name.text for name in explained.findall(".//dt")] == [name for name, _ in text.PLACES.values()]


def test_what_people_and_files_are_called_is_escaped() -> None:
    row = ModelRow("a", NASTY, "loading", pinned=True, progress=0.5, note=NASTY)
    seen = overview_of((row,), plan=NASTY, events=(CacheEvent(NOW, Kind.LOAD, NASTY, NASTY),))
    for html in (summary(seen), table(seen, NOW), history(seen, NOW), said(NASTY)):
        assert parsed(html).find(".//img") is None
        assert NASTY in "".join(parsed(html).itertext())


def test_an_empty_catalogue_is_said() -> None:
    assert text.NO_MODELS in table(overview_of(), NOW)


def test_the_budget_is_a_meter_with_its_name_and_words() -> None:
    meter = parsed(summary(replace(SEEN, used=2 * GB, budget=8 * GB))).find(".//div[@role='meter']")
    assert meter is not None
    assert meter.get("aria-label") == text.MEMORY
    assert meter.get("aria-valuetext") == "2.0 GB of 8.0 GB"
    values = [int(meter.get(f"aria-value{name}", "")) for name in ("min", "now", "max")]
    assert values == [0, 2 * GB, 8 * GB]
    assert meter[0].get("style") == "width: 25.0%"


def test_a_budget_that_is_exceeded_is_a_full_meter() -> None:
    drawn = summary(replace(SEEN, used=9 * GB, budget=8 * GB))
    assert "width: 100.0%" in drawn
    assert f'aria-valuenow="{8 * GB}"' in drawn
    assert "9.0 GB of 8.0 GB" in drawn


@pytest.mark.parametrize("budget", [0, 1 << 62])
def test_where_nothing_bounds_it_the_memory_has_no_meter(budget: int) -> None:
    drawn = summary(replace(SEEN, used=2 * GB, budget=budget))
    assert "meter" not in drawn
    assert "2.0 GB, with no bound set" in drawn


def test_who_waits_for_memory_is_said_only_where_somebody_does() -> None:
    assert "4 answers wait for memory, the longest for 12 s." in summary(SEEN)
    assert "One answer waits for memory" in summary(replace(SEEN, waiting=1))
    assert "wait" not in summary(replace(SEEN, waiting=0))


def test_what_happened_is_a_list_newest_first() -> None:
    lines = [" ".join("".join(line.itertext()).split()) for line in parsed(history(SEEN, NOW)).findall(".//ol/li")]
    assert len(lines) == len(EVENTS)
    assert lines[:4] == [
        "1 s ago Found in memory SmolVLM 256M",
        "4 s ago Not in memory Qwen3-VL 2B",
        "1 min ago Loaded SmolVLM 500M 1.0 GB in 0.40 s, 2.5 GB/s",
        "1 min ago Let go LFM2.5-VL 450M evicted: room for SmolVLM 500M",
    ]


def test_every_kind_of_event_has_its_words() -> None:
    assert {event.kind for event in EVENTS} == set(text.EVENT_KINDS) == {kind.value for kind in Kind}
    written = history(overview_of(events=tuple(CacheEvent(NOW, kind, "A") for kind in Kind)), NOW)
    assert all(words in written for words in text.EVENT_KINDS.values())


def test_times_can_be_read_by_machines() -> None:
    moment = parsed(history(overview_of(events=EVENTS[:1]), NOW)).find(".//time")
    assert moment is not None
    assert moment.get("datetime") == "1970-01-12T13:46:39+00:00"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "just now"),
        (0.9, "just now"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7200, "2 h"),
        (1e6, "11 d"),
    ],
)
def test_times_are_told_in_the_largest_unit(seconds: float, shown: str) -> None:
    assert text.ago(seconds).removesuffix(" ago") == shown


def test_only_the_latest_events_are_listed_and_none_is_said() -> None:
    many = overview_of(events=EVENTS[:1] * (MOST_EVENTS + 5))
    assert history(many, NOW).count("<li") == MOST_EVENTS
    assert text.NO_EVENTS in history(overview_of(), NOW)


def test_the_outcome_of_an_action_is_announced() -> None:
    line = parsed(said("A is loaded."))[0]
    assert (line.get("role"), line.get("aria-live"), line.text) == ("status", "polite", "A is loaded.")
