"""Assembles the page and launches it; knows no model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from html import escape

import gradio as gr

from microscope.catalog.build import build_catalog
from microscope.engine.build import Engine, build_engine, plan
from microscope.hardware import detect
from microscope.settings import REPOSITORY, Settings
from microscope.storage.example_answers import read_example_answers
from microscope.storage.shares import ShareStore
from microscope.tiny.examples import read_examples
from microscope.ui import text
from microscope.ui.compare import api, events, layout
from microscope.ui.compare.actions import Actions
from microscope.ui.theme import CSS, theme

EXAMPLES = REPOSITORY / "assets" / "examples"
SHARES_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class App:
    """The page and the engine behind it."""

    demo: gr.Blocks
    engine: Engine
    settings: Settings

    def launch(self, *, block: bool = True) -> str:
        """Serve the page, print the plan and the address, and return the address."""
        print(plan(self.engine), flush=True)
        _, url, _ = self.demo.launch(
            server_name=self.settings.host,
            server_port=self.settings.port,
            prevent_thread_lock=True,
            quiet=True,
            theme=theme(),
            css_paths=[CSS],
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
        )
        print(f"{text.TITLE} is at {url}", flush=True)
        if block:
            self.demo.block_thread()
        return url


def build(settings: Settings) -> App:
    """Build the page; loads no model, except on ZeroGPU, where the default preset is placed before launch."""
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpx2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    machine = detect(settings.platform)
    engine = build_engine(settings, machine, build_catalog(settings, machine))
    shares = ShareStore(settings.data / "shares", SHARES_BYTES)
    shares.purge()
    actions = Actions(
        engine,
        read_examples(EXAMPLES),
        EXAMPLES,
        read_example_answers(EXAMPLES / "answers.json"),
        shares,
    )
    with gr.Blocks(title=text.TITLE, delete_cache=(600, 3600), analytics_enabled=False) as demo:
        gr.HTML(_header())
        if settings.on_space:
            gr.DuplicateButton(text.DUPLICATE)
        tab = layout.build(engine.catalog, actions.examples, EXAMPLES)
        handlers = events.Handlers(actions, lambda: len(demo._queue))
        events.wire(tab, handlers)
        events.wire_load(demo, tab, handlers)
        api.publish(tab, actions, handlers)
        gr.HTML(f'<p class="vm-note">{escape(text.FOOTER)}</p>')
    demo.queue(max_size=settings.queue_size, api_open=False, status_update_rate=5)
    return App(demo, engine, settings)


def _header() -> str:
    return f'<div class="vm-header"><h1>{escape(text.TITLE)}</h1><p>{escape(text.TAGLINE)}</p></div>'
