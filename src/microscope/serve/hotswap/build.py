"""Builds what swaps checkpoints over an engine: where the record lies, what is read again, what the gate asks."""

from __future__ import annotations

from microscope.catalog.build import build_catalog, named_repositories
from microscope.catalog.spec import Catalog
from microscope.engine.build import Engine
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.items.reading import EMBEDDED_FILE, EMBEDDED_NAME, read_set
from microscope.serve.hotswap.board import Board
from microscope.serve.hotswap.finding import Heads
from microscope.serve.hotswap.gate import Gate
from microscope.serve.hotswap.places import place_of
from microscope.serve.hotswap.record import Record
from microscope.serve.hotswap.swapper import Swapper
from microscope.serve.hotswap.working import Sources, Work
from microscope.settings import REPOSITORY, Settings


def build_record(settings: Settings) -> Record:
    """Return the journal of decisions, beside everything else that is kept."""
    return Record(settings.data / "swaps")


def build_swapper(settings: Settings, engine: Engine, read: Catalog, record: Record) -> Swapper:
    """Return what swaps; `read` is the catalogue as its file says, before what was decided was applied to it."""
    downloads = engine.answerer.fetcher.downloads
    board = Board(staging=engine.zero)
    sources = Sources(
        catalog=lambda: build_catalog(settings, engine.machine, downloads.api),
        named=lambda: named_repositories(settings, engine.machine),
        heads=lambda: Heads(downloads.api, downloads.cache),
        gate=lambda: Gate(gate_set(settings), settings.swap_margin),
    )
    asked = {spec.key: place_of(spec) for spec in read.specs}
    return Swapper(Work(engine, record, board, sources, asked), board)


def gate_set(settings: Settings) -> ItemSet:
    """Read the set that candidates are held to: the owner's, or the one that ships with the app."""
    embedded = not settings.swap_set
    return read_set(
        REPOSITORY / "assets" / "evalset" / EMBEDDED_FILE if embedded else settings.swap_set,
        name=EMBEDDED_NAME if embedded else "",
        limit=settings.swap_items,
        offline=settings.offline,
    )
