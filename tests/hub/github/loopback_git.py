"""A Git repository behind HTTP on a loopback port, which only the token of a job may read and write."""

from __future__ import annotations

import base64
import os
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.hub.loopback_server import Served


class LoopbackGit(Served):
    """Git's own server over a bare repository; use it as a context manager, and its `url` as a remote's address.

    `seen` lists the Authorization of every request; without the right one the answer is 401, and 403 to a push while
    `may_write` is off.
    """

    def __init__(self, repository: Path, token: str = "ghs_token") -> None:  # noqa: S107  (of nobody)
        self.repository, self.token, self.may_write = repository, token, True
        self.seen: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/{repository.name}"

    def refusal(self, path: str, shown: str) -> int:
        """Return the status to refuse a request with, 0 to carry it out."""
        self.seen.append(shown)
        if shown != "Basic " + base64.b64encode(f"x-access-token:{self.token}".encode()).decode():
            return 401
        return 403 if "git-receive-pack" in path and not self.may_write else 0


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, git: LoopbackGit, *rest: object) -> None:
        self._git = git
        super().__init__(*rest)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        refused = self._git.refusal(self.path, self.headers.get("Authorization", ""))
        if refused:
            self.send_response(refused)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        address = urlsplit(self.path)
        head = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._git.repository.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "job",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self._body()
        answered = subprocess.run(
            ["git", "http-backend"], input=body, env=head, capture_output=True, check=True
        ).stdout
        headers, _, content = answered.partition(b"\r\n\r\n")
        told = dict(line.split(": ", 1) for line in headers.decode().splitlines())
        self.send_response(int(told.pop("Status", "200").split()[0]))
        for name, value in {**told, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)
