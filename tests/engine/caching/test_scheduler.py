"""Whose turn it is: every rule of the scheduler, with a clock that is a number and effects that are data."""

from __future__ import annotations

from microscope.engine.caching.scheduler import LARGER, UNWANTED, Scheduler
from microscope.engine.caching.states import Effect, Evict, Grant, Load, Refuse, Want

PATIENCE = 10.0


def make(budget: int = 100, **options: object) -> Scheduler:
    return Scheduler(budget, **{"lanes": 1, "patience": PATIENCE, **options})  # type: ignore[arg-type]


def want(model: str, size: int = 100, **fields: object) -> Want:
    return Want(model, model, model.upper(), size, **fields)  # type: ignore[arg-type]


def loads(effects: list[Effect]) -> list[str]:
    return [effect.want.model for effect in effects if isinstance(effect, Load)]


def grants(effects: list[Effect]) -> list[int]:
    return [effect.ticket for effect in effects if isinstance(effect, Grant)]


def evictions(effects: list[Effect]) -> list[str]:
    return [effect.model for effect in effects if isinstance(effect, Evict)]


def refusals(effects: list[Effect]) -> list[str]:
    return [effect.sentence for effect in effects if isinstance(effect, Refuse)]


def keep(scheduler: Scheduler, model: str, size: int = 100, now: float = 0.0) -> None:
    """Let a model be loaded, used and idle."""
    ticket, _ = scheduler.ask(want(model, size), now)
    scheduler.loaded(model, size, now)
    scheduler.end(ticket, now)


def test_a_model_that_is_absent_is_loaded_and_then_used() -> None:
    scheduler = make()
    ticket, effects = scheduler.ask(want("a"), 0.0)
    assert effects == [Load(want("a"))]
    assert scheduler.loaded("a", 100, 1.0) == [Grant(ticket)]
    assert scheduler.models["a"].leases == 1
    assert scheduler.end(ticket, 2.0) == []
    assert scheduler.models["a"].leases == 0


def test_a_model_that_is_ready_is_used_at_once() -> None:
    scheduler = make()
    keep(scheduler, "a")
    ticket, effects = scheduler.ask(want("a"), 1.0)
    assert effects == [Grant(ticket)]


def test_those_who_want_the_same_share_one_load() -> None:
    scheduler = make(lanes=None)
    first, _ = scheduler.ask(want("a"), 0.0)
    second, effects = scheduler.ask(want("a"), 0.1)
    assert effects == []
    assert grants(scheduler.loaded("a", 100, 1.0)) == [first, second]


def test_only_one_model_loads_at_a_time_the_oldest_first() -> None:
    scheduler = make(300)
    _, first = scheduler.ask(want("a"), 0.0)
    _, second = scheduler.ask(want("b"), 0.1)
    _, third = scheduler.ask(want("c"), 0.2)
    assert (loads(first), second, third) == (["a"], [], [])
    assert loads(scheduler.loaded("a", 100, 1.0)) == ["b"]


def test_a_hit_does_not_wait_for_another_models_load() -> None:
    scheduler = make(200)
    keep(scheduler, "a")
    scheduler.ask(want("b"), 1.0)
    ticket, effects = scheduler.ask(want("a"), 1.1)
    assert effects == [Grant(ticket)]


def test_requests_for_a_ready_model_are_grouped() -> None:
    """A B A B, with room for one, becomes A A B B."""
    scheduler = make()
    keep(scheduler, "a")
    served, now = [], 1.0
    tickets = {}
    effects: list[Effect] = []
    for model in "abab":
        ticket, more = scheduler.ask(want(model), now)
        tickets[ticket] = model
        effects += more
    while effects:
        now += 0.1
        following: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Load):
                following += scheduler.loaded(effect.want.model, 100, now)
            elif isinstance(effect, Grant):
                served.append(tickets[effect.ticket])
                following += scheduler.end(effect.ticket, now)
        effects = following
    assert "".join(served) == "aabb"


def test_a_steady_stream_for_one_model_cannot_starve_another() -> None:
    scheduler, now = make(), 0.0
    keep(scheduler, "a")
    running, _ = scheduler.ask(want("a"), now)
    starved, _ = scheduler.ask(want("b"), now)
    passed = 0
    while now < 5 * PATIENCE:
        # Somebody wants A before the one who has it is done.
        following, _ = scheduler.ask(want("a"), now)
        now += 1.0
        effects = scheduler.end(running, now)
        if loads(effects) == ["b"]:
            assert evictions(effects) == ["a"]
            break
        assert grants(effects) == [following]
        running, passed = following, passed + 1
    assert PATIENCE <= now <= PATIENCE + 2
    assert passed > 0
    assert grants(scheduler.loaded("b", 100, now + 1)) == [starved]


def test_who_lost_patience_is_not_passed_while_those_in_the_way_end() -> None:
    scheduler = make(200, lanes=None)
    keep(scheduler, "a")
    keep(scheduler, "b")
    first, _ = scheduler.ask(want("a"), 0.0)
    second, _ = scheduler.ask(want("b"), 0.0)
    stuck, _ = scheduler.ask(want("c", 200), 0.0)
    late, effects = scheduler.ask(want("a"), PATIENCE)
    assert effects == []
    assert scheduler.end(first, PATIENCE + 1) == []
    effects = scheduler.end(second, PATIENCE + 2)
    assert sorted(evictions(effects)) == ["a", "b"]
    assert loads(effects) == ["c"]
    effects = scheduler.loaded("c", 200, PATIENCE + 3)
    assert grants(effects) == [stuck]
    assert loads(scheduler.end(stuck, PATIENCE + 4)) == ["a"]
    assert grants(scheduler.loaded("a", 100, PATIENCE + 5)) == [late]


def test_others_begin_while_the_load_of_who_lost_patience_is_under_way() -> None:
    scheduler = make(200, lanes=None)
    keep(scheduler, "a")
    scheduler.ask(want("b"), 0.0)
    ticket, effects = scheduler.ask(want("a"), 2 * PATIENCE)
    assert effects == [Grant(ticket)]


def test_models_that_somebody_waits_for_are_spared_by_the_patient() -> None:
    scheduler = make(300, lanes=1)
    for model in "abc":
        keep(scheduler, model)
    running, _ = scheduler.ask(want("c"), 1.0)
    scheduler.ask(want("a"), 1.1)
    _, effects = scheduler.ask(want("d"), 1.2)
    assert evictions(effects) == ["b"]
    assert loads(effects) == ["d"]
    assert "a" in scheduler.models
    scheduler.end(running, 2.0)


def test_the_least_recently_used_goes() -> None:
    scheduler = make(200)
    keep(scheduler, "a", now=0.0)
    keep(scheduler, "b", now=1.0)
    keep(scheduler, "a", now=2.0)
    _, effects = scheduler.ask(want("c"), 3.0)
    assert evictions(effects) == ["b"]


def test_what_is_in_use_or_pinned_stays() -> None:
    scheduler = make(300)
    keep(scheduler, "a")
    keep(scheduler, "b")
    scheduler.pin("a", 0.0, on=True)
    keep(scheduler, "c")
    scheduler.ask(want("b"), 1.0)
    _, effects = scheduler.ask(want("d"), 2.0)
    assert evictions(effects) == ["c"]
    _, effects = scheduler.ask(want("e", 200), 3.0)
    assert effects == []


def test_what_can_never_fit_is_refused_with_the_numbers() -> None:
    scheduler = make(3_000_000_000)
    keep(scheduler, "a", 1_000_000_000)
    scheduler.pin("a", 0.0, on=True)
    _, effects = scheduler.ask(want("big", 2_500_000_000), 0.0)
    assert refusals(effects) == [
        "BIG needs 2.50 GB and at most 2.00 GB of 3.00 GB can be freed; choose a smaller checkpoint."
    ]
    assert evictions(effects) == []


def test_a_refusal_does_not_hold_up_who_comes_after() -> None:
    scheduler = make(200)
    scheduler.ask(want("a"), 0.0)
    scheduler.ask(want("big", 500), 0.0)
    scheduler.ask(want("b"), 0.0)
    effects = scheduler.loaded("a", 100, 1.0)
    assert len(refusals(effects)) == 1
    assert loads(effects) == ["b"]


def test_a_waiter_who_leaves_is_forgotten() -> None:
    scheduler = make(200)
    running, _ = scheduler.ask(want("a"), 0.0)
    scheduler.loaded("a", 100, 0.0)
    gone, _ = scheduler.ask(want("a"), 0.1)
    left, _ = scheduler.ask(want("a"), 0.2)
    assert scheduler.end(gone, 0.3) == []
    assert grants(scheduler.end(running, 0.4)) == [left]


def test_a_load_that_nobody_waits_for_is_dropped() -> None:
    scheduler = make()
    ticket, _ = scheduler.ask(want("a"), 0.0)
    scheduler.end(ticket, 0.5)
    assert scheduler.models["a"].abandoned
    # It ended before it could be stopped.
    assert scheduler.loaded("a", 100, 1.0) == [Evict("a", UNWANTED, "A")]
    assert scheduler.models == {}


def test_a_load_that_stopped_early_makes_way_for_the_next() -> None:
    scheduler = make()
    ticket, _ = scheduler.ask(want("a"), 0.0)
    scheduler.ask(want("b"), 0.1)
    assert scheduler.end(ticket, 0.5) == []
    assert loads(scheduler.dropped("a", 0.6)) == ["b"]


def test_who_comes_back_to_an_abandoned_load_has_it() -> None:
    scheduler = make()
    ticket, _ = scheduler.ask(want("a"), 0.0)
    scheduler.end(ticket, 0.5)
    again, effects = scheduler.ask(want("a"), 0.6)
    assert effects == []
    assert grants(scheduler.loaded("a", 100, 1.0)) == [again]
    scheduler.end(again, 1.0)
    late, _ = scheduler.ask(want("b"), 2.0)
    scheduler.end(late, 2.1)
    third, _ = scheduler.ask(want("b"), 2.2)
    # The load had seen that it was not wanted before somebody wanted it again.
    assert loads(scheduler.dropped("b", 2.3)) == ["b"]
    assert grants(scheduler.loaded("b", 100, 2.4)) == [third]


def test_a_load_that_fails_is_refused_to_all_and_waits() -> None:
    scheduler = make()
    scheduler.ask(want("a"), 0.0)
    scheduler.ask(want("a"), 0.1)
    scheduler.ask(want("b"), 0.2)
    effects = scheduler.failed("a", "A is damaged.", 1.0)
    assert refusals(effects) == ["A is damaged."] * 2
    assert loads(effects) == ["b"]
    _, effects = scheduler.ask(want("a"), 1.5)
    assert refusals(effects) == ["A is damaged. It is tried again in 1 s."]
    scheduler.loaded("b", 0, 2.0)
    _, effects = scheduler.ask(want("a"), 2.5)
    assert loads(effects) == ["a"]


def test_the_measured_size_replaces_the_expected_one() -> None:
    scheduler = make(200)
    keep(scheduler, "a", 100)
    scheduler.ask(want("b", 50), 1.0)
    effects = scheduler.loaded("b", 150, 2.0)
    assert evictions(effects) == ["a"]
    assert scheduler.used() == 150


def test_what_turned_out_too_large_for_now_waits_on_with_the_measured_size() -> None:
    scheduler = make(200)
    keep(scheduler, "a", 100)
    running, _ = scheduler.ask(want("a"), 1.0)
    waiting, _ = scheduler.ask(want("b", 50), 1.0)
    assert scheduler.loaded("b", 150, 2.0) == [Evict("b", LARGER, "B")]
    assert scheduler.used() == 100
    effects = scheduler.end(running, 4.0)
    assert (evictions(effects), loads(effects)) == (["a"], ["b"])
    assert grants(scheduler.loaded("b", 150, 5.0)) == [waiting]


def test_what_turned_out_too_large_for_good_is_refused() -> None:
    scheduler = make(200)
    scheduler.ask(want("b", 50), 1.0)
    effects = scheduler.loaded("b", 250, 2.0)
    assert effects[0] == Evict("b", LARGER, "B")
    assert len(refusals(effects)) == 1
    assert scheduler.used() == 0


def test_a_model_that_grows_lets_idle_ones_go_or_is_told_that_there_is_no_room() -> None:
    scheduler = make(200)
    keep(scheduler, "a")
    scheduler.ask(want("b", 50), 1.0)
    scheduler.loaded("b", 50, 1.0)
    assert scheduler.grow("b", 90) == []
    assert scheduler.grow("b", 120) == [Evict("a", "room for B", "A")]
    assert scheduler.grow("b", 201) is None
    assert scheduler.used() == 120


def test_a_model_that_grows_comes_before_idle_ones_that_others_wait_for() -> None:
    scheduler = make(200)
    keep(scheduler, "a")
    scheduler.ask(want("b", 90), 1.0)
    scheduler.loaded("b", 90, 1.0)
    scheduler.ask(want("a"), 1.1)
    effects = scheduler.grow("b", 120)
    assert effects == [Evict("a", "room for B", "A")]


def test_a_load_under_way_does_not_keep_a_model_from_growing() -> None:
    scheduler = make(200)
    running, _ = scheduler.ask(want("b", 100), 1.0)
    scheduler.loaded("b", 100, 1.0)
    waiting, effects = scheduler.ask(want("c", 100), 1.1)
    assert loads(effects) == ["c"]
    assert scheduler.grow("b", 110) == []
    # What was loaded meanwhile does not fit beside it, and is loaded again when there is room.
    assert scheduler.loaded("c", 100, 2.0) == [Evict("c", LARGER, "C")]
    assert loads(scheduler.end(running, 3.0)) == ["c"]
    assert grants(scheduler.loaded("c", 100, 4.0)) == [waiting]


def test_a_pin_of_the_entry_counts_once_and_the_owner_may_take_it_off() -> None:
    scheduler = make(300)
    for now in (0.0, 1.0):
        ticket, _ = scheduler.ask(want("a", pin=True), now)
        if now == 0.0:
            scheduler.loaded("a", 100, now)
            assert scheduler.models["a"].pinned
        scheduler.end(ticket, now)
        scheduler.pin("a", now, on=False)
    assert not scheduler.models["a"].pinned


def test_of_one_model_one_variant_runs_at_a_time() -> None:
    scheduler = make(lanes=None)
    first, _ = scheduler.ask(want("a", variant="x"), 0.0)
    second, _ = scheduler.ask(want("a", variant="y"), 0.1)
    third, _ = scheduler.ask(want("a", variant="x"), 0.2)
    assert grants(scheduler.loaded("a", 100, 1.0)) == [first, third]
    assert grants(scheduler.end(first, 2.0)) == []
    assert grants(scheduler.end(third, 3.0)) == [second]


def test_a_stream_for_one_variant_cannot_starve_another() -> None:
    scheduler = make(lanes=None)
    keep(scheduler, "a")
    running, _ = scheduler.ask(want("a", variant="x"), 0.0)
    starved, _ = scheduler.ask(want("a", variant="y"), 0.0)
    late, effects = scheduler.ask(want("a", variant="x"), PATIENCE)
    assert effects == []
    assert grants(scheduler.end(running, PATIENCE + 1)) == [starved]
    assert grants(scheduler.end(starved, PATIENCE + 2)) == [late]


def test_the_queue_is_bounded() -> None:
    scheduler = make(most_waiting=2)
    for _ in range(2):
        scheduler.ask(want("a"), 0.0)
    _, effects = scheduler.ask(want("a"), 0.0)
    assert refusals(effects) == ["2 requests are waiting already, and no more can; try again in a minute."]


def test_what_is_asked_ahead_is_loaded_and_waits_for_its_turn() -> None:
    scheduler = make(200)
    running, _ = scheduler.ask(want("a"), 0.0)
    scheduler.loaded("a", 100, 0.1)
    ahead, effects = scheduler.ask(want("b"), 0.2, eager=False)
    assert loads(effects) == ["b"]
    assert scheduler.loaded("b", 100, 0.3) == []
    assert scheduler.end(running, 0.4) == []
    assert grants(scheduler.promote(ahead, 0.5)) == [ahead]


def test_what_is_asked_ahead_takes_no_room_from_those_who_wait() -> None:
    scheduler = make(200)
    keep(scheduler, "a")
    keep(scheduler, "b")
    scheduler.ask(want("a"), 1.0)
    scheduler.ask(want("b"), 1.1)
    _, effects = scheduler.ask(want("c"), 1.2, eager=False)
    assert effects == []
    # Who waits for a turn comes first, though he came later.
    _, effects = scheduler.ask(want("d", 200), 1.3)
    assert effects == []


def test_asking_ahead_for_what_is_promoted_too_late_loads_it_then() -> None:
    scheduler = make(100)
    running, _ = scheduler.ask(want("a"), 0.0)
    scheduler.loaded("a", 100, 0.1)
    ahead, effects = scheduler.ask(want("b"), 0.2, eager=False)
    assert effects == []
    scheduler.promote(ahead, 0.3)
    assert loads(scheduler.end(running, 0.4)) == ["b"]
    assert grants(scheduler.loaded("b", 100, 0.5)) == [ahead]


def test_idle_models_go_for_working_memory() -> None:
    scheduler = make(200, working=50)
    keep(scheduler, "a")
    keep(scheduler, "b")
    _, effects = scheduler.ask(want("b", reserve=50), 1.0)
    assert evictions(effects) == []
    _, effects = scheduler.ask(want("b", reserve=0), 2.0)
    scheduler = make(200, working=50)
    keep(scheduler, "a")
    keep(scheduler, "b")
    ticket, effects = scheduler.ask(want("b", reserve=60), 1.0)
    assert evictions(effects) == ["a"]
    assert grants(effects) == [ticket]


def test_a_use_that_reserves_more_than_there_is_begins_alone() -> None:
    scheduler = make(200, working=50)
    keep(scheduler, "a")
    ticket, effects = scheduler.ask(want("b", reserve=1000), 1.0)
    assert loads(effects) == ["b"]
    effects = scheduler.loaded("b", 100, 2.0)
    assert evictions(effects) == ["a"]
    assert grants(effects) == [ticket]


def test_placed_models_are_hits_and_never_go() -> None:
    scheduler = make(100)
    scheduler.place(want("a"), 100, 0.0)
    ticket, effects = scheduler.ask(want("a"), 1.0)
    assert effects == [Grant(ticket)]
    scheduler.end(ticket, 2.0)
    assert scheduler.unload("a", "by the owner", 3.0) == []
    assert len(refusals(scheduler.ask(want("b"), 4.0)[1])) == 1
    assert scheduler.relieve("out of memory") == []


def test_what_is_pinned_by_its_entry_stays_once_it_was_used() -> None:
    scheduler = make(100)
    ticket, _ = scheduler.ask(want("a", pin=True), 0.0)
    scheduler.loaded("a", 100, 0.0)
    scheduler.end(ticket, 0.0)
    assert len(refusals(scheduler.ask(want("b"), 1.0)[1])) == 1
    scheduler.pin("a", 2.0, on=False)
    assert evictions(scheduler.ask(want("b"), 3.0)[1]) == ["a"]


def test_unloading_takes_what_nobody_uses() -> None:
    scheduler = make(200)
    keep(scheduler, "a")
    ticket, _ = scheduler.ask(want("a"), 1.0)
    assert scheduler.unload("a", "by the owner", 1.0) == []
    scheduler.end(ticket, 2.0)
    assert scheduler.unload("a", "by the owner", 3.0) == [Evict("a", "by the owner", "A")]
    assert scheduler.unload("a", "by the owner", 3.0) == []


def test_running_out_of_memory_lets_everything_idle_go() -> None:
    scheduler = make(400, lanes=None)
    for model in "abcd":
        keep(scheduler, model)
    scheduler.ask(want("a"), 1.0)
    scheduler.pin("b", 1.0, on=True)
    assert evictions(scheduler.relieve("out of memory")) == ["c", "d"]


def test_a_count_bounds_models_too() -> None:
    scheduler = make(1000, most=2)
    for model in "abc":
        keep(scheduler, model, 1)
    assert sorted(scheduler.models) == ["b", "c"]


def test_after_a_fork_models_are_there_and_nobody_is() -> None:
    scheduler = make(300)
    keep(scheduler, "a")
    scheduler.ask(want("a"), 1.0)
    scheduler.ask(want("b"), 1.0)
    scheduler.reset()
    assert {key: record.leases for key, record in scheduler.models.items()} == {"a": 0}
    ticket, effects = scheduler.ask(want("a"), 2.0)
    assert effects == [Grant(ticket)]
