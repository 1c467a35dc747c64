"""What answers at an address, by the digest that its health route tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from microscope.space.answering import digest_at

Start = Callable[[bytes], str]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts an app whose health route answers so, to whoever has the token "me"."""
    servers: list[ThreadingHTTPServer] = []

    def begin(body: bytes) -> str:
        class Health(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Stay quiet."""

            def do_GET(self) -> None:
                known = self.path == "/health" and self.headers.get("Authorization") in (None, "Bearer me")
                self.send_response(200 if known else 404)
                self.end_headers()
                self.wfile.write(body if known else b"not found")

        server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_digest_is_told(start: Start) -> None:
    address = start(b'{"status": "ok", "digest": "abc"}')
    assert digest_at(address) == digest_at(address, "me") == "abc"
    assert digest_at(address, "somebody") is None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"digest": null}', b'{"digest": 1}', b'{"digest": ""}'])
def test_what_tells_none_has_none(start: Start, body: bytes) -> None:
    assert digest_at(start(body)) is None


def test_where_nothing_answers_there_is_none(start: Start) -> None:
    address = start(b"{}")
    assert digest_at(address.replace("127.0.0.1", "127.0.0.2")) is None
    assert digest_at("no address") is None
