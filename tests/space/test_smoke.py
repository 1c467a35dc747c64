"""The smoke test against a real Gradio server that does what it is told, and against the app itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import microscope.engine  # noqa: F401  (repairs torchvision before the tests import transformers)
from microscope import __version__
from microscope.engine import gpu
from microscope.settings import Settings
from microscope.space.asking import KNOWN, Reply
from microscope.space.findings import Finding, Status, worst
from microscope.space.smoke import ANSWER, HEALTH, PAGE, Expected, Limits, judge, smoke
from tests.space.scripted_app import CHECKPOINT, DIGEST, HEALTHY, VERSION, Script, failed, reply, scripted

EXPECTED = Expected(VERSION, DIGEST)
RIGHT = KNOWN.answer
DONE = Reply("done", RIGHT, "", "now", 30, 0.3, "bfloat16", "cpu")


@dataclass
class Clock:
    """A clock that goes on only where somebody pauses."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def limits(self, **changed: float) -> Limits:
        given = replace(Limits(), clock=lambda: self.now, pause=self.pause)
        return replace(given, **{"begin": 9.0, "page": 3.0, "answer": 30.0, **changed})


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Script]]:
    """Serve one app for the module."""
    with scripted() as given:
        yield given


@pytest.fixture
def served(server: tuple[str, Script]) -> tuple[str, Script]:
    """Return the app with a script that passes."""
    _, script = server
    script.health, script.answer, script.token = [(200, HEALTHY)], lambda: reply(RIGHT), ""
    script.asked.clear()
    return server


def of(findings: tuple[Finding, ...], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def test_a_space_that_is_well_passes_in_three_lines(served: tuple[str, Script]) -> None:
    url, script = served
    clock = Clock()
    told: list[str] = []
    findings = smoke(f"{url}/", EXPECTED, limits=clock.limits(), tell=told.append)
    assert [(finding.subject, finding.status) for finding in findings] == [
        (HEALTH, Status.OK),
        (PAGE, Status.OK),
        (ANSWER, Status.OK),
    ]
    assert RIGHT in of(findings, ANSWER).detail
    assert DIGEST[:12] in of(findings, HEALTH).detail
    assert clock.pauses == []
    assert told == [f"Asking {url} a question."]
    assert len(script.asked) == 1


def test_every_test_asks_for_an_answer_that_no_test_has_had(served: tuple[str, Script]) -> None:
    url, script = served
    for _ in range(2):
        smoke(url, EXPECTED)
    seeds = {seed for *_, seed in script.asked}
    assert len(seeds) == 2


def test_a_space_that_only_begins_is_waited_for(served: tuple[str, Script]) -> None:
    url, script = served
    clock = Clock()
    told: list[str] = []
    script.health = [
        (503, "Starting"),
        (503, {"status": "starting", "reason": "The app is starting."}),
        (200, {**HEALTHY, "version": "1.2.2"}),
        (200, {**HEALTHY, "version": "1.2.2"}),
        (200, HEALTHY),
    ]
    findings = smoke(url, EXPECTED, limits=clock.limits(begin=60), tell=told.append)
    assert worst(findings) is Status.OK
    assert clock.pauses == [3.0] * 4
    assert [line.partition(": ")[2] for line in told[:-1]] == [
        "It answers HTTP 503 without a health report.",
        "The app is starting: The app is starting.",
        "Version 1.2.2 answers, 1.2.3 is expected.",
    ]


@pytest.mark.parametrize(
    ("health", "detail"),
    [
        ((200, {**HEALTHY, "version": "1.2.2"}), "Version 1.2.2 answers, 1.2.3 is expected."),
        ((200, {**HEALTHY, "digest": "e" * 64}), "Version 1.2.3 answers with files eeeeeeeeeeee, not dddddddddddd."),
        ((200, {**HEALTHY, "digest": None}), "Version 1.2.3 answers with files none, not dddddddddddd."),
        ((503, {**HEALTHY, "status": "failing", "reason": "No checkpoint."}), "The app is failing: No checkpoint."),
        ((200, "<html>something else</html>"), "It answers HTTP 200 without a health report."),
        ((404, {"detail": "Not Found"}), "It answers HTTP 404 without a health report."),
        ((599, "who knows"), "It answers HTTP 599 without a health report."),
    ],
)
def test_what_is_not_what_was_deployed_fails_and_is_asked_nothing(
    served: tuple[str, Script], health: tuple[int, object], detail: str
) -> None:
    url, script = served
    script.health = [health]
    clock = Clock()
    findings = smoke(url, EXPECTED, limits=clock.limits())
    assert of(findings, HEALTH).status is Status.FAILED
    assert of(findings, HEALTH).detail == detail
    assert of(findings, HEALTH).advice.endswith(".")
    assert {of(findings, PAGE).status, of(findings, ANSWER).status} == {Status.SKIPPED}
    assert clock.now == 9.0
    assert script.asked == []


def test_where_nothing_answers_it_gives_up_in_time() -> None:
    clock = Clock()
    findings = smoke("http://127.0.0.1:1", EXPECTED, limits=clock.limits())
    assert of(findings, HEALTH).detail == "Nothing answers (ConnectError at http://127.0.0.1:1/health)."
    assert clock.now == 9.0


@pytest.mark.parametrize("address", ["http://", "http://[", "not an address"])
def test_an_address_that_is_none_is_a_finding(address: str) -> None:
    assert worst(smoke(address, EXPECTED, limits=Clock().limits(begin=0))) is Status.FAILED


def test_without_a_digest_any_files_will_do(served: tuple[str, Script]) -> None:
    url, script = served
    script.health = [(200, {**HEALTHY, "digest": None})]
    assert worst(smoke(url, Expected(VERSION), limits=Clock().limits())) is Status.OK


def test_a_private_space_is_shown_the_token_and_says_so_without(served: tuple[str, Script]) -> None:
    url, script = served
    script.token = "hf_reads_it"  # noqa: S105  (a stand-in)
    assert worst(smoke(url, EXPECTED, token="hf_reads_it", limits=Clock().limits())) is Status.OK  # noqa: S106
    hidden = of(smoke(url, EXPECTED, limits=Clock().limits(begin=0)), HEALTH)
    assert (hidden.detail, hidden.status) == ("It answers HTTP 404 without a health report.", Status.FAILED)
    assert "HF_TOKEN" in hidden.advice


def test_a_page_of_another_version_fails(served: tuple[str, Script]) -> None:
    url, script = served
    script.health = [(200, {**HEALTHY, "version": "9.9.9"})]
    clock = Clock()
    findings = smoke(url, Expected("9.9.9", DIGEST), limits=clock.limits())
    assert of(findings, PAGE).status is Status.FAILED
    assert of(findings, PAGE).detail == "The page shows version 1.2.3, 9.9.9 is expected."
    assert clock.now == 3.0


def test_a_full_queue_is_waited_for_and_fails_in_the_end() -> None:
    clock = Clock()
    with scripted(full=True) as (url, _):
        findings = smoke(url, EXPECTED, limits=clock.limits(answer=3.0))
    assert of(findings, ANSWER).status is Status.FAILED
    assert of(findings, ANSWER).detail == f"{CHECKPOINT} was asked, and its queue is full."
    assert clock.pauses == [3.0]


def test_the_first_checkpoint_is_asked_where_the_embedded_one_is_not_offered(served: tuple[str, Script]) -> None:
    url, script = served
    script.health = [(200, {**HEALTHY, "checkpoints": ["mine", "other"]})]
    script.answer = lambda: reply("Anything.")
    answer = of(smoke(url, EXPECTED, limits=Clock().limits()), ANSWER)
    assert answer.status is Status.OK
    assert "embedded checkpoint is not offered" in answer.detail
    assert script.asked[-1][2] == ["mine"]


def test_a_wrong_answer_fails(served: tuple[str, Script]) -> None:
    url, script = served
    script.answer = lambda: reply("yes")
    answer = of(smoke(url, EXPECTED, limits=Clock().limits()), ANSWER)
    assert (answer.status, "“yes”" in answer.detail, RIGHT in answer.detail) == (Status.FAILED, True, True)


@pytest.mark.parametrize("computed", ["store", "example", ""])
def test_an_answer_that_was_not_computed_now_proves_nothing(computed: str) -> None:
    found = judge(replace(DONE, computed=computed), KNOWN, known=True)
    assert found.status is Status.FAILED


def test_an_empty_answer_fails_even_where_no_answer_is_known() -> None:
    assert judge(replace(DONE, text=" "), KNOWN, known=False).status is Status.FAILED
    assert judge(replace(DONE, text="Any."), KNOWN, known=False).status is Status.OK


def test_a_checkpoint_that_failed_is_told_in_its_words(served: tuple[str, Script]) -> None:
    url, script = served
    script.answer = lambda: failed("Memory ran out.")
    answer = of(smoke(url, EXPECTED, limits=Clock().limits()), ANSWER)
    assert (answer.status, answer.detail) == (Status.FAILED, f"{CHECKPOINT} failed: Memory ran out.")


LENT_NONE = [
    *(f"{why} {gpu.WITHOUT_QUOTA}" if why else gpu.NO_GPU for why in gpu.QUOTA_REFUSALS.values()),
    gpu.NO_GPU,
    gpu.REFUSALS["ZeroGPU client error"],
    gpu.REFUSALS["ZeroGPU pending credits exceeded"],
    gpu.OTHER_REFUSAL,
]
BROKEN = [
    gpu.REFUSALS["ZeroGPU worker error"],
    gpu.REFUSALS["ZeroGPU illegal duration"],
    "Something went wrong on our side. Try again; if it happens again, report the reference 1a2b3c4d.",
]


@pytest.mark.parametrize("message", LENT_NONE)
def test_a_gpu_that_was_not_lent_is_no_fault_of_the_deploy(message: str) -> None:
    found = judge(Reply("failed", message=message), KNOWN, known=True)
    assert found.status is Status.WARNING


@pytest.mark.parametrize("message", BROKEN)
def test_a_gpu_that_was_lent_and_failed_is(message: str) -> None:
    assert judge(Reply("failed", message=message), KNOWN, known=True).status is Status.FAILED


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the app itself over the embedded checkpoints."""
    from microscope.ui.app import build  # noqa: PLC0415  (only these tests need the page)

    data: Path = tmp_path_factory.mktemp("data")
    environ = {"MICROSCOPE_DATA": str(data), "HF_HUB_OFFLINE": "1", "ACCELERATOR": "none", "MEMORY": "16Gi"}
    built = build(replace(Settings.from_environment(environ), preset="cpu-basic", log_level="WARNING"))
    yield built.launch(block=False)
    built.demo.close()


def test_the_app_passes_and_computes_its_answer_anew_each_time(app: str) -> None:
    for _ in range(2):
        findings = smoke(app, Expected(__version__))
        assert worst(findings) is Status.OK, findings
        assert RIGHT in of(findings, ANSWER).detail
