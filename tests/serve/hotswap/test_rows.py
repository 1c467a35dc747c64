"""A row says what answers, what could, and what the owner may do, in the order of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher
from microscope.serve.hotswap.finding import Change, Found
from microscope.serve.hotswap.places import Place, at, place_of
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Decision, last_of, switch_of
from microscope.serve.hotswap.rows import Known, current_state, found_rows, remembered, row_of
from microscope.serve.hotswap.standing import State
from tests.families import spec_of
from tests.serve.hotswap.lab import CHECKPOINTS
from tests.serve.hotswap.samples import JUDGED, SPEC, A, B, at_commit, decision

RUNNING = at(SPEC, at_commit(A))


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(Downloads(None, tmp_path))


def change(current: ModelSpec = RUNNING, commit: str = B) -> Change:
    return Change(place_of(SPEC), current, at(SPEC, at_commit(commit)))


def known(made: Decision) -> Known:
    """Return what a record of one decision knows."""
    return Known(last_of((made,), "ours", made.asked), switch_of((made,), "ours", made.asked))


def test_without_a_candidate_there_is_nothing_to_do(fetcher: Fetcher) -> None:
    row = row_of(RUNNING, fetcher, Known(), None)
    assert (row.key, row.label, row.source) == ("ours", "Ours", "lab/run")
    assert (row.current, row.candidate, row.outcome) == (A, "", "")
    assert (row.state, row.can_switch, row.can_undo) == (State.UNCHANGED, False, False)


@pytest.mark.parametrize(
    ("action", "commits", "may"),
    [(KEPT, (A, B), (True, False)), (STAGED, (A, B), (False, True)), (UNDONE, (B, A), (True, False))],
)
def test_what_may_be_done_hangs_on_the_last_decision(
    action: str,
    commits: tuple[str, str],
    may: tuple[bool, bool],
    fetcher: Fetcher,
) -> None:
    row = row_of(RUNNING, fetcher, known(decision(action, *commits, judgement=JUDGED)), change())
    assert (row.can_switch, row.can_undo) == may
    assert (row.candidate, row.outcome) == (B, "worse")


def test_a_switch_can_be_undone(fetcher: Fetcher) -> None:
    row = row_of(at(SPEC, at_commit(B)), fetcher, known(decision(SWITCHED)), None)
    assert (row.current, row.can_switch, row.can_undo) == (B, False, True)


def test_what_nobody_knows_is_empty_and_a_folder_is_known_once_it_was_used(fetcher: Fetcher) -> None:
    assert current_state(SPEC, fetcher) == ""
    folder = spec_of(CHECKPOINTS / "scenes-step-300")
    assert current_state(folder, fetcher) == ""
    local = fetcher.fetch(folder)
    assert current_state(folder, fetcher) == local.revision
    assert local.revision.startswith("sha256:")
    assert row_of(folder, fetcher, Known(), None).source == "scenes-step-300"


@pytest.mark.parametrize(
    ("action", "commits", "state", "candidate"),
    [
        (SWITCHED, (A, B), State.SWITCHED, ""),
        (STAGED, (A, B), State.SWITCHED, ""),
        (KEPT, (A, B), State.KEPT, B),
        (UNDONE, (B, A), State.KEPT, B),
    ],
)
def test_at_a_start_the_record_tells_all(
    action: str, commits: tuple[str, str], state: State, candidate: str, fetcher: Fetcher
) -> None:
    made = decision(action, *commits, sentence="Decided by ada.")
    row, found = remembered(at(SPEC, made.stands), fetcher, known(made))
    assert (row.state, row.candidate) == (state, candidate)
    assert row.current == made.stands.state
    assert "by ada" in row.sentence
    assert (found is None) == (not candidate)
    assert remembered(SPEC, fetcher, Known())[0].sentence == ""


def test_after_a_look_around_every_checkpoint_has_its_row_in_order(fetcher: Fetcher) -> None:
    named = {key: replace(RUNNING, key=key, label=key.title()) for key in ("edited", "same", "failed", "replaced")}
    new, gone = ModelSpec("new", "New", "lab/new", revision=A), ModelSpec("gone", "Gone", "/models/gone", folder=True)
    refused = ModelSpec("refused", "Refused", "lab/refused")
    found = Found(
        catalog=Catalog((RUNNING, *named.values())),
        asked={key: Place("lab/run") for key in ("ours", "new", "refused", "edited", "same", "replaced")},
        new=(new,),
        refused=(refused,),
        edited=("edited",),
        replaced=("replaced",),
        gone=(gone,),
        changed=(change(),),
        failed={"failed": "It is gated.", "refused": "It is private."},
    )
    rows = found_rows(found, fetcher, lambda _key: Known())
    assert [(row.key, row.state) for row in rows] == [
        ("ours", State.WAITING),
        ("new", State.WAITING),
        ("refused", State.FAILED),
        ("edited", State.EDITED),
        ("same", State.UNCHANGED),
        ("replaced", State.EDITED),
        ("failed", State.FAILED),
        ("gone", State.GONE),
    ]
    assert rows[0].sentence == "lab/run at bbbbbbb was found; its turn comes."
    assert rows[2].sentence == "Refused is new and is not offered yet. It is private."
    assert rows[6].sentence == "Failed stays as it is. It is gated."
    assert rows[7].source == "gone"
    assert all(row.sentence for row in rows)
