"""Results and pictures that tests of the reports share: one plain run, and one in which everything is hostile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microscope.errors import UserError
from microscope.evaluation.results import Results, SetFacts
from microscope.records import Picture
from tests.evaluation.analyse.made import arm, drawn, results

MADE = "2026-01-02T03:04:05Z"
SCRIPT = "<script>alert('x')</script>"
QUOTE = '"><img src=x onerror=alert(1)>'
FORMULA = '=HYPERLINK("http://x","y")'
RIGHT_TO_LEFT, EMOJI, HALF = "ما هذا؟", "🐈‍⬛ 猫", "\ud83d"
HUGE = "word " * 20_000


def plain() -> Results:
    """Return three steps of a run on 100 items."""
    return results(drawn(100, [0.4, 0.7, 0.75]), failures=[{3: "The image could not be read."}, {}, {}])


def ablation() -> Results:
    """Return two factors with two levels each."""
    cells = (("A", "all"), ("A", "25 %"), ("B", "all"), ("B", "25 %"))
    arms = [
        arm(number, key=f"arm-{number}", label=f"{a}, {b}", factors=(("template", a), ("keep", b)))
        for number, (a, b) in enumerate(cells)
    ]
    return results(drawn(100, [0.8, 0.7, 0.8, 0.5]), arms=arms)


def hostile() -> Results:
    """Return results in which every text tries to be something else."""
    texts = (SCRIPT, QUOTE, FORMULA, RIGHT_TO_LEFT, EMOJI, HALF, HUGE, "-1", "@x", "\tx", "a\nb,c")
    arms = [
        arm(0, key=SCRIPT, label=SCRIPT, template=f"{SCRIPT} {{question}}", factors=((QUOTE, SCRIPT),)),
        arm(1, key=FORMULA, label=QUOTE, run=SCRIPT, factors=((QUOTE, FORMULA),)),
        arm(2, key="x", label=RIGHT_TO_LEFT + HALF, run=SCRIPT, factors=((QUOTE, EMOJI),)),
    ]
    made = results(drawn(110, [0.4, 0.7, 0.75]), arms=arms, failures=[{3: SCRIPT}, {4: FORMULA}, {}])
    items = tuple(
        replace(
            item,
            id=f"{texts[row % 11]}{row}",
            question=texts[row % 11],
            answers=(texts[(row + 1) % 11],),
            kind=texts[row % 2],
            tags=(texts[(row + 2) % 11],),
        )
        for row, item in enumerate(made.items)
    )
    answers = tuple(
        replace(one, texts=tuple(texts[(row + place) % 11] for row in range(110)))
        for place, one in enumerate(made.answers)
    )
    return replace(made, set=SetFacts(SCRIPT, "e" * 64, 110), items=items, answers=answers)


def picture(name: str) -> Picture:
    """Return a small picture; every seventh cannot be read."""
    if int(name.removesuffix(".png").rpartition("-")[2]) % 7 == 6:
        raise UserError(f"The picture {SCRIPT} cannot be read. Give another one.")
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[:, :200] = 200
    return Picture(400, 300, pixels.tobytes())
