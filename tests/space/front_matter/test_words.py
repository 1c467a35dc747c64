"""The words agree with the Hub's client, and with this repository."""

from __future__ import annotations

from huggingface_hub import SpaceHardware
from huggingface_hub.repocard_data import SpaceCardData

from microscope.settings import REPOSITORY
from microscope.space.front_matter import front_matter_of
from microscope.space.front_matter.fields import FIELDS
from microscope.space.front_matter.words import (
    COLOURS,
    CUSTOM_HEADERS,
    HARDWARE,
    LICENCES,
    MISTAKEN,
    OUR_GRADIO,
    SCOPES,
    ZERO_PYTHONS,
)


def test_the_hardware_is_what_the_hubs_client_knows() -> None:
    assert set(HARDWARE) == {one.value for one in SpaceHardware}
    assert len(set(HARDWARE)) == len(HARDWARE)


def test_every_key_of_the_hubs_client_is_a_field() -> None:
    keys = set(vars(SpaceCardData()))
    assert {"sdk", "app_port", "license", "duplicated_from"} <= keys
    assert keys <= set(FIELDS)


def test_what_is_mistaken_is_no_field() -> None:
    assert not set(MISTAKEN) & set(FIELDS)


def test_the_words_are_lower_case_and_stand_once() -> None:
    headers = (value for values in CUSTOM_HEADERS.values() for value in values)
    for words in (COLOURS, HARDWARE, LICENCES, SCOPES, tuple(CUSTOM_HEADERS)):
        assert len(set(words)) == len(words)
        assert all(word == word.lower() for word in words)
    assert all(word == word.lower() for word in headers)
    assert {"apache-2.0", "lgpl-lr", "openrail++", "other"} <= set(LICENCES)


def test_the_gradio_of_this_app_is_the_one_of_its_readme() -> None:
    version = front_matter_of(REPOSITORY / "README.md").text("sdk_version")
    assert tuple(map(int, version.split(".")[:2])) == OUR_GRADIO


def test_a_patch_belongs_to_its_minor_version() -> None:
    assert all(patch.startswith(f"{minor}.") for minor, patch in ZERO_PYTHONS.items())
