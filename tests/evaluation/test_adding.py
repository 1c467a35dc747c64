"""A scorer is added the way the manual says: what stands there runs, and gives what its neighbours give."""

from __future__ import annotations

from pathlib import Path

from microscope.evaluation.scoring import SCORERS, find_scorer, score_all
from microscope.records import Item
from tests.adding import shown


def test_a_scorer_is_one_file_with_one_object(tmp_path: Path) -> None:
    scorer = shown("Same length", tmp_path).SCORER
    assert scorer.key not in [one.key for one in SCORERS]
    assert {name for name in ("key", "label", "note") if not getattr(scorer, name)} == set()
    item = Item("one", "image", "What is it?", ("a red square", "square"))
    assert [score.value for score in score_all(scorer, "the blue circle", item)] == [1, 1, 1]
    assert [score.value for score in score_all(scorer, "blue circle", item)] == [0, 0, 0]
    assert not score_all(scorer, " ", item)[1].parsed
    assert find_scorer(SCORERS[0].key) is SCORERS[0]
