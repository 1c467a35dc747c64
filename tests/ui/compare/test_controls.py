"""Settings to controls and back, and that nothing out of bounds passes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.errors import UserError
from microscope.records import GenerationSettings
from microscope.ui.compare.controls import BOUNDS, read_settings, write_settings

ALLOWED = (64, 0.7, 0.9, 40, 1.1, 7, 2.5)
PLACES = range(len(BOUNDS))


def changed(place: int, value: float | None) -> list[float | None]:
    """Return allowed values, one of them changed."""
    return [*ALLOWED[:place], value, *ALLOWED[place + 1 :]]


@given(
    st.builds(
        GenerationSettings,
        max_new_tokens=st.integers(1, 1024),
        temperature=st.floats(0, 2),
        top_p=st.floats(0.01, 1),
        top_k=st.integers(0, 1000),
        repetition_penalty=st.floats(0.5, 2),
        seed=st.integers(0, 2**31 - 1),
        image_budget=st.none() | st.integers(1, 25_000_000),
    )
)
def test_settings_come_back_as_they_went_out(settings: GenerationSettings) -> None:
    assert read_settings(write_settings(settings)) == settings


def test_the_values_are_read_in_the_order_of_the_bounds() -> None:
    assert read_settings(ALLOWED) == GenerationSettings(64, 0.7, 0.9, 40, 1.1, 7, 2_500_000)


def test_a_whole_number_stays_one_where_a_browser_sends_a_float() -> None:
    read = read_settings((64.0, 0, 1, 40.0, 1, 7.0, 0))
    assert [type(value) for value in (read.max_new_tokens, read.top_k, read.seed)] == [int, int, int]
    assert isinstance(read.temperature, float)
    assert read.image_budget is None


@pytest.mark.parametrize("place", PLACES)
def test_the_bounds_themselves_are_allowed(place: int) -> None:
    _, least, most = BOUNDS[place]
    for bound in (least, most):
        assert write_settings(read_settings(changed(place, bound)))[place] == pytest.approx(bound)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("beyond", ["below", "above", "nothing", "nan"])
def test_a_value_out_of_bounds_is_refused_by_name(place: int, beyond: str) -> None:
    name, least, most = BOUNDS[place]
    value = {"below": least - 0.01, "above": most + 1, "nothing": None, "nan": math.nan}[beyond]
    with pytest.raises(UserError, match=rf"^{name} must be between {least} and {most}; it is {value}\.$"):
        read_settings(changed(place, value))
