"""Runs the command line: `python -m microscope.cli`."""

import sys

from microscope.cli import main

if __name__ == "__main__":
    sys.exit(main())
