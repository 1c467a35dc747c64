"""`microscope explain`: which patches an answer rests on, and what it is without the others."""

from __future__ import annotations

import argparse
from pathlib import Path

from microscope.cli.asking import add_request, engine_of, request_of
from microscope.settings import Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "explain", help="which patches an answer rests on, and what it is without the others"
    )
    add_request(command, "print everything that was found as JSON")
    command.add_argument("--method", default="relevance", help="how the map is made; by default relevance")
    command.add_argument("--token", type=int, help="an answer token, numbered from 0; by default the whole answer")
    command.add_argument("--keep", type=float, metavar="SHARE", help="answer again with this share of the patches")
    command.add_argument("--rule", default="map", help="which patches are kept: map, vision or random")
    command.add_argument("--png", type=Path, help="write the maps over the image into this file")
    command.set_defaults(run=explain)


def explain(given: argparse.Namespace, settings: Settings) -> int:
    """Look, print, and return 1 where a checkpoint could not be looked into."""
    from microscope.lens.build import build_lens
    from microscope.lens.inquiry import Inquiry, inquire
    from microscope.ui.lens.printed import as_json, as_lines, check_png, write_png

    if given.png is not None:
        check_png(given.png)
    engine = engine_of(settings)
    request = request_of(given, engine)
    inquiry = Inquiry(given.method, given.token, given.keep, given.rule, request.settings.seed)
    last = {event.checkpoint: event for event in inquire(build_lens(engine, settings), request, inquiry)}
    if given.png is not None:
        write_png(given.png, request, tuple(last.values()), inquiry)
    print(as_json(request, tuple(last.values())) if given.json else as_lines(tuple(last.values()), inquiry))
    return 0 if all(not event.event.message for event in last.values()) else 1
