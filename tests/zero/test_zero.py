"""What is promised on ZeroGPU, tried with the real `spaces` package in Zero mode and a loopback device API.

Child processes play the scenarios of this folder and report facts, step by step; each test reads one promise off them.
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher
from microscope.engine.generate import Piece, stream
from microscope.engine.loader import load
from microscope.engine.pace import LEAST_SECONDS
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.records import GenerationSettings
from tests.zero.checkpoints import FOLDERS, QUESTION, picture
from tests.zero.played import Played
from tests.zero.stage import platform_token

pytestmark = [
    pytest.mark.zero,
    pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone"),
]

CALL = ["/schedule", "/release"]
FIRST_CALL = ["/schedule", "/allow", "/release"]


def paths(facts: dict[str, Any]) -> list[str]:
    return [path for path, _ in facts["calls"]]


def scheduled(facts: dict[str, Any]) -> dict[str, str]:
    """Return what one call asked of the platform."""
    (parameters,) = [parameters for path, parameters in facts["calls"] if path == "/schedule"]
    return parameters


def states(facts: dict[str, Any], key: str) -> list[str]:
    """Return the states of one checkpoint's answer, each once in a row."""
    found = [state for name, state in facts["states"] if name == key]
    return [state for before, state in zip([None, *found], found, strict=False) if state != before]


def test_exactly_one_function_of_the_app_is_decorated(played: Played) -> None:
    assert played["start"]["decorated"] == 1


def test_the_startup_report_is_sent_once_and_at_launch(played: Played) -> None:
    assert played["start"]["calls_before_launch"] == []
    assert played["start"]["calls"] == ["/startup-report"]


def test_what_fits_is_packed_and_a_damaged_checkpoint_does_not_stop_the_start(played: Played) -> None:
    assert "damaged" in played["start"]["keys"]
    assert played["start"]["packed"] == ["step-1", "step-2", "packed"]


def test_tied_weights_stay_tied_and_are_packed_once(played: Played) -> None:
    assert played["pack"]["tied"] == [True] * 3
    assert played["pack"]["bytes"] == played["pack"]["engine_bytes"]


def test_a_task_runs_in_a_forked_worker(played: Played) -> None:
    facts = played["plain"]
    assert paths(facts) == FIRST_CALL
    (worker,) = {pid for pid, _ in facts["items"]}
    assert worker != facts["main"]
    assert facts["calls"][1][1]["pid"] == str(worker)
    assert [number for _, number in facts["items"]] == [0, 1, 2]


def test_the_next_call_runs_in_the_same_worker(played: Played) -> None:
    facts = played["warm"]
    assert facts["again"] == facts["worker"]
    assert facts["allowed"] == 1


def test_the_declared_duration_is_what_the_task_computes(played: Played) -> None:
    assert scheduled(played["plain"])["durationSeconds"] == "7"


def test_seconds_that_a_worker_took_are_in_the_ledger_of_the_main_process(played: Played) -> None:
    facts = played["spend"]
    assert facts["worker"] != facts["main"]
    assert 0.1 <= facts["counted"] <= facts["usage"]["seconds"] <= facts["seconds"]
    assert facts["usage"]["asked"] == 7


def test_what_was_stopped_failed_or_killed_is_booked_and_what_was_refused_is_not(played: Played) -> None:
    spent = played["ledger"]["spent"]
    # Closed, and killed at work; one that was refused never took a step.
    assert (spent["endless"]["calls"], spent["endless"]["unfinished"]) == (2, 2)
    assert spent["endless"]["seconds"] > 0
    for name in ("busy", "with_a_bug", "with_a_sentence"):
        assert (spent[name]["calls"], spent[name]["unfinished"]) == (1, 1)
    assert spent["tell"]["unfinished"] == 0
    # At once, and after waiting in the platform's queue.
    assert played["booked"]["calls"] == 2 * played["booked"]["visitors"]


@pytest.mark.parametrize("task", ["answer", "lens", "evaluate"])
def test_every_task_of_the_app_tells_what_an_answer_took(played: Played, task: str) -> None:
    found = played["usage"][task]
    assert found["calls"] > 0
    assert found["answers"] >= found["calls"]
    assert 0 < found["seconds"] <= found["call_seconds"]
    assert found["asked"] >= LEAST_SECONDS


def test_the_owner_is_shown_the_seconds_that_workers_took_and_the_answers_of_a_quota(played: Played) -> None:
    facts = played["app, setup"]
    usage = facts["usage"]
    assert f"{usage['answers']} answers in {usage['calls']} runs" in facts["shown"]
    lowest = math.floor((120 - usage["asked"]) / max(usage["call_seconds"], 0.1)) + 1
    assert f"<td>2 min</td><td>{lowest:,}</td>" in facts["shown"]
    # The loopback Hub has no such Space.
    assert facts["sleep"] == {"seconds": None, "known": False}


@pytest.mark.parametrize("key", ["step-1", "step-2", "packed"])
def test_a_packed_model_is_leased_and_not_loaded(played: Played, key: str) -> None:
    facts = played[f"answer of {key}"]
    assert states(facts, key) == ["queued", "generating", "done"]
    assert facts["facts"][key]["loaded_in"] is None


def test_a_packed_model_needs_its_files_no_more(played: Played) -> None:
    assert played["answer of packed"]["downloads"] == 0


@pytest.mark.parametrize(
    ("step", "key"),
    [
        ("answer of step-1", "step-1"),
        ("answer of step-2", "step-2"),
        ("answer of packed", "packed"),
        ("second of late", "late"),
        ("forked beside locks", "spare"),
    ],
)
def test_an_answer_is_bit_for_bit_that_of_the_cpu(played: Played, furnished: Path, step: str, key: str) -> None:
    facts = played[step]
    ids, logprobs = on_cpu(furnished / FOLDERS[key], len(facts["ids"][key]))
    assert len(set(ids)) > 1
    assert facts["ids"][key] == ids
    assert facts["logprobs"][key] == logprobs


def on_cpu(folder: Path, tokens: int) -> tuple[list[int], list[float]]:
    """Return tokens and log-probabilities of a checkpoint's answer, computed in this process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spec = ModelSpec("here", "here", str(folder), folder=True)
    local = Fetcher().fetch(spec)
    inputs = prepare(Processors().get(local), spec, picture(), QUESTION, None).inputs
    steps = list(stream(load(local, "cpu", "bfloat16").model, inputs, GenerationSettings(max_new_tokens=tokens)))
    torch.set_num_threads(threads)
    pieces = [step for step in steps if isinstance(step, Piece)]
    return [id_ for piece in pieces for id_ in piece.ids], [value for piece in pieces for value in piece.logprobs]


def test_an_answer_arrives_in_pieces(played: Played) -> None:
    assert played["answer of step-1"]["states"].count(["step-1", "generating"]) >= 4
    assert played["app, answer"]["texts"] >= 4


def test_a_known_answer_costs_no_call(played: Played) -> None:
    facts = played["known"]
    assert facts["computed"] == {"packed": "store"}
    assert facts["calls"] == []
    assert facts["downloads"] == 0


def test_known_answers_of_packed_checkpoints_are_recalled_without_their_files(played: Played) -> None:
    facts = played["recalled"]
    assert facts["computed"] == {"packed": "store", "step-1": "store"}
    assert facts["messages"] == {}
    assert facts["calls"] == []
    assert facts["downloads"] == 0


def test_recalling_what_is_not_known_downloads_nothing_and_asks_for_no_gpu(played: Played) -> None:
    facts = played["recalled in vain"]
    assert facts["ids"] == {}
    assert facts["calls"] == []
    assert facts["downloads"] == 0


def test_a_download_is_over_before_the_gpu_is_asked_for(played: Played) -> None:
    facts = played["first of late"]
    assert facts["downloads"] > 0
    assert facts["downloads_before_gpu"] == [facts["downloads"]]


def test_what_is_not_packed_loads_in_the_worker_from_local_files(played: Played) -> None:
    facts = played["first of late"]
    # A download of this size may be over before its progress is looked at.
    assert [state for state in states(facts, "late") if state != "fetching"] == [
        "queued",
        "loading",
        "generating",
        "done",
    ]
    assert facts["facts"]["late"]["loaded_in"] > 0


def test_what_a_worker_loaded_stays_for_its_next_call(played: Played) -> None:
    facts = played["second of late"]
    assert paths(facts) == CALL
    assert states(facts, "late") == ["queued", "generating", "done"]
    assert facts["facts"]["late"]["loaded_in"] is None
    assert facts["downloads"] == 0


def test_a_checkpoint_that_cannot_load_leaves_the_others_and_the_worker(played: Played) -> None:
    facts = played["beside a failure"]
    assert list(facts["messages"]) == ["damaged"]
    assert "damaged does not fit its config.json" in facts["messages"]["damaged"]
    assert states(facts, "step-1")[-1] == "done"
    assert paths(played["after a failure"]) == CALL


def test_four_checkpoints_answer_in_one_call(played: Played) -> None:
    facts = played["four"]
    assert paths(facts) == CALL
    assert list(facts["ids"]) == ["step-1", "step-2", "packed", "late"]


@pytest.mark.parametrize("key", ["step-1", "packed"])
def test_the_platform_is_asked_for_the_seconds_that_the_page_announces(played: Played, key: str) -> None:
    facts = played[f"answer of {key}"]
    assert scheduled(facts)["durationSeconds"] == str(facts["announced"])


def test_on_cards_for_which_the_platform_asks_for_more_the_page_announces_more(played: Played) -> None:
    assert played["answer of packed"]["announced"] > played["answer of step-2"]["announced"]


def test_the_declared_duration_is_small_and_grows_with_checkpoints_and_tokens(played: Played) -> None:
    facts = played["declare"]
    assert facts["default"] <= facts["four"] <= 15
    for grown in (facts["by_checkpoints"], facts["by_tokens"]):
        assert grown == sorted(set(grown))


def test_locks_that_other_threads_hold_at_the_fork_do_not_stop_the_worker(played: Played) -> None:
    facts = played["forked beside locks"]
    assert paths(facts) == FIRST_CALL
    assert states(facts, "step-1") == ["queued", "generating", "done"]
    # It loads while the first one generates, and may be there when its turn comes.
    assert [state for state in states(facts, "spare") if state != "loading"] == ["queued", "generating", "done"]
    assert facts["facts"]["spare"]["loaded_in"] > 0


def test_two_workers_that_start_at_once_both_load_and_answer(played: Played) -> None:
    facts = played["forked in parallel"]
    assert [[state for _, state in states].count("done") for states in facts["states"]] == [2, 2]
    assert all(seconds > 0 for loaded in facts["loaded_in"] for seconds in loaded)


def test_calls_leave_no_file_open(played: Played) -> None:
    counts = played["open files"]["counts"]
    # A connection may still be closing when its call is counted, and something may be opened once for good; a leak
    # grows with every call.
    steps = [after - before for before, after in pairwise(counts)]
    assert sum(step > 0 for step in steps) <= len(steps) // 2


@pytest.mark.parametrize("task", ["endless", "busy"])
def test_closing_a_task_waits_for_nobody_and_gives_the_gpu_back(played: Played, task: str) -> None:
    facts = played[f"close {task}"]
    assert facts["paths"] == CALL
    assert facts["again"] == facts["worker"]
    if task == "busy":
        assert facts["closed"] == ["/schedule"]


def test_a_bug_in_a_task_is_data_that_tells_nobody_its_text(played: Played) -> None:
    facts = played["with_a_bug"]
    pid, (kind, said) = facts["items"]
    assert (pid, kind) == (facts["worker"], "failed")
    assert "Something went wrong on our side" in said
    assert "nobody's business" not in said


def test_a_sentence_from_a_task_reaches_the_visitor(played: Played) -> None:
    assert played["with_a_sentence"]["items"][-1] == ["failed", "This is what to do."]


@pytest.mark.parametrize("step", ["with_a_bug", "with_a_sentence"])
def test_a_failure_in_a_task_keeps_the_worker_warm(played: Played, step: str) -> None:
    assert played[step]["failed"] == "false"
    assert played[step]["again"] == played[step]["worker"]


def test_a_killed_worker_ends_the_call_with_a_sentence_and_the_next_call_gets_another(played: Played) -> None:
    facts = played["killed"]
    assert facts["sentence"].startswith("The GPU worker stopped (GPU task aborted); try again")
    assert facts["failed"] == "true"
    assert facts["again"] != facts["worker"]


def test_a_worker_that_died_between_two_calls_is_replaced(played: Played) -> None:
    assert played["killed while idle"]["again"] != played["killed while idle"]["worker"]


def test_the_visitors_token_reaches_the_platform(played: Played) -> None:
    assert played["grant, no token"]["token"] is None
    assert played["grant, free"]["token"] == platform_token("free")
    assert scheduled(played["app, answer"])["token"] == platform_token("ada")


def test_the_app_answers_through_a_worker(played: Played) -> None:
    facts = played["app, answer"]
    assert paths(facts) == FIRST_CALL
    assert facts["calls"][1][1]["pid"] != str(facts["main"])
    assert [(column["checkpoint"], column["state"]) for column in facts["columns"]] == [
        ("step-1", "done"),
        ("step-2", "done"),
    ]
    assert all(column["answer"]["facts"]["loaded_in"] is None for column in facts["columns"])


def test_a_visitor_who_leaves_gives_the_gpu_back_and_the_next_one_is_answered(played: Played) -> None:
    facts = played["app, cancel"]
    assert facts["paths"] == CALL
    assert [column["state"] for column in facts["after"]] == ["done"]
    assert facts["allowed"] == facts["before"]


def test_a_killed_worker_is_a_sentence_in_the_columns_and_the_next_visitor_is_answered(played: Played) -> None:
    facts = played["app, kill"]
    assert facts["killed"][0]["text"]
    assert facts["killed"][-1]["state"] == "failed"
    assert facts["killed"][-1]["message"].startswith("The GPU worker stopped")
    assert [column["state"] for column in facts["after"]] == ["done"]
    assert len(facts["allowed"]) == len(facts["before"]) + 1


@pytest.mark.parametrize(
    ("visitor", "said"),
    [("anonymous", "signing in to Hugging Face gives you more"), ("free", "a PRO account has more")],
)
def test_over_quota_every_column_says_what_would_change_it(played: Played, visitor: str, said: str) -> None:
    facts = played[f"app, quota, {visitor}"]
    assert [column["state"] for column in facts["columns"]] == ["failed", "failed"]
    for column in facts["columns"]:
        assert said in column["message"]
        assert "a duplicate of this Space on hardware of its own needs no quota" in column["message"]
    assert [column["state"] for column in facts["after"]] == ["done"]


def test_five_visitors_at_once_are_all_served(played: Played) -> None:
    facts = played["app, together"]
    assert [[column["state"] for column in columns] for columns in facts["results"]] == [["done"]] * 5
    assert facts["tokens"] == 5
