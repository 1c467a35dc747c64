"""A model is waited for, used, and used once more where memory ran out; the next one is asked for ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from microscope.engine.caching.states import Waiting
from microscope.engine.caching.ticket import Lease
from microscope.engine.files import LocalCheckpoint
from microscope.engine.loader import Resident
from microscope.engine.models import Models, Needs
from microscope.engine.using import Ahead, Failed, Loading, Queued, Ready, Restarted, Use, _told, in_turn, ready, waits
from microscope.engine.weights import resident_bytes
from microscope.errors import UserError
from tests.families import local_of
from tests.keeping import models_of

Locals = Callable[[str], LocalCheckpoint]


@pytest.fixture
def models() -> Models:
    return models_of()


@pytest.fixture
def local(checkpoint: Callable[..., Path]) -> Locals:
    return lambda name: local_of(checkpoint(name))


class Work:
    """Yields words about a leased model, and fails where and as often as it is told to."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.closed = 0
        self.models: list[object] = []

    def __call__(self, lease: Lease[Resident]) -> Iterator[str]:
        self.models.append(lease.resident.model)
        try:
            yield "begun"
            if self.errors:
                raise self.errors.pop(0)
            yield "done"
        finally:
            self.closed += 1


def spent(use: Use, work: Work, ahead: Ahead) -> tuple[list[object], bool]:
    """Return what a use yields, but for what its load tells, and what it returns."""
    found, steps = [], use.run(work, ahead)
    while True:
        try:
            found.append(next(steps))
        except StopIteration as end:
            return [one for one in found if not isinstance(one, Loading)], end.value


def leases(models: Models) -> int:
    return sum(model.leases for model in models.cache.snapshot().models)


def exhausted() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_model_is_loaded_and_used(models: Models, local: Locals) -> None:
    one = local("llava")
    steps = Use(models, one, Needs()).run(work := Work(), Ahead(models))
    first = next(steps)
    assert isinstance(first, Loading)
    assert first.bytes == resident_bytes(one.weights, "float32")
    assert [step for step in steps if not isinstance(step, Loading)] == ["begun", "done"]
    assert models.holds(one)
    assert leases(models) == 0
    # The second time it is there.
    assert list(Use(models, one, Needs()).run(work, Ahead(models))) == ["begun", "done"]
    assert work.models[0] is work.models[1]


def test_where_memory_runs_out_the_work_begins_again(models: Models, local: Locals) -> None:
    one, other = local("llava"), local("gemma3")
    spent(Use(models, other, Needs()), Work(), Ahead(models))
    work = Work(exhausted())
    assert spent(Use(models, one, Needs()), work, Ahead(models)) == (["begun", Restarted(), "begun", "done"], True)
    assert work.closed == 2
    # All others are let go, and not the one that tries again.
    assert models.holds(one)
    assert not models.holds(other)
    assert leases(models) == 0


def test_where_it_runs_out_twice_the_caller_is_told(models: Models, local: Locals) -> None:
    work = Work(exhausted(), MemoryError())
    found = spent(Use(models, local("llava"), Needs()), work, Ahead(models))
    assert found == (["begun", Restarted(), "begun"], False)
    assert leases(models) == 0


def test_another_failure_is_not_tried_again(models: Models, local: Locals) -> None:
    work = Work(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        spent(Use(models, local("llava"), Needs()), work, Ahead(models))
    assert work.closed == 1
    assert leases(models) == 0


def test_given_up_the_work_ends_and_the_model_is_free(models: Models, local: Locals) -> None:
    work = Work()
    steps = Use(models, local("llava"), Needs()).run(work, Ahead(models))
    while next(steps) != "begun":
        pass
    assert leases(models) == 1
    steps.close()
    assert (work.closed, leases(models)) == (1, 0)


def test_the_next_one_is_loaded_ahead_and_its_turn_takes_it(models: Models, local: Locals) -> None:
    one, following = local("llava"), local("gemma3")
    ahead = Ahead(models)
    with models.lease(one):
        ahead.ask(following, Needs())
        # One is enough.
        ahead.ask(one, Needs())
    assert spent(Use(models, following, Needs()), Work(), ahead) == (["begun", "done"], True)
    assert ahead.take() is None
    assert models.holds(following)


def test_what_is_dropped_is_not_asked_for_until_the_next_turn(models: Models, local: Locals) -> None:
    ahead, following = Ahead(models), local("gemma3")
    ahead.ask(following, Needs())
    ahead.drop()
    ahead.ask(following, Needs())
    assert ahead.take() is None
    ahead.ask(following, Needs())
    ticket = ahead.take()
    assert ticket is not None
    ticket.close()
    assert leases(models) == 0


def test_memory_that_runs_out_takes_what_was_asked_ahead(models: Models, local: Locals) -> None:
    ahead = Ahead(models)

    def work(_lease: Lease[Resident]) -> Iterator[str]:
        ahead.ask(local("gemma3"), Needs())
        yield "begun"
        raise exhausted()

    found = list(Use(models, local("llava"), Needs()).run(work, ahead))
    assert [one for one in found if not isinstance(one, Loading)] == ["begun", Restarted(), "begun"]
    assert ahead.take() is None
    assert leases(models) == 0


def test_a_model_that_cannot_be_had_is_not_missed_until_its_turn(local: Locals) -> None:
    models = models_of(1000)
    ahead = Ahead(models)
    ahead.ask(local("llava"), Needs())
    assert ahead.take() is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Waiting(ahead=0, seconds=2.0, loading=True, bytes_done=5, bytes_total=10), Loading(10, 5, 0, 2.0)),
        (Waiting(ahead=2, seconds=2.0, loading=True, bytes_done=5, bytes_total=10), Loading(10, 5, 2, 2.0)),
        (Waiting(ahead=0, seconds=2.0, loading=False, bytes_done=0, bytes_total=10), Loading(10, 0, 0, 2.0)),
        (Waiting(ahead=2, seconds=2.0, loading=False, bytes_done=0, bytes_total=10), Queued(2, 2.0)),
        (Waiting(ahead=1, seconds=2.0, loading=False, bytes_done=0, bytes_total=0), Queued(1, 2.0)),
    ],
)
def test_who_waits_hears_what_for(status: Waiting, told: Loading | Queued) -> None:
    assert _told(status) == told


def test_only_who_is_behind_others_waits() -> None:
    assert waits((3, Queued(1, 2.0)))
    assert waits((3, Loading(10, 5, 1, 2.0)))
    assert not waits((3, Loading(10, 5, 0, 2.0)))
    assert not waits((-1, Failed("no GPU")))


@dataclass(frozen=True)
class Wish:
    """What is asked of one checkpoint."""

    local: LocalCheckpoint
    needs: Needs = field(default_factory=Needs)


def test_several_take_turns_and_one_that_fails_leaves_the_others(models: Models, local: Locals) -> None:
    wishes = tuple(Wish(local(name)) for name in ("llava", "paligemma", "internvl"))

    def work(wish: Wish, ahead: Ahead) -> Iterator[object]:
        def say(lease: Lease[Resident]) -> Iterator[object]:
            yield ready(lease)
            if wish is wishes[1]:
                raise UserError("not this one")
            yield lease.resident.model.config.model_type

        yield from Use(models, wish.local, wish.needs).run(say, ahead)

    told = [(number, one) for number, one in in_turn(models, wishes, work) if not isinstance(one, Loading | Queued)]
    assert [number for number, _ in told] == [0, 0, 1, 1, 2, 2]
    assert [one for _, one in told if not isinstance(one, Ready)] == ["llava", Failed("not this one"), "internvl"]
    assert all(one.device == "cpu" and one.attention == "sdpa" for _, one in told if isinstance(one, Ready))
    assert models.cache.snapshot().waiting == 0
