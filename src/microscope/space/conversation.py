"""Asks one question through an app's public endpoint: a program of its own, for gradio_client; knows nothing of ours.

It reads the question as JSON from standard input and writes what came of it as JSON to standard output. In the
process of whoever asks, the client's threads would outlive an app that went silent, and it prints as it pleases.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gradio_client import Client, handle_file

# Between two pieces of data; while an answer is awaited, the app sends a sign of life every 15 seconds.
SILENCE_SECONDS = 40


class QuietClient(Client):
    """The client as it is, which tells nobody that it was used."""

    def _telemetry_thread(self) -> None:
        """Send nothing, whatever the environment says."""


def converse(asked: dict[str, Any]) -> Any:  # noqa: ANN401  (whatever the endpoint returns)
    """Return what the endpoint answers in the end; raises what the client raises."""
    # Without a token of ours the client would take the one saved on this machine, to whatever address.
    client = QuietClient(
        asked["address"],
        token=asked["token"] or False,
        verbose=False,
        httpx_kwargs={"timeout": SILENCE_SECONDS},
        download_files=False,
        analytics_enabled=False,
    )
    return client.predict(image=handle_file(asked["image"]), **asked["arguments"], api_name=asked["endpoint"])


def main() -> None:
    """Write `{"result": ...}` or `{"error": its class, "message": ...}`, and end, whatever threads there are."""
    with ThreadPoolExecutor(1) as pool:
        asked = json.load(sys.stdin)
        job = pool.submit(converse, asked)
        error = job.exception()
        told = {"result": job.result()} if error is None else {"error": type(error).__name__, "message": str(error)}
        sys.stdout.write(json.dumps(told))
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
