"""The answer columns: how events fill them, what remains of them, and that no text becomes markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from microscope.records import Answer, AnswerEvent, State
from microscope.ui import text
from microscope.ui.compare.columns import (
    Column,
    Columns,
    announcement,
    apply,
    facts,
    from_outcomes,
    outcomes,
    render,
    stop,
)
from tests.ui.compare.samples import FACTS

HOSTILE = "<script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;"
TWO: Columns = (Column("a", "Model A"), Column("b", "Model B"))


def answer(said: str = "a red seven", computed: str = "now") -> Answer:
    """Return an answer of the checkpoint a."""
    return Answer("a", said, (), FACTS, "<user>", computed=computed)


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text that people read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_event_changes_its_own_column_alone() -> None:
    after = apply(TWO, AnswerEvent("b", State.GENERATING, "a red", 2))
    assert after[0] == TWO[0]
    assert (after[1].state, after[1].text, after[1].tokens) == ("generating", "a red", 2)
    assert apply(TWO, AnswerEvent("c", State.DONE)) == TWO


def test_a_failure_keeps_the_text_that_was_written() -> None:
    written = apply(TWO, AnswerEvent("a", State.GENERATING, "a red", 2))
    failed = apply(written, AnswerEvent("a", State.FAILED, message="It ran out of memory."))[0]
    assert (failed.state, failed.text, failed.tokens) == ("failed", "a red", 2)
    assert failed.message == "It ran out of memory."


def test_an_answer_that_begins_again_loses_its_text_and_says_why() -> None:
    written = apply(TWO, AnswerEvent("a", State.GENERATING, "a red", 2))
    again = apply(written, AnswerEvent("a", State.QUEUED, message="Memory ran out."))[0]
    assert (again.text, again.tokens, again.message) == ("", 0, "Memory ran out.")


def test_who_waits_sees_where_it_stands() -> None:
    queued = apply(TWO, AnswerEvent("a", State.QUEUED, ahead=2, seconds=12.4))
    assert "Waiting, 2 ahead, about 12 s" in render(queued)
    event = AnswerEvent("a", State.LOADING, bytes_done=120_000_000, bytes_total=450_000_000, ahead=1, seconds=3.0)
    assert "Loading 120.0 MB of 450.0 MB, 1 ahead, about 3 s" in render(apply(TWO, event))


def test_what_was_made_do_with_is_a_fact() -> None:
    made_do = replace(FACTS, fallback="image of 200 x 150 px, for memory ran out with 400 x 300")
    assert facts(made_do)[-1] == ("Made do", made_do.fallback)
    assert ("In a batch", "of 64, whose time it is") in facts(replace(FACTS, together=64))
    assert "In a batch" not in dict(facts(FACTS))
    assert "Made do" not in dict(facts(FACTS))


def test_stop_marks_what_is_unfinished() -> None:
    done = apply(TWO, AnswerEvent("a", State.DONE, "seven", answer=answer("seven")))
    stopped = stop(done)
    assert stopped[0] == done[0]
    assert (stopped[1].state, stopped[1].message) == ("stopped", text.STOPPED)
    assert stop(stopped) == stopped
    assert all(column.finished for column in stopped)


def test_outcomes_keep_what_a_stopped_checkpoint_had_written() -> None:
    written = apply(TWO, AnswerEvent("b", State.GENERATING, "a red", 2))
    done = apply(written, AnswerEvent("a", State.DONE, "seven", answer=answer("seven")))
    first, second = outcomes(stop(done))
    assert (first.label, first.answer, first.message) == ("Model A", answer("seven"), "")
    assert second.answer is None
    assert second.message.startswith(text.STOPPED)
    assert second.message.endswith("a red")


def test_columns_come_back_from_their_outcomes() -> None:
    columns = (
        Column("a", "Model A", "done", "seven", answer=answer("seven")),
        Column("b", "Model B", "failed", message="It is too large."),
    )
    assert from_outcomes(outcomes(columns)) == columns


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column("a", "A"), "Waiting"),
        (Column("a", "A", "fetching"), "Downloading"),
        (Column("a", "A", "fetching", bytes_done=10**6, bytes_total=2 * 10**9), "Downloading 1.0 MB of 2.0 GB"),
        (Column("a", "A", "loading", bytes_total=2_743_056), "Loading 2.7 MB"),
        (Column("a", "A", "generating"), "Answering"),
        (Column("a", "A", "generating", "a", 1), "Answering, 1 token"),
        (Column("a", "A", "generating", "a red", 2), "Answering, 2 tokens"),
        (Column("a", "A", "done", "a red", 2, answer=answer("a red")), "Done"),
        (Column("a", "A", "failed", message="It is too large."), "No answer"),
        (Column("a", "A", "stopped", "a red", message=text.STOPPED), "Stopped"),
    ],
)
def test_every_state_is_said_and_marked(column: Column, said: str) -> None:
    page = Reader(render((column,)))
    section = dict(page.tags)["section"]
    assert section["aria-label"] == "Answer of A"
    assert section["data-state"] == column.state
    assert section["aria-busy"] == ("false" if column.finished else "true")
    assert page.text.startswith(f"A{said}{column.text}{column.message}")


def test_no_columns_say_how_to_begin() -> None:
    assert Reader(render(())).text == text.NO_ANSWERS


def test_an_empty_answer_is_said() -> None:
    assert text.EMPTY_ANSWER in Reader(render((Column("a", "A", "done", answer=answer("")),))).text


@pytest.mark.parametrize(("computed", "shown"), [("now", False), ("store", True), ("example", True)])
def test_an_answer_says_where_it_comes_from(computed: str, *, shown: bool) -> None:
    page = Reader(render((Column("a", "A", "done", "x", answer=answer("x", computed)),)))
    assert ("computed" in page.text.lower()) == shown


@pytest.mark.parametrize("state", [*(state.value for state in State), "stopped"])
def test_no_text_of_others_becomes_markup(state: str) -> None:
    hostile = replace(FACTS, revision=HOSTILE, dtype=HOSTILE, device=HOSTILE)
    column = Column("a", HOSTILE, state, HOSTILE, 2, 0, 5, Answer("a", HOSTILE, (), hostile, ""), HOSTILE)
    page = Reader(render((column,)))
    assert {tag for tag, _ in page.tags} <= {"div", "section", "header", "h3", "span", "p", "dl", "dt", "dd"}
    assert {name for _, attributes in page.tags for name in attributes} <= {
        *("class", "aria-label", "aria-busy", "data-state"),
    }
    assert dict(page.tags)["section"]["aria-label"] == f"Answer of {HOSTILE}"
    assert page.text.count(HOSTILE) >= 3


def test_facts_read_as_people_write_them() -> None:
    assert dict(facts(FACTS)) == {
        "Revision": "0123456789ab",
        "Prompt": "80 tokens, 64 of the image",
        "Answer": "3 tokens",
        "First token": "0.50 s",
        "Speed": "2 tokens/s",
        "Model": "in memory",
        "Seed": "7",
        "Runs as": "bfloat16 on cuda:0",
    }
    other = replace(FACTS, revision="sha256:90f0502cfb9f", tokens=1, loaded_in=0.37, finish="length")
    shown = dict(facts(other))
    assert (shown["Revision"], shown["Model"]) == ("90f0502cfb9f", "loaded in 0.4 s")
    assert (shown["Answer"], shown["Speed"]) == ("1 token, cut at the limit", "one token")


def test_the_announcement_counts_and_names_who_is_answering() -> None:
    assert announcement(TWO) == "0 of 2 answers finished."
    writing = apply(stop(TWO[:1]) + TWO[1:], AnswerEvent("b", State.GENERATING))
    assert announcement(writing) == "1 of 2 answers finished; Model B is answering."
