"""Evidence that may be looked at after every outcome: e-values, and intervals that hold all the time.

Outcomes are won or lost, independent, and in an order that does not hang on them: decisive votes, or items in random
order that one of two arms alone has right. If both are alike, the e-value ever comes to 1 / alpha with a chance of at
most alpha, however often it is looked at and whenever one stops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

from microscope.evaluation.statistics.intervals import checked_level

# A bisection of [0, 1] is at a double's precision after so many halvings.
HALVINGS = 60


def e_value(wins: int, n: int) -> float:
    """Return the evidence against "won as often as lost" in `wins` of `n` outcomes: 1 is none, 20 is what 95 % asks.

    It is the Bayes factor of a Beta(1/2, 1/2) share: B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) * 2 ** n.
    """
    return float(e_values(np.array([wins]), np.array([n]))[0])


def e_values(wins: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the e-values of many counts at once, of any shapes that go together; beyond doubles they are infinite."""
    with np.errstate(over="ignore"):
        return np.exp(_log_e(wins, n, 0.5))


def confidence_sequence(wins: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the shares that the evidence so far does not exclude; all such intervals hold at once with that level.

    They are the shares q with an e-value against q below 1 / (1 - level): wider than Clopper and Pearson's interval,
    which holds for one look.
    """
    if not 0 <= wins <= n:
        raise ValueError(f"{wins} of {n} is no share")
    limit = -math.log(1 - checked_level(level))
    if n == 0:
        return 0.0, 1.0
    return _edge(wins, n, limit), 1 - _edge(n - wins, n, limit)


@dataclass
class Sequential:
    """Takes outcomes one by one and knows at any time whether it has been decided which of two is better.

    `path` has the e-value after each outcome.
    """

    wins: int = 0
    n: int = 0
    path: list[float] = field(default_factory=list)
    largest: float = 1.0

    def feed(self, *, won: bool) -> float:
        """Take one outcome and return the e-value after it."""
        self.wins += won
        self.n += 1
        self.path.append(e_value(self.wins, self.n))
        self.largest = max(self.largest, self.path[-1])
        return self.path[-1]

    @property
    def p(self) -> float:
        """Return the p-value that holds at any time: one over the largest e-value so far, at most 1."""
        return 1 / self.largest

    def decided(self, level: float = 0.95) -> bool:
        """Tell whether the e-value has ever come to 1 / (1 - level), 20 for 95 %."""
        return self.p <= 1 - checked_level(level)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the shares won that the outcomes so far do not exclude."""
        return confidence_sequence(self.wins, self.n, level)


def _log_e(wins: np.ndarray, n: np.ndarray, share: float) -> np.ndarray:
    lost = n - wins
    if (wins < 0).any() or (lost < 0).any():
        raise ValueError("wins are counts of 0 to n")
    prior = betaln(wins + 0.5, lost + 0.5) - betaln(0.5, 0.5)
    return prior - xlogy(wins, share) - xlog1py(lost, -share)


def _edge(wins: int, n: int, limit: float) -> float:
    """Return the share below wins / n at which the logarithm of the e-value comes to a limit; 0 where none does."""
    if not wins:
        return 0.0
    low, high = 0.0, wins / n
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _log_e(np.array([wins]), np.array([n]), middle)[0] > limit:
            low = middle
        else:
            high = middle
    return (low + high) / 2
