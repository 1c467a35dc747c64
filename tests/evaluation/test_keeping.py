"""An answer that sees a part of the image tokens has an address of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.engine.answers import Answerer
from microscope.errors import UserError
from microscope.evaluation.ablation import arms_of
from microscope.evaluation.keeping import kept_address
from microscope.records import Answer, AnswerRequest, State
from tests.evaluation.service import SETTINGS, SPECS, part_of_set, service


class Half:
    """Answers as ever, and says that it saw half; refuses one question."""

    how = "the first half"

    def __init__(self) -> None:
        self.answerer = None
        self.asked: list[float] = []

    def over(self, answerer: Answerer) -> Half:
        self.answerer = answerer
        return self

    def answers(self, request: AnswerRequest, share: float) -> Iterator[Answer | None]:
        self.asked.append(share)
        if "how many" in request.question:
            raise UserError("It counts nothing.")
        yield None
        last = list(self.answerer.stream(request))[-1]
        assert last.state is State.DONE
        yield replace(last.answer, text="half")


def test_the_address_hangs_on_the_whole_the_share_and_the_way() -> None:
    whole = "a" * 64
    found = {kept_address(whole, share, how) for share in (0.2, 0.25) for how in ("map", "other map")}
    assert len(found) == 4
    assert whole not in found
    assert kept_address("b" * 64, 0.2, "map") not in found


def test_kept_tokens_are_answered_one_by_one_kept_and_taken_up(tmp_path: Path) -> None:
    keeper, items = Half(), part_of_set(3)
    here = service(tmp_path, keeper=keeper)
    arms = arms_of(SPECS[2:], SETTINGS, {"keep": ("100%", "50%")})
    last = here.run(items, arms)
    assert last.results is not None
    whole, half = last.results.answers
    refused = [number for number, item in enumerate(items.items) if "how many" in item.question]
    assert refused
    assert sorted(half.failures) == refused
    assert all(text == "half" for number, text in enumerate(half.texts) if number not in refused)
    assert set(whole.addresses).isdisjoint(half.addresses)
    assert set(keeper.asked) == {0.5}
    again = Half()
    there = service(tmp_path, keeper=again)
    assert there.run(items, arms).results is not None
    # What failed is tried again, and nothing else.
    assert len(again.asked) == len(refused)


def test_whoever_keeps_tokens_asks_what_was_offered_when_the_run_began(tmp_path: Path) -> None:
    keeper, items = Half(), part_of_set(1)
    here = service(tmp_path, keeper=keeper)
    steps = here.evaluator.run(items, arms_of(SPECS[2:], SETTINGS, {"keep": ("100%", "50%")}), "exact")
    next(steps)
    here.evaluator.engine.offered.change(lambda catalog: replace(catalog, specs=()))
    last = list(steps)[-1]
    assert last.message == ""
    assert last.results is not None
    assert len(last.results.arms) == 2
    assert keeper.answerer.catalog.specs == SPECS


def test_without_anybody_to_choose_tokens_the_arm_says_so(tmp_path: Path) -> None:
    arms = arms_of(SPECS[2:], SETTINGS, {"keep": ("100%", "50%")})
    last = service(tmp_path).run(part_of_set(2), arms)
    assert last.results is not None
    assert [arm.keep for arm in last.results.arms] == [None]
    assert "which image tokens to keep" in last.message


def test_a_plan_counts_what_the_lens_takes(tmp_path: Path) -> None:
    here, items = service(tmp_path, keeper=Half()), part_of_set(2)
    plain = here.evaluator.plan(items, arms_of(SPECS[2:], SETTINGS), "exact")
    varied = here.evaluator.plan(items, arms_of(SPECS[2:], SETTINGS, {"keep": ("100%", "50%")}), "exact")
    assert varied.seconds > 3 * plain.seconds


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_equal_shares_have_equal_addresses(share: float) -> None:
    assert kept_address("c" * 64, share, "map") == kept_address("c" * 64, share, "map")
