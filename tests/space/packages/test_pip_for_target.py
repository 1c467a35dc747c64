"""The script that runs pip for another Python: what it changes in pip, in a process of its own.

pip in this one would take the distutils of setuptools away from whoever imports setuptools later.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from microscope.space.packages.pip import SCRIPT

ASK = """
import json, runpy, sys
script = runpy.run_path(sys.argv[1])
script["decide_by"]({"python_version": "3.99", "sys_platform": "other"})
from pip._vendor.packaging.markers import Marker, default_environment
print(json.dumps([Marker(marker).evaluate() for marker in sys.argv[2:]]))
print(sorted(default_environment()) == sorted(script["markers"].default_environment()))
"""
RESTRICT = """
import runpy, sys
script = runpy.run_path(sys.argv[1])
if sys.argv[2:]:
    script["allow_sources"]()
script["cmdoptions"].check_dist_restriction(object(), check_target=True)
"""


def test_conditions_are_decided_by_the_variables_given() -> None:
    conditions = ["python_version == '3.99'", "sys_platform == 'other'", "os_name == 'none'", "python_version < '3.5'"]
    command = [sys.executable, "-I", "-c", ASK, str(SCRIPT), *conditions]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(printed[0]) == [True, True, False, False]
    assert printed[1] == "True"


@pytest.mark.parametrize("allow", [True, False])
def test_sources_are_allowed_beside_another_python(allow: bool) -> None:  # noqa: FBT001
    command = [sys.executable, "-I", "-c", RESTRICT, str(SCRIPT), *(["allow"] if allow else [])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ("AttributeError" in ended.stderr, ended.returncode) == ((False, 0) if allow else (True, 1))
