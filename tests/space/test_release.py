"""Versions of the template, from a checkout and from a Space that was deployed to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.release import checkout_release, older, space_release
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.versions import TEMPLATE, contents, space_of, version


@pytest.fixture
def hub() -> Iterator[LoopbackSpaces]:
    """Serve a Hub."""
    with LoopbackSpaces() as hub:
        yield hub


def test_a_checkout_and_the_space_it_was_deployed_to_are_the_same_version(hub: LoopbackSpaces, tmp_path: Path) -> None:
    payload = version(tmp_path, "1.0.0")
    hub.create(TEMPLATE, contents(payload))
    local, remote = checkout_release(payload), space_release(space_of(hub, TEMPLATE))
    assert (local.version, local.digest, local.manifest, local.files) == (
        remote.version,
        remote.digest,
        remote.manifest,
        remote.files,
    )
    assert [local.digests(path) for path in local.files] == [remote.digests(path) for path in local.files]
    assert [local.read(path) for path in local.files] == [remote.read(path) for path in local.files]
    files = space_of(hub, TEMPLATE).files()
    assert all(local.has(path, files[path]) and remote.has(path, files[path]) for path in local.files)
    assert not local.has("app.py", files["README.md"])


def test_a_file_that_was_changed_by_hand_is_not_passed_on(hub: LoopbackSpaces, tmp_path: Path) -> None:
    hub.create(TEMPLATE, contents(version(tmp_path, "1.0.0")))
    deployed = hub.head(TEMPLATE)
    hub.commit(TEMPLATE, {"app.py": b"print('by hand')\n"})
    with pytest.raises(UserError, match=f"app.py of {TEMPLATE} was changed"):
        space_release(space_of(hub, TEMPLATE)).content("app.py")
    assert space_release(space_of(hub, TEMPLATE), deployed).content("app.py") == b"print('app')\n"


def test_a_space_that_was_never_deployed_to_is_no_version(hub: LoopbackSpaces) -> None:
    hub.create(TEMPLATE, {"app.py": b"", "README.md": b""})
    with pytest.raises(UserError, match="does not say which version it is"):
        space_release(space_of(hub, TEMPLATE))
    hub.commit(TEMPLATE, {"assets/manifest.json": b'{"version": "1", "files": {}}'})
    with pytest.raises(UserError, match=r"lists no app\.py"):
        space_release(space_of(hub, TEMPLATE))


def test_what_a_file_once_was_is_found_in_the_history(hub: LoopbackSpaces) -> None:
    hub.create(TEMPLATE, {"packages.txt": b"first\n"})
    hub.commit(TEMPLATE, {"packages.txt": b"second\n"})
    hub.commit(TEMPLATE, {}, deleted=("packages.txt",))
    space = space_of(hub, TEMPLATE)
    assert older(space, "packages.txt", hashlib.sha256(b"first\n").hexdigest()) == b"first\n"
    assert older(space, "packages.txt", hashlib.sha256(b"third\n").hexdigest()) is None
