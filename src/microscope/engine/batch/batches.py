"""Which prompts of a stack go together, and which prove that they may; knows no model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from microscope.engine.batch.asks import PREFIXED, Stack
from microscope.engine.batch.collate import Parts, kind_of

PROOFS = 4


def batches(stack: Stack, numbers: Sequence[int]) -> Iterator[list[int]]:
    """Yield the numbers of prompts that go at once: of one kind, of about one length, alike wordings side by side."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in numbers:
        groups.setdefault(_kind(stack, number), []).append(number)
    most, by_picture = stack.together(), stack.way is not None and stack.way.by_picture
    for group in groups.values():
        ordered = sorted(group, key=lambda number: _order(stack, number, by_picture=by_picture))
        yield from (ordered[start : start + most] for start in range(0, len(ordered), most))


def proof_of(stack: Stack, numbers: Sequence[int]) -> list[int]:
    """Return the few prompts that are answered both ways: of the commonest kind, two about one picture if there are.

    The shortest and the longest are among them, for padding is what may go wrong. No more go at once than may.
    """
    kinds = {number: _kind(stack, number) for number in numbers}
    commonest = Counter(kinds.values()).most_common(1)[0][0]
    group = sorted((n for n in numbers if kinds[n] == commonest), key=lambda n: (stack.prompts[n].length, n))
    chosen = [group[0], group[-1]]
    asked = Counter(stack.prompts[number].picture for number in group)
    picture = max(asked, key=lambda one: asked[one])
    chosen += [number for number in group if stack.prompts[number].picture == picture][:2]
    return list(dict.fromkeys([*chosen, *group]))[: min(PROOFS, stack.together())]


def _order(stack: Stack, number: int, *, by_picture: bool) -> tuple[object, ...]:
    prompt = stack.prompts[number]
    # What is asked alike is answered at about the same length.
    wording = tuple(prompt.text["input_ids"][0, prompt.image_end :].tolist())
    return prompt.picture if by_picture else 0, _rough(prompt.length), wording


def _kind(stack: Stack, number: int) -> tuple[object, ...]:
    prompt = stack.prompts[number]
    kind = kind_of(Parts(prompt.text, stack.pictures[prompt.picture]))
    # Those that go on behind a picture must have it at the same place.
    prefixed = stack.way is None or stack.way.how == PREFIXED
    return (*kind, prompt.image_end) if prefixed else kind


def _rough(length: int) -> int:
    """Return a length in steps of a quarter: less than that is not worth parting what is asked alike."""
    return round(math.log(length, 1.25))
