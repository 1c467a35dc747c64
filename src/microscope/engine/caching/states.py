"""What the parts of the model cache tell each other: wants, effects, events and the snapshot; plain data, no logic."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class LoadDropped(Exception):  # noqa: N818  (it is no error)
    """A load ended early because nobody waits for it any more."""


@dataclass(frozen=True)
class Want:
    """One use of a model: `model` is its key in the cache, `name` the catalogue key of who is asked, `label` its name.

    Of one model, only one `variant` (an adapter on it; empty: none) runs at a time. `bytes` are those of the loaded
    weights as far as they are known before the load, `reserve` those that activations and KV cache take while it runs.
    """

    model: str
    name: str = ""
    label: str = ""
    bytes: int = 0
    reserve: int = 0
    variant: str = ""
    pin: bool = False


@dataclass(frozen=True)
class Grant:
    """The use may begin: its model is in memory, and stays until the use ends."""

    ticket: int


@dataclass(frozen=True)
class Refuse:
    """The use cannot be had; the sentence says why. `exhausted`: here, for want of memory."""

    ticket: int
    sentence: str
    exhausted: bool = False


@dataclass(frozen=True)
class Load:
    """Load the model that this use wants; what had to go for it went in the effects before."""

    want: Want


@dataclass(frozen=True)
class Evict:
    """Let go of the model."""

    model: str
    reason: str
    label: str = ""


Effect = Grant | Refuse | Load | Evict


class Kind(str, Enum):
    """What an event tells."""

    HIT = "hit"
    MISS = "miss"
    LOAD = "load"
    EVICTION = "eviction"
    OUT_OF_MEMORY = "out of memory"
    FAILURE = "failure"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class CacheEvent:
    """Something that happened in the cache: when (seconds since the epoch), to whom, and the detail in words.

    Of a LOAD, `bytes` and `seconds` give its rate.
    """

    when: float
    kind: Kind
    label: str
    detail: str = ""
    bytes: int = 0
    seconds: float = 0.0


@dataclass
class Progress:
    """How far a load is: when it began (on the scheduler's clock), and the bytes that are read of all."""

    since: float
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class CachedModel:
    """One line of the snapshot: a model that is in memory, or being loaded.

    `mapped` are the bytes of `bytes` that are pages of files, which the kernel can drop; `last_used` is in seconds
    since the epoch; `progress` is that of a load under way, which goes on while one looks; a load that is `abandoned`
    ends soon; a `placed` model was loaded before there were uses, and stays for good.
    """

    key: str
    label: str
    bytes: int
    leases: int = 0
    pinned: bool = False
    names: frozenset[str] = frozenset()
    mapped: int = 0
    waiting: int = 0
    loading: bool = False
    abandoned: bool = False
    last_used: float = 0.0
    progress: Progress | None = None
    device: str = ""
    placed: bool = False


@dataclass(frozen=True)
class Snapshot:
    """The cache at one moment, the least recently used first; bytes of weights, waits in seconds."""

    models: tuple[CachedModel, ...] = ()
    budget: int = 0
    used: int = 0
    waiting: int = 0
    running: int = 0
    longest_wait: float = 0.0
    counts: tuple[tuple[str, int], ...] = ()
    events: tuple[CacheEvent, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """Where a use stands that has not begun: how many are ahead, about how many seconds, and a load's progress.

    `bytes_total` is 0 while its model is in memory already, and only its turn has to come.
    """

    ahead: int
    seconds: float
    loading: bool = False
    bytes_done: int = 0
    bytes_total: int = 0


@dataclass
class Record:
    """What the scheduler knows of a model that is in memory or being loaded; it alone changes it."""

    key: str
    label: str
    bytes: int
    last_used: float
    pinned: bool = False
    placed: bool = False
    loading: bool = False
    abandoned: bool = False
    leases: int = 0
    variant: str = ""
    mapped: int = 0
    device: str = ""
    names: set[str] = field(default_factory=set)
