"""A new checkpoint at the Hub reaches the running app: it takes over where it is no worse, and nothing else does."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from microscope.errors import UserError
from microscope.records import AnswerRequest, GenerationSettings
from microscope.records import State as Answering
from microscope.serve.hotswap import words
from microscope.serve.hotswap.build import gate_set
from microscope.serve.hotswap.standing import State
from tests.families import picture
from tests.serve.hotswap.lab import CATALOG, KEY, PATIENCE, Lab


def test_a_better_checkpoint_takes_over_and_is_recorded(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    assert lab.use() == old
    new = lab.publish(6000)
    row = lab.reload()
    assert (row.state, row.outcome) == (State.SWITCHED, "better")
    assert (row.current, row.candidate, row.can_switch, row.can_undo) == (new, "", False, True)
    assert lab.current == lab.use() == new
    (decision,) = lab.swapper.standing().decisions
    assert (decision.action, decision.by, decision.forced) == ("switched", "ada", False)
    assert (decision.current.state, decision.candidate.state) == (old, new)
    judged = decision.judgement
    assert (judged.n, judged.margin, judged.set) == (60, 0.05, "Embedded scenes")
    assert judged.low is not None
    assert judged.difference is not None
    assert 0 < judged.low < judged.difference
    assert row.sentence == decision.sentence
    assert f"at {new[:7]} answers now in place of lab/run at {old[:7]}. Ours ({new[:7]}) is better" in row.sentence
    standing = lab.swapper.standing()
    assert (standing.sentence, standing.busy, standing.failed, standing.by) == (
        "Reloaded: 1 switched.",
        False,
        False,
        "ada",
    )
    assert standing.finished


def test_a_worse_one_does_not_and_a_restart_does_not_take_it_up(lab: Lab) -> None:
    old = lab.publish(6000)
    lab.start()
    lab.use()
    new = lab.publish(300)
    row = lab.reload("webhook")
    assert (row.state, row.outcome, row.can_switch, row.can_undo) == (State.KEPT, "worse", True, False)
    assert (row.current, row.candidate, lab.current) == (old, new, old)
    assert "by hand" in row.sentence
    # Asked again, nothing is computed and nothing is written down twice.
    assert lab.reload() == row
    assert len(lab.swapper.standing().decisions) == 1
    lab.start()
    assert lab.use() == lab.current == old
    row = lab.row()
    assert (row.state, row.candidate, row.can_switch) == (State.KEPT, new, True)
    assert row.sentence == lab.swapper.standing().decisions[0].sentence
    assert lab.reload("webhook").state is State.KEPT
    assert lab.current == old
    lab.swapper.switch(KEY, "ada")
    assert (lab.row().state, lab.current) == (State.SWITCHED, new)
    assert lab.swapper.standing().decisions[0].judgement.outcome == "worse"


def test_what_cannot_be_told_stays_until_the_owner_insists_and_can_be_undone_for_good(lab: Lab) -> None:
    lab.items = 12
    old = lab.publish(4000)
    lab.start()
    lab.use()
    new = lab.publish(6000)
    row = lab.reload()
    assert (row.state, row.outcome, lab.current) == (State.KEPT, "cannot tell", old)
    row = lab.switch()
    assert (row.state, row.outcome, lab.current) == (State.SWITCHED, "cannot tell", new)
    assert lab.swapper.standing().decisions[0].forced
    lab.start()
    assert lab.use() == new
    lab.swapper.undo(KEY, "eve")
    row = lab.row()
    assert (row.state, row.current, row.candidate, lab.current) == (State.KEPT, old, new, old)
    assert (row.can_switch, row.can_undo) == (True, False)
    assert lab.swapper.standing().decisions[0].action == "undone"
    # Not by a reload, nor by a restart.
    assert lab.reload("webhook").state is State.KEPT
    lab.start()
    assert lab.use() == old
    assert lab.reload("webhook").state is State.KEPT
    assert lab.current == old
    newest = lab.publish(2000)
    assert lab.reload().state is State.KEPT
    assert lab.switch().current == newest


def test_a_switch_is_undone_although_something_newer_was_refused_since(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    lab.use()
    better = lab.publish(6000)
    assert lab.reload().state is State.SWITCHED
    worse = lab.publish(100)
    row = lab.reload()
    assert (row.state, row.current, row.candidate, row.can_undo) == (State.KEPT, better, worse, True)
    lab.start()
    assert lab.row().can_undo
    lab.swapper.undo(KEY, "ada")
    assert (lab.row().current, lab.row().can_undo, lab.current) == (old, False, old)
    # What is newest is held against what answers now.
    assert lab.reload().state is State.KEPT
    assert lab.swapper.standing().decisions[0].current.state == old


def test_a_commit_that_only_edits_the_card_takes_over_without_a_gate(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    lab.use()
    (lab.home / "hub" / "lab" / "run" / "README.md").write_text("# Ours")
    row = lab.reload()
    assert (row.state, row.current) == (State.SWITCHED, lab.hub.commit("lab/run"))
    assert words.SAME_FILES in row.sentence
    assert lab.swapper.standing().decisions[0].judgement.n == 0


def test_what_is_new_is_fetched_and_offered_and_what_is_gone_is_not(lab: Lab) -> None:
    lab.publish(300)
    lab.write(CATALOG.replace("hub: lab/run", "run: lab/run@*"))
    lab.start()
    lab.publish(800, "lab/run@step-800")
    lab.swapper.reload("ada")
    row = lab.row("lab/run@step-800")
    assert (row.state, row.current) == (State.NEW, lab.hub.commit("lab/run", "step-800"))
    assert [spec.key for spec in lab.engine.catalog.specs] == ["lab/run@step-800", "lab/run@main"]
    assert lab.engine.answerer.fetcher.known(lab.engine.catalog.specs[0]) is not None
    lab.write()
    lab.publish(300)
    lab.swapper.reload("ada")
    assert lab.row("lab/run@step-800").state is State.GONE
    assert [spec.key for spec in lab.engine.catalog.specs] == [KEY]
    assert lab.swapper.standing().sentence == "Reloaded: 1 new, 2 gone."


def test_a_new_one_that_cannot_be_fetched_is_not_offered_and_says_why(lab: Lab) -> None:
    lab.publish(300)
    lab.write(CATALOG.replace("hub: lab/run", "run: lab/run@*"))
    lab.start()
    lab.publish(800, "lab/run@step-800")
    lab.hub.fail(403, on="/resolve/")
    lab.swapper.reload("ada")
    row = lab.row("lab/run@step-800")
    assert (row.state, row.current) == (State.FAILED, lab.hub.commit("lab/run", "step-800"))
    assert "is new and is not offered yet. The Hub refuses lab/run" in row.sentence
    assert [spec.key for spec in lab.engine.catalog.specs] == ["lab/run@main"]
    lab.hub.recover()
    lab.swapper.reload("ada")
    assert lab.row("lab/run@step-800").state is State.NEW


def test_a_hub_that_is_away_or_a_bad_file_is_one_sentence_and_changes_nothing(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    before = lab.engine.catalog
    lab.hub.fail(503)
    lab.reload()
    standing = lab.swapper.standing()
    assert standing.failed
    assert standing.sentence.startswith("Nothing was changed. The Hub has trouble of its own")
    lab.hub.recover()
    lab.write("models: [")
    lab.reload()
    assert lab.swapper.standing().sentence.startswith("Nothing was changed. The catalogue ")
    assert "is not valid YAML" in lab.swapper.standing().sentence
    assert lab.engine.catalog is before
    lab.write()
    lab.reload()
    assert not lab.swapper.standing().failed


def test_a_candidate_that_breaks_off_on_its_way_leaves_the_current_one(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    lab.use()
    new = lab.publish(6000)
    lab.hub.fail(403, on="/resolve/")
    row = lab.reload()
    assert (row.state, row.current, row.candidate, lab.current) == (State.FAILED, old, new, old)
    assert f"lab/run at {old[:7]} goes on. The Hub refuses lab/run" in row.sentence
    assert lab.swapper.standing().decisions == ()
    lab.hub.recover()
    assert lab.reload().state is State.SWITCHED


def test_a_checkpoint_that_does_not_load_is_not_switched_to(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    (lab.home / "hub" / "lab" / "run" / "config.json").write_text('{"model_type": "nonsense"}')
    row = lab.reload()
    assert (row.state, lab.current) == (State.FAILED, old)
    assert "could not be evaluated" in row.sentence


def test_weights_that_do_not_load_are_not_switched_to_by_hand_either(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    save_file({"nothing": torch.zeros(1)}, lab.home / "hub" / "lab" / "run" / "model.safetensors")
    assert lab.reload().can_switch
    row = lab.switch()
    assert (row.state, lab.current, lab.swapper.standing().failed) == (State.FAILED, old, True)
    assert lab.swapper.standing().decisions == ()


def test_what_finds_no_room_beside_visitors_is_switched_to_by_hand(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.publish(6000)
    lab.start()
    lab.use()
    new = lab.publish(300)
    assert lab.reload().state is State.KEPT
    monkeypatch.setattr("microscope.engine.overview.PATIENCE_SECONDS", 0.1)
    with lab.engine.models.lease(lab.engine.answerer.fetcher.fetch(lab.engine.catalog.specs[0])):
        row = lab.switch()
    assert (row.state, lab.current) == (State.SWITCHED, new)


def test_what_cannot_be_asked_anything_is_not_switched_to_by_hand_either(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    (lab.home / "hub" / "lab" / "run" / "processor_config.json").write_text("{}")
    new = lab.hub.commit("lab/run")
    row = lab.reload()
    assert (row.state, row.candidate, row.can_switch, lab.current) == (State.FAILED, new, True, old)
    lab.swapper.switch(KEY, "ada")
    row = lab.row()
    assert (row.state, lab.current, lab.swapper.standing().failed) == (State.FAILED, old, True)
    assert "no usable processor" in lab.swapper.standing().sentence
    assert lab.swapper.standing().decisions == ()


def test_a_set_that_cannot_be_read_judges_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    work = lab.swapper._work
    missing = replace(lab.settings, swap_set="/nowhere/set.csv")
    monkeypatch.setattr(work, "sources", replace(work.sources, gate=lambda: gate_set(missing)))
    row = lab.reload()
    assert row.state is State.FAILED
    assert "There is no file or folder" in row.sentence


def test_an_answer_in_flight_ends_on_the_old_one_and_visitors_are_answered_meanwhile(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    request = AnswerRequest(picture(64, 64), "which object is red?", (KEY,), GenerationSettings(max_new_tokens=8))
    under_way = lab.engine.answerer.stream(request)
    for event in under_way:
        if event.state is Answering.GENERATING:
            break
    lab.publish(6000)
    lab.swapper.reload("ada")
    finished = list(under_way)[-1]
    assert lab.row().state is State.SWITCHED
    fresh = list(lab.engine.answerer.stream(request))[-1]
    assert finished.answer is not None
    assert fresh.answer is not None
    assert (finished.answer.facts.revision, fresh.answer.facts.revision) == (old, lab.current)


def test_visitors_are_answered_while_a_candidate_is_judged(lab: Lab) -> None:
    lab.items = 300
    lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    request = AnswerRequest(picture(64, 64), "which object is red?", (KEY,), GenerationSettings(max_new_tokens=8))
    answered: list[int] = []
    tells = 0
    board = lab.swapper._board
    change = board.change
    done = threading.Event()

    def visit() -> None:
        last = list(lab.engine.answerer.stream(request))[-1]
        assert last.state is Answering.DONE
        answered.append(tells)
        done.set()

    visitor = threading.Thread(target=visit)

    def watched(key: str, **changes: Any) -> None:
        nonlocal tells
        change(key, **changes)
        tells += 1
        if changes.get("done") and changes.get("total") == 600 and not visitor.ident:
            visitor.start()
        if 500 <= changes.get("done", 0) < 600 == changes.get("total"):
            # However slow the visitor is: the judging has not ended.
            assert done.wait(PATIENCE)

    board.change = watched
    assert lab.reload().state is State.SWITCHED
    visitor.join(PATIENCE)
    assert answered
    assert answered[0] < tells


def test_two_reloads_at_once_are_one_and_nothing_else_is_done_meanwhile(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    lab.hub.stall(on="/api/models/")
    first = lab.swapper.reload("ada")
    assert (first.busy, first.by, first.sentence) == (True, "ada", words.READING)
    assert lab.hub.held.wait(PATIENCE)
    assert lab.swapper.reload("eve").by == "ada"
    for busy in (lab.swapper.switch, lab.swapper.undo):
        with pytest.raises(UserError):
            busy(KEY, "ada")
    assert not lab.swapper.wait(0)
    lab.hub.recover()
    lab.row()
    # The branch was asked for at the start, and once since; all else is asked for by its commit.
    assert sum(request.path == "/api/models/lab/run" for request in lab.hub.requests) == 2
    assert len(lab.swapper.standing().decisions) == 1


def test_a_burst_makes_one_reload_and_what_comes_while_it_runs_makes_one_more(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    ran: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def reload(by: str) -> str:
        ran.append(by)
        begun.set()
        assert go_on.wait(PATIENCE)
        return "Done."

    lab.swapper._work.reload = reload
    for _ in range(5):
        lab.swapper.reload("webhook", after=0.5)
    assert lab.swapper.standing().sentence == words.GATHERING
    assert begun.wait(PATIENCE)
    for _ in range(5):
        lab.swapper.reload("webhook", after=0.05)
    go_on.set()
    assert lab.swapper.wait(PATIENCE)
    assert ran == ["webhook", "webhook"]


def test_an_owner_who_looks_while_a_switch_is_at_work_is_heard_afterwards(lab: Lab) -> None:
    lab.publish(6000)
    lab.start()
    lab.use()
    new = lab.publish(300)
    assert lab.reload().state is State.KEPT
    work = lab.swapper._work
    switch, begun, go_on = work.switch, threading.Event(), threading.Event()

    def slow(key: str, by: str) -> str:
        begun.set()
        assert go_on.wait(PATIENCE)
        return switch(key, by)

    work.switch = slow
    lab.swapper.switch(KEY, "ada")
    assert begun.wait(PATIENCE)
    newest = lab.publish(2000)
    lab.swapper.reload("eve")
    lab.swapper.reload("eve")
    go_on.set()
    row = lab.row()
    assert newest in (row.current, row.candidate)
    standing = lab.swapper.standing()
    assert (standing.by, standing.failed) == ("eve", False)
    assert [(one.by, one.candidate.state) for one in standing.decisions[:2]] == [("eve", newest), ("ada", new)]


def test_an_owner_who_looks_again_right_after_a_stop_is_heard(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    lab.use()
    new = lab.publish(6000)
    lab.hub.stall(on="/resolve/")
    lab.swapper.reload("ada")
    assert lab.hub.held.wait(PATIENCE)
    lab.swapper.stop()
    lab.swapper.reload("eve")
    lab.hub.recover()
    row = lab.row()
    assert (row.state, row.current, lab.swapper.standing().by) == (State.SWITCHED, new, "eve")


def test_a_reload_that_follows_at_once_does_not_say_that_it_waits(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    said: list[str] = []
    board = lab.swapper._board
    begin = board.begin

    def heard(sentence: str, by: str) -> None:
        said.append(sentence)
        begin(sentence, by)

    board.begin = heard
    lab.hub.stall(on="/api/models/")
    lab.swapper.reload("ada")
    assert lab.hub.held.wait(PATIENCE)
    lab.swapper.stop()
    lab.swapper.reload("ada")
    lab.hub.recover()
    assert lab.swapper.wait(PATIENCE)
    assert said == [words.READING] * 4


def test_what_is_asked_as_soon_as_something_ends_is_done_once(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    ran: list[str] = []

    def reload(by: str) -> str:
        ran.append(by)
        return "Done."

    lab.swapper._work.reload = reload
    for number in range(200):
        lab.swapper.reload(str(number))
        assert lab.swapper.wait(PATIENCE)
    assert ran == [str(number) for number in range(200)]


def test_an_owner_does_not_wait_for_what_a_webhook_waits_for(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    lab.swapper.reload("webhook", after=1000)
    assert lab.swapper.reload("ada").by in ("webhook", "ada")
    assert lab.swapper.wait(PATIENCE)
    assert lab.swapper.standing().by == "ada"


def test_what_nobody_can_do_is_refused_with_what_to_do(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    with pytest.raises(UserError, match="Nothing newer is known of ours; reload"):
        lab.swapper.switch(KEY, "ada")
    with pytest.raises(UserError, match="Nothing was switched that could be taken back for ours"):
        lab.swapper.undo(KEY, "ada")
    for act in (lab.swapper.switch, lab.swapper.undo):
        with pytest.raises(UserError, match="There is no checkpoint 'nothing'"):
            act("nothing", "ada")


def test_a_restart_keeps_what_was_judged_although_its_files_are_gone(lab: Lab) -> None:
    old = lab.publish(6000)
    lab.start()
    lab.use()
    lab.publish(300)
    assert lab.reload().state is State.KEPT
    # As after a restart of a Space, whose disk is empty.
    shutil.rmtree(lab.home / "cache")
    lab.start()
    assert lab.use() == old


def test_a_swapper_that_is_closed_ends_what_it_does_and_begins_nothing(lab: Lab) -> None:
    lab.publish(300)
    lab.start()
    lab.swapper.reload("webhook", after=1000)
    lab.swapper.close()
    assert lab.swapper.standing().failed
    with pytest.raises(UserError, match="shut down"):
        lab.swapper.reload("ada")


def test_an_owner_stops_what_takes_too_long_and_it_goes_on_from_there(lab: Lab) -> None:
    old = lab.publish(300)
    lab.start()
    lab.use()
    lab.publish(6000)
    lab.swapper.reload("webhook", after=1000)
    assert lab.swapper.stop().busy
    assert lab.swapper.wait(PATIENCE)
    assert lab.swapper.standing().sentence == words.STOPPED
    lab.hub.stall(on="/resolve/")
    lab.swapper.reload("ada")
    assert lab.hub.held.wait(PATIENCE)
    lab.swapper.reload("webhook", after=0.1)
    lab.swapper.stop()
    lab.hub.recover()
    row = lab.row()
    assert (row.state, lab.current, lab.swapper.standing().decisions) == (State.FAILED, old, ())
    assert words.STOPPED in row.sentence
    assert lab.swapper.stop() == lab.swapper.standing()
    assert lab.reload().state is State.SWITCHED


def test_a_bug_is_no_success_and_leaves_the_swapper_able_to_go_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.publish(300)
    lab.start()
    work = lab.swapper._work

    def broken() -> None:
        raise KeyError("/home/user/secret")

    monkeypatch.setattr(work, "sources", replace(work.sources, heads=broken))
    lab.reload()
    standing = lab.swapper.standing()
    assert standing.failed
    assert "secret" not in standing.sentence
    monkeypatch.undo()
    lab.reload()
    assert not lab.swapper.standing().failed


def test_it_knows_the_repositories_that_the_catalogue_names(lab: Lab) -> None:
    lab.write(CATALOG.replace("hub: lab/run", "adapter: lab/run\n    base: lab/base"))
    assert lab.start().repositories() == {"lab/run", "lab/base"}
    # Nothing is in it yet, and the first checkpoint is what one waits for.
    lab.write(CATALOG.replace("hub: lab/run", "run: lab/later@*"))
    assert lab.swapper.repositories() == {"lab/run", "lab/base", "lab/later"}
    lab.write("models: [")
    assert lab.swapper.repositories() == {"lab/run", "lab/base"}
