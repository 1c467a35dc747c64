"""Why pip would install nothing, from what it wrote."""

from __future__ import annotations

import pytest

from microscope.space.child import Ended
from microscope.space.packages.pip_failure import Reason, failure_of

REFUSED = (
    "WARNING: Retrying (Retry(total={}, connect=None)) after connection broken by 'NewConnectionError': /simple/a/\n"
)
NO_MATCH = "ERROR: No matching distribution found for a>=2 (from b)\n"


@pytest.mark.parametrize(
    ("log", "reason", "told"),
    [
        (REFUSED.format(0) + NO_MATCH, Reason.NETWORK, "cannot be reached"),
        (REFUSED.format(1) + NO_MATCH, Reason.NO_MATCH, "nothing to install for a>=2"),
        (
            "Could not fetch URL https://x/simple/a/: a problem confirming the ssl certificate: no\n" + NO_MATCH,
            Reason.NETWORK,
            "cannot be reached",
        ),
        (
            "ERROR: Ignored the following versions that require a different python version: 2.0\n"
            "ERROR: Could not find a version that satisfies the requirement a>=2 (from b) (from versions: none)\n"
            + NO_MATCH,
            Reason.NO_MATCH,
            "No version of a>=2 is for this Python",
        ),
        ("ERROR: ResolutionImpossible: for help visit\n", Reason.CONFLICT, "contradict each other"),
        (
            "ERROR: Invalid requirement: '>=1': no name (from line 3 of requirements.txt)\n",
            Reason.UNREADABLE,
            "line 3 of requirements.txt",
        ),
        ("ERROR: [Errno 28] No space left on device\n", Reason.OTHER, "No space left on device"),
        ("Traceback (most recent call last):\nImportError: no name 'markers'\n", Reason.OTHER, "no name 'markers'"),
        ("", Reason.OTHER, "it wrote nothing"),
    ],
)
def test_the_reason_is_found(log: str, reason: Reason, told: str) -> None:
    failure = failure_of(Ended(1, log), 60)
    assert failure.reason is reason
    assert told in failure.told
    assert failure.advice.endswith(".")


FETCHED = "2026-11-29T08:00:00,000   Could not fetch URL https://x/simple/{}: {} - skipping"
UNAVAILABLE = FETCHED.format("b/", "Max retries (Caused by ResponseError('too many 503 error responses'))")
NOT_FOUND = FETCHED.format("a/", "404 Client Error: Not Found for url: https://x/simple/a/")
FORBIDDEN = FETCHED.format("a/", "403 Client Error: Forbidden for url: https://y/simple/a/")
SLOWER = FETCHED.format("a/", "429 Client Error: Too Many Requests for url: https://x/simple/a/")
BROKEN = FETCHED.format("a/", "504 Server Error: Gateway Timeout for url: https://x/simple/a/")
CONFLICT = "ERROR: ResolutionImpossible: for help visit\n"
KNOWN = "ERROR: Could not find a version that satisfies the requirement a>=2 (from versions: 1)\n"


@pytest.mark.parametrize(
    ("log", "detail", "reason"),
    [
        (NO_MATCH, [UNAVAILABLE], Reason.NETWORK),
        (NO_MATCH, [SLOWER], Reason.NETWORK),
        (NO_MATCH, [BROKEN], Reason.NETWORK),
        (NO_MATCH, [FORBIDDEN], Reason.NETWORK),
        (CONFLICT, [BROKEN], Reason.NETWORK),
        ("ERROR: HTTP error 503 while getting https://x/a.whl\n", [], Reason.NETWORK),
        (NO_MATCH, [NOT_FOUND], Reason.NO_MATCH),
        # An index that has some packages alone may refuse all others.
        (NO_MATCH, [NOT_FOUND, FORBIDDEN], Reason.NO_MATCH),
        (NO_MATCH, [FORBIDDEN.replace("simple/a/", "simple/b/")], Reason.NO_MATCH),
        (KNOWN + NO_MATCH, [FORBIDDEN], Reason.NO_MATCH),
        (CONFLICT, [FORBIDDEN], Reason.CONFLICT),
    ],
)
def test_an_index_that_refuses_is_no_fault_of_a_line(log: str, detail: list[str], reason: Reason) -> None:
    assert failure_of(Ended(1, log), 60, detail).reason is reason


def test_a_conflict_lists_each_side_once_and_not_all_of_many() -> None:
    sides = "".join(f"    package {number}.0 depends on pydantic<{number}\n" for number in range(9))
    log = f"ERROR: Cannot install a because these have conflicting dependencies.\n{sides}{sides}"
    told = failure_of(Ended(1, log), 60).told
    assert told.count("depends on") == 6
    assert told.endswith("and 3 more")


def test_the_package_is_named_and_the_newest_of_its_versions() -> None:
    log = (
        "ERROR: Could not find a version that satisfies the requirement a>=9 (from versions: 1, 2, 3, 4, 5, 6)\n"
        "ERROR: No matching distribution found for a>=9\n"
    )
    failure = failure_of(Ended(1, log), 60)
    assert (failure.missing, failure.known) == ("a", ("1", "2", "3", "4", "5", "6"))
    assert failure.told == "No version of a satisfies a>=9; the newest are 2, 3, 4, 5, 6"


def test_a_time_out_tells_how_long_it_had() -> None:
    assert "within 90 seconds" in failure_of(Ended(None, "Collecting a"), 90).told


def test_no_token_of_an_address_is_told() -> None:
    token = "hf_" + "a" * 30
    log = f"ERROR: Could not install from https://{token}@example.org/a.whl\n{'x' * 900}\n"
    told = str(failure_of(Ended(1, log), 60))
    assert token not in told
    assert len(told) < 500
