"""Models as a stand-in for the Hub's Spaces knows them: whichever is asked for is there, small, and for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hub.loopback_server import Answer, Request

if TYPE_CHECKING:
    from tests.hub.spaces.loopback_spaces import LoopbackSpaces

FILES = {"config.json": 100, "model.safetensors": 1000}


def information(_hub: LoopbackSpaces, _request: Request, parts: dict[str, str]) -> Answer:
    """Return what the Hub tells of a model at a revision."""
    siblings = [{"rfilename": name, "size": size} for name, size in FILES.items()]
    found = {"_id": "1", "id": parts["space"], "sha": "a" * 40, "private": False, "gated": False, "siblings": siblings}
    return {**found, "tags": [], "cardData": {}}, None, {}
