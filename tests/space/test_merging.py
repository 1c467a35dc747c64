"""Lists of packages and READMEs that two sides have changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.errors import UserError
from microscope.space.front_matter import read_front_matter
from microscope.space.merging import merge_packages, merge_readme
from tests.space.versions import README

BASE = "torch==2.12.0\n# Reads tables.\npyarrow\nhttpx\n"
NEW = "torch==2.13.0\n# Reads tables.\npyarrow>=20\nscipy\n"


@pytest.mark.parametrize(
    ("mine", "merged"),
    [
        (BASE, NEW),
        (BASE + "# Mine.\nmy-package\n", NEW + "# Mine.\nmy-package\n"),
        ("first\n" + BASE, NEW + "first\n"),
        (BASE.replace("# Reads tables.\npyarrow\n", ""), None),
        (BASE.replace("torch==2.12.0", "torch==2.11.0"), None),
        (BASE.replace("torch==2.12.0", "Torch == 2.13.0"), None),
        (BASE.replace("torch==2.12.0", "torch==2.13.0"), NEW),
        (BASE.replace("httpx", "httpx<1"), None),
        (BASE.replace("httpx\n", ""), NEW),
        (BASE + "scipy\n", NEW),
        (BASE + "scipy>=2\n", None),
    ],
)
def test_what_one_side_changed_is_taken_and_what_both_did_is_a_conflict(mine: str, merged: str | None) -> None:
    assert merge_packages(BASE, mine, NEW) == merged


def test_what_the_owner_alone_changed_stays() -> None:
    mine = "torch==2.11.0\nhttpx\n"
    new = BASE + "scipy\n"
    assert merge_packages(BASE, mine, new) == "torch==2.11.0\nhttpx\nscipy\n"


def test_names_of_packages_are_compared_as_an_index_does_and_markers_stand_together() -> None:
    base = 'my_package>=1; python_version >= "3.11"\nMy.Package<1; python_version < "3.11"\nother\n'
    mine = base.replace("other", "other[extra]>=2 # mine")
    assert merge_packages(base, mine, base + "more\n") == mine + "more\n"


def test_addresses_are_taken_or_left_as_a_whole() -> None:
    base = "git+https://host/one\n--extra-index-url https://host/index\n"
    mine = base + "git+https://host/two\n"
    assert merge_packages(base, mine, "git+https://host/one@v2\n") == "git+https://host/one@v2\ngit+https://host/two\n"


LISTS = st.lists(st.sampled_from(["torch==1", "torch==2", "httpx", "scipy>=1", "# why", ""]), max_size=5).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(LISTS, LISTS)
def test_a_list_that_only_one_side_changed_has_that_sides_packages(base: str, changed: str) -> None:
    theirs, ours = merge_packages(base, base, changed), merge_packages(base, changed, base)
    assert theirs is not None
    assert ours is not None
    assert set(theirs.split()) == set(changed.split())
    assert {line for line in ours.splitlines() if line} == {line for line in changed.splitlines() if line}


MINE = README.format(gradio="6.30.0", version="mine").replace("title: VLM Microscope", "title: Mine  # so there")


def test_a_readme_gets_what_the_code_needs_and_keeps_every_other_byte() -> None:
    new = README.format(gradio="6.31.0", version="2.0.0").replace('"3.12"', '"3.13"').replace("🔬", "🐟")
    assert merge_readme(MINE, new) == MINE.replace("6.30.0", "6.31.0").replace('"3.12"', '"3.13"')


def test_the_sign_in_is_switched_on_where_nothing_was_said_and_left_off_where_it_was() -> None:
    new = README.format(gradio="6.30.0", version="2.0.0")
    unsaid, said = MINE.replace("hf_oauth: true\n", ""), MINE.replace("hf_oauth: true", "hf_oauth: false")
    assert read_front_matter(merge_readme(unsaid, new)).fields["hf_oauth"] is True
    assert merge_readme(said, new) == said


def test_a_head_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UserError, match=r"README\.md"):
        merge_readme("no head at all", README.format(gradio="6.31.0", version="2"))
