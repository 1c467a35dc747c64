"""GET /health: whether the app can answer, and exactly what is running, as JSON; knows no page and loads no model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from microscope import __version__
from microscope.engine.boundary import guarded
from microscope.engine.build import Engine
from microscope.space.payload import MANIFEST, read_manifest

PATH = "/health"
OK, STARTING, FAILING = "ok", "starting", "failing"
NOTHING_OFFERED = "The catalogue offers no checkpoint: look at what the Models tab says about each."


@dataclass(frozen=True)
class HealthFacts:
    """What the route tells: to anybody, so no path and no secret.

    `digest` is that of the files which the app was deployed with, None where it runs from a checkout; `tier` is the
    hardware's name and `kind` the sort of device; `queue` is how many answers wait, None where nobody counts.
    """

    status: str
    version: str
    digest: str | None
    tier: str
    kind: str
    uptime_seconds: float
    checkpoints: tuple[str, ...] = ()
    queue: int | None = None
    reason: str = ""


def health_route(facts: Callable[[], HealthFacts]) -> Route:
    """Return the route, for GET and HEAD: status 200 where the app can answer, 503 with the reason where it cannot.

    `facts` runs in the event loop, so that it answers while every thread is busy: it must wait for nothing.
    """

    async def health(_request: Request) -> JSONResponse:
        (told,) = guarded(_told(facts), _broken)
        ready = told["status"] == OK
        # Whoever asks wants to know how it is now.
        return JSONResponse(told, 200 if ready else 503, headers={"Cache-Control": "no-store"})

    return Route(PATH, health, methods=["GET"])


def engine_facts(
    engine: Engine, root: Path, ready: Callable[[], bool], queue: Callable[[], int] | None = None
) -> Callable[[], HealthFacts]:
    """Return what tells how an engine is; `root` is the folder that the app was deployed to, read here and now.

    `ready` tells whether the start is over, `queue` how many answers wait.
    """
    began, digest = time.monotonic(), deployed_digest(root)

    def facts() -> HealthFacts:
        offered = tuple(spec.key for spec in engine.catalog.specs)
        status = STARTING if not ready() else OK if offered else FAILING
        return HealthFacts(
            status=status,
            version=__version__,
            digest=digest,
            tier=engine.machine.tier.name,
            kind=engine.machine.kind,
            uptime_seconds=round(time.monotonic() - began, 1),
            checkpoints=offered,
            queue=queue() if queue is not None else None,
            reason={STARTING: "The app is starting.", FAILING: NOTHING_OFFERED}.get(status, ""),
        )

    return facts


def deployed_digest(root: Path) -> str | None:
    """Return the digest that the manifest of a deployed copy tells, or None where there is no manifest."""
    try:
        return read_manifest((root / MANIFEST).read_bytes()).digest or None
    except (OSError, ValueError):
        return None


def _told(facts: Callable[[], HealthFacts]) -> Iterator[dict[str, object]]:
    told = asdict(facts())
    yield {name: value for name, value in told.items() if name != "reason" or value}


def _broken(sentence: str) -> dict[str, object]:
    return {"status": FAILING, "version": __version__, "reason": sentence}
