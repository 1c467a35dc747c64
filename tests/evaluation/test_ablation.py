"""What is varied becomes a full factorial of arms, and a level that means nothing is refused with what it must be."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.evaluation.ablation import FACTORS, arms_of, find_factor, read_levels
from microscope.evaluation.statistics import factorial
from tests.evaluation.service import SETTINGS, SPECS


def test_with_nothing_varied_there_is_an_arm_for_each_checkpoint() -> None:
    arms = arms_of(SPECS, SETTINGS)
    assert [(arm.key, arm.checkpoint, arm.run, arm.step) for arm in arms] == [
        (spec.key, spec.key, "scenes", spec.step) for spec in SPECS
    ]
    assert all(arm.settings == SETTINGS and not arm.factors for arm in arms)


def test_two_factors_over_two_checkpoints_are_all_combinations() -> None:
    arms = arms_of(SPECS[:2], SETTINGS, {"temperature": ("0", "0.7"), "budget": ("0", "0.01")})
    assert len(arms) == len({arm.key for arm in arms}) == 8
    assert {arm.settings.temperature for arm in arms} == {0, 0.7}
    assert {arm.settings.image_budget for arm in arms} == {None, 10_000}
    assert {name for arm in arms for name, _ in arm.factors} == {"checkpoint", "temperature", "budget"}
    # Whatever is told of them needs them to be a full factorial.
    assert factorial([[level for _, level in arm.factors] for arm in arms])
    assert all(arm.step is None for arm in arms)


def test_of_one_checkpoint_it_is_no_factor() -> None:
    arms = arms_of(SPECS[:1], SETTINGS, {"template": ("{question}", "{question} Answer in one word.")})
    assert [arm.factors for arm in arms] == [
        (("template", "{question}"),),
        (("template", "{question} Answer in one word."),),
    ]
    assert arms[1].template == "{question} Answer in one word."


@pytest.mark.parametrize(
    ("key", "level", "attribute", "expected"),
    [
        ("keep", "20%", "keep", 0.2),
        ("keep", "0.5", "keep", 0.5),
        ("keep", "100%", "keep", None),
        ("precision", "bfloat16", "precision", "bfloat16"),
        ("template", r"Look.\n{question}", "template", "Look.\n{question}"),
    ],
)
def test_levels_are_read(key: str, level: str, attribute: str, expected: object) -> None:
    assert getattr(find_factor(key).apply(arms_of(SPECS[:1], SETTINGS)[0], level), attribute) == expected


@pytest.mark.parametrize(
    ("varied", "sentence"),
    [
        ({"temperature": ("0", "hot")}, "Temperature cannot be 'hot'; it must be a temperature from 0 to 2."),
        ({"temperature": ("0", "nan")}, "it must be a temperature from 0 to 2"),
        ({"keep": ("0%", "50%")}, "a share between 0 and 1"),
        ({"keep": ("150%", "50%")}, "a share"),
        ({"template": ("{question}", "no place")}, "it must hold {question} once"),
        ({"precision": ("auto", "int3")}, "it must be one of auto"),
        ({"budget": ("0", "-1")}, "megapixels"),
        ({"keep": ("1", "0.5"), "precision": ("auto", "int8")}, "not both"),
        ({"budget": ("0",)}, "needs at least two different levels"),
        ({"size": ("0", "1")}, "'size' cannot be varied; choose one of template"),
        ({"keep": ("1", "0.5"), "budget": ("0", "1"), "temperature": ("0", "1")}, "At most 2 settings"),
        ({"budget": tuple(map(str, range(40)))}, "at most 64 can be run"),
    ],
)
def test_what_cannot_be_varied_is_refused(varied: dict[str, tuple[str, ...]], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        arms_of(SPECS[:2], SETTINGS, varied)
    assert sentence in str(refused.value)


def test_levels_are_typed_one_a_line_or_with_commas() -> None:
    assert read_levels("temperature", "0, 0.7;0") == ("0", "0.7")
    assert read_levels("template", "{question}\nNow, {question}\n\n") == ("{question}", "Now, {question}")
    assert read_levels("keep", "100%\n 20% ") == ("100%", "20%")


def test_every_factor_says_what_its_levels_look_like() -> None:
    arm = arms_of(SPECS[:1], SETTINGS)[0]
    for factor in FACTORS:
        levels = read_levels(factor.key, factor.hint)
        assert levels
        assert all(factor.apply(arm, level) for level in levels)
