"""Every sentence people see in the page; knows no component and no model."""

from __future__ import annotations

TITLE = "VLM Microscope"
TAGLINE = "One image, one question, up to four checkpoints side by side."
DESCRIPTION = (
    "Compare vision-language checkpoints on the same image and question, with every setting and measured fact beside "
    "each answer."
)

COMPARE = "Compare"
LENS = "Lens"
MODELS = "Models"

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

LOOK = "Look inside"
LOOK_HINT = (
    "Each checkpoint answers, and shows which patches its answer rests on, how far that map can be trusted on this "
    "very image, and what it answers without them. Generation settings are those of the Compare tab."
)
FROM_COMPARE = "Take image and question from Compare"
NOTHING_COMPARED = "There is no comparison on the Compare tab yet; make one there, or add an image here."
NOTHING_LOOKED = "Nothing was looked at yet; press Look inside first."
UNKNOWN_RULE = "There is no rule {rule!r}; choose one of {known}."
UNKNOWN_RUN = "There is no run {run!r} with several steps in the catalogue; choose one of: {known}."
LENS_LINK = "Link to this finding"
LENS_LINK_NONE = (
    "The link appears here when an example was looked at. For an image of your own, tick the box that keeps it for a "
    "while."
)
LENS_METHOD = "Map in the picture"
HEAD = "Layer {layer}, head {head}"
HEAD_UNIT = "share of all attention"
HEAD_NOTE = "where one head attends, not why"
NO_HEAD = "There is no layer {layer} with a head {head} here; choose one in the table of layers and heads."
TIMELINE = "Timeline: the checkpoints of one run"
TIMELINE_HINT = "Every checkpoint of the run answers the question above, once; then the slider shows them at once."
RUN_NAME = "Run"
REFERENCE = "Reference answer"
REFERENCE_HINT = "The right answer, if you know it: its probability is shown at each step"
FOLLOW = "Follow the run"
NO_RUNS = "The catalogue has no run with several checkpoints; name a folder of checkpoints in models.yaml."

MODELS_HEADING = "Checkpoints in memory"
MODELS_CAPTION = "The checkpoints of the catalogue, where each is now, and who uses it"
MODELS_COLUMNS = ("Checkpoint", "Where", "Weights", "In use", "Last used", "Note")
REFRESH = "Refresh"
NO_MODELS = "The catalogue offers no checkpoint."
PLACES = {
    "gpu": ("GPU", "in the GPU's memory: it answers at once"),
    "packed": ("GPU pack", "placed before launch and streamed into every GPU worker"),
    "ram": ("RAM", "in this machine's memory: it answers at once"),
    "mapped": ("RAM, mapped", "loaded, its weights mapped from the files: they cost no memory of their own"),
    "loading": ("Loading", "on its way into memory"),
    "page cache": ("Page cache", "not loaded, but the system holds its files in spare memory: it loads fast"),
    "disk": ("Disk", "on this machine's disk: it has to be read first"),
    "hub": ("Hub", "not downloaded yet"),
}
PLACES_HEADING = "What the places mean"
PINNED = "Pinned"
NEVER = "Not yet"
IDLE = "Idle"
UNKNOWN_SIZE = "Unknown"
MEMORY = "Memory for weights"
WARMING = "Reading {label}"
EVENTS = "What happened lately"
NO_EVENTS = "Nothing yet: no checkpoint was asked for since the start."
EVENT_KINDS = {
    "hit": "Found in memory",
    "miss": "Not in memory",
    "load": "Loaded",
    "eviction": "Let go",
    "out of memory": "Out of memory",
    "failure": "Failed",
    "refusal": "Refused",
}
OWNER = "For the owner"
OWNER_HINT = "Only you see these buttons. What is in use is not unloaded."
MODEL = "Checkpoint"
LOAD = "Load"
UNLOAD = "Unload"
PIN = "Pin"
UNPIN = "Unpin"
NO_MODEL = "Choose a checkpoint first."
NOT_OWNER = "Only the owner may do this; sign in as the owner, or open the page on the machine that it runs on."
PACKED = (
    "On ZeroGPU the checkpoints are packed before launch and every worker gets all of them, so none can be loaded, "
    "unloaded or pinned here. Choose another preset, or hardware of your own, to change what is packed."
)
SIGN_IN = "Sign in as the owner"
SIGN_OUT = "Sign out ({})"

FOOTER = (
    "Answers come from the checkpoints named above and may be wrong. The embedded checkpoints know only coloured "
    "shapes and handwritten digits on plain scenes."
)
VERSION = "VLM Microscope {}."


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


def queued(ahead: int, seconds: float) -> str:
    """Say how many are before an answer, and about how long that takes."""
    before = "1 ahead" if ahead == 1 else f"{ahead} ahead"
    return f"{STATES['queued']}, {before}, about {_duration(seconds)}"


def loading(done: int, total: int, ahead: int, seconds: float) -> str:
    """Say how far the load of a model is, who is before it, and about how long all that takes."""
    if not done:
        size = f"{STATES['loading']} {megabytes(total)}" if total else STATES["loading"]
    else:
        size = f"{STATES['loading']} {megabytes(done)} of {megabytes(total)}"
    before = f", {ahead} ahead" if ahead else ""
    return f"{size}{before}, about {_duration(seconds)}" if seconds else f"{size}{before}"


def megabytes(count: int) -> str:
    """Return a size as people read it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def memory(used: int, budget: int) -> str:
    """Say how much of the memory for weights is taken."""
    return f"{megabytes(used)} of {megabytes(budget)}"


def memory_unbounded(used: int) -> str:
    """Say how much memory weights take where nothing bounds it."""
    return f"{megabytes(used)}, with no bound set"


def mapped(count: int, whole: int) -> str:
    """Say how much of a model's weights costs no memory of its own; nothing where that is none."""
    if not count:
        return ""
    return "all mapped from files" if count >= whole else f"{megabytes(count)} mapped from files"


def in_use(leases: int, waiting: int) -> str:
    """Say how many answers use a model now and how many wait for it."""
    parts = [f"{leases} in use"] if leases else []
    return ", ".join([*parts, f"{waiting} waiting"] if waiting else parts) or IDLE


def waits(count: int, longest: float) -> str:
    """Say how many answers wait for memory, and since when; nothing where none does."""
    if not count:
        return ""
    who = "One answer waits" if count == 1 else f"{count} answers wait"
    return f"{who} for memory, the longest for {_duration(longest)}."


def ago(seconds: float) -> str:
    """Return how long ago something was, in the largest unit that is at least one."""
    for size, unit in ((24 * 3600, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago" if seconds >= 1 else "just now"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} minutes"


def _queue(waiting: int) -> str:
    if waiting == 0:
        return "Nobody is waiting."
    return "One visitor is ahead of you." if waiting == 1 else f"{waiting} visitors are ahead of you."
