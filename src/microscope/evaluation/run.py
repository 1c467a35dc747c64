"""One run of arms over a set: what is known from the store, the rest in calls through the door; knows no page."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from microscope.catalog.spec import ModelSpec
from microscope.engine.boundary import guarded
from microscope.engine.build import Engine
from microscope.evaluation.calls import Answering, Told
from microscope.evaluation.course import Course
from microscope.evaluation.early import Decision, rounds
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.keeping import Keeper
from microscope.evaluation.opening import known_spec, open_arm
from microscope.evaluation.progress import Progress
from microscope.evaluation.results import Arm, Results
from microscope.evaluation.scoring import Scorer
from microscope.evaluation.tally import Tally

# Results are told so often, and never so often that putting them together takes more than a part of the time.
TELL_SECONDS, TELL_SHARE = 2.0, 0.05


class Run:
    """The state of one run; used by one thread, and by the one that prepares ahead."""

    def __init__(
        self, engine: Engine, keeper: Keeper | None, items: ItemSet, arms: tuple[Arm, ...], scorer: Scorer
    ) -> None:
        # What is offered may change meanwhile; an arm is one checkpoint from its first item to its last.
        self._engine = engine.offering(engine.catalog)
        self._keeper = None if keeper is None else keeper.over(self._engine.answerer)
        self._items, self._arms = items, arms
        self._tally = Tally(items, len(arms), scorer)
        self._courses: dict[int, Course] = {}
        self._missing: dict[str, str] = {}
        self._halted: set[int] = set()
        self._now = Progress(0, len(arms) * len(items.items), 0)
        self._started = time.monotonic()
        self._told, self._every = self._started, TELL_SECONDS

    def steps(self, *, early: bool) -> Iterator[Progress]:
        """Yield progress until the run is over."""
        yield self._now
        stopped = ""
        if early and len(self._arms) > 1:
            stopped = yield from self._in_rounds()
        else:
            every = list(range(len(self._items.items)))
            for index in range(len(self._arms)):
                yield from self._guarded(index, self._arm(index, every))
        yield replace(
            self._now,
            arm="",
            left=0.0,
            message=" ".join(self._missing.values()),
            results=self._results(stopped),
            over=True,
            stopped_early=stopped,
        )

    def _in_rounds(self) -> Generator[Progress, None, str]:
        """Run picture by picture through all arms, until nothing is left to decide; return the sentence about it."""
        decision, seen = Decision(len(self._arms)), 0
        total = len(self._items.items)
        for pictures in rounds(self._tally.clusters):
            numbers = [number for items in pictures for number in items]
            for index in range(len(self._arms)):
                yield from self._guarded(index, self._arm(index, numbers))
            seen += len(numbers)
            if self._halted:
                # Without one of the arms there is nothing to decide.
                continue
            decision.take(self._tally, pictures)
            if decision.made and seen < total:
                return decision.sentence(seen, total)
        return ""

    def _guarded(self, index: int, steps: Iterator[Progress]) -> Iterator[Progress]:
        if index in self._halted:
            return iter(())
        return guarded(steps, lambda message: self._failed(index, message))

    def _failed(self, index: int, message: str) -> Progress:
        """Leave an arm where it is: it could not be opened, or its calls are refused."""
        self._halted.add(index)
        arm = self._arms[index]
        if index not in self._courses or not self._courses[index].outcomes:
            self._missing[arm.key] = f"{arm.label} could not be evaluated: {message}"
        else:
            self._missing[arm.key] = f"{arm.label} was not finished: {message}"
        self._now = replace(self._now, arm=arm.key, message=self._missing[arm.key])
        return self._now

    def _arm(self, index: int, numbers: Sequence[int]) -> Iterator[Progress]:
        """Take an arm through items."""
        arm = self._arms[index]
        self._now = replace(self._now, arm=arm.key, message="")
        course = self._courses.get(index)
        opened = course is None
        if course is None:
            opening = open_arm(self._engine, self._items, arm, self._keeper)
            course = yield from self._opened(opening)
            self._courses[index] = course
        known = course.recall(self._engine.answerer, numbers)
        settled = [number for number in numbers if number in course.outcomes]
        for number in settled:
            self._tally.take(number, index, course.outcomes[number])
        self._now = replace(self._now, done=self._now.done + len(settled), reused=self._now.reused + known)
        # Round by round, what is known would be put together again and again.
        yield self._tell(force=opened and bool(settled))
        answering = Answering(self._engine, self._keeper, course)
        for told in answering.steps(numbers, self._next_spec(index)):
            yield self._take(index, course, told)

    def _opened(self, opening: Generator[tuple[int, int], None, Course]) -> Generator[Progress, None, Course]:
        while True:
            try:
                done, total = next(opening)
            except StopIteration as end:
                return end.value
            self._now = replace(self._now, message=f"Fetches {done / 1e6:,.0f} of {total / 1e6:,.0f} MB.")
            yield self._now

    def _next_spec(self, index: int) -> ModelSpec | None:
        """Return the arm that comes next, whose files may be fetched and read meanwhile."""
        following = index + 1
        if following >= len(self._arms) or following in self._courses:
            return None
        return known_spec(self._engine, self._arms[following])

    def _take(self, index: int, course: Course, told: Told) -> Progress:
        for number in told.settled:
            self._tally.take(number, index, course.outcomes[number])
        count = len(told.settled)
        self._now = replace(
            self._now,
            done=self._now.done + count,
            computed=self._now.computed + told.computed,
            reused=self._now.reused + told.reused,
            message=told.message,
            left=self._left(),
        )
        return self._tell()

    def _left(self) -> float | None:
        """Return the expected seconds that remain, by what answers took in this run."""
        if not self._now.computed:
            return None
        return (time.monotonic() - self._started) / self._now.computed * (self._now.total - self._now.done)

    def _tell(self, *, force: bool = False) -> Progress:
        now = time.monotonic()
        if not force and now - self._told < self._every:
            return self._now
        results = self._results()
        took = time.monotonic() - now
        self._told, self._every = time.monotonic(), max(TELL_SECONDS, took / TELL_SHARE)
        return replace(self._now, results=results)

    def _results(self, stopped: str = "") -> Results | None:
        courses = [self._courses.get(index) for index in range(len(self._arms))]
        return self._tally.results(courses, self._missing, stopped)
