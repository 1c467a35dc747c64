"""Plays requests against the scheduler in simulated time: loads and uses take what they take, and nothing is real."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import Effect, Evict, Grant, Load, Want


@dataclass(frozen=True)
class Arrival:
    """Somebody who asks at a moment, for a model, uses it so long, and has had enough of waiting after so long."""

    when: float
    model: str
    variant: str = ""
    run: float = 1.0
    gives_up: float | None = None


@dataclass
class Story:
    """What became of one arrival: the older uses there were, when it was granted, refused or left."""

    arrival: Arrival
    older: int
    granted: float | None = None
    refused: bool = False
    left: bool = False
    answers: int = 0


@dataclass
class Simulation:
    """Runs the scheduler on a heap of moments, checking after each that memory and leases are what they must be."""

    scheduler: Scheduler
    sizes: dict[str, int]
    load_seconds: dict[str, float]
    stories: dict[int, Story] = field(default_factory=dict)
    resident: set[str] = field(default_factory=set)
    in_use: dict[int, str] = field(default_factory=dict)
    loading: set[str] = field(default_factory=set)

    def play(self, arrivals: list[Arrival]) -> list[Story]:
        """Play until nothing happens any more."""
        order = count()
        heap: list[tuple[float, int, str, object]] = []

        def later(when: float, what: str, about: object) -> None:
            heapq.heappush(heap, (when, next(order), what, about))

        for arrival in arrivals:
            later(arrival.when, "arrive", arrival)
        while heap:
            now, _, what, about = heapq.heappop(heap)
            for effect in self._happen(what, about, now, later):
                self._carry_out(effect, now, later)
            self._check()
        return list(self.stories.values())

    def _happen(self, what: str, about: object, now: float, later: object) -> list[Effect]:
        scheduler = self.scheduler
        if what == "arrive":
            assert isinstance(about, Arrival)
            older = len(scheduler.waiting) + len(scheduler.running)
            size = self.sizes[about.model]
            ticket, effects = scheduler.ask(Want(about.model, bytes=size, variant=about.variant), now)
            self.stories[ticket] = Story(about, older)
            if about.gives_up is not None:
                later(now + about.gives_up, "give up", ticket)
            return effects
        if what == "load ends":
            self.loading.discard(str(about))
            self.resident.add(str(about))
            if scheduler.models[str(about)].abandoned:
                self.resident.discard(str(about))
                return scheduler.dropped(str(about), now)
            return scheduler.loaded(str(about), self.sizes[str(about)], now)
        assert isinstance(about, int)
        story = self.stories[about]
        if what == "use ends":
            del self.in_use[about]
            return scheduler.end(about, now)
        if story.granted is None and not story.refused:
            story.left = True
            story.answers += 1
            return scheduler.end(about, now)
        return []

    def _carry_out(self, effect: Effect, now: float, later: object) -> None:
        if isinstance(effect, Load):
            assert not self.loading, "two loads at once"
            self.loading.add(effect.want.model)
            later(now + self.load_seconds[effect.want.model], "load ends", effect.want.model)
        elif isinstance(effect, Evict):
            assert effect.model not in self.in_use.values(), "evicted in use"
            self.resident.discard(effect.model)
        elif isinstance(effect, Grant):
            story = self.stories[effect.ticket]
            model = story.arrival.model
            assert model in self.resident, "granted what is not there"
            others = {self.stories[one].arrival.variant for one, used in self.in_use.items() if used == model}
            assert others <= {story.arrival.variant}, "two variants at once"
            story.granted = now
            story.answers += 1
            self.in_use[effect.ticket] = model
            later(now + story.arrival.run, "use ends", effect.ticket)
        else:
            story = self.stories[effect.ticket]
            story.refused = True
            story.answers += 1

    def _check(self) -> None:
        scheduler = self.scheduler
        held = sum(self.sizes[model] for model in self.resident | self.loading)
        assert held == scheduler.used() <= scheduler.budget, "bytes over budget"
        assert scheduler.lanes is None or len(self.in_use) <= scheduler.lanes, "more uses than lanes"
        assert sum(record.leases for record in scheduler.models.values()) == len(self.in_use), "a lease leaked"
