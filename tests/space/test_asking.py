"""One question to a running app: the reply as it comes, and every way not to get one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr
import pytest

from microscope.space.asking import KNOWN, AskError, BusyError, Reply, UnheardError, ask
from tests.space.scripted_app import CHECKPOINT, Script, failed, reply, scripted


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Script]]:
    """Serve one app for the module."""
    with scripted() as given:
        yield given


def asked(served: tuple[str, Script], answer: object, seconds: float = 30) -> Reply:
    url, script = served
    script.answer = lambda: answer
    return ask(url, KNOWN, 7, None, seconds)


def test_the_reply_is_read_with_its_facts(served: tuple[str, Script]) -> None:
    _, script = served
    assert asked(served, reply("blue")) == Reply("done", "blue", "", "now", 3, 0.25, "bfloat16", "cpu")
    image, *rest = script.asked[-1]
    assert rest == [KNOWN.question, [KNOWN.checkpoint], 48, 0, 7]
    assert image.endswith("exists.png")


def test_a_checkpoint_that_failed_is_a_reply_too(served: tuple[str, Script]) -> None:
    assert asked(served, failed("No memory.")) == Reply("failed", message="No memory.")


@pytest.mark.parametrize("answer", [[], {"text": "yes"}, ["yes"], None])
def test_another_app_is_recognised(served: tuple[str, Script], answer: object) -> None:
    with pytest.raises(AskError, match="returns something else"):
        asked(served, answer)


def test_what_the_app_refuses_is_told_in_its_words(served: tuple[str, Script]) -> None:
    def refuse() -> None:
        raise gr.Error("The image is too large.", print_exception=False)

    url, script = served
    script.answer = refuse
    with pytest.raises(AskError, match=r"it refused the question \(The image is too large\)"):
        ask(url, KNOWN, 7, None, 30)


def test_a_checkpoint_that_is_not_offered_is_refused(served: tuple[str, Script]) -> None:
    url, _ = served
    with pytest.raises(AskError, match="none-such"):
        ask(url, replace(KNOWN, checkpoint="none-such"), 7, None, 30)


def test_an_app_that_goes_silent_is_given_up_in_time_and_nothing_of_it_stays(
    served: tuple[str, Script], capfd: pytest.CaptureFixture[str]
) -> None:
    url, script = served
    script.answer = script.hang
    with pytest.raises(AskError, match="no answer came within 3 s"):
        ask(url, KNOWN, 7, None, 3)
    script.release.set()
    assert capfd.readouterr() == ("", "")


def test_a_full_queue_is_busy_and_not_broken() -> None:
    with scripted(full=True) as (url, _), pytest.raises(BusyError, match="its queue is full"):
        ask(url, KNOWN, 7, None, 30)


def test_nobody_there_is_unheard() -> None:
    with pytest.raises(UnheardError, match=r"ConnectError"):
        ask("http://127.0.0.1:1", KNOWN, 7, None, 30)


def test_the_known_question_is_about_the_embedded_checkpoint() -> None:
    assert KNOWN.image.is_file()
    assert KNOWN.checkpoint == CHECKPOINT
