"""Each step comes in its order: files, gate, decision, record, deed; and each checkpoint's failure is its own."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from microscope.errors import UserError
from microscope.serve.hotswap.gate import Gate
from microscope.serve.hotswap.record import Decision, Judgement
from microscope.serve.hotswap.standing import State
from microscope.serve.hotswap.words import STOPPED
from microscope.serve.hotswap.working import Work
from tests.serve.hotswap.lab import CATALOG, KEY, Lab

TWO = CATALOG.replace("presets:", "  theirs:\n    hub: lab/theirs\n    label: Theirs\npresets:").replace(
    "[ours]", "[ours, theirs]"
)


def work_of(lab: Lab) -> Work:
    return lab.start()._work


class Told(Gate):
    """A gate that says what it is told to."""

    def judge(self, *_given: object) -> Judgement:
        return Judgement(OUTCOMES.pop(0), n=1)


OUTCOMES: list[str] = []


def told(work: Work, *outcomes: str) -> None:
    """Have the gate say these outcomes, one after another."""
    OUTCOMES[:] = outcomes
    gate = work.sources.gate()
    work.sources = replace(work.sources, gate=lambda: Told(gate.items, gate.margin))


def test_what_cannot_be_recorded_is_not_done(lab: Lab) -> None:
    old = lab.publish(300)
    work = work_of(lab)
    lab.use()
    lab.publish(800)
    told(work, "better")
    (lab.home / "data").mkdir()
    (lab.home / "data" / "swaps").write_text("in the way")
    assert work.reload("ada") == "Reloaded: 1 failed."
    (row,) = work.board.standing().rows
    assert (row.state, lab.current) == (State.FAILED, old)
    assert "cannot be recorded" in row.sentence
    with pytest.raises(UserError, match="cannot be recorded"):
        work.switch(KEY, "ada")
    assert lab.current == old


def test_one_checkpoint_s_failure_leaves_the_others(lab: Lab) -> None:
    lab.write(TWO)
    for repo in ("lab/run", "lab/theirs"):
        lab.publish(300, repo)
    work = work_of(lab)
    for spec in lab.engine.catalog.specs:
        lab.engine.answerer.fetcher.fetch(spec)
    for repo in ("lab/run", "lab/theirs"):
        lab.publish(800, repo)
    told(work, "better")
    lab.hub.fail(403, on="lab/run/resolve")
    assert work.reload("ada") == "Reloaded: 1 failed, 1 switched."
    states = {row.key: row.state for row in work.board.standing().rows}
    assert states == {"ours": State.FAILED, "theirs": State.SWITCHED}
    spec = lab.engine.catalog.get("theirs")
    assert spec is not None
    assert spec.revision == lab.hub.commit("lab/theirs")


def test_the_files_come_before_the_gate_and_the_gate_sees_both(lab: Lab) -> None:
    old = lab.publish(300)
    work = work_of(lab)
    lab.use()
    new = lab.publish(800)
    gate, seen = work.sources.gate(), []

    class Looking(Gate):
        def judge(self, _engine: object, current: object, candidate: object, _tell: object) -> Judgement:
            # Neither asks the network: both are here.
            local = lab.engine.answerer.fetcher.without_network()
            seen.extend(local.fetch(spec).revision for spec in (current, candidate))
            seen.append(lab.current)
            return Judgement("better")

    work.sources = replace(work.sources, gate=lambda: Looking(gate.items, gate.margin))
    work.reload("ada")
    assert seen == [old, new, old]
    assert lab.current == new


def test_the_gate_s_set_is_read_once_and_only_where_something_changed(lab: Lab) -> None:
    lab.write(TWO)
    for repo in ("lab/run", "lab/theirs"):
        lab.publish(300, repo)
    work = work_of(lab)
    told(work, "worse", "worse")
    inner, read = work.sources.gate, []

    def gate() -> Gate:
        read.append(1)
        return inner()

    work.sources = replace(work.sources, gate=gate)
    work.reload("ada")
    assert read == []
    for spec in lab.engine.catalog.specs:
        lab.engine.answerer.fetcher.fetch(spec)
    for repo in ("lab/run", "lab/theirs"):
        lab.publish(800, repo)
    assert work.reload("ada") == "Reloaded: 2 kept as it was."
    assert read == [1]


def test_what_was_left_and_comes_back_is_where_it_was_decided_to_be(lab: Lab) -> None:
    lab.write(TWO)
    for repo in ("lab/run", "lab/theirs"):
        lab.publish(300, repo)
    old = lab.hub.commit("lab/theirs")
    work = work_of(lab)
    for spec in lab.engine.catalog.specs:
        lab.engine.answerer.fetcher.fetch(spec)
    lab.publish(800, "lab/theirs")
    told(work, "worse")
    work.reload("ada")
    lab.write()
    work.reload("ada")
    assert lab.engine.catalog.get("theirs") is None
    lab.write(TWO)
    work.reload("ada")
    spec = lab.engine.catalog.get("theirs")
    assert spec is not None
    assert spec.revision == old


def test_a_run_that_cannot_be_listed_for_a_while_loses_nothing(lab: Lab) -> None:
    lab.write(TWO.replace("hub: lab/run\n    label: Ours", "run: lab/run@*"))
    for repo in ("lab/run", "lab/theirs"):
        lab.publish(300, repo)
    work = work_of(lab)
    before = {spec.key for spec in lab.engine.catalog.specs}
    assert before == {"lab/run@main", "theirs"}
    lab.hub.fail(429, on="lab/run")
    for _ in range(3):
        assert work.reload("webhook") == "Reloaded: 1 failed."
        assert {spec.key for spec in lab.engine.catalog.specs} == before
    lab.hub.recover()
    assert work.reload("webhook") == "Nothing newer was found."
    assert {spec.key for spec in lab.engine.catalog.specs} == before


def test_a_new_one_that_the_hub_refuses_is_said_to_have_failed(lab: Lab) -> None:
    lab.publish(300)
    work = work_of(lab)
    lab.write(TWO)
    assert work.reload("ada") == "Reloaded: 1 failed."
    row = next(row for row in work.board.standing().rows if row.key == "theirs")
    assert row.state is State.FAILED
    assert row.sentence.startswith("Theirs is new and is not offered yet. The Hub shows us no model lab/theirs")
    lab.publish(300, "lab/theirs")
    assert work.reload("ada") == "Reloaded: 1 new."


def test_a_model_whose_checkpoint_left_is_let_go_of_though_it_was_pinned(lab: Lab) -> None:
    lab.write(TWO)
    for repo, step in (("lab/run", 300), ("lab/theirs", 800)):
        lab.publish(step, repo)
    work = work_of(lab)
    keys = {}
    for spec in lab.engine.catalog.specs:
        local = lab.engine.answerer.fetcher.fetch(replace(spec, pin=True))
        with lab.engine.models.lease(local):
            keys[spec.key] = lab.engine.models.key(local)
    lab.write()
    assert work.reload("ada") == "Reloaded: 1 gone."
    assert [model.key for model in lab.engine.models.cache.snapshot().models] == [keys[KEY]]


def test_it_says_that_a_checkpoint_answers_once_it_does(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = lab.publish(300)
    work = work_of(lab)
    lab.use()
    new = lab.publish(800)
    told(work, "better")
    said: list[str | None] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if " answers " in record.getMessage():
                said.append(lab.current)

    decided = work.board.decided

    def shown(decisions: tuple[Decision, ...]) -> None:
        said.append(lab.current)
        decided(decisions)

    monkeypatch.setattr(work.board, "decided", shown)
    monkeypatch.setattr(logging.getLogger("microscope"), "handlers", [Listening()])
    caplog.set_level(logging.INFO, "microscope")
    work.reload("ada")
    assert said == [new, new]
    said.clear()
    work.undo(KEY, "ada")
    assert said == [old, old]


def test_nothing_is_begun_once_nobody_wants_it(lab: Lab) -> None:
    old = lab.publish(300)
    work = work_of(lab)
    lab.use()
    lab.publish(800)
    work.wanted = lambda: False
    with pytest.raises(UserError, match=STOPPED):
        work.reload("ada")
    assert lab.current == old


def test_a_forced_switch_carries_what_is_known_of_the_candidate(lab: Lab) -> None:
    lab.publish(300)
    work = work_of(lab)
    lab.use()
    new = lab.publish(800)
    told(work, "worse")
    work.reload("webhook")
    assert "by the word of ada" in work.switch(KEY, "ada")
    assert lab.current == new
    first, second = reversed(work.record.decisions())
    assert (first.forced, first.judgement) == (True, second.judgement)
    with pytest.raises(UserError, match="Nothing newer is known"):
        work.switch(KEY, "ada")


def test_going_back_needs_something_to_go_back_to(lab: Lab) -> None:
    lab.publish(300)
    work = work_of(lab)
    for key in (KEY, "nothing"):
        with pytest.raises(UserError, match="could be taken back"):
            work.undo(key, "ada")


def test_the_owner_s_edit_of_the_entry_begins_anew(lab: Lab) -> None:
    lab.publish(300)
    work = work_of(lab)
    lab.use()
    lab.publish(800)
    told(work, "worse", "better")
    work.reload("ada")
    newest = lab.publish(2000, "lab/run@v2")
    lab.write(CATALOG.replace("lab/run", "lab/run@v2"))
    assert work.reload("ada") == "Reloaded: 1 switched."
    assert lab.current == newest
