"""Swaps two models many times and compares the process's private memory (RssAnon, after a trim) early and late.

Through the app's own path: the cache has room for one, so every use lets the other go and loads. Each use answers a
question, so that whatever a generation leaves behind would be seen too.
"""

from __future__ import annotations

import argparse

import torch
import transformers
from cache_stress import Stress

from microscope.engine.answering import Job, answer
from microscope.engine.generate import Finished
from microscope.engine.memory import private_bytes, trim
from microscope.records import GenerationSettings

EARLY = 20
ALLOWED = 0.02


def main() -> int:
    """Parse the command line, swap, print the figures, and return 1 where memory grew by more than 2 %."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=500)
    given = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    stress = Stress(threads=1, lanes=1)
    stress.scheduler.budget = int(max(local.bytes for local in stress.locals) * 1.5)
    figures: dict[int, int] = {}
    for swap in range(1, given.swaps + 1):
        job = Job(stress.locals[swap % len(stress.locals)], stress.inputs[0][0], GenerationSettings(max_new_tokens=3))
        ended = [update for _, update in answer(stress.models, (job,)) if isinstance(update, Finished)]
        if not ended:
            print(f"swap {swap} gave no answer")
            return 1
        if swap == EARLY or swap % 100 == 0:
            trim()
            figures[swap] = private_bytes() or 0
            print(f"after {swap:>4} swaps: {figures[swap] / 1e6:.1f} MB private", flush=True)
    counts = dict(stress.cache.snapshot().counts)
    growth = figures[max(figures)] / figures[EARLY] - 1
    done = f"{counts.get('load', 0)} loads, {counts.get('eviction', 0)} evictions"
    print(f"{done}; growth since swap {EARLY}: {growth:+.2%}")
    return 1 if growth > ALLOWED else 0


if __name__ == "__main__":
    raise SystemExit(main())
