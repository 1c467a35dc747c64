"""Downloads against a loopback Hub: what is fetched, what is not asked twice, and what each failure says."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from microscope.catalog.hub import hub_client
from microscope.engine.download import Content, Downloads, Wanted
from microscope.errors import UserError
from tests.hub.loopback_hub import LoopbackHub

PATIENCE = 30.0
RUN = Wanted("lab/run")
NEEDED = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
}


@pytest.fixture
def hub(tmp_path: Path, checkpoint: Callable[..., Path]) -> Iterator[LoopbackHub]:
    """Serve one run: a checkpoint with what its trainer left beside it, and earlier ones in folders."""
    run = shutil.copytree(checkpoint("idefics3"), tmp_path / "hub" / "lab" / "run")
    for name in (
        "optimizer.pt",
        "pytorch_model.bin",
        "consolidated.safetensors",
        "optimizer.safetensors",
        "README.md",
    ):
        (run / name).write_bytes(b"---\n---\n")
    (run / "onnx").mkdir()
    (run / "onnx" / "model.safetensors").write_bytes(b"---")
    shutil.copytree(checkpoint("idefics3"), run / "checkpoint-500")
    with LoopbackHub(tmp_path / "hub") as served:
        yield served


@pytest.fixture
def downloads(hub: LoopbackHub, tmp_path: Path) -> Downloads:
    return Downloads(hub_client(hub.url), tmp_path / "cache")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library try again at once; it waits up to half a minute otherwise."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)


def with_token(hub: LoopbackHub, downloads: Downloads, token: str) -> Downloads:
    return Downloads(HfApi(endpoint=hub.url, token=token), downloads.cache)


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_loading_reads_is_downloaded_and_nothing_else(hub: LoopbackHub, downloads: Downloads) -> None:
    folder = downloads.download(RUN)
    assert names_in(folder) == NEEDED
    assert folder.name == hub.commit("lab/run")


def test_a_folder_of_the_repository_is_downloaded_alone(downloads: Downloads) -> None:
    folder = downloads.download(Wanted("lab/run", subfolder="checkpoint-500"))
    assert names_in(folder) == {f"checkpoint-500/{name}" for name in NEEDED}


def test_a_processor_is_downloaded_without_weights(downloads: Downloads) -> None:
    folder = downloads.download(Wanted("lab/run", content=Content.PROCESSOR))
    assert names_in(folder) == NEEDED - {"model.safetensors"}
    assert downloads.find(Wanted("lab/run", content=Content.PROCESSOR)) == folder
    assert downloads.find(RUN) is None


def test_what_is_complete_is_found_without_a_request(hub: LoopbackHub, downloads: Downloads) -> None:
    assert downloads.find(RUN) is None
    assert hub.requests == []
    folder = downloads.download(RUN)
    asked = len(hub.requests)
    assert downloads.find(RUN) == folder
    assert downloads.find(Wanted("lab/run", revision=folder.name)) == folder
    assert len(hub.requests) == asked


def test_progress_counts_the_bytes_up_to_all_of_them(downloads: Downloads) -> None:
    seen: list[tuple[int, int]] = []
    folder = downloads.download(RUN, lambda done, total: seen.append((done, total)))
    size = sum((folder / name).stat().st_size for name in NEEDED)
    assert {total for _, total in seen} == {size}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (size, size)


@pytest.mark.usefixtures("impatient")
def test_a_download_that_broke_off_goes_on_later(hub: LoopbackHub, downloads: Downloads) -> None:
    hub.cut(after=1000, times=10**6)
    with pytest.raises(UserError, match="try again"):
        downloads.download(RUN)
    assert downloads.find(RUN) is None
    hub.recover()
    assert names_in(downloads.download(RUN)) == NEEDED


def test_a_branch_is_resolved_to_its_commit(hub: LoopbackHub, downloads: Downloads, tmp_path: Path) -> None:
    other = shutil.copytree(tmp_path / "hub" / "lab" / "run", tmp_path / "hub" / "lab" / "run@dev")
    (other / "config.json").write_text("{}")
    folder = downloads.download(Wanted("lab/run", revision="dev"))
    assert folder.name == hub.commit("lab/run", "dev") != hub.commit("lab/run")
    assert downloads.find(Wanted("lab/run", revision="dev")) == folder
    assert downloads.find(RUN) is None


def test_a_gated_repository_says_what_to_accept(hub: LoopbackHub, downloads: Downloads) -> None:
    hub.gated.add("lab/run")
    hub.granted.add("good")
    for refused in (downloads, with_token(hub, downloads, "other")):
        with pytest.raises(UserError, match=r"lab/run is gated: accept its licence .* HF_TOKEN"):
            refused.download(RUN)
    assert names_in(with_token(hub, downloads, "good").download(RUN)) == NEEDED


@pytest.mark.parametrize("status", [401, 403])
def test_files_that_are_refused_after_the_information_say_so(
    status: int, hub: LoopbackHub, downloads: Downloads
) -> None:
    hub.fail(status, on="/resolve/")
    with pytest.raises(UserError, match=r"The Hub (refuses|does not accept|shows us no model)"):
        downloads.download(RUN)


def test_a_private_or_missing_repository_is_named(hub: LoopbackHub, downloads: Downloads) -> None:
    hub.private.add("lab/run")
    for wanted in (RUN, Wanted("lab/nothing")):
        with pytest.raises(UserError, match=f"no model {wanted.repo}: check its spelling"):
            downloads.download(wanted)


def test_a_missing_revision_is_named(downloads: Downloads) -> None:
    with pytest.raises(UserError, match="lab/run has no revision 'v9'"):
        downloads.download(Wanted("lab/run", revision="v9"))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("where", ["/api/", "/resolve/"])
@pytest.mark.parametrize(("status", "reason"), [(429, "slow down"), (500, "trouble of its own"), (503, "trouble")])
def test_a_hub_in_trouble_asks_for_patience(
    status: int, reason: str, where: str, hub: LoopbackHub, downloads: Downloads
) -> None:
    hub.fail(status, on=where)
    with pytest.raises(UserError, match=f"{reason}.*try again in a few minutes"):
        downloads.download(RUN)


@pytest.mark.usefixtures("impatient")
def test_a_hub_that_cannot_be_reached_says_so(downloads: Downloads, tmp_path: Path) -> None:
    gone = Downloads(hub_client("http://127.0.0.1:9"), tmp_path / "cache")
    with pytest.raises(UserError, match="The Hub cannot be reached and lab/run is not on this machine"):
        gone.download(RUN)
    folder = downloads.download(RUN)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="The Hub cannot be reached"):
        gone.download(RUN)


def test_without_a_network_nothing_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lab/run is not on this machine and HF_HUB_OFFLINE"):
        Downloads(None, tmp_path).download(RUN)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 300 MB; skip where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "none", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a disk is not allowed here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path, leave: int = 0) -> Path:
    """Fill a disk but for some bytes, and return the file that does."""
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(place).free - leave)
    return ballast


def test_weights_that_no_memory_has_room_for_are_refused_before_the_first_byte(
    hub: LoopbackHub, downloads: Downloads, tmp_path: Path
) -> None:
    small = replace(downloads, largest=100_000)
    with pytest.raises(UserError, match=r"lab/run needs 0\.00 GB of memory .* Nothing was downloaded\."):
        small.download(RUN)
    assert hub.count("GET", "/resolve/") == 0
    # In half of the bytes they fit.
    size = (tmp_path / "hub" / "lab" / "run" / "model.safetensors").stat().st_size
    with pytest.raises(UserError, match="needs"):
        replace(downloads, largest=size * 3 // 4).download(RUN)
    assert replace(downloads, largest=size * 3 // 4, dtype="bfloat16").download(RUN).is_dir()


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(
    hub: LoopbackHub, downloads: Downloads, small_disk: Path
) -> None:
    fill(small_disk, leave=100 * 1024**2)
    tight = Downloads(downloads.api, small_disk / "cache")
    with pytest.raises(UserError, match=r"disk is full: lab/run needs 0\.00 GB and 0\.10 GB are free"):
        tight.download(RUN)
    assert hub.count(on="/resolve/") == 0


@pytest.mark.filterwarnings("ignore:Not enough free disk space:UserWarning")
def test_a_disk_that_fills_up_on_the_way_is_told_and_the_download_goes_on_later(
    hub: LoopbackHub, downloads: Downloads, small_disk: Path
) -> None:
    tight = Downloads(downloads.api, small_disk / "cache")
    hub.pause(after=10)
    failures: list[str] = []

    def download() -> None:
        try:
            tight.download(RUN)
        except UserError as error:
            failures.append(str(error))

    thread = threading.Thread(target=download)
    thread.start()
    assert hub.held.wait(PATIENCE)
    ballast = fill(small_disk)
    hub.recover()
    thread.join(PATIENCE)
    assert failures == ["The disk is full: lab/run was downloaded only in part; free some space and try again."]
    assert tight.find(RUN) is None
    ballast.unlink()
    assert names_in(tight.download(RUN)) == NEEDED


# Python 3.12 and later warn of forks beside threads.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_limit_on_the_size_of_files_is_a_full_disk(downloads: Downloads) -> None:
    reader, writer = os.pipe()
    # The limit would hold for the rest of this process.
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            downloads.download(RUN)
        except UserError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert said.startswith("The disk is full: lab/run was downloaded only in part")
