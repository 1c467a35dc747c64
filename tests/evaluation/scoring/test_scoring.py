"""The scorers together: what holds for each of them, how one is added, and how quick they are."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microscope.errors import UserError
from microscope.evaluation import scoring
from microscope.evaluation.scoring import (
    LENIENT,
    NORMAL,
    SCORERS,
    STRICT,
    Score,
    Scorer,
    find_scorer,
    score_all,
)
from microscope.records import Item

# The scorers that need no choices.
OPEN = tuple(scorer for scorer in SCORERS if scorer.key != "choice")
WORDS = (
    *(
        "red",
        "Red.",
        "blue",
        "a",
        "the",
        "A",
        "B",
        "b)",
        "(C)",
        "D.",
        "it is",
        "not",
        "or",
        "and",
        ",",
        "\n",
        "answer:",
    ),
    *(
        "7",
        "7.0",
        "seven",
        "1,000",
        "1000",
        "$50",
        "50",
        "12%",
        "-3",
        "0",
        "nan",
        "twenty three",
        "million",
        "percent",
    ),
    *(
        "The answer is",
        "I pick",
        "**",
        "\\boxed{7}",
        "yes",
        "no",
        "dont",
        "don't",
        "cat",
        "dog",
        "\u0130",
        "\ufb01",
        "",
    ),
)
SAID = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=3).map("".join),
    st.text(max_size=12),
)
ANSWERS = st.lists(SAID, min_size=1, max_size=12).map(tuple)
CHOICES = st.lists(st.one_of(st.sampled_from(WORDS), SAID), min_size=2, max_size=10).map(tuple)


def held(scorer: Scorer, answer: str, item: Item) -> None:
    """Assert what holds for every scorer, answer and item."""
    scores = [scorer.score(answer, item, strictness) for strictness in (STRICT, NORMAL, LENIENT)]
    values, parsed = [score.value for score in scores], [score.parsed for score in scores]
    assert values == sorted(values), scorer.key
    assert all(0 <= value <= 1 for value in values)
    assert not scorer.binary or set(values) <= {0, 1}
    assert parsed == sorted(parsed), scorer.key
    assert all(score.parsed for score in scores if score.value > 0)
    quick = score_all(scorer, answer, item)
    assert [score.value for score in quick] == values
    assert [score.parsed for score in quick] == parsed


@settings(max_examples=300, deadline=None)
@given(answer=SAID, answers=ANSWERS)
def test_strict_is_at_most_normal_and_normal_at_most_lenient(answer: str, answers: tuple[str, ...]) -> None:
    for scorer in OPEN:
        held(scorer, answer, Item("1", "p", "q", answers))


@settings(max_examples=300, deadline=None)
@given(answer=SAID, choices=CHOICES, right=st.integers(0, 9))
def test_so_it_is_for_multiple_choice(answer: str, choices: tuple[str, ...], right: int) -> None:
    held(find_scorer("choice"), answer, Item("1", "p", "q", ("ABCDEFGHIJ"[right % len(choices)],), choices=choices))


@settings(deadline=None)
@given(answer=SAID, times=st.integers(1, 12))
def test_a_reference_itself_is_right_at_every_strictness(answer: str, times: int) -> None:
    for scorer in OPEN:
        found = score_all(scorer, answer, Item("1", "p", "q", (answer,) * times))
        assert [score.value for score in found] == [1, 1, 1], scorer.key


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda one: one.key)
def test_an_empty_answer_is_not_parsed(scorer: Scorer) -> None:
    item = Item("1", "p", "q", ("A",), choices=("x", "y") if scorer.key == "choice" else ())
    assert score_all(scorer, " \n", item) == (Score(0, parsed=False),) * 3


def test_an_item_with_choices_is_scored_by_choice_whatever_the_sets_scorer_is() -> None:
    item = Item("1", "p", "q", ("B",), choices=("cat", "dog"))
    assert [score.value for score in score_all(find_scorer("exact"), "It is a dog", item)] == [0, 1, 1]


def test_keys_are_unique_and_notes_are_sentences() -> None:
    assert len({scorer.key for scorer in SCORERS}) == len(SCORERS)
    for scorer in SCORERS:
        assert scorer.note.endswith(".")
        assert "|" not in scorer.note
        assert find_scorer(scorer.key) is scorer


def test_an_unknown_key_is_told_the_nearest_and_all() -> None:
    with pytest.raises(
        UserError, match=r"no scorer 'exakt'; did you mean 'exact'\? Choose one of exact, choice, number"
    ):
        find_scorer("exakt")
    with pytest.raises(UserError, match="no scorer 'zzz'; choose one of exact, choice"):
        find_scorer("zzz")


def test_a_scorer_is_added_by_one_function_and_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def length(answer: str, item: Item, strictness: str) -> Score:
        return Score(float(len(answer) == len(item.answers[0])), parsed=bool(answer))

    mine = Scorer("length", "Length", "The answer is as long as the reference.", length, binary=True)
    monkeypatch.setattr(scoring, "SCORERS", (*SCORERS, mine))
    assert find_scorer("length") is mine
    assert [score.value for score in score_all(mine, "abc", Item("1", "p", "q", ("xyz",)))] == [1, 1, 1]


@pytest.mark.parametrize("key", ["exact", "vqa", "anls", "number", "choice", "contains"])
def test_a_hundred_thousand_answers_take_seconds(key: str) -> None:
    scorer, choices = find_scorer(key), ("cat", "dog") if key == "choice" else ()
    item = Item("1", "p", "q", ("B",) if choices else ("17", "twelve"), choices=choices)
    begin = time.process_time()
    for number in range(5000):
        score_all(scorer, "A" if choices else str(number), item)
    assert time.process_time() - begin < 1  # a twentieth of the answers; it takes about a fifth of that


def test_importing_brings_in_nothing_heavy() -> None:
    heavy = "{'numpy', 'torch', 'gradio', 'pandas', 'scipy'}"
    code = f"import sys, microscope.evaluation.scoring; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
