"""Trackio's own dashboard over a folder, to be mounted under a path of our server; it shows and changes nothing.

A Space has one port. Mounted beside the page, the dashboard needs no other:
`launch(app_kwargs={"routes": [Mount(PATH, app=dashboard(folder))]})`, and a frame whose source is `address(project)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from microscope.tracking.trackio_folder import library, project_name, trackio_in

PATH = "/trackio"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

READS = ("/api/get_",)
# Signing in is the page's business, and artifacts are none of ours.
CLOSED = ("/oauth", "/login", "/mcp", "/artifact_blob", "/gradio_api")


def dashboard(folder: Path) -> App:
    """Return the dashboard as an ASGI app that refuses, with status 403, whatever would change a run.

    Trackio is imported and its app built by the first request, which also starts a thread of Trackio's that looks for
    runs written by others; it ends with the process.
    """

    @cache
    def built() -> App:
        trackio_in(folder)
        return library("trackio.server").build_starlette_app_only()[0]

    async def reading(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _reads(scope):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This dashboard only shows what was tracked."})
            return
        whole = await asyncio.to_thread(built)
        await whole(scope, receive, send)

    return reading


def address(project: str, *, dark: bool = False) -> str:
    """Return the address of a project in the dashboard, relative to the page that it is mounted beside."""
    query = {"project": project_name(project), "smoothing": "0", "hide_empty_tabs": "true"}
    if dark:
        query["__theme"] = "dark"
    return f"{PATH.strip('/')}/?{urlencode(query)}"


def _reads(scope: Message) -> bool:
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    if scope["method"] in ("GET", "HEAD"):
        return not path.startswith(CLOSED)
    return scope["method"] == "POST" and path.startswith(READS)
