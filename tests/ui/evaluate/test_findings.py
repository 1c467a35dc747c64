"""What results say, as the page shows it: the verdict first, every part in its place, nothing that is markup."""

from __future__ import annotations

import re

from microscope.evaluation.analyse import analyse
from microscope.ui.evaluate import words
from microscope.ui.evaluate.findings import MOST_SENTENCES, findings, verdict
from tests.ui.evaluate.samples import NASTY, analysis_of, arm, item_set, results_of

ITEMS = item_set()
RESULTS = results_of(ITEMS, [arm("a"), arm("b", NASTY)])


def test_before_a_run_it_is_said_what_will_be_here() -> None:
    assert words.NO_RESULTS in verdict(None)
    assert findings(None) == ""


def test_the_verdict_comes_first_then_the_rest_then_warnings() -> None:
    drawn = verdict(analysis_of())
    places = [drawn.index(said) for said in ("is better than step 300", "They differ on 14", "Only 10 images")]
    assert places == sorted(places)
    assert 'data-outcome="better"' in drawn
    assert NASTY not in drawn


def test_of_many_sentences_some_are_read_on_request() -> None:
    many = verdict(analysis_of(sentences=tuple(f"Sentence {n}." for n in range(MOST_SENTENCES + 3))))
    shown, folded = many.split("<details", 1)
    assert f"Sentence {MOST_SENTENCES - 1}." in shown
    assert words.MORE.format(count=3) in folded
    assert f"Sentence {MOST_SENTENCES}." in folded
    assert "<details" not in verdict(analysis_of())


def test_every_part_of_an_analysis_is_drawn_once_and_escaped() -> None:
    drawn = findings(analysis_of())
    parts = [
        words.PLOT,
        words.MARKS,
        words.TIMELINE.format(run="scenes"),
        words.EFFECTS,
        words.PAIRS,
        words.SLICES,
        words.TRAITS,
    ]
    places = [drawn.index(f">{part}<") for part in [*parts, words.NOTES]]
    assert places == sorted(places)
    assert drawn.count('<svg class="vm-fig"') == 4
    assert 'class="vm-heat"' in drawn
    assert "clustered by image (CR3)" in drawn
    assert NASTY not in drawn


def test_a_real_analysis_is_drawn_with_ids_that_are_there_once() -> None:
    drawn = findings(analyse(RESULTS))
    ids = re.findall(r'\bid="([^"]*)"', drawn)
    assert len(ids) > 2
    assert len(ids) == len(set(ids))
    assert NASTY not in drawn
    assert drawn.count("data-slice=") == len(analyse(RESULTS).slices)
