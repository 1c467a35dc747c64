"""What a person would check on a Space that was just deployed, done by a program; changes nothing, knows no Hub.

Health first, waiting for a Space that has only begun to run: the version and the files that answer must be those that
were deployed. Then the page. Then a question through the public endpoint, whose answer is known.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import httpx

from microscope.space.asking import KNOWN, LOOK, AskError, BusyError, Question, Reply, UnheardError, ask
from microscope.space.findings import Finding, Status

HEALTH, PAGE, ANSWER = "Health", "Page", "Answer"
PATH = "/health"
SEEDS = 2**31
SHORT = 12
HIDDEN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
# How often a question is asked that is lost on the way.
TRIES = 3
# Parts of the sentences in which the app says that ZeroGPU lent no GPU: they are about the visitor's quota, or about
# how many people want one, and nothing about what was deployed.
NO_GPU_LENT = (
    "GPU quota",
    "number of GPU calls",
    "No GPU became free",
    "The platform gave no GPU",
    "ZeroGPU quota",
    "Too many of your answers",
    "The platform refused the GPU",
)

PRIVATE = (
    "If the Space is private, set HF_TOKEN to a token that may read it; if not, what runs there has no health route: "
    "deploy this version."
)
OLD = "The files were committed and something else still answers: look at the Space's build log, or restart it."
MARK = re.compile(r"microscope-version\W+content\W+([\w.+-]*\w)")


@dataclass(frozen=True)
class Expected:
    """What must answer: the version, and the digest of the files, None where any will do."""

    version: str
    digest: str | None = None


@dataclass(frozen=True)
class Limits:
    """How long to wait, in seconds: for the app to begin, for its page, for one request, for the answer; and a clock.

    `between` lies between two looks at what is not ready yet.
    """

    begin: float = 300.0
    page: float = 30.0
    request: float = 15.0
    answer: float = 300.0
    between: float = 3.0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class _Visit:
    """One smoke test: where, with what token, and how patiently."""

    address: str
    token: str | None
    limits: Limits
    tell: Callable[[str], None]

    def get(self, path: str) -> httpx.Response | str:
        """Return what the app answers, or what kept it from answering."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            return httpx.get(f"{self.address}{path}", headers=headers, timeout=self.limits.request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__} at {self.address}{path}"


@dataclass(frozen=True)
class _Seen:
    """What one look found, and the checkpoints that the app offers."""

    finding: Finding
    offered: tuple[str, ...] = ()


def smoke(
    address: str,
    expected: Expected,
    *,
    token: str | None = None,
    limits: Limits | None = None,
    tell: Callable[[str], None] | None = None,
    question: Question = KNOWN,
) -> tuple[Finding, ...]:
    """Check the app at an address, such as `https://owner-name.hf.space`, and return a finding for each part.

    The token goes to that address alone. Nothing that the app does raises anything: it is a finding. `tell` is told
    what is waited for.
    """
    visit = _Visit(address.rstrip("/"), token, limits or Limits(), tell or (lambda _: None))
    seen = _outlast(visit, lambda: _look(visit, expected), visit.limits.begin)
    health = seen.finding
    if health.status is Status.FAILED:
        unasked = "Not looked at, for the health route does not answer as expected."
        return (health, Finding(PAGE, Status.SKIPPED, unasked), Finding(ANSWER, Status.SKIPPED, unasked))
    page = _outlast(visit, lambda: _Seen(_page(visit, expected)), visit.limits.page).finding
    visit.tell(f"Asking {visit.address} a question.")
    return (health, page, _answer(visit, question, seen.offered))


def _outlast(visit: _Visit, look: Callable[[], _Seen], seconds: float) -> _Seen:
    """Look again and again until nothing is wrong or the time is over, and return what was seen last."""
    limits = visit.limits
    deadline = limits.clock() + seconds
    said = ""
    while True:
        seen = look()
        if seen.finding.status is not Status.FAILED or limits.clock() >= deadline:
            return seen
        if seen.finding.detail != said:
            said = seen.finding.detail
            visit.tell(f"Waiting for {visit.address}: {said}")
        limits.pause(limits.between)


def _look(visit: _Visit, expected: Expected) -> _Seen:
    """Return what the health route says now."""
    response = visit.get(PATH)
    if isinstance(response, str):
        return _trouble(f"Nothing answers ({response}).", LOOK)
    told = _json(response)
    if told is None:
        hidden = response.is_redirect or response.status_code in HIDDEN
        return _trouble(
            f"It answers HTTP {response.status_code} without a health report.", PRIVATE if hidden else LOOK
        )
    if response.status_code != HTTPStatus.OK:
        reason = str(told.get("reason", "it gives no reason")).rstrip(".")
        return _trouble(f"The app is {told.get('status')}: {reason}.", LOOK)
    version, digest = str(told.get("version")), told.get("digest")
    if version != expected.version:
        return _trouble(f"Version {version} answers, {expected.version} is expected.", OLD)
    if expected.digest is not None and digest != expected.digest:
        answers = str(digest)[:SHORT] if digest else "none"
        return _trouble(f"Version {version} answers with files {answers}, not {expected.digest[:SHORT]}.", OLD)
    offered = tuple(str(key) for key in told.get("checkpoints") or ())
    on = f"{told.get('tier')}, and offers {len(offered)} checkpoints"
    files = f", files {str(digest)[:SHORT]}" if digest else ""
    return _Seen(Finding(HEALTH, Status.OK, f"Version {version}{files} answers, on {on}."), offered)


def _trouble(detail: str, advice: str) -> _Seen:
    return _Seen(Finding(HEALTH, Status.FAILED, detail, advice))


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        told = response.json()
    except ValueError:
        return None
    return told if isinstance(told, dict) and "status" in told else None


def _page(visit: _Visit, expected: Expected) -> Finding:
    response = visit.get("/")
    if isinstance(response, str):
        return Finding(PAGE, Status.FAILED, f"The page is not served ({response}).", LOOK)
    if response.status_code != HTTPStatus.OK:
        return Finding(PAGE, Status.FAILED, f"The page answers HTTP {response.status_code}.", LOOK)
    shown = MARK.search(response.text)
    if shown is None or shown.group(1) != expected.version:
        told = f"version {shown.group(1)}" if shown else "no version"
        return Finding(PAGE, Status.FAILED, f"The page shows {told}, {expected.version} is expected.", OLD)
    return Finding(PAGE, Status.OK, f"It is served, and shows version {expected.version}.")


def _answer(visit: _Visit, question: Question, offered: tuple[str, ...]) -> Finding:
    """Ask the question of the checkpoint whose answer is known, or else anything of the first that is offered."""
    known = question.checkpoint in offered
    asked = question if known else replace(question, checkpoint=next(iter(offered), question.checkpoint))
    try:
        reply = _ask(visit, asked)
    except AskError as error:
        return Finding(ANSWER, Status.FAILED, f"{asked.checkpoint} was asked, and {error.detail}.", error.advice)
    return judge(reply, asked, known=known)


def _ask(visit: _Visit, asked: Question) -> Reply:
    """Ask, and ask again while the queue is full or what was said is lost, until the time for an answer is over."""
    limits = visit.limits
    deadline = limits.clock() + limits.answer
    lost = 0
    while True:
        try:
            left = max(1.0, deadline - limits.clock())
            return ask(visit.address, asked, secrets.randbelow(SEEDS), visit.token, left)
        except (BusyError, UnheardError) as error:
            lost += isinstance(error, UnheardError)
            if lost == TRIES or limits.clock() >= deadline:
                raise
            visit.tell(f"{visit.address}: {error.detail}; asking again.")
            limits.pause(limits.between)


def judge(reply: Reply, asked: Question, *, known: bool) -> Finding:
    """Return what a reply is worth; without a known answer, any that is not empty will do."""
    if reply.state != "done":
        if any(part in reply.message for part in NO_GPU_LENT):
            return Finding(
                ANSWER,
                Status.WARNING,
                f"Not answered for want of a GPU: {reply.message}",
                "Nothing is known to be wrong: ask again later, or with a token whose account has quota left.",
            )
        return Finding(
            ANSWER, Status.FAILED, f"{asked.checkpoint} failed: {reply.message or 'It gave no reason.'}", LOOK
        )
    trouble = next(_troubles(reply, asked, known=known), None)
    if trouble is not None:
        return trouble
    unjudged = "" if known else " The embedded checkpoint is not offered, so only that it answers was checked."
    how = f"{reply.tokens} tokens in {reply.seconds:.1f} s, {reply.dtype} on {reply.device}"
    return Finding(ANSWER, Status.OK, f"{asked.checkpoint} answered “{reply.text}”, {how}.{unjudged}")


def _troubles(reply: Reply, asked: Question, *, known: bool) -> Iterator[Finding]:
    if not reply.text.strip():
        yield Finding(ANSWER, Status.FAILED, f"{asked.checkpoint} answered with nothing.", LOOK)
    if reply.computed != "now":
        yield Finding(
            ANSWER,
            Status.FAILED,
            f"The answer was not computed, it came from elsewhere ({reply.computed or 'unknown'}).",
            "The model did not run although it was asked for something new: look at the Space's run log.",
        )
    if known and reply.text.strip() != asked.answer:
        yield Finding(
            ANSWER,
            Status.FAILED,
            f"{asked.checkpoint} answered “{reply.text}”, right is “{asked.answer}”.",
            "The weights, or what reads them, are not those of this version: roll back.",
        )
