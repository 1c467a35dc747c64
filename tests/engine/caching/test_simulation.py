"""Whatever visitors do: bytes stay in the budget, every one is answered once, and no wait is longer than its bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from microscope.engine.caching.scheduler import Scheduler
from tests.engine.caching.simulation import Arrival, Simulation, Story

PATIENCE = 8.0
MODELS = "abcdef"

ARRIVALS = st.lists(
    st.builds(
        Arrival,
        when=st.floats(0, 60),
        model=st.sampled_from(MODELS),
        variant=st.sampled_from(["", "x"]),
        run=st.floats(0.1, 5),
        gives_up=st.one_of(st.none(), st.floats(0.1, 20)),
    ),
    max_size=40,
)
SIZES = st.lists(st.integers(5, 60), min_size=len(MODELS), max_size=len(MODELS))
SECONDS = st.lists(st.floats(0.1, 6), min_size=len(MODELS), max_size=len(MODELS))


def play(arrivals: list[Arrival], sizes: list[int], seconds: list[float], lanes: int | None) -> list[Story]:
    scheduler = Scheduler(100, lanes=lanes, patience=PATIENCE)
    drawn = dict(zip(MODELS, sizes, strict=True)), dict(zip(MODELS, seconds, strict=True))
    return Simulation(scheduler, *drawn).play(arrivals)


@given(ARRIVALS, SIZES, SECONDS, st.sampled_from([1, 2, 3, None]))
def test_everybody_is_answered_once_and_memory_holds(
    arrivals: list[Arrival], sizes: list[int], seconds: list[float], lanes: int | None
) -> None:
    stories = play(arrivals, sizes, seconds, lanes)
    assert len(stories) == len(arrivals)
    assert [story.answers for story in stories] == [1] * len(stories)
    assert not any(story.refused for story in stories)


@given(ARRIVALS, SIZES, SECONDS, st.sampled_from([1, 2, None]))
def test_every_wait_is_bounded(
    arrivals: list[Arrival], sizes: list[int], seconds: list[float], lanes: int | None
) -> None:
    """The patience, what is under way, and of everybody older a load, a use, and a use that slipped in before."""
    load, run = max(seconds), max((arrival.run for arrival in arrivals), default=0.0)
    for story in play(arrivals, sizes, seconds, lanes):
        if story.granted is not None:
            wait = story.granted - story.arrival.when
            assert wait <= PATIENCE + load + run + (story.older + 1) * (load + 2 * run) + 1e-6


def test_a_steady_stream_starves_nobody() -> None:
    """For ten minutes somebody asks for A before the last one is done with it."""
    stream = [Arrival(number * 0.8, "a", run=0.9) for number in range(750)]
    others = [Arrival(40.0 * number + 1, "b", run=1.0) for number in range(1, 14)]
    scheduler = Scheduler(100, lanes=2, patience=PATIENCE)
    sizes, seconds = dict.fromkeys(MODELS, 80), dict.fromkeys(MODELS, 2.0)
    stories = Simulation(scheduler, sizes, seconds).play([*stream, *others])
    waits = [story.granted - story.arrival.when for story in stories if story.arrival.model == "b" and story.granted]
    assert len(waits) == len(others)
    assert max(waits) <= PATIENCE + 0.9 + 2.0 + 0.5


def test_the_same_requests_have_the_same_story() -> None:
    arrivals = [Arrival(number * 0.7 % 20, MODELS[number * 5 % 6], run=1 + number % 3) for number in range(60)]
    sizes, seconds = [30, 40, 50, 20, 60, 10], [1.0, 2.0, 1.5, 0.5, 3.0, 0.2]
    first, second = (play(arrivals, sizes, seconds, 2) for _ in range(2))
    assert first == second
