"""A ticket waits, is granted or refused, and gives back what it has."""

from __future__ import annotations

import pytest

from microscope.engine.caching.states import Waiting
from microscope.engine.caching.ticket import Lease, Ticket
from microscope.errors import OutOfMemoryError, UserError


class Desk:
    def __init__(self) -> None:
        self.closed: list[int] = []
        self.promoted: list[int] = []

    def promote(self, ticket: int) -> None:
        self.promoted.append(ticket)

    def close(self, ticket: int) -> None:
        self.closed.append(ticket)

    def waiting(self, ticket: int) -> Waiting | None:
        return Waiting(ticket, 1.0)


def take() -> tuple[Ticket[str], Desk]:
    desk = Desk()
    ticket: Ticket[str] = Ticket(desk)
    ticket.number = 7
    return ticket, desk


def test_it_waits_no_longer_than_it_is_told() -> None:
    ticket, _ = take()
    assert not ticket.ready(0)
    assert ticket.status() == Waiting(7, 1.0)


def test_once_granted_it_has_a_lease_until_it_is_left() -> None:
    ticket, desk = take()
    with ticket:
        ticket.grant(Lease("model", 0.5))
        assert ticket.ready()
        assert ticket.lease == Lease("model", 0.5)
    assert desk.closed == [7]


def test_a_refusal_is_raised_every_time() -> None:
    ticket, desk = take()
    ticket.refuse(UserError("It needs more memory than there is."))
    for _ in range(2):
        with pytest.raises(UserError, match="more memory"):
            ticket.ready(0)
    with pytest.raises(UserError), ticket:
        _ = ticket.lease
    assert desk.closed == [7]
    assert not ticket.exhausted


def test_a_refusal_for_want_of_memory_is_told_from_others() -> None:
    ticket, _ = take()
    ticket.refuse(OutOfMemoryError("Memory ran out."))
    assert ticket.exhausted
    with pytest.raises(OutOfMemoryError, match="ran out"):
        ticket.ready(0)


def test_it_is_promoted_by_its_number() -> None:
    ticket, desk = take()
    ticket.promote()
    assert desk.promoted == [7]
