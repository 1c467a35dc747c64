"""The loopback Hub's HTTP: requests in, JSON or files out; knows no repository."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

Headers = dict[str, str]
Answer = tuple[object, "Path | None", Headers]


@dataclass(frozen=True)
class Request:
    """A request as it came in: `path` decoded, `raw` as sent, `token` the bearer token or empty."""

    method: str
    path: str
    raw: str
    query: dict[str, str]
    token: str
    range: str = ""


class RefusalError(Exception):
    """An answer other than success: status, the Hub's error code, and its message."""

    def __init__(self, status: int, code: str = "", message: str = "", headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})}


class Answering(Protocol):
    """What the server asks for answers."""

    def answer(self, request: Request) -> Answer:
        """Return the JSON, or the file, that a request gets, with its headers; raises a RefusalError."""

    def next_chunk(self, sent: int) -> int:
        """Return how many bytes of a file to send after the first `sent` ones; 0 breaks the connection off."""


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

    def __init__(self, answering: Answering, *rest: object) -> None:
        self._answering = answering
        super().__init__(*rest)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        request = Request(self.command, unquote(url.path), url.path, query, token, self.headers.get("Range") or "")
        try:
            content, path, headers = self._answering.answer(request)
        except RefusalError as error:
            self._send(error.status, {"error": str(error)}, error.headers)
        else:
            if path is None:
                self._send(200, content, headers)
            else:
                self._send_file(path, headers, request)

    def _send(self, status: int, content: object, headers: Headers) -> None:
        body = json.dumps(content).encode()
        self._send_headers(status, {"Content-Type": "application/json", **headers}, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, status: int, headers: Headers, length: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

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
