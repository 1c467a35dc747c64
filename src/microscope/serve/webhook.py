"""POST /hooks/hub: a webhook of the Hub that says of a repository that it has changed; believes nobody without secret.

What the message says is never taken for the truth: it only makes the catalogue be read again, and the Hub be asked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from http import HTTPStatus
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from microscope.errors import UserError
from microscope.serve.hotswap.standing import Standing

PATH, HEADER, BY = "/hooks/hub", "X-Webhook-Secret", "webhook"
MOST_BYTES = 256 * 1024
# One push of a run may be many messages.
GATHER_SECONDS = 2.0

OFF = "There is no webhook here; set MICROSCOPE_WEBHOOK_SECRET to have one."
NO_SECRET = f"The header {HEADER} is not the secret of this webhook; correct it in the webhook's settings at the Hub."
TOO_LARGE = f"A message has at most {MOST_BYTES} bytes."
NO_MESSAGE = "This is not a message of the Hub's webhooks: it is JSON with `event` and `repo`."
ACCEPTED = "The catalogue is being read again."
NO_CONTENT = "Only changes of a repository's files count, and this message is about something else."
NO_MODEL = "Only models count, and this repository is none."
PULL_REQUEST = "Only a pull request has changed, which nobody is offered."
NOT_OURS = "The catalogue names no such repository."


class Reloading(Protocol):
    """Reads the catalogue again, and knows which repositories it names."""

    def repositories(self) -> frozenset[str]:
        """Return the Hub repositories that the catalogue names."""

    def reload(self, by: str, *, after: float = 0.0) -> Standing:
        """Read it again in the background."""


def webhook_route(swapper: Reloading, secret: str) -> Route:
    """Return the route, for POST alone: 202 where a reload begins, 200 with the reason where the message is ignored.

    401 without the secret, 413 and 400 for what is no message, 503 where nothing begins, 404 where no secret is set.
    """

    async def hook(request: Request) -> JSONResponse:
        if not secret:
            return _said(HTTPStatus.NOT_FOUND, "off", OFF)
        if not _same(request.headers.get(HEADER, ""), secret):
            return _said(HTTPStatus.UNAUTHORIZED, "refused", NO_SECRET)
        body = await _body(request)
        if body is None:
            return _said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "refused", TOO_LARGE)
        return _answer(body, swapper)

    return Route(PATH, hook, methods=["POST"])


def _answer(body: bytes, swapper: Reloading) -> JSONResponse:
    """Do what a message calls for, and say what that is."""
    message = _message(body)
    if message is None:
        return _said(HTTPStatus.BAD_REQUEST, "refused", NO_MESSAGE)
    why = ignored(message, swapper.repositories())
    if why:
        return _said(HTTPStatus.OK, "ignored", why)
    try:
        swapper.reload(BY, after=GATHER_SECONDS)
    except UserError as error:
        return _said(HTTPStatus.SERVICE_UNAVAILABLE, "refused", str(error))
    return _said(HTTPStatus.ACCEPTED, "accepted", ACCEPTED)


def ignored(message: dict[str, Any], repositories: frozenset[str]) -> str:
    """Return why a message calls for nothing; empty where it does: files of a model of the catalogue have changed."""
    event, repo = message["event"], message["repo"]
    if (event.get("action"), event.get("scope")) != ("update", "repo.content"):
        return NO_CONTENT
    if repo.get("type") != "model":
        return NO_MODEL
    if repo.get("name") not in repositories:
        return NOT_OURS
    updated = message.get("updatedRefs")
    refs = [one.get("ref") for one in updated if isinstance(one, dict)] if isinstance(updated, list) else []
    return PULL_REQUEST if refs and all(str(ref).startswith("refs/pr/") for ref in refs) else ""


def _same(given: str, secret: str) -> bool:
    """Compare in a time that tells nothing, not even how long the secret is."""
    one, other = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, secret))
    return hmac.compare_digest(one, other)


async def _body(request: Request) -> bytes | None:
    """Return what was sent, None where it is too much; reads no more than that."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return body


def _message(body: bytes) -> dict[str, Any] | None:
    """Return a message whose event and repository are objects with a name, None for anything else."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not all(isinstance(message.get(part), dict) for part in ("event", "repo")):
        return None
    return message if isinstance(message["repo"].get("name"), str) else None


def _said(status: HTTPStatus, outcome: str, sentence: str) -> JSONResponse:
    return JSONResponse({"status": outcome, "reason": sentence}, status, headers={"Cache-Control": "no-store"})
