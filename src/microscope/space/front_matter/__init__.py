"""The front matter of a README, which says what a Space is and on what hardware; asks no network.

It is read as the Hub reads it, and checked against everything the Hub refuses, ignores or misreads, so that a mistake
is told in its line before anything is uploaded. `replace_field` changes one field and leaves every other byte.
"""

from __future__ import annotations

from microscope.space.front_matter.problem import Problem
from microscope.space.front_matter.reading import FrontMatter, front_matter_of, hardware_of, read_front_matter
from microscope.space.front_matter.replace import replace_field

__all__ = ["FrontMatter", "Problem", "front_matter_of", "hardware_of", "read_front_matter", "replace_field"]
