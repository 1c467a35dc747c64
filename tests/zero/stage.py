"""What a scenario has: the device API, a Hub, a folder of its own, and the file it reports to."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.hub.loopback_hub import LoopbackHub
from tests.zero.device_api import DeviceApi

STEPS = "steps.jsonl"


@dataclass(frozen=True)
class Stage:
    """A scenario's surroundings; the Hub serves what is in `home/hub`."""

    api: DeviceApi
    hub: LoopbackHub
    home: Path

    def report(self, step: str, **facts: object) -> None:
        """Write down the facts of one step, as a line of JSON."""
        with (self.home / STEPS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **facts}) + "\n")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def platform_token(visitor: str) -> str:
    """Return a token in the form of the platform's."""
    return f"head.{base64.urlsafe_b64encode(json.dumps({'user': visitor}).encode()).decode().rstrip('=')}.signature"
