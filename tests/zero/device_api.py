"""A loopback stand-in for the device API that the `spaces` package asks for GPUs; knows no app and no model.

Written against spaces 0.51.3. Everything the package sends is a query parameter:

    POST /startup-report
    POST /schedule?cgroupPath&taskId&enableQueue&tokenVersion&durationSeconds[&token]
    POST /allow?allowToken&pid      (from the worker, when it starts)
    POST /release?allowToken&fail

What is not covered: quotas that are really counted, priorities in the queue, ending a call that outlives its duration.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Mode(Enum):
    """How the platform answers a request for a GPU."""

    GRANT = "grant"
    QUEUE = "queue"
    QUEUE_TIMEOUT = "queue timeout"
    QUOTA = "quota"
    RUNS = "runs"
    ILLEGAL = "illegal"
    PENDING = "pending"
    BUSY = "busy"
    UNAUTHORISED = "unauthorised"


# What comes with status 429: seconds left, seconds to wait, and the header that gives the reason.
REFUSED = {
    Mode.QUOTA: (12, 3600, "quota-exceeded"),
    Mode.RUNS: (12, 0, "runs-exceeded"),
    Mode.ILLEGAL: (0, -1, "illegal-duration"),
    Mode.PENDING: (12, 3600, "pending-overquota-exceeded"),
}
WITHOUT_BODY = {Mode.BUSY: HTTPStatus.SERVICE_UNAVAILABLE, Mode.UNAUTHORISED: HTTPStatus.UNAUTHORIZED}
PINGS = 2


@dataclass(frozen=True)
class Call:
    """One request that came in: its path, its query parameters, and what the witness counted then."""

    path: str
    parameters: dict[str, str]
    counted: int


class DeviceApi:
    """The state behind the API: lends GPU slots and keeps the calls.

    `mode` and `level` (what the visitor is to the platform: None, "regular" or "pro") may be changed at any time. A
    slot whose last call ended well is lent as `idle`: its worker may be used again, as the platform says it. `witness`
    counts something else whenever a call comes in, to tell what came before it.
    """

    def __init__(self) -> None:
        self.url = ""
        self.witness: Callable[[], int] = lambda: 0
        self.mode = Mode.GRANT
        self.level: str | None = None
        self._calls: list[Call] = []
        self._lent: dict[str, int] = {}
        self._warm: set[int] = set()
        self._lock = threading.Condition()

    def calls(self, path: str | None = None, since: int = 0) -> list[Call]:
        """Return the calls from number `since` on, in the order they came in; all, or those of one path."""
        with self._lock:
            return [call for call in self._calls[since:] if path in {None, call.path}]

    def paths(self, since: int = 0) -> list[str]:
        """Return the paths of the calls from number `since` on."""
        return [call.path for call in self.calls(since=since)]

    def wait_for(self, path: str, since: int = 0) -> None:
        """Wait until a call of that path has come in after number `since`."""
        with self._lock:
            self._lock.wait_for(lambda: any(call.path == path for call in self._calls[since:]))

    def cool(self) -> None:
        """Forget which slots have a live worker, so that every next call starts a new one."""
        with self._lock:
            self._warm.clear()

    def record(self, path: str, parameters: dict[str, str]) -> None:
        """Keep a call that came in."""
        with self._lock:
            self._calls.append(Call(path, parameters, self.witness()))
            self._lock.notify_all()

    def lend(self) -> str:
        """Lend the lowest free slot and return the grant as JSON."""
        with self._lock:
            slot = min(set(range(len(self._lent) + 1)) - set(self._lent.values()))
            token = uuid.uuid4().hex
            self._lent[token] = slot
            idle = slot in self._warm
        return json.dumps({"idle": idle, "nvidiaIndex": slot, "nvidiaUUID": f"GPU-{slot:032}", "allowToken": token})

    def take_back(self, token: str, *, failed: bool) -> None:
        """Take a slot back; a call that failed leaves no live worker on it."""
        with self._lock:
            slot = self._lent.pop(token)
            (self._warm.discard if failed else self._warm.add)(slot)


@contextmanager
def serve() -> Iterator[DeviceApi]:
    """Serve a device API on a free loopback port."""
    api = DeviceApi()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.api = api
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: DeviceApi

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that closes without a word, as the package does after a refusal in the queue."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing: the calls are recorded."""

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        parameters = dict(parse_qsl(address.query))
        if address.path == "/release":
            self.server.api.take_back(parameters["allowToken"], failed=parameters["fail"] == "true")
        self.server.api.record(address.path, parameters)
        if address.path == "/schedule":
            self._schedule(self.server.api.mode)
        elif address.path in {"/startup-report", "/allow", "/release"}:
            self._send(HTTPStatus.OK)
        else:
            self._send(HTTPStatus.NOT_FOUND)

    def _schedule(self, mode: Mode) -> None:
        if mode is Mode.GRANT:
            self._send(HTTPStatus.OK, self.server.api.lend(), "approved")
        elif mode is Mode.QUEUE:
            self._send_events(f"event: succeeded\ndata: {self.server.api.lend()}\n\n")
        elif mode is Mode.QUEUE_TIMEOUT:
            self._send_events("event: failed\n\n")
        elif mode in REFUSED:
            left, wait, reason = REFUSED[mode]
            self._send(HTTPStatus.TOO_MANY_REQUESTS, json.dumps({"left": left, "wait": wait}), reason)
        else:
            self._send(WITHOUT_BODY[mode])

    def _send(self, status: HTTPStatus, body: str = "", reason: str | None = None) -> None:
        self.send_response(status)
        self._describe("application/json", reason)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _send_events(self, last: str) -> None:
        self.send_response(HTTPStatus.OK)
        self._describe("text/event-stream", "approved")
        self.send_header("X-Queuing-Reason", "node")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # The package takes what one chunk holds for one event.
        for event in (*["event: ping\n\n"] * PINGS, last):
            self.wfile.write(f"{len(event):x}\r\n{event}\r\n".encode())
        self.wfile.write(b"0\r\n\r\n")

    def _describe(self, kind: str, reason: str | None) -> None:
        self.send_header("Content-Type", kind)
        if reason is not None:
            self.send_header("X-Approve-Result", reason)
        if self.server.api.level is not None:
            self.send_header("X-Authenticated", self.server.api.level)
