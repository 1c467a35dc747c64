"""A real Gradio server with a health route, a page with a version, and an endpoint that does what a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

VERSION, DIGEST = "1.2.3", "d" * 64
CHECKPOINT = "scenes-step-6000"
HEALTHY = {"status": "ok", "version": VERSION, "digest": DIGEST, "tier": "cpu-basic", "checkpoints": [CHECKPOINT]}


def reply(text: str, **changed: Any) -> list[dict[str, Any]]:
    """Return what the endpoint returns for one finished answer; `changed` are fields of the answer."""
    facts = {"tokens": 3, "total_seconds": 0.25, "dtype": "bfloat16", "device": "cpu"}
    answer = {"computed": "now", "facts": facts, **changed}
    return [{"checkpoint": CHECKPOINT, "state": "done", "text": text, "message": "", "answer": answer}]


def failed(message: str) -> list[dict[str, Any]]:
    """Return what the endpoint returns where a checkpoint failed."""
    return [{"checkpoint": CHECKPOINT, "state": "failed", "text": "", "message": message, "answer": None}]


@dataclass
class Script:
    """What the app does next, and what it was asked; `health` may be a list, of which each look takes one.

    The last stays. `token`, where there is one, is what a private Space wants. `headers` are those of every request
    that reached the health route or the endpoint, `told` the paths of what was told to the Hub, had it this address.
    """

    health: list[tuple[int, Any]] = field(default_factory=lambda: [(200, HEALTHY)])
    answer: Callable[[], Any] = lambda: reply("yes")
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    token: str = ""
    told: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def hang(self) -> Any:
        """Be an answer that does not come before the test is over."""
        self.release.wait(60)
        return reply("late")


@contextmanager
def scripted(version: str = VERSION, *, full: bool = False) -> Iterator[tuple[str, Script]]:
    """Serve the app, and yield its address and its script; where it is `full`, its queue takes nobody."""
    script = Script()
    with gr.Blocks(analytics_enabled=False) as demo:
        inputs = [
            gr.Image(type="filepath", label="Image"),
            gr.Textbox(label="Question"),
            gr.CheckboxGroup([CHECKPOINT, "mine"], label="Checkpoints"),
            *(gr.Number(0, label=label) for label in ("Tokens", "Temperature", "Seed")),
        ]

        def compare(  # noqa: PLR0913, PLR0917  (a handler takes its components' values)
            image: str,
            question: str,
            checkpoints: list[str],
            max_new_tokens: int,
            temperature: float,
            seed: int,
            request: gr.Request,
        ) -> Any:
            script.asked.append((image, question, checkpoints, max_new_tokens, temperature, seed))
            script.headers.append(dict(request.headers))
            return script.answer()

        gr.Button("Run").click(compare, inputs, gr.JSON(label="Answers"), api_name="compare")
    mark = f'<meta name="microscope-version" content="{version}">'
    routes = [*_routes(script), *([Route("/gradio_api/queue/join", _refuse, methods=["POST"])] if full else [])]
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, head=mark, app_kwargs={"routes": routes})
    try:
        yield url.rstrip("/"), script
    finally:
        script.release.set()
        demo.close()


def _routes(script: Script) -> list[BaseRoute]:
    async def health(request: Request) -> Response:
        script.headers.append(dict(request.headers))
        if script.token and request.headers.get("authorization") != f"Bearer {script.token}":
            return PlainTextResponse("Not Found", 404)
        status, told = script.health[0]
        if len(script.health) > 1:
            script.health.pop(0)
        return PlainTextResponse(told, status) if isinstance(told, str) else JSONResponse(told, status)

    async def hub(request: Request) -> Response:
        script.told.append(request.url.path)
        return JSONResponse({})

    return [Route("/health", health), Route("/api/{path:path}", hub, methods=["GET", "HEAD", "POST"])]


async def _refuse(_request: Request) -> Response:
    return JSONResponse({"detail": "Queue is full."}, 503)
