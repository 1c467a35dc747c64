"""What the platform is to an app on ZeroGPU while it starts: variables, and a device API that hears its report.

Written against spaces 0.51.3, which reports once, in the first launch, and only where a function is decorated. Nothing
here lends a GPU.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPORT = "/startup-report"


def environment(url: str, home: Path) -> Mapping[str, str]:
    """Return the variables that the platform sets, for a device API at `url` and everything on disk below `home`."""
    group = home / "cgroup"
    group.write_text("0::/space\n", encoding="utf-8")
    return {
        "SYSTEM": "spaces",
        "SPACE_ID": "ada/microscope",
        "SPACE_HOST": "ada-microscope.hf.space",
        "SPACE_AUTHOR_NAME": "ada",
        "ACCELERATOR": "zero-a10g",
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": url,
        "ZEROGPU_OFFLOAD_DIR": str(home / "tensors"),
        "ZEROGPU_PROC_SELF_CGROUP_PATH": str(group),
    }


@dataclass
class Listener:
    """A device API that hears reports: its address, and whether one has come."""

    url: str = ""
    heard: threading.Event = field(default_factory=threading.Event)


@contextmanager
def listen() -> Iterator[Listener]:
    """Listen for the report on a free loopback port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.listener.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.listener
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.listener = Listener()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Hear a report; anything else is not ours."""
        reported = self.path.partition("?")[0] == REPORT
        if reported:
            # Before it is answered: whoever was answered may look at once.
            self.server.listener.heard.set()
        self.send_response(HTTPStatus.OK if reported else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", "0")
        self.end_headers()
