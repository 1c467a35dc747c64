"""The real app on ZeroGPU, used over HTTP by visitors with the platform's token."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict

from gradio_client import Client, handle_file
from gradio_client.client import Job
from PIL import Image
from spaces.zero.decorator import decorated_cache

from microscope.engine.answers import ANSWER
from microscope.settings import Settings
from microscope.ui.app import App, build
from microscope.ui.space.costs import costs
from microscope.ui.space.events import source_of
from tests.zero.checkpoints import PACKED_AT_MOST
from tests.zero.device_api import Mode
from tests.zero.stage import Stage, free_port, platform_token

QUESTION = "what is that?"
LONG = 400
VISITORS = 5
PATIENCE = 60.0


def start(stage: Stage) -> tuple[App, str]:
    """Build and launch the app as `app.py` does."""
    variables = {
        **os.environ,
        "MICROSCOPE_CATALOG": str(stage.home / "models.yaml"),
        "MICROSCOPE_CACHE_BYTES": PACKED_AT_MOST,
        "MICROSCOPE_DATA": str(stage.home / "data"),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(free_port()),
    }
    app = build(Settings.from_environment(variables))
    built = stage.api.paths()
    url = app.launch(block=False)
    stage.report(
        "start",
        calls_before_launch=built,
        calls=stage.api.paths(),
        decorated=len(set(map(id, decorated_cache.values()))),
        keys=[spec.key for spec in app.engine.catalog.specs],
        packed=[name for model in app.engine.models.cache.snapshot().models for name in model.names],
    )
    return app, url


def play(stage: Stage, url: str, app: App) -> None:
    """Play all steps."""
    stage.api.cool()
    visit = Visit(stage, url, "ada")
    answer(visit)
    set_up(stage, app)
    cancel(visit)
    kill(visit)
    refuse(visit)
    visit_together(visit, url)


class Visit:
    """One visitor with a client of their own."""

    def __init__(self, stage: Stage, url: str, name: str) -> None:
        self.stage = stage
        self.image = stage.home / "picture.png"
        Image.new("RGB", (64, 48), (40, 40, 200)).save(self.image)
        # On a busy machine the first call may take longer than the five seconds that are the client's own patience.
        patience = {"timeout": PATIENCE}
        self.client = Client(url, headers={"X-IP-Token": platform_token(name)}, verbose=False, httpx_kwargs=patience)

    def ask(self, *keys: str, tokens: int, seed: int = 0) -> Job:
        """Start a comparison."""
        image = handle_file(str(self.image))
        return self.client.submit(image, QUESTION, list(keys), tokens, 0, 1, 0, 1, seed, 0, api_name="/compare")

    def allowed(self) -> list[int]:
        """Return the workers that were started so far."""
        return [int(call.parameters["pid"]) for call in self.stage.api.calls("/allow")]


def answer(visit: Visit) -> None:
    """Compare two packed checkpoints."""
    seen = len(visit.stage.api.calls())
    outputs = list(visit.ask("step-1", "step-2", tokens=60))
    visit.stage.report(
        "app, answer",
        texts=len({str([column["text"] for column in columns]) for columns in outputs}),
        columns=outputs[-1],
        calls=[[call.path, call.parameters] for call in visit.stage.api.calls(since=seen)],
        main=os.getpid(),
    )


def set_up(stage: Stage, app: App) -> None:
    """Look at what the Setup tab says of costs after some answers."""
    source = source_of(app.engine, app.settings, lambda *_: True)
    usage = app.engine.answerer.door.ledger.usage(ANSWER)
    told = None if usage is None else asdict(usage)
    stage.report("app, setup", shown=costs(source.running()), usage=told, sleep=asdict(source.sleep("ada/microscope")))


def cancel(visit: Visit) -> None:
    """Cancel a comparison when the first words are there."""
    before, seen = visit.allowed(), len(visit.stage.api.calls())
    job = visit.ask("step-1", "step-2", "packed", tokens=LONG)
    wait_for_words(job)
    job.cancel()
    visit.stage.api.wait_for("/release", seen)
    paths = visit.stage.api.paths(seen)
    after = visit.ask("step-2", tokens=8).result()
    visit.stage.report("app, cancel", paths=paths, after=after, before=before, allowed=visit.allowed())


def kill(visit: Visit) -> None:
    """Kill the worker when the first words are there."""
    before = visit.allowed()
    job = visit.ask("step-1", "step-2", "packed", tokens=LONG, seed=1)
    wait_for_words(job)
    os.kill(before[-1], signal.SIGKILL)
    killed = job.result()
    after = visit.ask("step-2", tokens=9).result()
    visit.stage.report("app, kill", killed=killed, after=after, before=before, allowed=visit.allowed())


def wait_for_words(job: Job) -> None:
    """Read a running comparison up to its first words."""
    next(columns for columns in job if columns[0]["text"])


def refuse(visit: Visit) -> None:
    """Run out of quota, as a visitor without an account and as one with."""
    api = visit.stage.api
    for name, level in (("anonymous", None), ("free", "regular")):
        api.mode, api.level = Mode.QUOTA, level
        refused = visit.ask("step-1", "step-2", tokens=10).result()
        api.mode, api.level = Mode.GRANT, None
        visit.stage.report(f"app, quota, {name}", columns=refused, after=visit.ask("step-1", tokens=8).result())


def visit_together(first: Visit, url: str) -> None:
    """Let several visitors ask at the same moment."""
    stage = first.stage
    visits = [first, *(Visit(stage, url, f"visitor {number}") for number in range(1, VISITORS))]
    seen = len(stage.api.calls())
    jobs = [visit.ask("step-1", tokens=20, seed=10 + number) for number, visit in enumerate(visits)]
    results = [job.result() for job in jobs]
    tokens = [call.parameters["token"] for call in stage.api.calls("/schedule", seen)]
    stage.report("app, together", results=results, tokens=len(set(tokens)))
