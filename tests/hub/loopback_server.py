"""The loopback Hub's HTTP: requests in, JSON, bytes, events or files out; knows no repository."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import Self

Headers = dict[str, str]
# What is sent where there is no file: bytes as they are, an iterator piece by piece, all else as JSON.
Answer = tuple[object, "Path | None", Headers]


@dataclass(frozen=True)
class Request:
    """A request as it came in: `path` decoded, `raw` as sent, `token` the bearer token or empty.

    `body` is what was sent with it, once `read` has been called, which answers it.
    """

    method: str
    path: str
    raw: str
    query: dict[str, str]
    token: str
    range: str = ""
    body: bytes = b""
    read: Callable[[], bytes] = field(default=bytes, repr=False, compare=False)

    @property
    def json(self) -> dict:
        """Return the body as a JSON object; empty where nothing was sent."""
        return json.loads(self.body or b"{}")


class RefusalError(Exception):
    """An answer other than success: status, the Hub's error code, and its message; `content` instead of the usual."""

    def __init__(
        self, status: int, code: str = "", message: str = "", headers: Headers | None = None, content: object = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"error": message} if content is None else content
        self.headers = {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})}


class DroppedError(Exception):
    """No answer at all: the connection ends."""


class Answering(Protocol):
    """What the server asks for answers."""

    def answer(self, request: Request) -> Answer:
        """Return the JSON, or the file, that a request gets, with its headers; raises a RefusalError."""

    def next_chunk(self, sent: int) -> int:
        """Return how many bytes of a file to send after the first `sent` ones; 0 breaks the connection off."""


class Served:
    """Base of a stand-in for a site: a context manager in which its server answers."""

    _server: ThreadingHTTPServer

    def __enter__(self) -> Self:
        threading.Thread(target=partial(self._server.serve_forever, poll_interval=0.01), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class LoopbackServer(ThreadingHTTPServer):
    """Serves on a free loopback port, a thread for each connection."""

    daemon_threads = True

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, answering))

    @property
    def url(self) -> str:
        """Return the address, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: a client that gave up waiting is part of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in two pieces; held together they would wait for each other's acknowledgement.
    disable_nagle_algorithm = True

    def __init__(self, answering: Answering, *rest: object) -> None:
        self._answering = answering
        self._unread = 0
        super().__init__(*rest)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        wanted = self.headers.get("Range") or ""
        self._unread = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, unquote(url.path), url.path, query, token, wanted, read=self._read)
        try:
            content, path, headers = self._answering.answer(request)
        except DroppedError:
            # The socket is shut at once: closing it alone would first send what the client still waits for.
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except RefusalError as error:
            self._send(error.status, error.content, error.headers)
        else:
            if path is not None:
                self._send_file(path, headers, request)
            elif isinstance(content, Iterator):
                self._send_pieces(content, headers)
            else:
                self._send(200, content, headers)

    def _read(self) -> bytes:
        body = self.rfile.read(self._unread)
        self._unread = 0
        return body

    def _send(self, status: int, content: object, headers: Headers) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._send_headers(status, {"Content-Type": "application/json", **headers}, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, status: int, headers: Headers, length: int) -> None:
        if self._unread:
            # What is left of the body would be taken for the next request.
            headers = {**headers, "Connection": "close"}
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_pieces(self, pieces: Iterator[bytes], headers: Headers) -> None:
        self.send_response(200)
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _send_file(self, path: Path, headers: Headers, request: Request) -> None:
        size = path.stat().st_size
        start = int(match[1]) if (match := re.match(r"bytes=(\d+)-", request.range)) else 0
        if start:
            headers = {**headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
        self._send_headers(206 if start else 200, headers, size - start)
        if request.method == "HEAD":
            return
        with path.open("rb") as file:
            file.seek(start)
            while file.tell() < size:
                length = self._answering.next_chunk(file.tell() - start)
                if not length:
                    self.close_connection = True
                    return
                self.wfile.write(file.read(length))
