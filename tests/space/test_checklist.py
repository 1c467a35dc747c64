"""The checklist says what is set and what is missing, each with the text that sets it; commands that there are."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.cli.hf import app as hf

from microscope.catalog.spec import BadEntry
from microscope.cli import _parser
from microscope.hardware import tier
from microscope.serve.webhook import PATH
from microscope.space.checklist import BEGIN, checklist, missing
from microscope.space.expected import machine_of
from microscope.space.facts import Facts, Offered, Storage
from microscope.space.findings import Finding, Status
from microscope.space.template import Template


def facts_on(name: str, **changes: object) -> Facts:
    """Return the facts of a Space that was just duplicated, on hardware of that name, with changes."""
    found = tier(name)
    assert found is not None
    fresh = Facts(
        space="ada/microscope",
        author="ada",
        machine=machine_of(found),
        asked=name,
        difference="",
        oauth=True,
        token=False,
        offered=Offered("zero-a10g", ("SmolVLM 256M", "scenes, step 6000"), 1),
        storage=Storage(Path("/home/user/.cache/vlm-microscope"), None),
        template=Template("0.5.0", "a" * 64),
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]


FRESH = facts_on("zero-a10g")
ALONE = facts_on("local-cpu", space=None, author=None, oauth=False)
EVERYTHING = (
    FRESH,
    ALONE,
    facts_on("t4-small", token=True, asked="zero-a10g", difference="It runs on t4-small."),
    facts_on("cpu-basic", oauth=False, offered=Offered("cpu-basic", ("a", "b"), 2)),
    facts_on(
        "cpu-basic", offered=Offered("", (), 0), storage=Storage(Path("/data"), Path("/data"), None, writable=False)
    ),
    facts_on(
        "t4-small", storage=Storage(Path("/root/x"), None, Path("/data")), template=Template("0.5.0", None, "a/b")
    ),
    facts_on("t4-small", storage=Storage(Path("/data"), Path("/data")), webhook=True, host="ada.hf.space"),
    facts_on("zero-a10g", offered=Offered("gated", ("a",), 0, gated=("org/closed",))),
    replace(ALONE, offered=Offered("cpu-basic", ("a",), 1, gated=("org/closed",))),
)


def one(facts: Facts, subject: str) -> Finding:
    """Return the line about a subject."""
    (found,) = [finding for finding in checklist(facts) if finding.subject == subject]
    return found


def test_nothing_is_needed_to_begin_and_a_fresh_duplicate_has_no_failure() -> None:
    assert "no secret" in BEGIN
    assert one(FRESH, "Token").status is Status.SKIPPED
    assert [finding.subject for finding in missing(checklist(FRESH))] == ["Storage"]
    assert all(finding.status is not Status.FAILED for finding in checklist(FRESH))


def test_a_copy_that_is_set_up_misses_nothing() -> None:
    done = facts_on("zero-a10g", token=True, storage=Storage(Path("/data"), Path("/data")), webhook=True)
    assert missing(checklist(done)) == ()


def test_failures_come_first() -> None:
    told = missing(checklist(facts_on("cpu-basic", offered=Offered("", (), 0), oauth=False)))
    assert [finding.status for finding in told] == [Status.FAILED, Status.FAILED, Status.WARNING]


@pytest.mark.parametrize("facts", EVERYTHING)
def test_every_line_is_a_sentence_and_what_is_missing_says_what_to_do(facts: Facts) -> None:
    for finding in checklist(facts):
        assert finding.detail.endswith("."), finding
        assert not re.search(r"\.\.|  |None|\{", finding.detail + finding.advice), finding
        if finding.status in (Status.FAILED, Status.WARNING):
            assert finding.advice.endswith("."), finding
            assert finding.value, finding


def understood(words: list[str]) -> bool:
    """Tell whether the Hub's own command line takes these words, without running them."""
    command: Any = hf
    context = command.context_class(command)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.context_class(command, parent=context, info_name=name)
    return command.make_context(command.name, words, parent=context.parent) is not None


@pytest.mark.parametrize("facts", EVERYTHING)
def test_every_text_to_copy_is_a_command_that_there_is_or_a_line(facts: Facts) -> None:
    for finding in checklist(facts):
        for line in finding.value.splitlines():
            words = shlex.split(line)
            if words[0] == "hf":
                assert understood(words[1:])
            elif words[0] == "microscope":
                assert _parser().parse_args(words[1:]).run
            elif words[0] != "gh":
                assert re.fullmatch(r"MICROSCOPE_[A-Z]+=\S+|hf_oauth: true|https://[a-z./]+", line)


def test_the_commands_name_this_space() -> None:
    for facts in EVERYTHING:
        if facts.space is not None:
            commands = [line for finding in checklist(facts) for line in finding.value.splitlines()]
            assert all("ada/microscope" in line for line in commands if line.startswith(("hf ", "microscope ")))


def test_embedded_checkpoints_alone_are_worth_a_word_and_none_is_a_failure() -> None:
    embedded = one(facts_on("cpu-basic", offered=Offered("cpu-basic", ("a", "b"), 2)), "Checkpoints")
    assert embedded.status is Status.WARNING
    assert embedded.value == "hf spaces variables add ada/microscope -e MICROSCOPE_MODELS=ada/model"
    assert one(facts_on("cpu-basic", offered=Offered("", (), 0)), "Checkpoints").status is Status.FAILED
    assert one(ALONE, "Checkpoints").value == "MICROSCOPE_MODELS=org/model"


def test_entries_that_cannot_be_offered_are_told_one_by_one_and_the_rest_counted() -> None:
    refused = tuple(BadEntry(f"m{number}", "It needs 20 GB.", number) for number in range(7))
    told = checklist(facts_on("t4-small", offered=Offered("t4-small", ("a",), 0, refused)))
    named = [finding for finding in told if finding.subject.startswith("Checkpoint ")]
    assert [finding.subject for finding in named] == [f"Checkpoint m{number}" for number in range(5)]
    assert next(finding for finding in told if finding.subject == "More checkpoints").detail.startswith("2 more")


def test_a_gated_checkpoint_without_a_token_is_told_once() -> None:
    bad = (BadEntry("closed", "org/closed is gated: accept its licence, then set the HF_TOKEN secret."),)
    offered = Offered("gated", ("a",), 0, bad, ("org/closed",))
    told = missing(checklist(facts_on("zero-a10g", offered=offered)))
    assert [finding.subject for finding in told] == ["Token", "Storage"]
    assert "https://huggingface.co/org/closed" in told[0].advice
    assert told[0].value == "hf spaces secrets add ada/microscope -s HF_TOKEN"
    # With a token that may not read it, it is the entry's own trouble.
    assert "Checkpoint closed" in [
        finding.subject for finding in checklist(facts_on("t4-small", offered=offered, token=True))
    ]


def test_other_hardware_than_asked_for_is_told_with_its_price() -> None:
    told = one(facts_on("cpu-basic", asked="t4-small", difference="README.md asks for t4-small."), "Hardware")
    assert told.status is Status.WARNING
    assert "$0.40 an hour" in told.advice
    assert told.value == "hf spaces settings ada/microscope --hardware t4-small"
    assert "costs you nothing" in one(FRESH, "Hardware").detail
    assert "48 hours" in one(facts_on("cpu-basic"), "Hardware").detail
    assert "$0.60 an hour" in one(facts_on("t4-medium"), "Hardware").detail
    assert "your own" in one(ALONE, "Hardware").detail
    # Hardware newer than the table of prices.
    for name in ("local-cuda", "local-cpu"):
        newer = one(facts_on(name, asked=None), "Hardware")
        assert newer.detail == f"{name}: its price is not known here; the settings page shows it."


def test_storage_says_where_answers_lie_and_whether_they_stay() -> None:
    assert "every restart empties it" in one(FRESH, "Storage").detail
    assert one(FRESH, "Storage").value.splitlines()[1] == (
        "hf spaces volumes set ada/microscope -v hf://buckets/ada/microscope-data:/data"
    )
    kept = one(facts_on("t4-small", storage=Storage(Path("/data"), Path("/data"))), "Storage")
    assert kept.status is Status.OK
    spare = one(facts_on("t4-small", storage=Storage(Path("/root/x"), None, Path("/data"))), "Storage")
    assert spare.value == "hf spaces variables add ada/microscope -e MICROSCOPE_DATA=/data"
    assert one(ALONE, "Storage").status is Status.OK


@pytest.mark.parametrize("folder", ["/data", "/data/microscope"])
def test_a_volume_that_cannot_be_written_is_not_told_to_be_what_it_is(folder: str) -> None:
    closed = one(facts_on("t4-small", storage=Storage(Path(folder), Path("/data"), None, writable=False)), "Storage")
    assert closed.status is Status.FAILED
    assert closed.value == one(FRESH, "Storage").value
    other = one(facts_on("t4-small", storage=Storage(Path("/srv"), None, None, writable=False)), "Storage")
    assert other.value == "hf spaces variables add ada/microscope -e MICROSCOPE_DATA=/data"


def test_the_webhook_is_told_with_its_secrets_command_and_then_with_its_address() -> None:
    possible = one(FRESH, "Webhook")
    assert (possible.status, possible.value) == (
        Status.SKIPPED,
        "hf spaces secrets add ada/microscope -s MICROSCOPE_WEBHOOK_SECRET",
    )
    assert "with the next start" in possible.detail
    assert "with the next start" not in one(facts_on("t4-small"), "Webhook").detail
    done = one(facts_on("t4-small", webhook=True, host="ada-microscope.hf.space"), "Webhook")
    assert (done.status, done.value) == (Status.OK, f"https://ada-microscope.hf.space{PATH}")
    assert one(facts_on("t4-small", webhook=True), "Webhook").value == ""
    assert "Webhook" not in [finding.subject for finding in checklist(replace(ALONE, webhook=True))]


def test_off_a_space_it_says_how_to_have_one() -> None:
    assert one(ALONE, "Space").value == "microscope space create you/vlm-microscope"
    assert "Deploys" not in [finding.subject for finding in checklist(ALONE)]
    assert one(ALONE, "Sign-in").status is Status.SKIPPED


def test_the_version_comes_with_the_way_to_a_later_one() -> None:
    told = one(facts_on("zero-a10g", template=Template("0.5.0", "b" * 64, "org/microscope")), "Version")
    assert "0.5.0, a duplicate of org/microscope" in told.detail
    assert "bbbbbbbbbbbb" in told.detail
    assert told.value == "microscope space update ada/microscope --from org/microscope"
    assert one(ALONE, "Version").value == ""
