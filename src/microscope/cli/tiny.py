"""`microscope tiny`: the embedded checkpoints, scored and trained."""

from __future__ import annotations

import argparse
from pathlib import Path

from microscope.errors import UserError
from microscope.settings import REPOSITORY, Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands."""
    tiny = commands.add_parser("tiny", help="the embedded checkpoints").add_subparsers(
        required=True, metavar="COMMAND"
    )
    command = tiny.add_parser("evaluate", help="score them on questions about scenes")
    command.add_argument(
        "--split", choices=("heldout", "train"), default="heldout", help="whose digits are in the scenes"
    )
    command.add_argument("--n", type=int, default=1000, help="how many questions")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--folder", type=Path, default=REPOSITORY / "assets" / "checkpoints")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_tiny_evaluate)
    command = tiny.add_parser("train", help="train them again, from a seed")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, default=REPOSITORY / "assets" / "checkpoints")
    command.add_argument("--log", type=Path, default=REPOSITORY / "runs" / "tiny" / "log.jsonl")
    command.set_defaults(run=_tiny_train)


def _tiny_evaluate(given: argparse.Namespace, settings: Settings) -> int:
    import microscope.engine  # noqa: F401  (repairs torchvision before transformers looks for it)
    from microscope.tiny.evaluate import run, to_json

    if given.n < 1:
        raise UserError(f"--n is {given.n}; ask at least one question.")
    found = run(given.split, given.n, given.seed, given.folder)
    if not found:
        raise UserError(f"There are no checkpoints in {given.folder}; run make train, or name another folder.")
    if given.json:
        print(to_json(found))
        return 0
    kinds = list(found[0].by_kind)
    print("\t".join(["checkpoint", "all", *kinds]))
    rows = [
        ("always the most frequent", None, found[0].baseline),
        *((one.checkpoint, one.exact_match, one.by_kind) for one in found),
    ]
    for name, overall, by_kind in rows:
        print(
            "\t".join([name, "" if overall is None else f"{overall:.3f}", *(f"{by_kind[kind]:.3f}" for kind in kinds)])
        )
    return 0


def _tiny_train(given: argparse.Namespace, settings: Settings) -> int:
    import microscope.engine  # noqa: F401  (repairs torchvision before transformers looks for it)
    from microscope.tiny.train import Plan, train

    train(Plan(seed=given.seed), given.out, given.log)
    return 0
