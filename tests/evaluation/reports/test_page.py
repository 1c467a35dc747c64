"""The page stands alone: verdict first, no request, no script, well formed, whatever is in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Options
from microscope.evaluation.reports.page import report_html
from microscope.evaluation.reports.record import report_json
from microscope.evaluation.results import Results
from tests.evaluation.analyse.made import drawn, results, shuffled
from tests.evaluation.reports.findings import HUGE, MADE, SCRIPT, ablation, hostile, picture, plain

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Follows the tags of a page, and keeps the attributes of each."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(made: Results, options: Options = Options()) -> str:
    found = analyse(made, options)
    record = report_json(made, found, made=MADE, versions={"tool": "1"}, citation="cite me")
    return report_html(made, found, record, picture)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("made", [plain, ablation, hostile, lambda: results(drawn(5, [0.5]))])
def test_the_page_is_well_formed_and_asks_nobody_for_anything(made: object) -> None:
    text = page(made())
    reader = read(text)
    tags = {tag for tag, _ in reader.seen}
    assert not tags & {"script", "link", "iframe", "object", "form", "a"}
    for tag, attributes in reader.seen:
        assert not {name for name in attributes if name.startswith("on")}, tag
        assert (attributes.get("src") or "data:").startswith("data:image/jpeg") if tag == "img" else True
    styles = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert styles
    assert not re.search(r"url\(|@import|</", styles.group(1))
    assert "default-src 'none'" in text


def test_the_verdict_comes_first_then_warnings_then_the_rest() -> None:
    made = plain()
    text = page(made)
    verdict = analyse(made).verdict.replace(" %", "\N{NO-BREAK SPACE}%")
    order = [f"<h1>{verdict}</h1>", "Before you rely on it", "<h2>Scores</h2>", "<h2>Differences</h2>"]
    order += ["<h2>Training</h2>", "<h2>Slices, worst first</h2>", "<h2>What goes with failure</h2>"]
    order += ["<h2>Where they disagree</h2>", "<h2>Method</h2>", "<h2>Where it comes from</h2>", "cite me"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_tables_and_plots_can_be_heard() -> None:
    reader = read(page(plain()))
    ids = [attributes["id"] for _, attributes in reader.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in reader.seen:
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        if tag == "svg" and attributes.get("class") == "vm-fig":
            assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
        if tag == "img":
            assert "alt" in attributes


def test_nothing_that_others_wrote_is_markup_and_huge_texts_are_cut() -> None:
    text = page(hostile())
    assert SCRIPT not in text
    assert HUGE not in text
    assert text.encode("utf-8")
    assert len(text) < 2_000_000


def test_a_shuffled_run_is_the_same_page() -> None:
    assert page(shuffled(plain())) == page(plain())


def test_the_outcome_stands_above_where_there_is_a_baseline() -> None:
    assert "3 checkpoints · better</p>" in page(plain(), Options("step-1000"))
