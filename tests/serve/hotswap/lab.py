"""A lab with a Hub of its own: real checkpoints published at a loopback Hub, a real engine, gate and record."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from microscope.catalog.build import build_catalog
from microscope.catalog.hub import hub_client
from microscope.engine.answers import Answerer
from microscope.engine.build import Engine, Workshop, answer_task
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher
from microscope.engine.gpu import Door
from microscope.engine.offered import Offered
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.evaluation.task import evaluation_task
from microscope.hardware import Machine, tier
from microscope.serve.hotswap.build import build_record, build_swapper
from microscope.serve.hotswap.settling import settle
from microscope.serve.hotswap.standing import Row
from microscope.serve.hotswap.swapper import Swapper
from microscope.settings import Settings
from microscope.storage.answers import AnswerStore
from tests.hub.loopback_hub import LoopbackHub
from tests.hub.loopback_repos import Revision
from tests.keeping import models_of

CHECKPOINTS = Path(__file__).parents[3] / "assets" / "checkpoints"
PATIENCE = 60.0
REPO, KEY = "lab/run", "ours"
CATALOG = """\
models:
  ours:
    hub: lab/run
    label: Ours
    generation:
      max_new_tokens: 16
presets:
  cpu-basic: [ours]
"""


@dataclass
class Lab:
    """A Hub's folder, an app's home, and what they serve; `start` is what the app does when it starts."""

    hub: LoopbackHub
    home: Path
    items: int = 60
    zero: bool = False
    engines: list[Engine] = field(default_factory=list)
    swappers: list[Swapper] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(
            {
                "MICROSCOPE_DATA": str(self.home / "data"),
                "MICROSCOPE_CATALOG": str(self.home / "models.yaml"),
                "MICROSCOPE_SWAP_ITEMS": str(self.items),
            }
        )

    @property
    def swapper(self) -> Swapper:
        return self.swappers[-1]

    @property
    def engine(self) -> Engine:
        return self.engines[-1]

    @property
    def current(self) -> str | None:
        """Return the commit that is offered under the one key."""
        spec = self.engine.catalog.get(KEY)
        assert spec is not None
        return spec.revision

    def write(self, catalog: str = CATALOG) -> None:
        """Write the catalogue file."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "models.yaml").write_text(catalog)

    def publish(self, step: int, repo: str = REPO) -> str:
        """Publish a checkpoint at the Hub in the place of what is there, and return its commit."""
        folder = self.home / "hub" / repo
        if folder.exists():
            commit = self.hub.commit(*repo.split("@"))
            kept = self.home / "history" / f"{commit}-{len(self.hub.history)}"
            kept.parent.mkdir(exist_ok=True)
            self.hub.history[commit] = Revision(repo.partition("@")[0], folder.rename(kept), commit)
        shutil.copytree(CHECKPOINTS / f"scenes-step-{step}", folder)
        return self.hub.commit(*repo.split("@"))

    def start(self) -> Swapper:
        """Start the app: read the catalogue, apply what was decided, build the engine and what swaps."""
        settings, found = self.settings, tier("cpu-basic")
        assert found is not None
        machine = Machine("cpu", found, 16 * 10**9, 0, 2, "CPU", "float32")
        api = hub_client(self.hub.url)
        read, record = build_catalog(settings, machine, api), build_record(settings)
        models, pace, processors = models_of(), Pace("cpu"), Processors()
        shop = Workshop(models, processors, pace, 0)
        door = Door(models, (answer_task(shop), evaluation_task(shop)))
        door.zero = self.zero
        offered = Offered(settle(read, record.decisions()))
        fetcher = Fetcher(Downloads(api, self.home / "cache"))
        store = AnswerStore(settings.data / "answers", 10**7)
        answerer = Answerer(offered, fetcher, processors, models, door, store, pace)
        self.engines.append(Engine(offered, machine, models, answerer, pace, 0))
        self.swappers.append(build_swapper(settings, self.engine, read, record))
        return self.swapper

    def use(self) -> str:
        """Have the checkpoint's files fetched as the first visitor does, and return its revision."""
        return self.engine.answerer.fetcher.fetch(self.engine.answerer.spec_of(KEY)).revision

    def reload(self, by: str = "ada") -> Row:
        """Reload to the end, and return the row of the one checkpoint."""
        self.swapper.reload(by)
        return self.row()

    def switch(self) -> Row:
        """Switch by the owner's word to what was found last, to the end, and return the row of the one checkpoint."""
        self.swapper.switch(KEY, "ada")
        return self.row()

    def row(self, key: str = KEY) -> Row:
        """Return a checkpoint's row once nothing is at work."""
        assert self.swapper.wait(PATIENCE)
        return next(row for row in self.swapper.standing().rows if row.key == key)
