"""Why a Space does not run: the one line of its log that is the cause, and what to do about it."""

from __future__ import annotations

import pytest

from microscope.space.causes import TAIL_LINES, cause_of, clean, last_raised, tail

TRACEBACK = (
    "* Running on local URL:  http://0.0.0.0:7860",
    "Traceback (most recent call last):",
    '  File "/app/app.py", line 9, in <module>',
    "    import somewhere",
    "ModuleNotFoundError: No module named 'somewhere'",
)
CONFLICT = (
    "INFO: pip is looking at multiple versions of gradio[mcp,oauth] to determine which version is compatible",
    "ERROR: Cannot install a and b because these package versions have conflicting dependencies.",
    "The conflict is caused by:",
    "    The user requested pydantic>=2.13",
    "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/",
)


@pytest.mark.parametrize(
    ("lines", "stage", "said", "advice"),
    [
        (CONFLICT, "BUILD_ERROR", "conflicting dependencies", "microscope space check"),
        (("ERROR: ResolutionImpossible: for help",), "BUILD_ERROR", "ResolutionImpossible", "contradicts itself"),
        (
            (
                "ERROR: Could not find a version that satisfies the requirement torhc (from versions: none)",
                "ERROR: No matching distribution found for torhc",
            ),
            "BUILD_ERROR",
            "No matching distribution found for torhc",
            "that line of requirements.txt",
        ),
        (("error: subprocess-exited-with-error", "note: a child"), "BUILD_ERROR", "subprocess", "packages.txt"),
        (("E: Unable to locate package libgl2",), "BUILD_ERROR", "libgl2", "correct packages.txt"),
        (("Collecting a", "ERROR: Invalid requirement: 'a=='"), "BUILD_ERROR", "Invalid", "requirements.txt"),
        (("a ReadTimeoutError: Read timed out.",), "BUILD_ERROR", "Read timed out", "again in a minute"),
        (
            ("RuntimeError: No @spaces.GPU function detected during startup",),
            "RUNTIME_ERROR",
            "No @spaces.GPU function detected",
            "app.py and src/ unchanged",
        ),
        (("torch.OutOfMemoryError: CUDA out of memory.",), "RUNTIME_ERROR", "CUDA out of memory", "smaller"),
        (TRACEBACK, "RUNTIME_ERROR", "ModuleNotFoundError: No module named 'somewhere'", "to requirements.txt"),
        (
            ("GatedRepoError: 403 Client Error. Access to model a/b is restricted",),
            "RUNTIME_ERROR",
            "a/b is restricted",
            "--secret HF_TOKEN",
        ),
        (("OSError: [Errno 28] No space left on device",), "RUNTIME_ERROR", "No space left", "larger disk"),
    ],
)
def test_the_line_that_is_the_cause_is_told(lines: tuple[str, ...], stage: str, said: str, advice: str) -> None:
    cause = cause_of(["Starting", *lines, "--> done"], stage)
    assert said in cause.said
    assert advice in cause.advice
    assert str(cause).endswith(".")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("Launch timed out, Space was not healthy after 30 min.", "startup_duration_timeout"),
        ("Memory limit exceeded (16Gi)", "larger hardware"),
        ("Scheduling failure: not enough hardware capacity", "again later"),
        ("Workload evicted, storage limit exceeded (50G)", "larger disk"),
    ],
)
def test_what_the_hub_says_is_a_cause_without_any_log(error: str, advice: str) -> None:
    cause = cause_of([], "RUNTIME_ERROR", error)
    assert cause.said == error
    assert advice in cause.advice


def test_of_two_tracebacks_the_last_one_counts() -> None:
    later = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: the second"]
    assert cause_of([*TRACEBACK, *later], "RUNTIME_ERROR").said == "ValueError: the second"
    assert last_raised(["Traceback (most recent call last):", "  File"]) == ""


def test_an_app_that_logged_an_error_and_went_on_is_not_taken_for_pip() -> None:
    lines = ["ERROR:    Exception in ASGI application", *TRACEBACK[1:3], "KeyError: 'a'"]
    assert cause_of(lines, "RUNTIME_ERROR").said == "KeyError: 'a'"


@pytest.mark.parametrize("stage", ["CONFIG_ERROR", "NO_APP_FILE", "BUILD_ERROR", "RUNTIME_ERROR", "DELETING"])
def test_where_nothing_is_known_it_is_said_where_to_look(stage: str) -> None:
    cause = cause_of(["Cloning"], stage)
    assert cause.said == ""
    assert str(cause) == cause.advice
    assert cause_of(["Cloning"], stage, "Exit code: 1. Reason:").said == "Exit code: 1. Reason:"


def test_a_cause_is_short_and_a_line_without_colours_and_tokens() -> None:
    assert len(cause_of([f"ERROR: {'x' * 900}"], "BUILD_ERROR").said) == 300
    token = "hf_" + "a" * 34
    assert clean(f"\x1b[31mlogin {token} failed\x1b[0m\r\n") == "login [a token] failed"
    assert token not in str(cause_of([f"ERROR: bad header {token}"], "BUILD_ERROR"))


@pytest.mark.parametrize("login", ["ada:lovelace7", "lovelace7", "ada:love@lace7"])
def test_no_password_of_an_address_is_told(login: str) -> None:
    assert clean(f"no a.whl at https://{login}@example.org/a.whl") == "no a.whl at https://[a login]@example.org/a.whl"
    assert (
        clean("see https://example.org/@ada, or ada@example.org") == "see https://example.org/@ada, or ada@example.org"
    )


def test_the_tail_has_the_last_lines_that_say_anything() -> None:
    lines = [f"line {number}\n" if number % 2 else "\n" for number in range(400)]
    assert tail(lines) == tuple(f"line {number}" for number in range(401 - 2 * TAIL_LINES, 400, 2))
