"""One arm's way through a set: which answers are known, which are to be made, and what became of each item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from microscope.engine.answers import Answerer
from microscope.engine.batch.asks import ALONE, PREFIXED, SHARED, Prompt, Stack, Way
from microscope.engine.batch.collate import Inputs
from microscope.engine.batch.desk import Desk
from microscope.engine.files import LocalCheckpoint
from microscope.engine.pending import Origin
from microscope.engine.prompts import Planned
from microscope.errors import UserError
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.keeping import Keeper, kept_address
from microscope.evaluation.results import PLAIN_TEMPLATE, ROUNDED, Arm, ArmFacts
from microscope.records import Answer, AnswerRequest, Item
from microscope.storage.address import content_address

# A call to the accelerator has so many seconds of work at most, and pictures held at once; the first one is shorter,
# for nobody knows yet how long an item takes.
CALL_SECONDS, MOST_PICTURES, FIRST_ITEMS, MOST_ITEMS = 15.0, 128, 96, 1024
NO_KEEPER = "Nothing here can tell which image tokens to keep; vary something else than the share of tokens."
WAYS = {
    PREFIXED: "in batches, what questions about a picture begin with computed once",
    SHARED: "in batches, each picture encoded once",
    ALONE: "one by one",
}


@dataclass(frozen=True)
class Outcome:
    """What became of an item: the text, or the sentence that says why there is none."""

    text: str = ""
    failure: str = ""
    cut: bool = False
    tokens: int = 0


@dataclass
class Course:
    """The way of one arm; `outcomes` are by item number. `way` is how its prompts go, once that is proved."""

    arm: Arm
    items: ItemSet
    local: LocalCheckpoint
    desk: Desk
    addresses: list[str] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    way: Way | None = None
    first: tuple[int, Answer] | None = None
    _plans: dict[int, Planned] = field(default_factory=dict)

    def locate(self, answerer: Answerer, keeper: Keeper | None = None, numbers: Sequence[int] | None = None) -> None:
        """Find the content addresses of items (by default all); one whose prompt cannot be made fails at once."""
        if self.arm.keep is not None and keeper is None:
            raise UserError(NO_KEEPER)
        self.addresses = [""] * len(self.items.items)
        for number in range(len(self.items.items)) if numbers is None else numbers:
            item = self.items.items[number]
            facts = self.items.images[item.image]
            question = asked(self.arm, item)
            try:
                planned = self.desk.plan((facts.width, facts.height), question, self.arm.settings.image_budget)
            except UserError as error:
                self.fail(number, str(error))
                continue
            self._plans[number] = planned
            parts = answerer.parts_of(self.local, planned, facts.digest, question, self.arm.settings)
            address = content_address(replace(parts, dtype=self.said_dtype(parts.dtype)))
            if self.arm.keep is not None and keeper is not None:
                address = kept_address(address, self.arm.keep, keeper.how)
            self.addresses[number] = address

    def recall(self, answerer: Answerer, numbers: Sequence[int]) -> int:
        """Take what is kept of these items from the store, and return how many that were."""
        open_ = [number for number in numbers if number not in self.outcomes]
        kept = answerer.store.get_many(self.addresses[number] for number in open_)
        known = [number for number in open_ if self.addresses[number] in kept]
        for number in known:
            self.settle(number, kept[self.addresses[number]])
        return len(known)

    def settle(self, number: int, answer: Answer) -> None:
        """Take an item's answer."""
        if self.first is None or number < self.first[0]:
            self.first = number, answer
        self.outcomes[number] = Outcome(answer.text, "", answer.facts.finish == "length", answer.facts.tokens)

    def fail(self, number: int, message: str) -> None:
        """Take the sentence that says why an item has no answer."""
        self.outcomes[number] = Outcome(failure=message)

    def calls(self, numbers: Sequence[int], seconds: Iterator[float]) -> Iterator[list[int]]:
        """Yield the items of each call: all questions about one picture in the same, within time and memory.

        `seconds` gives what an item is expected to take, asked before each call.
        """
        by_picture: dict[str, list[int]] = {}
        for number in numbers:
            if number not in self.outcomes:
                digest = self.items.images[self.items.items[number].image].digest
                by_picture.setdefault(digest, []).append(number)
        groups = list(by_picture.values())
        start = 0
        while start < len(groups):
            room = MOST_ITEMS if self.way else FIRST_ITEMS
            room = max(1, min(room, int(CALL_SECONDS / max(next(seconds), 1e-6))))
            call = list(groups[start])
            end = start + 1
            while end < len(groups) and end - start < MOST_PICTURES and len(call) + len(groups[end]) <= room:
                call += groups[end]
                end += 1
            start = end
            # Questions about one picture may be more than one call holds.
            yield from (call[at : at + room] for at in range(0, len(call), room))

    def stack(self, numbers: Sequence[int]) -> tuple[Stack, list[int], list[int]]:
        """Return the prompts of these items, their numbers, and the numbers of those that failed here.

        May be called while another thread takes answers of others.
        """
        prompts: list[Prompt] = []
        pictures: list[Inputs] = []
        places: dict[tuple[str, tuple[int, int]], int] = {}
        kept: list[int] = []
        name, picture = "", None
        for number in numbers:
            item, planned = self.items.items[number], self._plans[number]
            key = (self.items.images[item.image].digest, planned.size)
            try:
                # Questions about one picture come one after another.
                if picture is None or item.image != name:
                    name, picture = item.image, self.items.pictures.read(item.image)
                prompt, tensors = self.desk.prepare(picture, planned, places.get(key, len(pictures)))
            except UserError as error:
                self.fail(number, str(error))
                continue
            if key not in places:
                places[key] = len(pictures)
                pictures.append(tensors)
            prompts.append(prompt)
            kept.append(number)
        bits = ROUNDED.get(self.arm.precision, 0)
        stack = Stack(self.local, tuple(pictures), tuple(prompts), self.arm.settings, self.way, bits=bits)
        return stack, kept, [number for number in numbers if number not in set(kept)]

    def request(self, number: int) -> AnswerRequest:
        """Return an item as a request for one answer."""
        item = self.items.items[number]
        picture = self.items.pictures.read(item.image)
        return AnswerRequest(picture, asked(self.arm, item), (self.arm.checkpoint,), self.arm.settings)

    def said_dtype(self, dtype: str) -> str:
        """Return what is said of the dtype that a model computes in: where weights are rounded, that too."""
        return f"{dtype}, weights rounded to {self.arm.precision}" if self.arm.precision in ROUNDED else dtype

    def origin(self, number: int, prompt: Prompt) -> Origin:
        """Return where an item's answer comes from."""
        planned = self._plans[number]
        tokens = (prompt.length, prompt.image_tokens)
        address = self.addresses[number]
        key, settings = self.arm.checkpoint, self.arm.settings
        return Origin(key, self.local, self.desk.processor, planned.prompt, *tokens, address, settings)

    def facts(self) -> ArmFacts:
        """Return what made the answers."""
        way = WAYS.get(self.way.how, "in batches") if self.way else "taken from the store"
        said = f"{way}: {self.way.why}" if self.way and self.way.why else way
        if self.first is None:
            return ArmFacts(self.local.revision, self.local.identity, "", "", "", (), said)
        # The same one, whichever of them were made in this run.
        made = self.first[1].facts
        return ArmFacts(
            self.local.revision, self.local.identity, made.dtype, made.device, made.attention, made.versions, said
        )


def asked(arm: Arm, item: Item) -> str:
    """Return the question as an arm asks it: within its template, choices listed with their letters."""
    question = item.question
    if item.choices:
        listed = "\n".join(f"{chr(ord('A') + number)}. {choice}" for number, choice in enumerate(item.choices))
        question = f"{question}\n{listed}"
    return question if arm.template == PLAIN_TEMPLATE else arm.template.replace("{question}", question)
