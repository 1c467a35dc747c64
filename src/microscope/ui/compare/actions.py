"""What the Compare tab does, as functions on plain data; knows no component and no event."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from microscope.catalog.spec import ModelSpec
from microscope.engine.build import Engine
from microscope.engine.files import contents_hash
from microscope.engine.pictures import read_picture
from microscope.engine.questions import check_question
from microscope.engine.weights import weight_files
from microscope.errors import UserError
from microscope.records import AnswerEvent, AnswerRequest, Comparison, GenerationSettings, Picture, State
from microscope.storage.example_answers import ExampleAnswer, ExampleAnswers
from microscope.storage.shares import ShareStore
from microscope.tiny.examples import Example
from microscope.ui import text
from microscope.ui.compare import columns as shown
from microscope.ui.compare.columns import Column, Columns
from microscope.ui.compare.history import History
from microscope.ui.compare.link import Link, to_query

MOST_CHECKPOINTS = 4
REDRAW_SECONDS = 0.08


@dataclass(frozen=True)
class Visit:
    """One visitor's state: the comparison on the page and the history, newest first. It lives as long as the visit."""

    current: Comparison | None = None
    history: History = field(default_factory=History)


class Stops:
    """Who pressed Stop: one flag a running comparison, by visitor. State of the process."""

    def __init__(self) -> None:
        self._flags: dict[str, threading.Event] = {}

    def start(self, visitor: str) -> threading.Event:
        """Register a running comparison and return its flag."""
        return self._flags.setdefault(visitor, threading.Event())

    def press(self, visitor: str) -> None:
        """Raise the visitor's flag, if something runs."""
        if visitor in self._flags:
            self._flags[visitor].set()

    def end(self, visitor: str) -> None:
        """Forget the comparison."""
        self._flags.pop(visitor, None)


@dataclass(frozen=True)
class Actions:
    """The tab's actions over one engine; made once, before launch."""

    engine: Engine
    examples: tuple[Example, ...]
    example_folder: Path
    example_answers: ExampleAnswers
    shares: ShareStore
    stops: Stops = field(default_factory=Stops)

    def request(
        self, image: str | None, question: str, keys: list[str], settings: GenerationSettings
    ) -> AnswerRequest:
        """Check a visitor's input and return the request; the first thing wrong is a `UserError`."""
        picture = read_picture(Path(image) if image else None)
        return AnswerRequest(picture, check_question(question), self.check_keys(keys), settings)

    def check_keys(self, keys: list[str]) -> tuple[str, ...]:
        """Check the chosen checkpoints and return them in catalogue order."""
        if not keys:
            raise UserError(text.NO_CHECKPOINT)
        known = [spec.key for spec in self.engine.catalog.specs]
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise UserError(text.UNKNOWN_CHECKPOINT.format(key=unknown[0], known=", ".join(known)))
        if len(set(keys)) > MOST_CHECKPOINTS:
            raise UserError(text.TOO_MANY.format(count=len(set(keys))))
        return tuple(key for key in known if key in keys)

    def compare(self, visitor: str, request: AnswerRequest, visit: Visit) -> Iterator[tuple[Columns, Visit]]:
        """Yield the columns as they fill, and at the end the visit with the finished comparison in it.

        Closing the iterator stops the generation; pressing Stop does too, and keeps what was written.
        """
        columns = self.waiting(request.checkpoints)
        flag, events, drawn = self.stops.start(visitor), self.events(request), 0.0
        try:
            for event in events:
                changed = any(one.key == event.checkpoint and one.state != event.state.value for one in columns)
                columns = shown.apply(columns, event)
                if flag.is_set():
                    columns = shown.stop(columns)
                    break
                if changed or time.monotonic() - drawn >= REDRAW_SECONDS:
                    yield columns, visit
                    drawn = time.monotonic()
        finally:
            events.close()
            self.stops.end(visitor)
        yield columns, self._remember(visit, request, columns)

    def events(self, request: AnswerRequest, *, generate: bool = True) -> Generator[AnswerEvent, None, None]:
        """Yield the answers that ship with an example first, then what the engine knows or computes."""
        known = self.shipped(request)
        for key, entry in known.items():
            yield AnswerEvent(key, State.DONE, entry.answer.text, len(entry.answer.tokens), answer=entry.answer)
        rest = tuple(key for key in request.checkpoints if key not in known)
        if rest:
            yield from self.engine.answerer.stream(replace(request, checkpoints=rest), generate=generate)

    def shipped(self, request: AnswerRequest) -> dict[str, ExampleAnswer]:
        """Return the shipped answers that are exactly this request's, by checkpoint."""
        example = self.example_of(request.picture)
        if example is None:
            return {}
        found = {}
        for key in request.checkpoints:
            spec = self.engine.catalog.get(key)
            entry = self.example_answers.find(example.id, request.question, key, self._revision(spec))
            if entry is not None and entry.settings == request.settings:
                found[key] = entry
        return found

    def show_example(self, number: int, keys: list[str], visit: Visit) -> tuple[Example, str, Columns, Visit]:
        """Return the example, its image path, and the columns of the answers that ship for it."""
        example = self.examples[number]
        path = str(self.example_folder / example.file)
        chosen = tuple(key for key in keys if self.engine.catalog.get(key) is not None)[:MOST_CHECKPOINTS]
        request = AnswerRequest(read_picture(Path(path)), example.question, chosen, self.defaults())
        known = self.shipped(request)
        if not known or len(known) < len(chosen):
            return example, path, (), visit
        columns = tuple(
            Column(key, self.label(key), State.DONE.value, entry.answer.text, answer=entry.answer)
            for key, entry in known.items()
        )
        return example, path, columns, self._remember(visit, request, columns)

    def cost(self, keys: list[str], settings: GenerationSettings, waiting: int, passes: float = 0) -> str:
        """Say what Run would cost now, with so many more passes over the prompt for each checkpoint."""
        chosen = tuple(keys)[:MOST_CHECKPOINTS]
        if not chosen:
            return text.NO_CHECKPOINT
        if self.engine.zero:
            return text.cost_zero(self.engine.quota_seconds(chosen, settings, passes), waiting)
        return text.cost(self.engine.seconds(chosen, settings, passes), self.engine.models.device, waiting)

    def others(self, keys: list[str]) -> list[str]:
        """Return the next checkpoints after the last chosen one that are not chosen, at most four."""
        order = [spec.key for spec in self.engine.catalog.specs]
        last = max((order.index(key) for key in keys if key in order), default=-1)
        rest = [key for key in (*order[last + 1 :], *order[: last + 1]) if key not in keys]
        if not rest:
            raise UserError(text.NO_OTHERS)
        return [key for key in order if key in rest[:MOST_CHECKPOINTS]]

    def link(self, comparison: Comparison, share: str | None) -> str:
        """Return the query that reopens a comparison: of an example, or of a picture kept under `share`."""
        keys = tuple(outcome.checkpoint for outcome in comparison.outcomes)
        return to_query(Link(comparison.question, keys, comparison.settings, comparison.example, share))

    def linked_image(self, link: Link) -> Picture:
        """Return the picture a link names; one that is gone is a `UserError`."""
        example = next((one for one in self.examples if one.id == link.example), None)
        if example is not None:
            return read_picture(self.example_folder / example.file)
        picture = self.shares.get(link.share) if link.share else None
        if picture is None:
            raise UserError(text.LINK_GONE)
        return picture

    def recall(self, picture: Picture, link: Link) -> tuple[Columns, Visit]:
        """Return what is known of a link's answers, shipped or computed before; nothing is generated."""
        keys = tuple(key for key in link.checkpoints if self.engine.catalog.get(key) is not None)
        request = AnswerRequest(picture, link.question, keys, link.settings)
        columns = self.waiting(keys)
        for event in self.events(request, generate=False):
            columns = shown.apply(columns, event)
        if not columns or not all(column.finished for column in columns):
            return (), Visit()
        return columns, self._remember(Visit(), request, columns)

    def example_of(self, picture: Picture) -> Example | None:
        """Return the example that a picture is, pixel for pixel."""
        return self._digests.get(picture.digest)

    @cached_property
    def _digests(self) -> dict[str, Example]:
        return {read_picture(self.example_folder / one.file).digest: one for one in self.examples}

    def defaults(self) -> GenerationSettings:
        """Return the settings that the page starts with."""
        return self.engine.catalog.settings

    def label(self, key: str) -> str:
        """Return what people call a checkpoint."""
        spec = self.engine.catalog.get(key)
        return key if spec is None else spec.label

    def waiting(self, keys: tuple[str, ...]) -> Columns:
        """Return the columns before anything happened."""
        return tuple(Column(key, self.label(key)) for key in keys)

    def _remember(self, visit: Visit, request: AnswerRequest, columns: Columns) -> Visit:
        example = self.example_of(request.picture)
        comparison = Comparison(
            picture=request.picture,
            question=request.question,
            settings=request.settings,
            outcomes=shown.outcomes(columns),
            when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            example=example.id if example else None,
        )
        return replace(visit, current=comparison, history=visit.history.add(comparison))

    @staticmethod
    def _revision(spec: ModelSpec | None) -> str | None:
        """Return the revision that shipped answers must have: a folder's contents now, or a pinned commit."""
        if spec is None:
            return ""
        if not spec.folder:
            return spec.revision
        files = weight_files(Path(spec.source), spec.label)
        return f"sha256:{contents_hash(files)[:12]}"
