"""The steps of a reload, a switch and an undo, each in its order; used by one thread at a time, and starts none.

Files come before the gate, the gate before the decision, the record before the deed: whatever ends the process on the
way, what is recorded is what the next start does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.build import Engine
from microscope.engine.files import LocalCheckpoint
from microscope.engine.overview import NoRoomError, load_model
from microscope.errors import UserError
from microscope.evaluation.analysis import NOT_WORSE
from microscope.serve.hotswap import words
from microscope.serve.hotswap.board import Board
from microscope.serve.hotswap.carrying import Carrier
from microscope.serve.hotswap.deciding import decide, has_yet_to_come, known_answer
from microscope.serve.hotswap.finding import Change, Found, Heads, find, running_at
from microscope.serve.hotswap.gate import Gate, contender
from microscope.serve.hotswap.places import Place, at, place_of
from microscope.serve.hotswap.record import (
    KEPT,
    STAGED,
    SWITCHED,
    UNDONE,
    Decision,
    Judgement,
    Record,
    last_of,
    switch_of,
)
from microscope.serve.hotswap.rows import BY_ACTION, Known, found_rows, remembered, row_of
from microscope.serve.hotswap.sameness import same_files
from microscope.serve.hotswap.standing import State

log = logging.getLogger("microscope")


@dataclass(frozen=True)
class Sources:
    """Where a reload looks: the catalogue as its file says now, the Hub, and the set of the gate.

    `named` are the repositories that the file names; a `UserError` where it cannot be read.
    """

    catalog: Callable[[], Catalog]
    named: Callable[[], frozenset[str]]
    heads: Callable[[], Heads]
    gate: Callable[[], Gate]


@dataclass
class Work:
    """What is swapped. `asked` are the places that the catalogue asks for, by key.

    `changes` are the candidates that are known, by key; `wanted` turns False where everything is to end.
    """

    engine: Engine
    record: Record
    board: Board
    sources: Sources
    asked: dict[str, Place]
    wanted: Callable[[], bool] = lambda: True
    changes: dict[str, Change] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._carrier = Carrier(self.engine, self.record, self.board)
        self._kept: frozenset[str] = frozenset()

    def remember(self) -> None:
        """Show what is known at a start, from the record alone."""
        rows = []
        for spec in self.engine.catalog.specs:
            row, change = remembered(spec, self.engine.answerer.fetcher, self._known(spec.key))
            rows.append(row)
            if change is not None:
                self.changes[spec.key] = change
        self.board.fill(rows)
        self.board.decided(self.record.decisions())

    def reload(self, by: str) -> str:
        """Read the catalogue again, take over what is new, decide about what changed, and return how it ended."""
        fetcher = self.engine.answerer.fetcher
        try:
            found = find(self.engine.catalog, self.sources.catalog(), fetcher, self.sources.heads(), self._kept)
        except UserError as error:
            raise UserError(words.unchanged(str(error))) from error
        self.engine.offered.change(lambda _: found.catalog)
        for spec in found.gone:
            self._carrier.leave(spec)
        self.asked, self.changes = found.asked, {change.current.key: change for change in found.changed}
        self._kept = found.kept
        self.board.fill(found_rows(found, fetcher, self._known))
        self._show_pending(found)
        for spec in found.new:
            self._each(spec.key, partial(words.not_offered, spec.label), partial(self._enter, spec))
        # Read once, and only where there is something to judge; on ZeroGPU nothing can be.
        gate: list[Gate] = []
        for change in found.changed:
            step = partial(self._consider, change, by, gate)
            self._each(change.current.key, partial(words.goes_on, self._now(change).name), step)
        return words.counted(self.board.counts())

    def switch(self, key: str, by: str) -> str:
        """Let a candidate that is known take over by the owner's word, and return what became of it."""
        change, decision = self.changes.get(key), self._decision(key)
        if change is None:
            raise UserError(words.NO_CANDIDATE.format(key=key))
        known = decision is not None and decision.refused == place_of(change.candidate)
        judged = decision.judgement if decision is not None and known else Judgement()
        self._fetch(change)
        return self._settle(change, by, judged, forced=True)

    def undo(self, key: str, by: str) -> str:
        """Go back to what answered before the last switch, and return what became of it."""
        decision, spec = self._known(key).switch, self.engine.catalog.get(key)
        if decision is None or spec is None:
            raise UserError(words.NOTHING_TO_UNDO.format(key=key))
        undone = Decision(
            _now(), key, spec.label, by, UNDONE, decision.asked, decision.candidate, decision.current, forced=True
        )
        here, back = running_at(spec, self.engine.answerer.fetcher), at(spec, decision.current)
        if here == decision.current:
            sentence, state = words.dropped(undone), State.KEPT
        elif self.engine.zero:
            sentence, state = words.goes_back(undone), State.STAGED
        else:
            sentence, state = words.told(undone), State.KEPT
            self.engine.answerer.fetcher.fetch(back, self._progress(key))
        undone = replace(undone, sentence=sentence)
        self._carrier.write(undone)
        if here != decision.current and not self.engine.zero:
            self._carrier.exchange(back)
        self._carrier.tell(undone)
        self.changes[key] = Change(decision.asked, back, at(spec, decision.candidate))
        self._show(key, state, sentence)
        return sentence

    def _show_pending(self, found: Found) -> None:
        """Show what takes effect at the next restart although the Hub has nothing newer than what answers."""
        for spec in found.catalog.specs:
            decision = self._decision(spec.key)
            if decision is None or spec.key in self.changes or spec.key in found.failed:
                continue
            if not has_yet_to_come(decision, running_at(spec, self.engine.answerer.fetcher)):
                continue
            if decision.action == UNDONE:
                back = at(spec, decision.candidate)
                self.changes[spec.key] = Change(decision.asked, back, at(spec, decision.current))
            self._show(spec.key, State.STAGED, decision.sentence)

    def _each(self, key: str, failed: Callable[[str], str], step: Callable[[], None]) -> None:
        """Take a step about one checkpoint; that it fails is its own matter, and leaves the others."""
        if not self.wanted():
            raise UserError(words.STOPPED)
        try:
            step()
        except UserError as error:
            self._show(key, State.FAILED, failed(str(error)))

    def _enter(self, spec: ModelSpec) -> None:
        """Fetch a new checkpoint's files and offer it."""
        decision = self._decision(spec.key)
        if decision is not None:
            spec = at(spec, decision.stands)
        self._busy(spec.key, State.FETCHING, words.FETCHING_NEW.format(label=spec.label))
        self.engine.answerer.fetcher.fetch(spec, self._progress(spec.key))
        self._carrier.enter(spec, tuple(self.asked))
        self._show(spec.key, State.NEW, words.NEW.format(label=spec.label))

    def _consider(self, change: Change, by: str, gate: list[Gate]) -> None:
        """Fetch a candidate, hold it against what answers now, decide, and do so."""
        decision, staging = self._decision(change.current.key), self.engine.zero
        if not gate and not staging:
            gate.append(self.sources.gate())
        asked = gate[0].asked if gate else None
        known = known_answer(decision, place_of(change.candidate), asked)
        if known is not None:
            self._show(known.key, BY_ACTION[known.action], known.sentence)
            return
        candidate = self._fetch(change)
        # Where it answered already, its files are here.
        if same_files(self.engine.answerer.fetcher.fetch(change.current), candidate):
            judged = Judgement(NOT_WORSE, verdict=words.SAME_FILES)
        else:
            judged = self._judge(change, gate[0]) if gate else Judgement()
        self._settle(change, by, judged, forced=False)

    def _judge(self, change: Change, gate: Gate) -> Judgement:
        key, name = change.current.key, place_of(change.candidate).name
        self._busy(key, State.EVALUATING, words.EVALUATING.format(candidate=name, current=self._now(change).name))

        def tell(done: int, total: int) -> bool:
            self.board.change(key, done=done, total=total)
            return self.wanted()

        return gate.judge(self.engine, change.current, contender(change.candidate, name), tell)

    def _fetch(self, change: Change) -> LocalCheckpoint:
        """Bring a candidate's files to this disk, under a key of its own: what is packed keeps its."""
        key, name = change.current.key, place_of(change.candidate).name
        self._busy(key, State.FETCHING, words.FETCHING.format(candidate=name, current=self._now(change).name))
        return self.engine.answerer.fetcher.fetch(contender(change.candidate, name), self._progress(key))

    def _prove(self, change: Change) -> None:
        """Load a candidate that no set has asked anything; what it has no room for beside others is not known."""
        key, name = change.current.key, place_of(change.candidate).name
        candidate = contender(change.candidate, name)
        self._busy(key, State.LOADING, words.LOADING.format(candidate=name, current=self._now(change).name))
        try:
            load_model(self.engine.offering(Catalog((candidate,))), candidate.key)
        except NoRoomError as error:
            log.info("%s", error)

    def _settle(self, change: Change, by: str, judged: Judgement, *, forced: bool) -> str:
        """Decide, record that, do what it says, and return it in a sentence."""
        action = decide(judged, forced=forced, staging=self.engine.zero)
        candidate, key = place_of(change.candidate), change.current.key
        before = self._decision(key)
        # What was decided for the next start holds as long as nothing else is.
        current = before.stands if before is not None and action == KEPT else self._now(change)
        decision = Decision(
            _now(), key, change.current.label, by, action, change.asked, current, candidate, forced, judged
        )
        answers = action == STAGED and self._here(key) == candidate
        decision = replace(decision, sentence=words.called_off(decision) if answers else words.told(decision))
        if action == SWITCHED:
            # What is recorded must be possible, and whoever asks next must not wait for it.
            answerer = self.engine.answerer
            answerer.processors.get(answerer.fetcher.fetch(change.candidate))
            if forced:
                self._prove(change)
        self._carrier.write(decision)
        if action == SWITCHED:
            self._carrier.exchange(change.candidate)
            self.changes.pop(key, None)
        else:
            self._carrier.let_go(change.current)
        self._carrier.tell(decision)
        self._show(key, State.SWITCHED if answers else BY_ACTION[action], decision.sentence)
        return decision.sentence

    def _decision(self, key: str) -> Decision | None:
        return self._known(key).decision

    def _known(self, key: str) -> Known:
        asked, decisions = self.asked.get(key), self.record.decisions()
        if asked is None:
            return Known()
        return Known(last_of(decisions, key, asked), switch_of(decisions, key, asked))

    def _here(self, key: str) -> Place | None:
        spec = self.engine.catalog.get(key)
        return None if spec is None else running_at(spec, self.engine.answerer.fetcher)

    def _now(self, change: Change) -> Place:
        return running_at(change.current, self.engine.answerer.fetcher)

    def _progress(self, key: str) -> Callable[[int, int], None]:
        return lambda done, total: self.board.change(key, done=done, total=total)

    def _busy(self, key: str, state: State, sentence: str) -> None:
        self.board.change(key, state=state, sentence=sentence, done=0, total=0)

    def _show(self, key: str, state: State, sentence: str) -> None:
        """Show what became of a checkpoint."""
        spec = self.engine.catalog.get(key)
        if spec is None:
            # It is new, and could not be taken.
            self.board.change(key, state=state, sentence=sentence, done=0, total=0)
            return
        row = row_of(spec, self.engine.answerer.fetcher, self._known(key), self.changes.get(key))
        self.board.put(replace(row, state=state, sentence=sentence))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
