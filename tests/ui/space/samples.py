"""Facts of a Space that was just duplicated, how it runs, and a page over them that a test may change."""

from __future__ import annotations

from dataclasses import dataclass, field

import gradio as gr

from microscope.engine.usage import Spent, Usage
from microscope.space.facts import Facts
from microscope.space.sleeping import Sleep
from microscope.ui import text
from microscope.ui.space import words
from microscope.ui.space.costs import Running
from microscope.ui.space.events import Handlers, Owns, Source, wire
from microscope.ui.space.layout import build, build_banner
from tests.space.test_checklist import facts_on

FRESH = facts_on("zero-a10g")
USAGE = Usage(calls=37, answers=61, seconds=2.41, median=2.2, last=3.04, call_seconds=3.97, asked=11.6)
SPENT = {"answer": Spent(40, 3, 151.3), "lens": Spent(4, 0, 61.25)}
OTHER = "Other"


@dataclass
class FakeSpace:
    """Tells `facts` and how it runs, says who is the owner, and counts what the Hub was asked."""

    facts: Facts = FRESH
    usage: Usage | None = USAGE
    uptime: float = 11_520.0
    sleep: Sleep = field(default_factory=lambda: Sleep(172_800))
    owner: bool = True
    asked: list[str] = field(default_factory=list)

    def source(self, is_owner: Owns | None = None) -> Source:
        """Return the functions that the tab takes."""
        return Source(lambda: self.facts, self.running, self.ask, is_owner or (lambda *_: self.owner))

    def running(self) -> Running:
        return Running(self.facts.machine, self.uptime, self.usage, SPENT if self.usage is not None else {})

    def ask(self, space: str) -> Sleep:
        self.asked.append(space)
        return self.sleep


def page_of(space: FakeSpace, is_owner: Owns | None = None) -> gr.Blocks:
    """Return a page with another tab first, over a Space that a test may change; `is_owner` looks at the sign-in."""
    with gr.Blocks(title=text.TITLE, analytics_enabled=False) as demo:
        gr.HTML(f"<h1>{text.TITLE}</h1>")
        banner = build_banner()
        with gr.Tabs():
            with gr.Tab(OTHER):
                gr.Textbox(label=OTHER)
                if is_owner is not None:
                    # Without one Gradio reads no sign-in.
                    gr.LoginButton()
            with gr.Tab(words.TAB, visible=False) as here:
                tab = build()
        wire(demo, here, banner, tab, Handlers(space.source(is_owner)))
    return demo.queue(api_open=False)
