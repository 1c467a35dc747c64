"""Every refusal of the Hub, told with its own advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from huggingface_hub.errors import (
    EntryNotFoundError,
    HTTPError,
    OfflineModeIsEnabled,
    OIDCError,
)

from microscope.errors import UserError
from microscope.space.errors import Asked, ConflictError, RefusedError, UnreachableError, explain
from microscope.space.hub import Changes, Patience, SpaceHub, without_token
from tests.hub.spaces.accounts import Account
from tests.hub.spaces.loopback_spaces import LoopbackSpaces

SPACE = "owner/app"
PATIENCE = Patience(tries=2, sleep=lambda _: None, silence_seconds=0.1)
CHANGES = Changes({"app.py": b"new"})


@pytest.fixture
def spaces() -> Iterator[LoopbackSpaces]:
    with LoopbackSpaces() as spaces:
        spaces.create(SPACE, {"app.py": b"old"})
        yield spaces


def hub(spaces: LoopbackSpaces, token: str | None = None, space: str = SPACE) -> SpaceHub:
    """Return a Space as somebody with a token sees it; the owner's where none is given."""
    return SpaceHub(space, endpoint=spaces.url, token=token or spaces.token, patience=PATIENCE)


def told(kind: type[UserError], call: Callable[[], object]) -> str:
    """Return the sentence of the error that a call raises, which is of this kind and no other."""
    with pytest.raises(UserError) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value)


def test_without_a_token_one_has_to_be_set(spaces: LoopbackSpaces) -> None:
    stranger = without_token(SPACE, endpoint=spaces.url, patience=PATIENCE)
    assert stranger.head() == spaces.head(SPACE)
    for call in (
        lambda: stranger.commit(CHANGES, "m", spaces.head(SPACE)),
        lambda: stranger.set_secret("A", "b"),
        lambda: stranger.log("build"),
        lambda: without_token("owner/new", endpoint=spaces.url, patience=PATIENCE).create(hardware="cpu-basic"),
    ):
        assert "set HF_TOKEN to one that may write to" in told(RefusedError, call)
    missing = without_token("owner/none", endpoint=spaces.url, patience=PATIENCE)
    assert "microscope space create owner/none" in told(RefusedError, missing.head)


def test_a_token_that_nobody_has_is_not_accepted(spaces: LoopbackSpaces) -> None:
    assert "does not accept the token" in told(RefusedError, hub(spaces, "hf_gone").head)


def test_a_reading_token_may_not_write(spaces: LoopbackSpaces) -> None:
    reader = hub(spaces, spaces.reader)
    files = told(RefusedError, lambda: reader.commit(CHANGES, "m", reader.head()))
    assert "may not write to owner/app" in files
    assert "role write" in files
    assert "may not manage owner/app" in told(RefusedError, lambda: reader.set_sleep(60))


def test_another_namespace_is_not_ours(spaces: LoopbackSpaces) -> None:
    sentence = told(RefusedError, lambda: hub(spaces, space="other/app").create(hardware="cpu-basic"))
    assert "HF_TOKEN to one of other" in sentence


def test_a_free_account_is_told_what_it_may_have(spaces: LoopbackSpaces) -> None:
    def create(name: str, hardware: str) -> bool:
        return hub(spaces, spaces.free_token, f"free/{name}").create(hardware=hardware)

    assert "ask for ZeroGPU (--hardware zero-a10g" in told(RefusedError, lambda: create("a", "cpu-basic"))
    assert "settings/billing" in told(RefusedError, lambda: create("a", "t4-small"))
    assert create("a", "zero-a10g")
    assert create("b", "zero-a10g")
    assert "delete a Space on ZeroGPU" in told(RefusedError, lambda: create("c", "zero-a10g"))


def test_what_is_not_there_is_to_be_created(spaces: LoopbackSpaces) -> None:
    missing = hub(spaces, space="owner/none")
    for call in (missing.head, missing.runtime, missing.files, missing.history, lambda: missing.set_secret("A", "b")):
        assert "microscope space create owner/none" in told(UserError, call)
    assert "no such revision" in told(UserError, lambda: hub(spaces).files("f" * 40))


def test_a_keyless_token_is_told_what_it_may_not(spaces: LoopbackSpaces) -> None:
    spaces.create("owner/other")
    keyless = "hf_jwt_1"
    spaces.admit(keyless, Account("[OIDC]", "files", only=SPACE))
    for call in (lambda: hub(spaces, keyless).set_variable("A", "1"), lambda: hub(spaces, keyless).restart()):
        sentence = told(RefusedError, call)
        assert "hardware, secrets and variables need HF_TOKEN: run microscope space configure owner/app" in sentence
        assert keyless not in sentence
    create = told(RefusedError, lambda: hub(spaces, keyless, "owner/new").create(hardware="cpu-basic"))
    assert "microscope space create owner/new" in create
    other = hub(spaces, keyless, "owner/other")
    assert "set HF_OIDC_RESOURCE to spaces/owner/other" in told(
        RefusedError, lambda: other.commit(CHANGES, "m", other.head())
    )
    spaces.fail(401, on=SPACE)
    assert "run the job again" in told(RefusedError, hub(spaces, keyless).head)


def set_keyless(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Be a workflow's job."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_an_exchange_that_is_refused_says_what_the_setting_must_say(
    spaces: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.trust(SPACE, branch="main")
    set_keyless(monkeypatch, spaces.keyless(SPACE, branch="dev"))
    sentence = told(RefusedError, SpaceHub(SPACE, patience=PATIENCE).head)
    for part in ("Trusted Publishers", "GitHub Actions", "repository", "branch", "workflow", f"spaces/{SPACE}"):
        assert part in sentence


def test_a_job_without_the_permission_gets_no_identity(
    spaces: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keyless(monkeypatch, spaces.keyless(SPACE))
    spaces.fail(401, on="/id-token/")
    assert "id-token: write" in told(RefusedError, SpaceHub(SPACE, patience=PATIENCE).head)
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    assert "id-token: write" in told(RefusedError, SpaceHub(SPACE, patience=PATIENCE).head)
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert "id-token: write" in told(RefusedError, SpaceHub(SPACE, patience=PATIENCE).head)


@pytest.mark.parametrize(
    ("status", "kind", "part"),
    [
        (400, UserError, "The Hub refuses (it says so): mend what it says"),
        (409, ConflictError, "Somebody has committed"),
        (412, ConflictError, "Somebody has committed"),
        (413, UserError, "too large"),
        (429, UnreachableError, "slow down"),
        (500, UnreachableError, "HTTP 500"),
        (503, UnreachableError, "HTTP 503"),
    ],
)
def test_what_a_commit_may_get(spaces: LoopbackSpaces, status: int, kind: type[UserError], part: str) -> None:
    spaces.fail(status, on="/commit/", times=99, message="it says so")
    ours = hub(spaces)
    assert part in told(kind, lambda: ours.commit(CHANGES, "m", ours.head()))
    assert len(spaces.history(SPACE)) == 2


def test_a_full_repository_is_too_large(spaces: LoopbackSpaces) -> None:
    spaces.fail(400, on="/commit/", message="Repository storage limit reached (Max: 1 GB)")
    ours = hub(spaces)
    assert "models.yaml" in told(UserError, lambda: ours.commit(CHANGES, "m", ours.head()))


def test_a_setting_that_is_refused_is_told_in_the_words_of_the_hub(spaces: LoopbackSpaces) -> None:
    spaces.fail(400, on="/sleeptime", message="Sleep is not for free hardware.")
    assert "(Sleep is not for free hardware): ask for" in told(UserError, lambda: hub(spaces).set_sleep(60))


def test_no_secret_is_repeated(spaces: LoopbackSpaces) -> None:
    value = "-----BEGIN\ns3cret\n"
    said = "cannot keep -----BEGIN s3cret with hf_abcdefghijklmnop"
    for on, call in (
        ("/secrets", lambda: hub(spaces).set_secret("A", value)),
        ("/repos/create", lambda: hub(spaces, space="owner/new").create(hardware="t4-small", secrets={"A": value})),
    ):
        spaces.fail(400, on=on, message=said)
        with pytest.raises(UserError) as caught:
            call()
        assert str(caught.value).startswith("The Hub refuses (cannot keep [hidden] with [a token])")
        assert caught.value.__cause__ is None


def test_an_exchange_that_is_asked_to_wait_is_no_refusal(
    spaces: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.trust(SPACE)
    set_keyless(monkeypatch, spaces.keyless(SPACE))
    spaces.fail(429, on="/oauth/token")
    assert SpaceHub(SPACE, patience=PATIENCE).head() == spaces.head(SPACE)
    monkeypatch.setattr("huggingface_hub.utils._auth._OIDC_TOKEN_CACHE", None)
    for on in ("/oauth/token", "/id-token/"):
        spaces.fail(429, on=on, times=2)
        assert "slow down" in told(UnreachableError, SpaceHub(SPACE, patience=PATIENCE).head)


def test_without_the_network_the_hub_is_out_of_reach() -> None:
    with LoopbackSpaces() as spaces:
        closed = hub(spaces)
    assert "check the network" in told(UnreachableError, closed.head)


def test_failures_without_an_answer() -> None:
    asked = Asked(SPACE, "files")
    cases = {
        OIDCError("no"): (RefusedError, "id-token: write"),
        OfflineModeIsEnabled("no"): (UnreachableError, "HF_HUB_OFFLINE"),
        EntryNotFoundError("a.txt is missing"): (UserError, "a.txt is missing"),
        FileNotFoundError(2, "No such file", "a.txt"): (UserError, "went away while it was being sent"),
        HTTPError("lost"): (UnreachableError, "check the network"),
        ConnectionError("Network error: reset"): (UserError, "HF_HUB_DISABLE_XET=1"),
        RuntimeError("CAS error"): (UserError, "Large files of owner/app did not arrive (CAS error)"),
    }
    for error, (kind, part) in cases.items():
        sentence = explain(error, asked)
        assert type(sentence) is kind
        assert part in str(sentence)


def test_a_status_that_nobody_has_heard_of_is_named(spaces: LoopbackSpaces) -> None:
    spaces.fail(418, message="")
    assert "HTTP 418" in told(UserError, hub(spaces).head)
