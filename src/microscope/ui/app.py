"""Assembles the page and launches it; knows no model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
from starlette.routing import BaseRoute, Mount

from microscope import __version__
from microscope.catalog.build import build_catalog
from microscope.engine.build import Engine, build_engine, plan
from microscope.engine.overview import load_model, overview, pin_model, unload_model
from microscope.evaluation.evaluator import Evaluator
from microscope.evaluation.task import evaluation_task
from microscope.hardware import detect
from microscope.lens.build import build_lens
from microscope.lens.keeping import LensKeeper
from microscope.lens.task import lens_task
from microscope.serve.health import engine_facts, health_route
from microscope.serve.hotswap.build import build_record, build_swapper
from microscope.serve.hotswap.settling import settle
from microscope.serve.hotswap.swapper import Swapper
from microscope.serve.webhook import webhook_route
from microscope.settings import REPOSITORY, Settings
from microscope.space.expected import mismatch_sentence
from microscope.storage.example_answers import read_example_answers
from microscope.storage.shares import ShareStore
from microscope.tiny.examples import read_examples
from microscope.tracking import trackio_tracker
from microscope.tracking.dashboard import PATH, dashboard
from microscope.ui import offered, text
from microscope.ui.compare import api, events, layout
from microscope.ui.compare.actions import Actions
from microscope.ui.evaluate import api as evaluate_api
from microscope.ui.evaluate import events as evaluate_events
from microscope.ui.evaluate import layout as evaluate_layout
from microscope.ui.evaluate import words as evaluate_words
from microscope.ui.evaluate.actions import EvaluateActions
from microscope.ui.evaluate.handlers import Handlers as EvaluateHandlers
from microscope.ui.evaluate.past import PastHandlers, wire_past
from microscope.ui.lens import api as lens_api
from microscope.ui.lens import events as lens_events
from microscope.ui.lens import layout as lens_layout
from microscope.ui.lens.actions import LensActions
from microscope.ui.models import events as models_events
from microscope.ui.models import layout as models_layout
from microscope.ui.models import swapping
from microscope.ui.owner import is_owner
from microscope.ui.space import events as space_events
from microscope.ui.space import layout as space_layout
from microscope.ui.space import words as space_words
from microscope.ui.theme import CSS, theme

EXAMPLES = REPOSITORY / "assets" / "examples"
EVALSET = REPOSITORY / "assets" / "evalset"
# The look of the page, of the Evaluate tab, of the pictures that a report has too, and of the Setup tab.
PARTS = ("evaluate/evaluate.css", "report/figures.css", "space/space.css")
STYLES = [CSS, *(REPOSITORY / "assets" / name for name in PARTS)]
SHARES_BYTES = 256 * 1024**2
COMPARE, MODELS, SETUP = "compare", "models", "setup"
# How many items a visitor of a shared Space begins with.
SHARED_ITEMS = 200
# What other rooms have done at the accelerator.
TASKS = (lens_task, evaluation_task)


@dataclass(frozen=True)
class App:
    """The page, the engine behind it, and what swaps its checkpoints."""

    demo: gr.Blocks
    engine: Engine
    settings: Settings
    swapper: Swapper

    def launch(self, *, block: bool = True) -> str:
        """Serve the page, print the plan and the address, and return the address."""
        print(plan(self.engine), flush=True)
        if differs := mismatch_sentence(REPOSITORY / "README.md", self.settings, self.engine.machine):
            print(differs, flush=True)
        _, url, _ = self.demo.launch(
            server_name=self.settings.host,
            server_port=self.settings.port,
            prevent_thread_lock=True,
            quiet=True,
            theme=theme(),
            css_paths=STYLES,
            favicon_path=None,
            show_error=False,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=self.settings.mcp,
            max_file_size="10mb",
            allowed_paths=[str(EXAMPLES)],
            state_session_capacity=1000,
            footer_links=["api", "settings"],
            run_history=False,
            head=f'<meta name="microscope-version" content="{__version__}">',
            app_kwargs={"routes": self._routes()},
        )
        print(f"{text.TITLE} is at {url}", flush=True)
        if block:
            self.demo.block_thread()
        return url

    def _routes(self) -> list[BaseRoute]:
        """Return what is served beside the page."""
        facts = engine_facts(self.engine, REPOSITORY, lambda: self.demo.is_running, _waiting(self.demo, self.engine))
        hook = webhook_route(self.swapper, self.settings.webhook_secret)
        routes: list[BaseRoute] = [health_route(facts), hook]
        if self.settings.alone:
            # Whoever reaches the page sees it: on a Space, that is everybody.
            routes.append(Mount(PATH, app=dashboard(tracked(self.settings))))
        return routes


def build(settings: Settings) -> App:
    """Build the page; loads no model, except on ZeroGPU, where the default preset is placed before launch."""
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpx2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    engine, swapper = _engine(settings)
    actions = _actions(settings, engine)
    glasses = build_lens(engine, settings)
    looks = LensActions(glasses, actions)
    evaluator = Evaluator(engine, LensKeeper(glasses))
    runs = EvaluateActions(evaluator, actions, EVALSET, offline=settings.offline)
    with gr.Blocks(title=text.TITLE, delete_cache=(600, 3600), analytics_enabled=False) as demo:
        gr.HTML(_header())
        banner = space_layout.build_banner()
        if settings.on_space:
            gr.DuplicateButton(text.DUPLICATE)
        with gr.Tabs(selected=COMPARE) as tabs:
            with gr.Tab(text.COMPARE, id=COMPARE) as compare:
                tab = layout.build(engine.catalog, actions.examples, EXAMPLES)
            with gr.Tab(text.LENS, id=lens_events.LENS) as lens:
                glass = lens_layout.build(engine.catalog, actions.examples, EXAMPLES, list(looks.runs))
            with gr.Tab(evaluate_words.TAB, id=evaluate_events.EVALUATE) as evaluate:
                board = evaluate_layout.build(engine.catalog, limit=SHARED_ITEMS if settings.on_space else 0)
            with gr.Tab(text.MODELS, id=MODELS) as models:
                if differs := mismatch_sentence(REPOSITORY / "README.md", settings, engine.machine):
                    gr.HTML(f'<p class="vm-note">{escape(differs)}</p>')
                panel = _build_models(engine, settings)
            with gr.Tab(space_words.TAB, id=SETUP, visible=False) as setup:
                checklist = space_layout.build()

        def owns(request: gr.Request, profile: gr.OAuthProfile | None) -> bool:
            return is_owner(request, profile, settings)

        first = offered.wire(
            demo, [compare, lens, evaluate, models], offered.Page(tab, glass, board, panel), lambda: engine.catalog
        )
        waiting = _waiting(demo, engine)
        handlers = events.Handlers(actions, waiting)
        events.wire(tab, handlers)
        events.wire_load(demo, first, tab, handlers)
        api.publish(tab, actions, handlers)
        looking = lens_events.Handlers(looks, waiting)
        lens_events.wire(glass, tab, looking)
        lens_events.wire_load(first, tabs, glass, tab, looking)
        lens_api.publish(glass, tab, looks, looking)
        evaluating = EvaluateHandlers(runs, waiting, owns)
        evaluate_events.wire(evaluate, board, evaluating)
        evaluate_events.wire_opening(tabs, board, tab, glass, evaluating)
        wire_past(board.past, board.state, PastHandlers(tracked(settings), owns, mounted=settings.alone))
        evaluate_api.publish(board, runs, evaluating, owns)
        owning = models_events.Handlers(_source(engine, settings), signs_in=settings.oauth)
        models_events.wire(demo, panel, models, [compare, lens, evaluate, setup], owning)
        swapping.wire(panel.swaps, models, [compare, lens, evaluate, setup], swapping.Handlers(swapper, owns))
        setting_up = space_events.Handlers(space_events.source_of(engine, settings, owns))
        space_events.wire(demo, setup, banner, checklist, setting_up)
        gr.HTML(f'<p class="vm-note">{escape(text.FOOTER)} {escape(text.VERSION.format(__version__))}</p>')
    demo.queue(max_size=settings.queue_size, api_open=False, status_update_rate=5)
    return App(demo, engine, settings, swapper)


def tracked(settings: Settings) -> Path:
    """Return the folder of what Trackio keeps, which the command line writes as well."""
    return settings.data / "trackers" / trackio_tracker.TRACKER.key


def _engine(settings: Settings) -> tuple[Engine, Swapper]:
    """Build the engine over the catalogue as it was decided to be, and what goes on deciding."""
    machine, record = detect(settings.platform), build_record(settings)
    read = build_catalog(settings, machine)
    engine = build_engine(settings, machine, settle(read, record.decisions()), TASKS)
    return engine, build_swapper(settings, engine, read, record)


def _actions(settings: Settings, engine: Engine) -> Actions:
    shares = ShareStore(settings.data / "shares", SHARES_BYTES)
    shares.purge()
    answers = read_example_answers(EXAMPLES / "answers.json")
    return Actions(engine, read_examples(EXAMPLES), EXAMPLES, answers, shares)


def _build_models(engine: Engine, settings: Settings) -> models_layout.Components:
    known = [(spec.label, spec.key) for spec in engine.catalog.specs]
    return models_layout.build(known, movable=not engine.zero, signs_in=settings.oauth)


def _waiting(demo: gr.Blocks, engine: Engine) -> Callable[[], int]:
    """Return what counts the answers that wait, at Gradio's door and at the models'; it waits for nothing itself."""
    return lambda: len(demo._queue) + engine.models.cache.snapshot().waiting


def _source(engine: Engine, settings: Settings) -> models_events.Source:
    return models_events.Source(
        overview=lambda: overview(engine),
        load=lambda key: load_model(engine, key),
        unload=lambda key: unload_model(engine, key),
        pin=lambda key, on: pin_model(engine, key, on=on),
        is_owner=lambda request, profile: is_owner(request, profile, settings),
    )


def _header() -> str:
    return f'<div class="vm-header"><h1>{escape(text.TITLE)}</h1><p>{escape(text.TAGLINE)}</p></div>'
