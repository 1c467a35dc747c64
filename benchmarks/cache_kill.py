"""Kills servers (SIGKILL) while they load models for several visitors, and checks that the next start is clean.

Every server is the app itself, in a process of its own, with the data folder of the one before. It has memory for one
checkpoint, so each question makes it load. A new server must start, answer rightly, and have nobody in use or waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from gradio_client import Client, handle_file

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "assets" / "evalset" / "scene-000.png"
QUESTION = "how many objects are there?"
VISITORS = 4
START_SECONDS = 120
# About one checkpoint and a half.
CACHE_BYTES = "4MB"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(data: Path, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the app and return it with its address once it answers."""
    port = free_port()
    variables = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "MICROSCOPE_DATA": str(data),
        "MICROSCOPE_CACHE_BYTES": CACHE_BYTES,
        "HF_HUB_OFFLINE": "1",
    }
    with log.open("ab") as output:
        server = subprocess.Popen([sys.executable, ROOT / "app.py"], env=variables, stdout=output, stderr=output)  # noqa: S603
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{url}/config", timeout=5):  # noqa: S310
            return server, url
        time.sleep(0.2)
    server.kill()
    raise SystemExit(f"the app did not start; its output is in {log}")


def ask(url: str, keys: list[str], seed: int) -> dict[str, list[int]]:
    """Return the token ids of the checkpoints' answers; a new seed makes the answer store miss."""
    columns = Client(url, verbose=False).predict(
        image=handle_file(str(PICTURE)),
        question=QUESTION,
        checkpoints=keys,
        max_new_tokens=8,
        temperature=0,
        seed=seed,
        api_name="/compare",
    )
    failed = [f"{column['checkpoint']}: {column['message']}" for column in columns if column["answer"] is None]
    if failed:
        raise SystemExit(f"no answer: {failed}")
    return {column["checkpoint"]: [token["id"] for token in column["answer"]["tokens"]] for column in columns}


def besiege(url: str, keys: list[str], seed: int) -> None:
    """Ask on and on until the server is gone."""
    draw = random.Random(seed)  # noqa: S311
    with suppress(Exception):
        client = Client(url, verbose=False)
        for number in range(10_000):
            client.predict(
                image=handle_file(str(PICTURE)),
                question=QUESTION,
                checkpoints=draw.sample(keys, 2),
                max_new_tokens=8,
                temperature=0,
                seed=1000 * seed + number,
                api_name="/compare",
            )


def leftovers(data: Path) -> list[str]:
    """Return what a killed server left half-written in the data folder."""
    return [str(path) for path in data.rglob("*") if path.is_file() and path.suffix in (".tmp", ".part", ".new")]


def main() -> int:
    """Parse the command line, kill so many servers, print what was found, and return 1 where a start was not clean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    # Threads of clients whose server is gone have nothing new to tell.
    threading.excepthook = lambda _: None
    keys = sorted(path.name for path in (ROOT / "assets" / "checkpoints").iterdir() if path.is_dir())
    draw = random.Random(0)  # noqa: S311
    # What clients print of it goes the same way.
    with TemporaryDirectory() as folder, redirect_stderr(StringIO()):
        data, log = Path(folder) / "data", Path(folder) / "log.txt"
        server, url = start(data, log)
        expected = {**ask(url, keys[:3], 1), **ask(url, keys[3:], 1)}
        wrong = 0
        for number in range(1, given.kills + 1):
            visitors = [
                threading.Thread(target=besiege, args=(url, keys, number * 10 + one), daemon=True)
                for one in range(VISITORS)
            ]
            for visitor in visitors:
                visitor.start()
            time.sleep(draw.uniform(2, 5))
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            loads = log.read_bytes().count(b"microscope: load:")
            server, url = start(data, log)
            found = {**ask(url, keys[:3], 100 + number), **ask(url, keys[3:], 100 + number)}
            wrong += found != expected
            print(f"kill {number}: {loads} loads so far, all answers right: {found == expected}", flush=True)
        server.terminate()
        server.wait()
        halves = leftovers(data)
        tracebacks = log.read_bytes().count(b"Traceback")
    print(json.dumps({"kills": given.kills, "wrong": wrong, "half-written files": halves, "tracebacks": tracebacks}))
    return 1 if wrong or halves else 0


if __name__ == "__main__":
    raise SystemExit(main())
