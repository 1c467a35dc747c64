"""`microscope evaluate`: a set of items through checkpoints, a verdict, and an exit status for pipelines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from microscope.cli.asking import KEYS, add_settings, engine_of, keys_of, settings_of
from microscope.errors import UserError
from microscope.settings import REPOSITORY, Settings, parse_margin

if TYPE_CHECKING:
    from microscope.engine.build import Engine
    from microscope.evaluation.analysis import Analysis, Options
    from microscope.evaluation.evaluator import Evaluator
    from microscope.evaluation.items.base import ItemSet
    from microscope.evaluation.progress import Progress
    from microscope.evaluation.results import Arm, Results

EMBEDDED, ALL = "embedded", "all"
PROBLEMS = "problems.csv"
SHOWN_LINES = 20


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser(
        "evaluate",
        help="run a set of items through checkpoints, and tell whether the difference is real",
        description=(
            "Exit status: 0 better or not worse than the baseline (or there is none), 3 worse, 4 cannot tell, the "
            "worst of several candidates; 1 it could not be run, 2 misused. What was answered is kept: after an "
            "interruption the same command goes on where it was."
        ),
    )
    command.add_argument("--set", required=True, help=f"a table, zip, folder, Hub dataset, or {EMBEDDED}")
    command.add_argument("--models", required=True, help=f"{KEYS}; or {ALL}")
    command.add_argument("--out", type=Path, required=True, help="the folder for reports")
    command.add_argument("--scorer", help="exact, choice, number, vqa, anls, ...; by default the one that fits")
    command.add_argument("--baseline", help="the checkpoint that the others are held against")
    command.add_argument(
        "--fail-if-worse", metavar="MARGIN", help="by how much a candidate may be worse, such as 2pp; needs --baseline"
    )
    command.add_argument("--columns", default="", help="which column means what: question=q,answers=gt,...")
    command.add_argument("--split", help="which split of a Hub dataset")
    command.add_argument("--config", help="which configuration of a Hub dataset")
    command.add_argument("--limit", type=int, help="only so many rows")
    command.add_argument("--early", action="store_true", help="stop as soon as it is decided against the first")
    command.add_argument(
        "--vary", action="append", default=[], metavar="SETTING=LEVELS", help="a setting as a factor, at most two"
    )
    command.add_argument("--tracker", help="trackio, wandb, mlflow, tensorboard, none; else MICROSCOPE_TRACKER")
    command.add_argument("--project", default="vlm-microscope", help="the tracker's project")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    add_settings(command)
    command.set_defaults(run=evaluate)


def evaluate(given: argparse.Namespace, settings: Settings) -> int:
    """Evaluate, write the reports, print what they say, and return the exit status."""
    from microscope.evaluation.analyse import analyse
    from microscope.evaluation.evaluator import Evaluator
    from microscope.evaluation.tracked import track
    from microscope.lens.build import build_lens
    from microscope.lens.keeping import LensKeeper
    from microscope.tracking import find_tracker
    from microscope.tracking.base import Destination

    # What costs nothing comes first: nobody waits for a sentence about a flag.
    margin, tracker = _margin(given), find_tracker(given.tracker or settings.tracker)
    _check(given)
    engine = engine_of(settings)
    evaluator = Evaluator(engine, LensKeeper(build_lens(engine, settings)))
    arms = _arms(given, engine)
    options = _options(given.baseline, margin, arms)
    items = _items(given, settings)
    last = _run(evaluator, items, arms, given.scorer or items.scorer, given)
    if last.results is None:
        raise UserError(last.message or "No checkpoint could be evaluated.")
    found = analyse(last.results, _possible(options, last.results))
    page, record = _write(given.out, last.results, found, items)
    print(f"{last.computed:,} answers computed, {last.reused:,} from the store; {page}", file=sys.stderr)
    print(record.read_text(encoding="utf-8") if given.json else said(found), end="")
    destination = Destination(tracker, settings.data / "trackers" / tracker.key, given.project)
    for alert in track(destination, last.results, found, items.pictures.read):
        print(f"{alert.title}: {alert.text}", file=sys.stderr)
    return status(found, last.results, given.baseline)


def _check(given: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is loaded, and make the folder for reports."""
    from microscope.evaluation.scoring import find_scorer

    if given.scorer is not None:
        find_scorer(given.scorer)
    _columns(given.columns)
    _varied(given.vary)
    try:
        given.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(given.out, error) from error


def _items(given: argparse.Namespace, settings: Settings) -> ItemSet:
    """Read the set, and say what is wrong with it; all of that is in problems.csv."""
    from microscope.evaluation.items.reading import EMBEDDED_FILE, EMBEDDED_NAME, read_set
    from microscope.evaluation.items.report import problems_csv, validation_report

    embedded = given.set == EMBEDDED
    items = read_set(
        REPOSITORY / "assets" / "evalset" / EMBEDDED_FILE if embedded else given.set,
        name=EMBEDDED_NAME if embedded else "",
        columns=_columns(given.columns),
        split=given.split,
        config=given.config,
        limit=given.limit,
        offline=settings.offline,
    )
    path = given.out / PROBLEMS
    try:
        path.unlink(missing_ok=True)
        if items.problems:
            path.write_bytes(problems_csv(items.problems).encode("utf-8"))
    except OSError as error:
        raise _unwritten(given.out, error) from error
    if items.problems:
        lines = validation_report(items).splitlines()
        more = [f"... all {len(items.problems):,} are in {path}"] if len(lines) > SHOWN_LINES else []
        print("\n".join([*lines[:SHOWN_LINES], *more]), file=sys.stderr)
    return items


def _write(out: Path, results: Results, found: Analysis, items: ItemSet) -> tuple[Path, Path]:
    """Write the reports, and return the page's path and that of the record as JSON."""
    from microscope.evaluation.reports import write_reports

    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    try:
        page, record, *_ = write_reports(out, results, found, items.pictures.read, made=made)
    except OSError as error:
        raise _unwritten(out, error) from error
    return page, record


def _unwritten(out: Path, error: OSError) -> UserError:
    return UserError(f"Nothing can be written into {out} ({error.strerror or error}); name another folder with --out.")


def _columns(text: str) -> dict[str, str]:
    """Return the column of each field that is named; one without a field goes on with the field before it."""
    columns: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        field, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign and columns:
            last = list(columns)[-1]
            field, column = last, f"{columns[last]},{field}"
        if not field or not column:
            raise UserError("--columns takes pairs such as question=q,answers=gt; correct it.")
        columns[field] = column
    return columns


def _arms(given: argparse.Namespace, engine: Engine) -> tuple[Arm, ...]:
    from microscope.evaluation.ablation import arms_of

    keys = [spec.key for spec in engine.catalog.specs] if given.models == ALL else keys_of(given.models)
    specs = [engine.answerer.spec_of(key) for key in keys]
    arms = arms_of(specs, settings_of(given, engine), _varied(given.vary))
    # Such a run stops when all are decided against the first.
    return tuple(sorted(arms, key=lambda arm: arm.key != given.baseline)) if given.early and given.baseline else arms


def _varied(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the levels of each setting that is varied."""
    from microscope.evaluation.ablation import find_factor, read_levels

    varied: dict[str, tuple[str, ...]] = {}
    for one in given:
        name, sign, levels = one.partition("=")
        if not sign:
            raise UserError(
                f"--vary takes a setting and its levels, such as temperature=0,0.7; {one!r} has no levels."
            )
        key = find_factor(name.strip()).key
        if key in varied:
            raise UserError(f"--vary names {key} twice; give all its levels at once.")
        varied[key] = read_levels(key, levels)
    return varied


def _options(baseline: str | None, margin: float | None, arms: Sequence[Arm]) -> Options:
    from microscope.evaluation.analysis import Options

    keys = [arm.key for arm in arms]
    if baseline is not None and baseline not in keys:
        raise UserError(f"The baseline {baseline} is none of {', '.join(keys)}; name one of --models.")
    if baseline is not None and len(keys) == 1:
        raise UserError("A baseline alone cannot be compared; name at least one more checkpoint in --models.")
    return Options(baseline, margin)


def _possible(options: Options, results: Results) -> Options:
    """Return the options; a baseline that could not be run leaves nothing to hold others against."""
    from microscope.evaluation.analysis import Options

    if options.baseline in (None, *(arm.key for arm in results.arms)):
        return options
    print(f"The baseline {options.baseline} has no answers, so nothing can be held against it.", file=sys.stderr)
    return Options()


def _margin(given: argparse.Namespace) -> float | None:
    if given.fail_if_worse is None:
        return None
    if given.baseline is None:
        raise UserError("--fail-if-worse needs --baseline: name the checkpoint that the others may not be worse than.")
    return margin_of(given.fail_if_worse)


def margin_of(text: str) -> float:
    """Return a margin in scores from what a person writes: 2pp, 2% and 0.02 are the same."""
    try:
        return parse_margin(text)
    except ValueError as error:
        raise UserError(
            f"A margin of {text!r} cannot be read; write it in percentage points above 0 and below 100, such as 2pp."
        ) from error


def _run(
    evaluator: Evaluator, items: ItemSet, arms: Sequence[Arm], scorer: str, given: argparse.Namespace
) -> Progress:
    """Run with a progress bar, where somebody looks, and return the end."""
    from tqdm import tqdm

    from microscope.evaluation.analyse.phrases import counted
    from microscope.evaluation.statistics import FEWEST_FOR_P

    plan = evaluator.plan(items, arms, scorer)
    seen = (
        f" It can tell differences of about {plan.detectable * 100:.1f} points (80 % power, if two disagree on "
        f"{plan.disagreement * 100:.0f} % of the questions)."
    )
    print(
        f"{counted(plan.items, 'question')} about {counted(plan.images, 'image')}, {plan.arms} to answer them; "
        f"{plan.known:,} of {plan.answers:,} answers are known.{seen if plan.images >= FEWEST_FOR_P else ''}",
        *plan.warnings,
        sep="\n",
        file=sys.stderr,
    )
    last, said = None, ""
    with tqdm(total=plan.answers, unit="answer", disable=None, file=sys.stderr) as bar:
        try:
            for progress in evaluator.run(items, arms, scorer, early=given.early):
                bar.update(progress.done - bar.n)
                bar.set_postfix_str(progress.arm, refresh=False)
                if progress.message and progress.message != said and not progress.over:
                    said = progress.message
                    bar.write(f"{progress.arm}: {said}", file=sys.stderr)
                last = progress
        except KeyboardInterrupt:
            bar.write("What was answered is kept; the same command goes on from there.", file=sys.stderr)
            raise
    if last is None:
        raise ValueError("a run ended without a word")
    # Where there are no results, the message is the error.
    for sentence in (last.message if last.results else "", last.stopped_early):
        if sentence:
            print(sentence, file=sys.stderr)
    return last


def said(found: Analysis) -> str:
    """Return what an analysis says, as lines for people."""
    rows = []
    for mark in found.marks:
        low, high = mark.score.low, mark.score.high
        span = "" if low is None or high is None else f" ({low * 100:.1f} to {high * 100:.1f})"
        rows.append(f"{mark.letters:<4}{mark.label}: {mark.score.value * 100:.1f}%{span}, n = {mark.n:,}")
    effects = [effect.sentence for effect in found.effects]
    return "\n".join([found.verdict, "", *rows, "", *effects, *found.sentences, *found.warnings]) + "\n"


def status(found: Analysis, results: Results, baseline: str | None) -> int:
    """Return the exit status; of an arm that could not be run nothing can be told, nor of any without the baseline."""
    from microscope.evaluation.analysis import EXITS, UNCLEAR, WORSE

    if baseline is None:
        return 1 if results.missing else 0
    outcome = UNCLEAR if results.missing and found.outcome != WORSE else found.outcome
    return EXITS[outcome]
