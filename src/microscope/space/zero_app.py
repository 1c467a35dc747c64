"""Starts an app as ZeroGPU does, beside any build of torch; a script for a process of its own, beside nothing of ours.

`python zero_app.py ROOT APP_FILE`, with the platform's variables set. Written against spaces 0.51.3 and torch 2.13:
the package looks for parts of torch that only builds for CUDA have, and is given them while it is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType

MODULE = "spaces.zero.torch"


def import_spaces() -> ModuleType:
    """Import `spaces` in Zero mode and return its part for torch; nothing may have imported it before."""
    # Not every file system of a temporary folder knows direct writes, and direct reads need pinned memory.
    os.O_DIRECT = 0  # type: ignore[misc]
    torch = importlib.import_module("torch")
    if torch.version.cuda is not None:
        return importlib.import_module(MODULE)
    bad_fork = torch.cuda._is_in_bad_fork
    torch.version.cuda = "12.8"
    torch._C._cuda_init = lambda: None
    # A lambda on this build, and the package sends it to another process.
    torch.cuda._is_in_bad_fork = bool
    try:
        return importlib.import_module(MODULE)
    finally:
        torch.cuda._is_in_bad_fork = bad_fork
        torch.version.cuda = None


def main() -> None:
    """Run the app file as the main program, in the folder that it stands in."""
    root, app_file = Path(sys.argv[1]), sys.argv[2]
    # This script's own folder has no business there.
    sys.path[0] = str(root)
    del sys.argv[1:]
    if importlib.util.find_spec("torch") is not None:
        import_spaces()
    runpy.run_path(str(root / app_file), run_name="__main__")


if __name__ == "__main__":
    main()
