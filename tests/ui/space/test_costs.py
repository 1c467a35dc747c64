"""Costs as the tab shows them: by the hour, by the quota, or nothing, and always how often it was measured."""

from __future__ import annotations

import re
from dataclasses import replace

from microscope.engine.usage import Spent
from microscope.ui.space import words
from microscope.ui.space.costs import Running, costs
from tests.space.test_checklist import facts_on
from tests.ui.space.samples import SPENT, USAGE


def running(name: str, **changes: object) -> Running:
    whole = Running(facts_on(name).machine, 3 * 3600, USAGE, SPENT, "After 1 hour without a visitor", 3600)
    return replace(whole, **changes)  # type: ignore[arg-type]


def shown(found: Running) -> dict[str, str]:
    """Return names with values."""
    return dict(re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", costs(found)))


def test_hardware_by_the_hour_tells_price_so_far_a_month_and_an_answers_share() -> None:
    found = shown(running("t4-small"))
    assert found[words.PRICE].startswith("$0.40 an hour")
    assert found[words.SO_FAR] == "$1.20"
    assert found[words.ALWAYS] == "$292"
    assert found["A month of 22 days with 2 h of use, asleep 1 h after"] == "$26.40"
    assert found[words.ANSWER].startswith("$0.00027, its 2.4 s")
    assert "61 answers in 37 runs" in found[words.MEASURED]
    assert found[words.SLEEP] == "After 1 hour without a visitor"
    assert words.QUOTA not in costs(running("t4-small"))


def test_a_longer_sleep_makes_a_longer_month() -> None:
    assert shown(running("t4-small", sleep_seconds=7200))["A month of 22 days with 2 h of use, asleep 2 h after"] == (
        "$35.20"
    )


def test_on_zero_gpu_the_owner_pays_nothing_and_visitors_have_their_quotas() -> None:
    found, whole = shown(running("zero-a10g")), costs(running("zero-a10g"))
    assert found[words.PRICE] == words.FREE_FOR_OWNER.replace("'", "&#x27;")
    assert words.SO_FAR not in found
    assert found[words.ASKED].startswith("11.6 s a run")
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td></tr>', whole)
    # 120 seconds let in runs that ask for 11.6 and take 3.97, each with 61 / 37 answers.
    assert rows[0] == ("without an account", "2 min", "28", "46")
    assert words.QUOTA_NOTE in whole


def test_before_the_first_answer_no_number_is_made_up() -> None:
    for name in ("zero-a10g", "t4-small"):
        found = running(name, usage=None, spent={})
        assert words.NOT_MEASURED in costs(found)
        assert not {words.MEASURED, words.ASKED, words.ANSWER} & set(shown(found))
        assert "<table" not in costs(found)


def test_what_costs_nothing_says_so() -> None:
    assert shown(running("cpu-basic"))[words.PRICE] == words.FREE
    alone = running("local-cpu", sleep="", sleep_seconds=None, usage=replace(USAGE, asked=0))
    assert shown(alone)[words.PRICE] == words.NOT_BILLED
    assert words.SLEEP not in shown(alone)
    assert words.ASKED not in shown(alone)
    assert words.TASKS_HERE in costs(alone)


def test_hardware_of_a_space_whose_price_is_not_known_is_not_called_free() -> None:
    newer = running("local-cuda", on_space=True)
    assert shown(newer)[words.PRICE] == words.NOT_KNOWN
    assert shown(replace(newer, on_space=False))[words.PRICE] == words.NOT_BILLED
    assert shown(running("zero-a10g", on_space=True))[words.PRICE] == words.FREE_FOR_OWNER.replace("'", "&#x27;")
    assert shown(running("cpu-basic", on_space=True))[words.PRICE] == words.FREE


def test_all_work_is_told_also_what_was_stopped() -> None:
    whole = costs(running("zero-a10g", spent={"answer": Spent(40, 3, 151.3)}))
    assert '<th scope="row">Answers</th><td>40</td><td>3</td><td>151.3</td>' in whole
    assert words.TASKS in whole
