"""Estimates how long answers take, from what was measured in this process; knows no model and no platform."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from microscope.records import Answer


@dataclass(frozen=True)
class Speed:
    """What a kind of machine does, until the first answer of a checkpoint was measured; bytes are those of weights.

    Decoding reads every weight once a token, at the share of the memory bandwidth that a batch of one reaches; the
    first token waits for the start and for a prompt of about a thousand tokens; loading reads every byte once.
    """

    start_seconds: float
    prompt_seconds_per_gb: float
    decode_bytes_per_second: float
    load_bytes_per_second: float


SPEEDS = {
    "cpu": Speed(0.2, 20.0, 4e9, 1e9),
    "cuda": Speed(0.3, 0.05, 250e9, 1e9),
    "zero": Speed(0.3, 0.05, 250e9, 1.5e9),
    "mps": Speed(0.3, 1.0, 60e9, 1e9),
}
# However small the model, a token is a few hundred calls from Python; however large, nobody waits longer.
FASTEST_TOKENS_PER_SECOND, SLOWEST_TOKENS_PER_SECOND = 60.0, 1.0
# On ZeroGPU a new worker is forked and opens the card, once a call.
WORKER_SECONDS = 2.0
MEMORY = 0.5
MARGIN = 1.5
LEAST_SECONDS = 3
# Until it was measured: by how much an answer among many is quicker than one alone, carefully.
COMPANY = 4


@dataclass(frozen=True)
class Work:
    """One checkpoint's share of a call: key, resident bytes, whether it must be loaded, most new tokens."""

    key: str
    bytes: int
    load: bool
    new_tokens: int


class Pace:
    """Remembers tokens per second and seconds to the first token by checkpoint, as moving averages in this process."""

    def __init__(self, kind: str) -> None:
        self._speed = SPEEDS[kind]
        self._rates: dict[str, float] = {}
        self._firsts: dict[str, float] = {}
        self._passes: dict[str, float] = {}
        self._items: dict[str, float] = {}

    def observe(self, answer: Answer) -> None:
        """Learn from a finished answer."""
        rate = answer.facts.tokens_per_second
        if rate:
            self._rates[answer.checkpoint] = _moved(self._rates.get(answer.checkpoint), rate)
        first = answer.facts.first_token_seconds
        if first:
            self._firsts[answer.checkpoint] = _moved(self._firsts.get(answer.checkpoint), first)

    def seconds(self, work: tuple[Work, ...]) -> float:
        """Return the expected seconds of a call that does the work, one checkpoint after another."""
        return sum(self._one(part) for part in work)

    def pass_seconds(self, part: Work) -> float:
        """Return the expected seconds of one pass over a prompt, without the start of an answer."""
        return self._passes.get(part.key, part.bytes / 1e9 * self._speed.prompt_seconds_per_gb)

    def observe_pass(self, key: str, seconds: float) -> None:
        """Learn what a pass over a prompt took a checkpoint, in the mean over many."""
        self._passes[key] = _moved(self._passes.get(key), seconds)

    def item_seconds(self, part: Work) -> float:
        """Return the expected seconds of one answer of many that are made together, without the load."""
        known = self._items.get(part.key)
        return self._one(replace(part, load=False)) / COMPANY if known is None else known

    def observe_items(self, key: str, count: int, seconds: float) -> None:
        """Learn what so many answers took that were made together."""
        if count:
            self._items[key] = _moved(self._items.get(key), seconds / count)

    def load_seconds(self, part: Work) -> float:
        """Return the expected seconds of a checkpoint's load, 0 where it is in memory."""
        return part.bytes / self._speed.load_bytes_per_second if part.load else 0.0

    def declared(self, work: tuple[Work, ...], packed_bytes: int = 0, more_seconds: float = 0.0) -> int:
        """Return the whole seconds to ask the platform for: a worker's start, the pack's stream, and the estimate.

        `more_seconds` are for what else is done with the answers. All with a margin: a call that outlives what was
        declared is ended.
        """
        start = WORKER_SECONDS + packed_bytes / self._speed.load_bytes_per_second
        return max(LEAST_SECONDS, math.ceil((start + self.seconds(work) + more_seconds) * MARGIN))

    def _one(self, part: Work) -> float:
        speed = self._speed
        prior = speed.decode_bytes_per_second / max(part.bytes, 1)
        prior = min(max(prior, SLOWEST_TOKENS_PER_SECOND), FASTEST_TOKENS_PER_SECOND)
        rate = self._rates.get(part.key, prior)
        first = self._firsts.get(part.key, speed.start_seconds + part.bytes / 1e9 * speed.prompt_seconds_per_gb)
        return self.load_seconds(part) + first + part.new_tokens / rate


def _moved(old: float | None, new: float) -> float:
    return new if old is None else MEMORY * old + (1 - MEMORY) * new
