"""Every sentence people see in the page; knows no component and no model."""

from __future__ import annotations

TITLE = "VLM Microscope"
TAGLINE = "One image, one question, up to four checkpoints side by side."
DESCRIPTION = (
    "Compare vision-language checkpoints on the same image and question, with every setting and measured fact beside "
    "each answer."
)

IMAGE = "Image"
IMAGE_NOTE = (
    "Your image goes to this Space alone. It is turned upright, stripped of its metadata, kept in memory to be "
    "answered, and its upload is deleted within about an hour."
)
EXAMPLES = "Examples (answered ahead, no waiting)"
QUESTION = "Question"
QUESTION_HINT = "Ask something about the image"
PRESETS_HEADING = "Ask for"
PRESETS = (
    ("Caption", "Write a one-sentence caption for this image."),
    ("Read the text", "Read all the text in this image, line by line."),
    ("Count", "How many objects are there?"),
    ("Describe for a blind reader", "Describe the image."),
)
CHECKPOINTS = "Checkpoints"
CHECKPOINTS_HINT = "Choose 1 to 4; the same image and question go to each."
UNAVAILABLE = "Not available"
RUN = "Run"
STOP = "Stop"
DUPLICATE = "Duplicate this Space"

SETTINGS = "Generation settings"
NEW_TOKENS = "Most new tokens"
TEMPERATURE = "Temperature"
TEMPERATURE_HINT = "0 is greedy: the same answer every time"
TOP_P = "Top-p"
TOP_K = "Top-k"
TOP_K_HINT = "0 keeps every token"
PENALTY = "Repetition penalty"
SEED = "Seed"
SEED_HINT = "Only matters above temperature 0"
BUDGET = "Image budget in megapixels"
BUDGET_HINT = "0 leaves it to the checkpoint"

ANSWERS = "Answers"
NO_ANSWERS = "Choose an example, or add an image, ask a question and press Run. The answers appear here, side by side."
DIFFERENCE = "Word by word"
FIRST = "From"
SECOND = "To"
NOTHING_TO_DIFFER = "Two finished answers are needed to show a difference."
REPEAT = "Repeat with the other checkpoints"
NO_OTHERS = "There are no other checkpoints in the catalogue to repeat this with."
HISTORY = "This visit"
HISTORY_EMPTY = "Nothing yet"
HISTORY_HINT = "Reopen one of your comparisons; they are forgotten when you leave"
KEEP = "Keep and share"
EXPORT_JSON = "Download JSON"
EXPORT_PNG = "Download PNG"
LINK = "Link to this comparison"
LINK_NONE = "The link appears here when a comparison is done."
LINK_NEEDS_CONSENT = (
    "This comparison uses your own image. Tick the box to keep it for seven days and get a link that reopens it."
)
CONSENT = "Keep my image on this Space for 7 days so that the link works; anyone with the link can see it"
LINK_GONE = (
    "The image of this link has expired or is not on this Space any more; add the image again to ask the question."
)
LINK_LOADED = "Opened from a link. Press Run to compute what is not shown."

STATES = {
    "queued": "Waiting",
    "fetching": "Downloading",
    "loading": "Loading",
    "generating": "Answering",
    "done": "Done",
    "failed": "No answer",
    "stopped": "Stopped",
}
COMPUTED = {
    "now": "",
    "store": "computed earlier with exactly these inputs",
    "example": "computed ahead for this example",
}
STOPPED = "Stopped by you before the end."
EMPTY_ANSWER = "The checkpoint answered with nothing."

NO_CHECKPOINT = "Choose at least one checkpoint."
TOO_MANY = "Choose at most four checkpoints; {count} are chosen."
UNKNOWN_CHECKPOINT = "There is no checkpoint {key!r} in the catalogue; choose from: {known}."
OUT_OF_RANGE = "{name} must be between {least} and {most}; it is {value}."

FOOTER = (
    "Answers come from the checkpoints named above and may be wrong. The embedded checkpoints know only coloured "
    "shapes and handwritten digits on plain scenes."
)


def cost(seconds: float, device: str, waiting: int) -> str:
    """Say what pressing Run costs on our own hardware, and how long the queue is."""
    return f"About {_duration(seconds)} on {device}. {_queue(waiting)}"


def cost_zero(seconds: int, waiting: int) -> str:
    """Say what pressing Run costs on ZeroGPU, and how long the queue is."""
    return (
        f"Asks for {seconds} s of your daily GPU quota (2 minutes without an account, 5 minutes signed in, 40 with "
        f"PRO, or your own in a duplicate). {_queue(waiting)}"
    )


def cost_nothing() -> str:
    """Say that Run costs nothing, since every answer is known."""
    return "These answers were computed ahead: no waiting, no quota."


def megabytes(count: int) -> str:
    """Return a size as people read it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} minutes"


def _queue(waiting: int) -> str:
    if waiting == 0:
        return "Nobody is waiting."
    return "One visitor is ahead of you." if waiting == 1 else f"{waiting} visitors are ahead of you."
