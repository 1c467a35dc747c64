"""Tests of the link that reopens a comparison."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.engine import pictures, questions
from microscope.errors import UserError
from microscope.records import GenerationSettings
from microscope.ui.compare import link
from microscope.ui.compare.link import RANGES, Link, from_query, to_query

QUESTIONS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200).map(str.strip)
KEYS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}(/[A-Za-z0-9._-]{1,9})?(@[\w.+/-]{1,9})?", fullmatch=True)
SETTINGS = st.builds(
    GenerationSettings,
    max_new_tokens=st.integers(1, 1024),
    temperature=st.floats(0, 2),
    top_p=st.floats(0.01, 1),
    top_k=st.integers(0, 1000),
    repetition_penalty=st.floats(0.5, 2),
    seed=st.integers(0, 2**31 - 1),
    image_budget=st.none() | st.integers(1, 25_000_000),
)
PLACES = st.one_of(
    st.just((None, None)),
    st.tuples(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True), st.none()),
    st.tuples(st.none(), st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True)),
)


@st.composite
def links(draw: st.DrawFn) -> Link:
    """Draw a link that may be given out."""
    keys = tuple(draw(st.lists(KEYS, max_size=4, unique=True)))
    return Link(draw(QUESTIONS), keys, draw(SETTINGS), *draw(PLACES))


def opened(query: str) -> Link:
    """Return the link as a browser would bring it back."""
    return from_query(dict(parse_qsl(query, strict_parsing=bool(query), max_num_fields=20)))


@given(links())
def test_a_link_comes_back_as_it_went_out(sent: Link) -> None:
    assert opened(to_query(sent)) == sent


def test_nothing_but_defaults_is_an_empty_query() -> None:
    assert to_query(Link()) == ""
    assert from_query({}) == Link()


def test_defaults_are_left_out_so_that_links_stay_short() -> None:
    sent = Link("How many?", ("tiny/step-500", "step-4000"), GenerationSettings(seed=7), example="count")
    assert to_query(sent) == "question=How%20many%3F&models=tiny/step-500,step-4000&example=count&seed=7"


def test_parameters_of_others_are_left_alone() -> None:
    assert from_query({"__theme": "dark", "utm_source": "x", "seed": "3"}) == Link(settings=GenerationSettings(seed=3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("max_new_tokens", value)
            for value in ("0", "1025", "-1", "1.5", "ten", "\u0661", "1_0", "99999999999999999999")
        ],
        *[("temperature", value) for value in ("2.1", "-0.1", "nan", "inf", "1e400", "1e3", "0x1")],
        *[("top_p", value) for value in ("0", "0.0", "1.01", "1,0")],
        *[("top_k", value) for value in ("1001", "-1", "5.0")],
        *[("repetition_penalty", value) for value in ("0.49", "2.01")],
        *[("seed", value) for value in ("2147483648", "-1", "random")],
        *[("image_budget", value) for value in ("0", "-1", "25000001")],
        *[("question", value) for value in ("x" * 2001, "with\0nul", "half \ud800 pair")],
        *[("example", value) for value in ("../x", "A B", "-", "x" * 65)],
        *[("share", value) for value in ("x", "a" * 23, "../" + "a" * 19)],
        *[("models", value) for value in ("a,b,c,d,e", "a,a", "a,,b", "a, b", "<script>", "a\nb", "x" * 301, ",")],
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(UserError, match=rf"^The link's {name} is .*, and it must be .*: correct it"):
        from_query({name: value})


@pytest.mark.parametrize(
    ("name", "bound"), [(name, bound) for name, r in RANGES.items() for bound in (r.least, r.most)]
)
def test_a_bound_itself_is_allowed(name: str, bound: float) -> None:
    assert from_query({name: str(bound)}) == Link(settings=replace(GenerationSettings(), **{name: bound}))


def test_the_sentence_says_what_is_allowed_and_shows_the_value_shortened() -> None:
    with pytest.raises(UserError) as raised:
        from_query({"top_p": "9" * 100})
    assert str(raised.value) == (
        f"The link's top_p is '{'9' * 39}…', and it must be a number from 0.01 to 1: "
        "correct it, or ask for a new link."
    )


def test_a_link_names_an_example_or_a_share_and_not_both() -> None:
    with pytest.raises(UserError, match="share"):
        from_query({"example": "count", "share": "a" * 22})


def test_the_bounds_are_those_of_what_is_asked() -> None:
    assert (link.MAX_QUESTION, link.MAX_PIXELS) == (questions.MAX_QUESTION, pictures.MAX_PIXELS)


def test_a_checkpoint_that_fits_into_no_link_is_said() -> None:
    with pytest.raises(UserError, match="'step,500' fits into no link"):
        to_query(Link(checkpoints=("step,500",)))
