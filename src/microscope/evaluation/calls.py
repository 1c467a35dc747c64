"""Has an arm's open items answered, call by call, while the next call's prompts are prepared; keeps every answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from microscope.catalog.spec import ModelSpec
from microscope.engine.answers import EVERY_JOB
from microscope.engine.batch.asks import Answered, Proved, Stack, Unanswered, Update
from microscope.engine.boundary import attempt
from microscope.engine.build import Engine
from microscope.engine.files import LocalCheckpoint
from microscope.engine.pace import Work
from microscope.engine.pending import NOT_READY
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.errors import UserError
from microscope.evaluation.course import Course
from microscope.evaluation.keeping import Keeper
from microscope.evaluation.task import EVALUATE
from microscope.records import Answer

# Answers are kept when so many are there, or after so long.
KEEP_TOGETHER, KEEP_SECONDS = 64, 1.0
# So many items that fail one after another with one sentence are no item's fault: a quota is over, or a method fails.
FAILED_ALIKE = 8


@dataclass(frozen=True)
class Told:
    """What has happened: items that have an outcome now, how many of them were answered, and what it waits for.

    `reused` of them have another item's answer, of the same picture and question.
    """

    settled: tuple[int, ...] = ()
    computed: int = 0
    message: str = ""
    reused: int = 0


# The model is there, and at work.
STARTED = Told()


class Answering:
    """One arm's answering of open items."""

    def __init__(self, engine: Engine, keeper: Keeper | None, course: Course) -> None:
        self._engine, self._keeper, self._course = engine, keeper, course
        self._ready = NOT_READY
        self._fresh: dict[str, Answer] = {}
        self._settled: list[int] = []
        self._computed = self._reused = 0
        self._followers: dict[int, list[int]] = {}
        self._kept_at = time.monotonic()

    def steps(self, numbers: Sequence[int], following: ModelSpec | None) -> Iterator[Told]:
        """Yield what happens until all items have an outcome.

        A call that fails as a whole is a `UserError`; what was answered before it is kept. The files of the checkpoint
        that comes next are fetched and read meanwhile.
        """
        numbers = self._leaders(numbers)
        if self._course.arm.keep is not None:
            yield from self._one_by_one(numbers)
            return
        pool = ThreadPoolExecutor(2)
        try:
            if following is not None:
                pool.submit(self._warm, following)
            yield from self._in_calls(numbers, pool)
        finally:
            # Whoever stops does not wait for what was begun ahead.
            pool.shutdown(wait=False, cancel_futures=True)

    def _leaders(self, numbers: Sequence[int]) -> list[int]:
        """Return the open items without those whose picture and question another one has: they have its answer."""
        leaders: dict[str, int] = {}
        for number in numbers:
            if number not in self._course.outcomes:
                leader = leaders.setdefault(self._course.addresses[number], number)
                if leader != number:
                    self._followers.setdefault(leader, []).append(number)
        return list(leaders.values())

    def _over(self, number: int) -> None:
        """Take down that an item has its outcome, and give it to those that follow it."""
        self._settled.append(number)
        for follower in self._followers.pop(number, ()):
            self._course.outcomes[follower] = self._course.outcomes[number]
            self._settled.append(follower)
            self._reused += 1

    def _in_calls(self, numbers: Sequence[int], pool: ThreadPoolExecutor) -> Iterator[Told]:
        calls = self._course.calls(numbers, self._rates())
        call = next(calls, None)
        ahead = None if call is None else pool.submit(self._course.stack, call)
        while ahead is not None:
            stack, items, refused = ahead.result()
            for number in refused:
                self._over(number)
            ahead = None
            try:
                for told in self._call(replace(stack, way=self._course.way), items) if items else iter(()):
                    if ahead is None and told is STARTED:
                        # Not before: where a worker is forked, nothing else should be at work meanwhile.
                        call = next(calls, None)
                        ahead = None if call is None else pool.submit(self._course.stack, call)
                    yield told
            except UserError:
                # What was answered until then counts.
                yield self._told(force=True)
                raise
            yield self._told(force=True)
            if ahead is None:
                call = next(calls, None)
                ahead = None if call is None else pool.submit(self._course.stack, call)

    def _rates(self) -> Iterator[float]:
        """Yield what an item is expected to take."""
        local, settings = self._course.local, self._course.arm.settings
        while True:
            yield self._engine.pace.item_seconds(Work(local.spec.key, local.bytes, False, settings.max_new_tokens))

    def _warm(self, spec: ModelSpec) -> None:
        local = attempt(lambda: self._engine.answerer.fetcher.fetch(spec), UserError)
        if isinstance(local, LocalCheckpoint):
            self._engine.models.read_ahead(local)

    def _call(self, stack: Stack, items: list[int]) -> Iterator[Told]:
        began, count = time.monotonic(), 0
        try:
            for number, update in self._engine.answerer.door.run(EVALUATE, (stack,)):
                if number == EVERY_JOB or isinstance(update, Failed):
                    raise UserError(update.message)
                if isinstance(update, Ready):
                    self._ready = replace(update, dtype=self._course.said_dtype(update.dtype))
                    began = time.monotonic()
                    yield STARTED
                count += isinstance(update, Answered)
                self._take(update, stack, items)
                if self._due or not isinstance(update, Answered | Unanswered):
                    yield self._told(_waits(update))
        finally:
            # Also where it is stopped, or the platform ends it.
            self._keep()
        self._engine.pace.observe_items(self._course.local.spec.key, count, time.monotonic() - began)

    def _take(self, update: Update, stack: Stack, items: list[int]) -> None:
        course = self._course
        if isinstance(update, Proved):
            course.way = update.way
        elif isinstance(update, Unanswered):
            course.fail(items[update.number], update.message)
            self._over(items[update.number])
        elif isinstance(update, Answered):
            number = items[update.number]
            origin = course.origin(number, stack.prompts[update.number])
            answer = origin.answer(update.ids, update.logprobs, update.end, self._ready, together=update.together)
            self._settle(number, answer)

    def _settle(self, number: int, answer: Answer) -> None:
        self._course.settle(number, answer)
        self._fresh[self._course.addresses[number]] = answer
        self._over(number)

    def _one_by_one(self, numbers: Sequence[int]) -> Iterator[Told]:
        """Answer with a part of the image tokens, which takes a look at each item first."""
        course, keeper, share = self._course, self._keeper, self._course.arm.keep
        if keeper is None or share is None:
            raise ValueError("nothing tells which image tokens are kept")
        alike: list[int] = []
        why = ""
        for number in numbers:
            try:
                for answer in keeper.answers(course.request(number), share):
                    if answer is None:
                        yield Told()
                    else:
                        self._settle(number, answer)
            except UserError as error:
                if str(error) != why:
                    self._fail(alike, why)
                    alike, why = [], str(error)
                alike.append(number)
                if len(alike) == FAILED_ALIKE:
                    # Had they failed as items do, all that are left would count as wrong.
                    yield self._told(force=True)
                    raise
            else:
                self._fail(alike, why)
                alike, why = [], ""
            yield self._told(force=True)
        self._fail(alike, why)
        yield self._told(force=True)

    def _fail(self, numbers: Sequence[int], message: str) -> None:
        for number in numbers:
            self._course.fail(number, message)
            self._over(number)

    @property
    def _due(self) -> bool:
        return len(self._fresh) >= KEEP_TOGETHER or time.monotonic() - self._kept_at >= KEEP_SECONDS

    def _told(self, message: str = "", *, force: bool = False) -> Told:
        """Keep what is new and return what has happened; an item is told of once its answer is safe."""
        if not (force or self._due or message):
            return Told()
        self._keep()
        told = Told(tuple(self._settled), self._computed, message, self._reused)
        self._settled, self._computed, self._reused = [], 0, 0
        return told

    def _keep(self) -> None:
        fresh, self._fresh = self._fresh, {}
        if fresh:
            self._engine.answerer.store.put_many(fresh)
        self._computed += len(fresh)
        self._kept_at = time.monotonic()


def _waits(update: Update) -> str:
    if isinstance(update, Queued):
        return f"Waits for {update.ahead} others, about {update.seconds:.0f} s."
    if isinstance(update, Loading):
        return f"Loads {update.done / 1e6:,.0f} of {update.bytes / 1e6:,.0f} MB."
    return "Memory ran out; fewer go at once." if isinstance(update, Restarted) else ""
