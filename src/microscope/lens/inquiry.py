"""One whole question to the lens, as programs and the command line ask it; knows neither of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from microscope.errors import UserError
from microscope.lens.events import LensEvent
from microscope.lens.findings import Finding
from microscope.lens.lens import Lens
from microscope.lens.methods import find_method
from microscope.lens.selection import DRAWN, MAP, RANDOM, RULES, VISION, Selection, keep_best, random_order
from microscope.records import AnswerRequest, State

NO_VISION = (
    "The vision tower of {label} does not tell which patches it attends to; choose another rule, such as {rule}."
)


@dataclass(frozen=True)
class Inquiry:
    """Which map of which answer token (None: the whole answer) is wanted, and what is then rejected.

    `keep` is the share of image tokens that is kept, by a rule (None: nothing is rejected); `seed` is for the random
    one. `steps` bounds methods that take many passes.
    """

    method: str = "relevance"
    token: int | None = None
    keep: float | None = None
    rule: str = MAP.key
    seed: int = 0
    steps: int | None = None

    def __post_init__(self) -> None:
        find_method(self.method)
        known = [rule.key for rule in RULES if rule is not DRAWN]
        if self.rule not in known:
            raise UserError(f"There is no rule {self.rule!r} to keep patches by; choose one of {', '.join(known)}.")
        if self.keep is not None and not 0 < self.keep < 1:
            raise UserError(
                f"A share of {self.keep:g} of the image tokens cannot be kept; it must be between 0 and 1."
            )
        if self.token is not None and self.token < 0:
            raise UserError(f"Answer tokens are numbered from 0; there is no token {self.token}.")


def inquire(lens: Lens, request: AnswerRequest, inquiry: Inquiry) -> Iterator[LensEvent]:
    """Yield what becomes known of each checkpoint; each ends once, DONE or FAILED, and leaves the others."""
    known: dict[str, Finding] = {}
    # It is looked at twice, and both looks are to be at the same checkpoint.
    lens = replace(lens, answerer=lens.answerer.offering(lens.answerer.catalog))
    for event in lens.explain(request, inquiry.method, inquiry.token, inquiry.steps):
        if event.finding is not None:
            known[event.checkpoint] = event.finding
        if inquiry.keep is not None and event.event.state is State.DONE:
            # More comes of it.
            event = replace(event, event=replace(event.event, state=State.GENERATING))  # noqa: PLW2901
        elif event.event.state is State.FAILED:
            known.pop(event.checkpoint, None)
        yield event
    if inquiry.keep is not None and known:
        keys = tuple(key for key in request.checkpoints if key in known)
        yield from lens.reject(replace(request, checkpoints=keys), lambda finding: selection(finding, inquiry))


def selection(finding: Finding, inquiry: Inquiry) -> Selection:
    """Return what is rejected of a finding's image tokens; a rule that it cannot follow is a `UserError`."""
    layout, share = finding.layout, inquiry.keep or 1.0
    if inquiry.rule == RANDOM.key:
        return keep_best(layout, -random_order(layout, inquiry.seed), share, inquiry.rule)
    if inquiry.rule == VISION.key:
        if finding.vision is None:
            raise UserError(NO_VISION.format(label=finding.label, rule=MAP.key))
        return keep_best(layout, finding.vision, share, inquiry.rule)
    heat = finding.heat(inquiry.method, inquiry.token)
    if heat is None:
        raise UserError(f"{finding.label} has no map for answer token {inquiry.token}; choose a smaller number.")
    return keep_best(layout, heat.values, share, inquiry.rule)
