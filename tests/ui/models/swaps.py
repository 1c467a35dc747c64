"""Standings with a checkpoint in every state, and a stand-in for what swaps that remembers what it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import gradio as gr

from microscope.errors import UserError
from microscope.evaluation.analysis import NOT_WORSE, UNCLEAR, WORSE
from microscope.serve.hotswap import words
from microscope.serve.hotswap.places import Place
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Decision, Judgement
from microscope.serve.hotswap.standing import Row, Standing, State

OLD, NEW = "0123456" + "a" * 33, "89abcde" + "b" * 33
FOLDER = "sha256:" + "c" * 12
UNJUDGED = Judgement()
WHEN = "2026-11-29T07:12:05+00:00"


def judgement(outcome: str, difference: float, low: float | None, high: float | None) -> Judgement:
    """Return what the shipped set says of a candidate."""
    verdict = f"org/small at 89abcde ({outcome}) <b>compared</b>: 600 questions about 150 images."
    return Judgement(outcome, "embedded set", "d" * 64, 600, 150, difference, low, high, 0.02, verdict)


def decision(key: str, action: str, found: Judgement = UNJUDGED, *, by: str = "ana", forced: bool = False) -> Decision:
    """Return a decision about the new commit of a checkpoint."""
    asked, current, candidate = (Place(f"org/{key}", revision) for revision in (None, OLD, NEW))
    made = Decision(WHEN, key, f"{key.title()} VLM", by, action, asked, current, candidate, forced, found)
    return replace(made, sentence=words.told(made))


BETTER_ONE = judgement(NOT_WORSE, 0.013, -0.004, 0.03)
WORSE_ONE = judgement(WORSE, -0.061, -0.09, -0.032)
UNCLEAR_ONE = judgement(UNCLEAR, -0.01, -0.05, 0.03)
DECISIONS = (
    decision("small", SWITCHED, BETTER_ONE),
    decision("medium", KEPT, WORSE_ONE, by="webhook"),
    decision("large", KEPT, UNCLEAR_ONE),
    decision("packed", STAGED, by="<i>eve</i>", forced=True),
    decision("back", UNDONE, forced=True),
)
TOLD = {one.key: one.sentence for one in DECISIONS}
ROWS = (
    Row("same", "Same VLM", "org/same", State.UNCHANGED, current=OLD),
    Row("small", "Small VLM", "org/small", State.SWITCHED, TOLD["small"], NEW, "", NOT_WORSE, can_undo=True),
    Row("medium", "Medium VLM", "org/medium", State.KEPT, TOLD["medium"], OLD, NEW, WORSE, can_switch=True),
    Row("large", "Large VLM", "org/large", State.KEPT, TOLD["large"], OLD, NEW, UNCLEAR, can_switch=True),
    Row("packed", "Packed VLM", "org/packed", State.STAGED, TOLD["packed"], OLD, NEW, can_undo=True),
    Row("back", "Back VLM", "org/back", State.KEPT, TOLD["back"], OLD, NEW, NOT_WORSE, can_switch=True),
    Row("fresh", "Fresh VLM", "org/fresh", State.NEW, "Fresh VLM is new and is offered now.", NEW),
    Row("words", "Words VLM", "words", State.EDITED, "The catalogue says other things of Words VLM.", FOLDER),
    Row("gone", "Gone VLM", "org/gone", State.GONE, "Gone VLM left the catalogue and is not offered any more."),
    Row("bad", "Bad & <b>VLM</b>", "org/bad", State.FAILED, "It goes on. <i>It</i> is gated.", OLD, NEW),
    Row("still", "Still VLM", "org/still", State.UNCHANGED, current=OLD),
)
DONE = Standing(
    sentence="Reloaded: 1 new, 1 switched, 3 kept as it was.", by="ana", finished=WHEN, rows=ROWS, decisions=DECISIONS
)
FETCHING = Standing(
    busy=True,
    sentence=words.READING,
    by="ana",
    rows=(
        Row(
            "small",
            "Small VLM",
            "org/small",
            State.FETCHING,
            "Fetches it.",
            OLD,
            NEW,
            done=12_300_000,
            total=45_000_000,
        ),
        Row("medium", "Medium VLM", "org/medium", State.WAITING, "It was found; its turn comes.", OLD, NEW),
    ),
    decisions=DECISIONS[-1:],
)
EVALUATING = replace(
    FETCHING,
    rows=(
        Row("small", "Small VLM", "org/small", State.EVALUATING, "Holds it against it.", OLD, NEW, done=12, total=96),
        FETCHING.rows[1],
    ),
)
FRESH = Standing(rows=(ROWS[0], ROWS[-1]))
FAILED = replace(
    FRESH, sentence="Nothing was changed. The Hub <b>cannot</b> be reached.", failed=True, by="webhook", finished=WHEN
)


@dataclass
class FakeSwaps:
    """Shows `seen`, remembers what was asked, and refuses to undo.

    A switch shows `after_switch` from then on, where there is one; `looks` counts how often somebody looked.
    """

    seen: Standing = DONE
    owner: bool = True
    after_switch: Standing | None = None
    looks: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def standing(self) -> Standing:
        self.looks += 1
        return self.seen

    def reload(self, by: str) -> Standing:
        self.asked.append(("reload", by))
        return self.seen

    def switch(self, key: str, by: str) -> Standing:
        self.asked.append(("switch", key, by))
        self.seen = self.after_switch or self.seen
        return self.seen

    def undo(self, key: str, by: str) -> Standing:
        self.asked.append(("undo", key, by))
        raise UserError(f"Nothing was switched that could be taken back for <{key}>.")

    def stop(self) -> Standing:
        self.asked.append(("stop",))
        return self.seen

    def is_owner(self, _request: gr.Request, _profile: gr.OAuthProfile | None) -> bool:
        return self.owner
