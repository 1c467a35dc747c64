"""The store keeps what it was given, within its bound, whatever dies, fills up or writes beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.records import Answer
from microscope.storage.answers import AnswerStore
from microscope.storage.blobs import UNFINISHED_SECONDS
from microscope.storage.ledger import Ledger

MakeAnswer = Callable[..., Answer]

# A process of its own that keeps answers of 20,000 characters and says the number of each once it is kept.
WRITER = """
import hashlib, itertools, sys
from pathlib import Path
from microscope.records import Answer, Facts
from microscope.storage.answers import AnswerStore

folder, bound, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
store = AnswerStore(folder, bound)
facts = Facts("r", 1, 1, 1, 0.1, 0.2, 0, "float32", "cpu", "sdpa", None, "end")
for number in itertools.islice(itertools.count(first), count or None):
    address = hashlib.sha256(str(number).encode()).hexdigest()
    kept = store.put(address, Answer("c", str(number) + "." * 20_000, (), facts, "p"))
    found = store.get(address)
    assert found is None or found.text.startswith(str(number) + ".")
    print(number, kept, flush=True)
"""


def address(number: int) -> str:
    """Return one of endlessly many content addresses."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files in a folder that others may be changing."""
    sizes = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def start_writer(folder: Path, bound: int, first: int, count: int) -> subprocess.Popen[str]:
    """Start a process that writes `count` answers from the number `first` on; endlessly many where `count` is 0."""
    command = [sys.executable, "-c", WRITER, str(folder), str(bound), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def the_file(folder: Path) -> Path:
    """Return the only file of a folder."""
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def store(tmp_path: Path) -> AnswerStore:
    return AnswerStore(tmp_path / "answers", 1_000_000)


def test_making_a_store_and_asking_it_touches_no_disk(store: AnswerStore, tmp_path: Path) -> None:
    assert store.get(address(1)) is None
    assert list(tmp_path.iterdir()) == []


def test_an_answer_comes_back_marked_as_kept(store: AnswerStore, make_answer: MakeAnswer) -> None:
    assert store.put(address(1), make_answer())
    assert store.get(address(1)) == replace(make_answer(), address=address(1), computed="store")
    assert store.get(address(2)) is None


def test_a_later_answer_takes_the_place_of_an_earlier_one(store: AnswerStore, make_answer: MakeAnswer) -> None:
    store.put(address(1), make_answer("first"))
    store.put(address(1), make_answer("second"))
    found = store.get(address(1))
    assert found is not None
    assert found.text == "second"


def test_an_answer_outlives_its_store(tmp_path: Path, make_answer: MakeAnswer) -> None:
    AnswerStore(tmp_path, 100_000).put(address(1), make_answer())
    assert AnswerStore(tmp_path, 100_000).get(address(1)) is not None


def test_an_answer_that_a_person_stopped_is_not_kept(store: AnswerStore, make_answer: MakeAnswer) -> None:
    assert not store.put(address(1), make_answer(finish="stopped"))
    assert store.put(address(2), make_answer(finish="length"))
    assert store.get(address(1)) is None


def test_a_kept_answer_holds_the_answer_and_nothing_else(tmp_path: Path, make_answer: MakeAnswer) -> None:
    AnswerStore(tmp_path, 100_000).put(address(1), make_answer())
    checksum, body = the_file(tmp_path).read_bytes().split(b"\n")
    assert len(checksum) == 64
    record = json.loads(body)
    assert set(record) == {"version", "answer"}
    assert set(record["answer"]) == {"checkpoint", "text", "tokens", "facts", "prompt", "address", "computed"}


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n", "a" * 64 + "/x"])
def test_only_a_content_address_names_a_file(store: AnswerStore, make_answer: MakeAnswer, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a content address"):
        store.get(wrong)
    with pytest.raises(ValueError, match="not a content address"):
        store.put(wrong, make_answer())


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.99])
def test_a_torn_file_is_a_miss_and_is_removed(tmp_path: Path, make_answer: MakeAnswer, share: float) -> None:
    store = AnswerStore(tmp_path, 100_000)
    store.put(address(1), make_answer())
    path = the_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert store.get(address(1)) is None
    assert list(tmp_path.iterdir()) == []
    assert store.put(address(1), make_answer())
    assert store.get(address(1)) is not None


def test_one_changed_character_is_a_miss(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path, 100_000)
    store.put(address(1), make_answer("a red seven"))
    path = the_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"red seven", b"red eight"))
    assert store.get(address(1)) is None


@pytest.mark.parametrize(
    "body", [b"[]", b"no JSON", b'{"version": 0, "answer": {}}', b'{"version": 1, "answer": {}}', b'{"version": 1}']
)
def test_a_whole_file_of_another_form_is_a_miss(tmp_path: Path, make_answer: MakeAnswer, body: bytes) -> None:
    store = AnswerStore(tmp_path, 100_000)
    store.put(address(1), make_answer())
    the_file(tmp_path).write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    assert store.get(address(1)) is None
    assert list(tmp_path.iterdir()) == []


def test_an_answer_under_a_strange_address_is_a_miss(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path, 100_000)
    store.put(address(1), make_answer())
    path = the_file(tmp_path)
    path.rename(path.with_name(path.name.replace(address(1), address(2))))
    assert store.get(address(2)) is None


def test_the_least_recently_used_answers_go_first(tmp_path: Path, make_answer: MakeAnswer) -> None:
    size = _size_of_one(tmp_path / "scale", make_answer)
    store = AnswerStore(tmp_path / "answers", 16 * size)
    for number in range(12):
        store.put(address(number), make_answer())
    for number in (0, 5):
        assert store.get(address(number)) is not None
    for number in range(12, 20):
        store.put(address(number), make_answer())
    kept = {number for number in range(20) if (tmp_path / "answers" / f"{address(number)}.answer").exists()}
    assert {0, 5, 18, 19} <= kept
    assert not {1, 2, 3, 4} & kept
    assert bytes_in(tmp_path / "answers") <= 16 * size


def test_the_folder_never_outgrows_its_bound(tmp_path: Path, make_answer: MakeAnswer) -> None:
    bound = 100_000
    store = AnswerStore(tmp_path, bound)
    for number in range(300):
        assert store.put(address(number), make_answer("x" * (number * 97 % 9_000)))
        assert bytes_in(tmp_path) <= bound
    assert bytes_in(tmp_path) > bound / 2


def test_a_store_that_was_larger_before_shrinks_to_its_new_bound(tmp_path: Path, make_answer: MakeAnswer) -> None:
    larger = AnswerStore(tmp_path, 1_000_000)
    for number in range(50):
        larger.put(address(number), make_answer("x" * 5_000))
    AnswerStore(tmp_path, 50_000).put(address(99), make_answer())
    assert bytes_in(tmp_path) <= 50_000


def test_an_answer_larger_than_the_store_is_not_kept(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path, 10_000)
    store.put(address(1), make_answer())
    assert not store.put(address(2), make_answer("x" * 10_000))
    assert store.get(address(1)) is not None


def test_what_a_crash_left_behind_is_cleared_and_what_is_being_written_is_not(
    tmp_path: Path, make_answer: MakeAnswer
) -> None:
    old, fresh = tmp_path / "old.part", tmp_path / "fresh.part"
    for path in (old, fresh):
        path.write_bytes(b"half an ans")
    long_ago = old.stat().st_mtime - UNFINISHED_SECONDS - 10
    os.utime(old, (long_ago, long_ago))
    (tmp_path / "README").write_text("not ours")
    AnswerStore(tmp_path, 100_000).put(address(1), make_answer())
    assert {path.name for path in tmp_path.iterdir()} == {"fresh.part", "README", f"{address(1)}.answer"}


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path / "answers", 100_000)
    store.put(address(1), make_answer())
    the_file(tmp_path / "answers").unlink()
    (tmp_path / "answers").rmdir()
    assert store.put(address(2), make_answer())
    assert store.get(address(2)) is not None


def test_a_place_that_cannot_be_a_folder_keeps_nothing_and_breaks_nothing(
    tmp_path: Path, make_answer: MakeAnswer, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = AnswerStore(tmp_path / "file" / "answers", 100_000)
    with caplog.at_level(logging.WARNING):
        assert not store.put(address(1), make_answer())
        assert store.get(address(1)) is None
    assert "could not be kept" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_still_gives_what_it_holds(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path, 100_000)
    store.put(address(1), make_answer())
    tmp_path.chmod(0o500)
    assert not store.put(address(2), make_answer())
    assert store.get(address(1)) is not None
    tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits on the size of files")
def test_a_full_disk_keeps_nothing_breaks_nothing_and_leaves_nothing(tmp_path: Path, make_answer: MakeAnswer) -> None:
    AnswerStore(tmp_path, 1_000_000).put(address(1), make_answer("kept before"))
    program = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "sys.argv[1:] = [sys.argv[1], '1000000', '2', '2']\n" + WRITER
    )
    child = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert child.stdout.split("\n")[:2] == ["2 False", "3 False"]
    assert "could not be kept" in child.stderr
    assert the_file(tmp_path).name.startswith(address(1))


def test_many_threads_share_a_store(tmp_path: Path, make_answer: MakeAnswer) -> None:
    bound = 60_000
    store = AnswerStore(tmp_path, bound)
    faults: list[str] = []

    def work(first: int) -> None:
        for number in range(first, first + 40):
            if not store.put(address(number % 60), make_answer(f"{number % 60}." + "x" * 2_000)):
                faults.append(f"{number} was not kept")
            found = store.get(address((number + 7) % 60))
            if found is not None and not found.text.startswith(f"{(number + 7) % 60}."):
                faults.append(f"{number} was mixed up")

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 60, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert bytes_in(tmp_path) <= bound
    assert not list(tmp_path.glob("*.part"))


def test_two_processes_share_a_folder_and_its_bound(tmp_path: Path) -> None:
    bound = 800_000
    writers = [start_writer(tmp_path, bound, first, 120) for first in (0, 60)]
    largest = 0
    while any(writer.poll() is None for writer in writers):
        largest = max(largest, bytes_in(tmp_path))
    for writer in writers:
        output, errors = writer.communicate()
        assert writer.returncode == 0, errors
        assert output.count("True") == 120
        assert errors == ""
    assert bound / 2 < largest <= bound


@pytest.mark.skipif(sys.platform == "win32", reason="a process is killed by a signal")
@pytest.mark.parametrize("after", [1, 7, 30, 60])
def test_a_process_killed_while_it_writes_loses_nothing_that_it_kept(tmp_path: Path, after: int) -> None:
    with start_writer(tmp_path, 100_000_000, 0, 0) as writer:
        assert writer.stdout is not None
        for _ in range(after):
            writer.stdout.readline()
        writer.kill()
        kept = after + sum(line.endswith("True\n") for line in writer.stdout)
    store = AnswerStore(tmp_path, 100_000_000)
    for number in range(kept):
        found = store.get(address(number))
        assert found is not None
        assert found.text == str(number) + "." * 20_000
    # At most one more was renamed into its place, and one half was left, when the process died.
    assert len(list(tmp_path.glob("*.answer"))) - kept in (0, 1)
    assert len(list(tmp_path.glob("*.part"))) in (0, 1)


def test_what_a_run_kept_is_found_by_whoever_asks_for_one(tmp_path: Path, make_answer: MakeAnswer) -> None:
    answers = {address(number): make_answer(f"answer {number}") for number in range(5)}
    assert AnswerStore(tmp_path, 1_000_000).put_many(answers)
    store = AnswerStore(tmp_path, 1_000_000)
    for number in range(5):
        expected = replace(make_answer(f"answer {number}"), address=address(number), computed="store")
        assert store.get(address(number)) == expected
    assert store.get(address(5)) is None


def test_what_a_person_waited_for_is_found_by_a_run(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path, 1_000_000)
    store.put(address(1), make_answer("asked"))
    store.put_many({address(2): make_answer("ran"), address(3): make_answer("ran as well")})
    wanted = [address(number) for number in (1, 2, 1, 4, 3)]
    for one in (store, AnswerStore(tmp_path, 1_000_000)):
        found = one.get_many(iter(wanted))
        assert {name: answer.text for name, answer in found.items()} == {
            address(1): "asked",
            address(2): "ran",
            address(3): "ran as well",
        }
        assert {answer.computed for answer in found.values()} == {"store"}
        assert all(answer.address == name for name, answer in found.items())
        assert all(one.get(name) == answer for name, answer in found.items())


def test_answers_of_a_run_that_were_stopped_are_not_kept(store: AnswerStore, make_answer: MakeAnswer) -> None:
    assert store.put_many({address(1): make_answer(finish="stopped"), address(2): make_answer()})
    assert store.get_many([address(1), address(2)]).keys() == {address(2)}
    assert store.put_many({address(3): make_answer(finish="stopped")})
    assert store.put_many({})
    assert store.get(address(3)) is None


def test_a_runs_answers_lie_beside_the_others_and_are_bounded_by_themselves(
    tmp_path: Path, make_answer: MakeAnswer
) -> None:
    bound = 60_000
    store = AnswerStore(tmp_path, bound)
    for number in range(100):
        store.put(address(number), make_answer("x" * 1_000))
        store.put_many({address(1000 + number): make_answer("y" * 1_000)})
        assert sum(path.stat().st_size for path in tmp_path.iterdir() if path.is_file()) <= bound
        assert bytes_in(tmp_path / "runs") <= bound
    assert store.get(address(99)) is not None
    assert store.get(address(1099)) is not None
    assert store.get_many([address(0), address(1000)]) == {}


def test_a_damaged_answer_of_either_kind_is_a_miss(tmp_path: Path, make_answer: MakeAnswer) -> None:
    store = AnswerStore(tmp_path, 1_000_000)
    store.put(address(1), make_answer("a red seven"))
    store.put_many({address(2): make_answer("a red seven"), address(3): make_answer("whole")})
    for path in (tmp_path / f"{address(1)}.answer", the_file(tmp_path / "runs")):
        path.write_bytes(path.read_bytes().replace(b"red seven", b"red eight"))
    assert store.get_many(map(address, (1, 2, 3))).keys() == {address(3)}
    assert (store.get(address(1)), store.get(address(2))) == (None, None)


@pytest.mark.parametrize("body", [b"[]", b"no JSON", b'{"version": 0, "answer": {}}', b'{"version": 1, "answer": {}}'])
def test_an_answer_of_a_run_in_another_form_is_a_miss(tmp_path: Path, make_answer: MakeAnswer, body: bytes) -> None:
    Ledger(tmp_path / "runs", 1_000_000).put({address(1): body})
    store = AnswerStore(tmp_path, 1_000_000)
    assert store.get(address(1)) is None
    assert store.get_many([address(1)]) == {}
    store.put_many({address(1): make_answer("computed again")})
    found = store.get(address(1))
    assert found is not None
    assert found.text == "computed again"


def test_an_answer_of_a_run_under_a_strange_address_is_a_miss(tmp_path: Path, make_answer: MakeAnswer) -> None:
    AnswerStore(tmp_path / "one", 1_000_000).put_many({address(1): make_answer()})
    (line,) = the_file(tmp_path / "one" / "runs").read_bytes().splitlines()
    Ledger(tmp_path / "two" / "runs", 1_000_000).put({address(2): line[74:]})
    assert AnswerStore(tmp_path / "two", 1_000_000).get(address(2)) is None


@pytest.mark.parametrize("wrong", ["", "../../etc/passwd", "a" * 63, "A" * 64])
def test_only_a_content_address_is_asked_for(store: AnswerStore, wrong: str) -> None:
    with pytest.raises(ValueError, match="not a content address"):
        store.get_many([address(1), wrong])


def _size_of_one(folder: Path, make_answer: MakeAnswer) -> int:
    AnswerStore(folder, 100_000).put(address(1), make_answer())
    return the_file(folder).stat().st_size
