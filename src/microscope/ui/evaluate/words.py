"""Every sentence that the Evaluate tab shows, but for those of the results themselves; knows no component."""

from __future__ import annotations

from microscope.evaluation.analyse.phrases import counted, number, size
from microscope.evaluation.progress import Plan
from microscope.evaluation.statistics import FEWEST_FOR_P

TAB = "Evaluate"
INTRO = (
    "A set of images and questions goes to each checkpoint. You see whether they differ by more than chance, with "
    "intervals that count images rather than questions, and every single answer behind it."
)
KEPT = (
    "Closing the page loses nothing: every answer is kept as it comes, and running again takes up what is known. "
    "Stop keeps it as well."
)

SET = "Set of images and questions"
SHIPPED, UPLOAD, HUB = "shipped", "upload", "hub"
SOURCES = (("Shipped set", SHIPPED), ("Upload a file", UPLOAD), ("Hub dataset", HUB))
FILE = "File with the set"
FILE_TYPES = [".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".zip"]
FILE_HINT = (
    "CSV, TSV, JSONL, JSON or Parquet, or a zip that holds one of them beside its images; at most 10 MB here. A "
    "larger set goes through the command line, microscope evaluate, or by its Hub id. Your file goes to this Space "
    "alone and is deleted within about an hour."
)
HUB_ID = "Hub dataset id"
HUB_ROWS = 2_000
HUB_ID_HINT = (
    f"owner/name of a dataset with an image, a question and an answer column; its first {HUB_ROWS:,} rows are read, "
    "and the command line reads all"
)
SPLIT = "Split"
SPLIT_HINT = "Empty: the first of test, validation, train"
COLUMNS = "Columns: which one means what"
COLUMNS_HINT = "Guessed from names and values; change what is wrong, then press Check."
COLUMN_NAMES = {
    "image": "Image",
    "question": "Question",
    "answers": "Accepted answers",
    "choices": "Choices",
    "id": "Id",
    "kind": "Kind of question",
    "tags": "Tags",
    "evidence": "Evidence boxes",
}
NO_COLUMN = "(none)"
CHECK = "Check the set"
PROBLEMS = "Download all problems as CSV"
PROBLEMS_HEADS = ("Column", "What is wrong", "Left out")
PROBLEMS_CAPTION = "The first problems by row"
LEFT_OUT, USED = "yes", "no, used all the same"
NO_PROBLEMS = "Every row can be used."
CHECKING = "Reading the set"
NO_SET = "No set was read yet: add a file or name a dataset, then press Check the set."
NO_FILE = "There is no file yet: add one, or choose the shipped set."
NO_HUB_ID = "There is no dataset id yet: write owner/name, or choose the shipped set."
BAD_HUB_ID = "A dataset of the Hub is named owner/name; this is {name!r}."
NO_ITEMS = "No row of this set can be used; the problems are listed above. Correct the file and add it again."

CHECKPOINTS = "Checkpoints"
CHECKPOINTS_HINT = "Any number; all get the same items, so that they are compared item by item"
SCORER = "How an answer is marked"
NEW_TOKENS = "Most new tokens"
NEW_TOKENS_HINT = "Other generation settings are the catalogue's own"
LIMIT = "Most items"
LIMIT_HINT = "0 takes all"
AT_RANDOM = "Draw them at random instead of taking the first (always the same draw)"
BASELINE = "Hold against"
BASELINE_HINT = "One of them, or all against all"
ALL_AGAINST_ALL = "All against all"
MARGIN = "Margin in points"
MARGIN_HINT = "How much worse still counts as no worse; 0 asks for no such verdict"
EARLY = "Stop as soon as it is decided"
EARLY_HINT = (
    "Images then come in a random order, and the run ends once every checkpoint is decided against the first, or "
    "against the one that they are held against"
)
ABLATION = "Ablation: vary settings as well"
ABLATION_HINT = (
    "Choose up to two things to vary. Every checkpoint answers at every combination of levels, and their effects are "
    "estimated with intervals."
)
FACTOR = "Vary ({number})"
NO_FACTOR = "Nothing"
LEVELS = "Levels ({number})"
LEVELS_HINT = "One a line, or separated by commas; of prompt templates always one a line"
LEVELS_SUCH_AS = "Such as {hint}; one a line"
SAME_FACTOR = "Both things to vary are {label}; choose two different ones."
LIMITED = "{name}, {count} items"

RUN = "Evaluate"
STOP = "Stop"
PLAN = "The run"
PLAN_WAIT = "Choose a set and checkpoints to see what the run takes."
SHORT_OF = "of the set"

NO_CHECKPOINT = "Choose at least one checkpoint."
UNKNOWN_CHECKPOINT = "There is no checkpoint {key!r} in the catalogue; choose from: {known}."
UNKNOWN_BASELINE = "{key!r} is not among what is run; choose one of: {known}."
OUT_OF_RANGE = "{name} must be between {least:g} and {most:g}; it is {value}."
TOO_MUCH = (
    "This run would compute {asked:,} answers, and a visitor's may compute {most:,} on a shared Space. Take fewer "
    "items or checkpoints, run it in parts (what is known is not computed again), or duplicate the Space."
)
NOTHING_RUN = "Nothing was evaluated yet; press Evaluate first."

STARTING = "Starting; what is known already is gathered first."
PROGRESS = "How far the evaluation is"
SO_FAR = "So far, on {items}; no verdict before the end"
SO_FAR_HEADS = ("Checkpoint", "Score and 95 % interval", "Failed answers")
STOPPED = "Stopped before the end. Running again goes on from here."
FINISHED = "All answers are there."
NOT_ALL = "Not all answers could be had."
TROUBLES = "What went wrong; the others went on"

RESULTS = "Results"
MORE = "{count} more sentences"
NO_RESULTS = "The verdict, the intervals and the items appear here."
MARKS = "Scores"
MARKS_CAPTION = "Each checkpoint's score with its interval"
MARKS_HEADS = ("Checkpoint", "Score", "Interval", "Group", "Strict to lenient", "Not readable", "Failed", "Cut")
MARKS_NOTE = (
    "In percent. Those that share a letter in Group are not separated. Strict to lenient is how far the score moves "
    "with the rules of marking. Cut answers reached the most new tokens."
)
PLOT = "Scores with their intervals"
PAIRS = "Pair by pair"
PAIRS_CAPTION = "The second less the first, on the same items"
PAIRS_HEADS = (
    "First and second",
    "Difference",
    "Interval",
    "p",
    "p, corrected",
    "Could have seen",
    "Fixed and broken",
    "Effect sizes",
)
PAIRS_NOTE = (
    "In points. Hollow dots are not separated. p is corrected by Holm's method over all pairs asked about. Could have "
    "seen is the smallest difference that this set shows with 80 % power. Fixed items only the second has right, "
    "broken ones only the first. Effect sizes: Cohen's h compares shares, d_z is the mean difference over its spread, "
    "d over the spread of the scores."
)
SLICES = "Where they differ: slices, worst first"
SLICES_CAPTION = "Groups of items, the worst difference first; a name opens its items below"
SLICES_HEADS = ("Slice", "Items")
SLICES_TAIL = ("Difference", "Interval", "p, corrected")
SLICES_BETWEEN = "Difference: {second} less {first}, in points. "
SLICES_NOTE = "p is corrected by Benjamini and Hochberg's method over all slices tried: exploration, not proof."
SLICES_SHOWN = "The first {shown} of {count} slices; the files below have all."
HEAT = "Checkpoints by slice"
TIMELINE = "By training step: {run}"
TIMELINE_NOTE = (
    "The ring is at the highest score; hollow steps are separated from it. The band holds each step's interval."
)
EFFECTS = "Ablation: what each change does"
EFFECTS_CAPTION = "Main effects and interactions"
EFFECTS_HEADS = ("Effect", "Difference", "Interval", "p, corrected", "In words")
TRAITS = "What goes with errors"
TRAITS_CAPTION = "Traits of items with which a checkpoint fails more or less often"
TRAITS_NOTE = "The surest of each checkpoint. What goes with errors need not cause them."
TRAITS_HEADS = ("Trait", "Checkpoint", "Items", "Fails with it", "Fails without", "Difference", "p, corrected")
NOTES = "How this was computed"
WARNINGS = "Read with care"
NONE = "–"  # noqa: RUF001 (an en dash stands for nothing)

GALLERY = "Items"
TAKE_AWAY = "Take away"
TAKE_AWAY_HINT = "The report as one HTML file, everything as JSON, and every answer as CSV and Parquet."
REPORT_HTML = "Report (HTML)"
REPORT_JSON = "Report (JSON)"
ITEMS_CSV = "Items (CSV)"
ITEMS_PARQUET = "Items (Parquet)"
OPENED = {
    "compare": "Opened from an item of the Evaluate tab; press Run to compare.",
    "lens": "Opened from an item of the Evaluate tab; press Look inside to go on.",
}

HISTORY = "History: evaluations that were kept"
HISTORY_HINT = (
    "What Trackio keeps on this machine, from here and from the command line. Only the owner sees and adds to it."
)
HISTORY_SHOW = "Show the history"
HISTORY_KEEP = "Keep the results above in it"
HISTORY_KEPT = "The results are kept."
DASHBOARD = "Open Trackio’s own dashboard (a new page)"
HISTORY_HEADS = ("Step", "Score", "Interval")
NO_HISTORY = "Nothing was kept yet: evaluate, then keep the results."
BEST_STEP = "The highest score is that of step {step}."


def planned(plan: Plan) -> str:
    """Say how much a run is and how much of it is known."""
    what = (
        f"{counted(plan.items, 'item')} on {counted(plan.images, 'image')}, asked "
        f"{counted(plan.arms, 'time')}: {counted(plan.answers, 'answer')}"
    )
    if plan.known >= plan.answers:
        return f"{what}, all known already: nothing to compute."
    return f"{what}, {plan.known:,} of them known already." if plan.known else f"{what}, none known yet."


def takes(plan: Plan, device: str) -> str:
    """Say how long the rest takes, and what it asks of a ZeroGPU quota."""
    if plan.known >= plan.answers:
        return "It takes a moment." if plan.quota_seconds is None else "It takes a moment, and no quota."
    if plan.quota_seconds is None:
        return f"About {duration(plan.seconds)} on {device}."
    return (
        f"Asks for {plan.quota_seconds} s of your daily GPU quota (2 minutes without an account, 5 minutes signed in, "
        "40 with PRO, or your own in a duplicate)."
    )


def detects(plan: Plan) -> str:
    """Say what difference a run could see; nothing where no test could."""
    if plan.images < FEWEST_FOR_P:
        return ""
    return (
        f"This set can tell checkpoints apart that differ by about {size(plan.detectable)} or more "
        f"(80 % power, if they disagree on {number(100 * plan.disagreement, 0)} % of the items; design effect "
        f"{plan.design_effect:.1f})."
    )


def progressed(done: int, total: int, reused: int, left: float | None) -> str:
    """Say how far a run is."""
    known = f", {reused:,} known already" if reused else ""
    rest = f"; about {duration(left)} left" if left is not None and done < total else ""
    return f"{done:,} of {total:,} answers{known}{rest}"


def counted_rows(used: int, rows: int, images: int) -> str:
    """Say how many rows of a set are used."""
    return f"{used:,} of {counted(rows, 'row')} used, on {counted(images, 'image')}."


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:  # noqa: PLR2004 (up to a minute and a half, seconds say more)
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} minutes" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} hours"


def waits(count: int) -> str:
    """Say how long the queue is; nothing where nobody waits."""
    if count == 0:
        return ""
    return "One visitor is ahead of you." if count == 1 else f"{count} visitors are ahead of you."
