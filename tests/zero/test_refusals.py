"""What each way in which the platform answers a request for a GPU becomes for a visitor."""

from __future__ import annotations

import sys

import pytest

from tests.zero.played import Played

pytestmark = [
    pytest.mark.zero,
    pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone"),
]

OWN_HARDWARE = "Examples still answer, and a duplicate of this Space on hardware of its own needs no quota."
REFUSALS = [
    (
        "quota",
        "anonymous",
        "Your GPU quota for today is used up; signing in to Hugging Face gives you more. " + OWN_HARDWARE,
    ),
    ("quota", "free", "Your GPU quota for today is used up; a PRO account has more. " + OWN_HARDWARE),
    ("quota", "pro", "Your GPU quota for today is used up; credits extend it. " + OWN_HARDWARE),
    ("quota", "no token", "The GPU quota of visitors whom the platform cannot tell apart is used up; signing in"),
    ("runs", "anonymous", "You have used up your number of GPU calls for now; try again later. " + OWN_HARDWARE),
    ("runs", "free", "You have used up your number of GPU calls for now; try again later. " + OWN_HARDWARE),
    ("illegal", "free", "This request asks for more GPU time than one call may take; choose fewer checkpoints"),
    ("pending", "free", "Too many of your answers are being computed; try again when one is done."),
    ("busy", "free", "The platform gave no GPU (No GPU was available); reload the page and try again."),
    ("unauthorised", "free", "The platform gave no GPU (Expired ZeroGPU proxy token); reload the page and try again."),
    ("queue timeout", "free", "No GPU became free within a minute; try again shortly. No quota was used."),
    ("queue timeout", "no token", "No GPU became free within a minute; try again shortly. No quota was used."),
]


@pytest.mark.parametrize(("mode", "visitor", "said"), REFUSALS)
def test_a_refusal_of_the_platform_becomes_a_sentence(played: Played, mode: str, visitor: str, said: str) -> None:
    assert played[f"{mode}, {visitor}"]["sentence"].startswith(said)


def test_a_used_up_quota_says_how_much_was_asked_for_and_when_there_is_more(played: Played) -> None:
    said = played["quota, free"]["sentence"]
    assert "7s requested vs. 12s left" in said
    assert "Try again in 1:00:00" in said


@pytest.mark.parametrize("visitor", ["no token", "anonymous", "free", "pro"])
def test_a_call_that_waits_in_the_queue_runs(played: Played, visitor: str) -> None:
    facts = played[f"queue, {visitor}"]
    assert facts["sentence"] == ""
    assert facts["paths"] == ["/schedule", "/release"]


def test_after_refusals_the_worker_is_still_there(played: Played) -> None:
    assert {pid for pid, _ in played["after refusals"]["items"]} == {played["killed while idle"]["again"]}
