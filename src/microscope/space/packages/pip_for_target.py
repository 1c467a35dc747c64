"""Runs pip for a Python and a machine that are not these; a script for a process of its own, beside nothing of ours.

pip takes wheels for another Python (`--python-version`), and yet decides conditions such as `python_version < "3.11"`
by the Python that it runs in, and allows no package without wheels. Both are mended here, in the modules of pip, as
they are in pip 26.3; where another pip has no such places, its own error says so.

`python pip_for_target.py CONDITIONS ARGUMENTS...`, CONDITIONS being the variables of conditions as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from pip._internal.cli import cmdoptions
from pip._internal.cli.main import main
from pip._vendor.packaging import markers


def decide_by(variables: dict[str, str]) -> None:
    """Let pip decide conditions by these variables where they differ from this Python's."""
    here = markers.default_environment

    def there() -> markers.Environment:
        return cast("markers.Environment", {**here(), **variables})

    markers.default_environment = there


def allow_sources() -> None:
    """Let pip build the packages that have no wheel; which they are, its arguments say."""

    def check_nothing(*_arguments: Any, **_options: Any) -> None:  # noqa: ANN401  (pip's own signature)
        pass

    cmdoptions.check_dist_restriction = check_nothing


if __name__ == "__main__":
    decide_by(json.loads(sys.argv[1]))
    allow_sources()
    sys.exit(main(sys.argv[2:]))
