"""Where nothing can be packed again, the owner's decisions take effect at the next restart, and say so."""

from __future__ import annotations

from microscope.serve.hotswap import words
from microscope.serve.hotswap.standing import Row, State
from tests.serve.hotswap.lab import KEY, Lab


def staged(lab: Lab) -> tuple[str, str, Row]:
    """Stage a newer version by the owner's word; return the commit that answers, the staged one, and the row."""
    lab.zero = True
    old = lab.publish(300)
    lab.start()
    lab.use()
    new = lab.publish(6000)
    lab.reload("webhook")
    return old, new, lab.switch()


def test_where_nothing_can_be_packed_again_the_owner_stages_for_the_next_restart(lab: Lab) -> None:
    lab.zero = True
    old = lab.publish(300)
    lab.start()
    lab.use()
    new = lab.publish(6000)
    row = lab.reload("webhook")
    assert lab.swapper.standing().staging
    assert (row.state, row.outcome, row.candidate, row.can_switch) == (State.KEPT, "", new, True)
    assert "was not evaluated" in row.sentence
    assert lab.swapper.standing().decisions[0].judgement.n == 0
    assert lab.reload("webhook") == row
    lab.swapper.switch(KEY, "ada")
    row = lab.row()
    assert (row.state, row.can_switch, row.can_undo, lab.current) == (State.STAGED, False, True, old)
    assert "answers after the next restart" in row.sentence
    assert lab.reload().state is State.STAGED
    lab.swapper.undo(KEY, "ada")
    assert (lab.row().state, lab.row().sentence) == (State.KEPT, words.dropped(lab.swapper.standing().decisions[0]))
    assert lab.switch().state is State.STAGED
    lab.start()
    assert lab.use() == lab.current == new
    row = lab.row()
    assert (row.state, row.can_undo) == (State.SWITCHED, True)
    lab.swapper.undo(KEY, "ada")
    assert (lab.row().state, lab.current) == (State.STAGED, new)
    lab.start()
    assert lab.use() == old


def test_an_undo_that_waits_for_a_restart_is_seen_after_a_reload_and_can_be_called_off(lab: Lab) -> None:
    old, new, _ = staged(lab)
    lab.start()
    assert lab.use() == new
    lab.swapper.undo(KEY, "ada")
    undone = lab.row()
    assert undone.state is State.STAGED
    for _ in range(2):
        assert lab.reload("webhook") == undone
        assert lab.swapper.standing().sentence == "Reloaded: 1 staged for the next restart."
    assert (undone.current, undone.candidate, undone.can_switch) == (new, new, True)
    assert f"lab/run at {old[:7]} answers again after the next restart" in undone.sentence
    row = lab.switch()
    assert (row.state, row.can_switch, row.can_undo) == (State.SWITCHED, False, True)
    assert row.sentence == (
        f"lab/run at {new[:7]} goes on, after the next restart as well: lab/run at {old[:7]} stays away."
    )
    assert lab.reload("webhook").state is State.UNCHANGED
    lab.start()
    assert lab.use() == new


def test_what_is_staged_is_seen_after_a_reload_though_the_branch_went_back(lab: Lab) -> None:
    old, new, told = staged(lab)
    assert lab.publish(300) == old
    row = lab.reload("webhook")
    assert (row.state, row.sentence, row.can_undo) == (State.STAGED, told.sentence, True)
    assert lab.swapper.standing().sentence == "Reloaded: 1 staged for the next restart."
    lab.start()
    assert lab.use() == new


def test_what_is_staged_stays_so_although_something_newer_comes(lab: Lab) -> None:
    old, new, told = staged(lab)
    assert told.state is State.STAGED
    newer = lab.publish(2000)
    row = lab.reload("webhook")
    assert (row.state, row.candidate, row.can_switch, row.can_undo) == (State.KEPT, newer, True, True)
    lab.start()
    assert lab.use() == new
    lab.swapper.undo(KEY, "ada")
    assert lab.row().state is State.STAGED
    assert lab.reload("webhook").state is State.KEPT
    lab.start()
    assert lab.use() == old
