"""Runs lmms-eval over a set, in an environment of its own, as often as it is told to; knows no other way.

It is started by `evaluate_speed.py` with the interpreter that has lmms-eval. It says in one line of JSON that it is
ready, and then, for each line that it reads, runs the set once and says in one line what that took and gave.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from microscope.engine.torchvision_repair import repair_torchvision

PACKAGES = ("lmms-eval", "torch", "transformers")


def main(arguments: list[str]) -> None:
    """Get ready, and run the set once for every line on the standard input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, help="a JSON row for each item: its id, image file, question, answers")
    parser.add_argument("checkpoint", type=Path, help="the checkpoint's folder")
    parser.add_argument("--batch", type=int, required=True, help="items in a batch")
    parser.add_argument("--threads", type=int, required=True, help="threads of torch")
    parser.add_argument("--new-tokens", type=int, required=True, help="most new tokens")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    repair_torchvision()
    # What lmms-eval and its libraries print is no answer of ours.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # It can be imported only now that torchvision can.
    harness = importlib.import_module("evaluate_lmms_model").Harness(
        given.rows, given.checkpoint, given.batch, given.new_tokens
    )
    print(json.dumps({name: version(name) for name in PACKAGES}), file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(harness.run()), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
