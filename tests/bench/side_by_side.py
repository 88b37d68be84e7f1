"""How a figure of performance is taken: both sides in one run, in turn, judged by the median of the rounds' ratios.

A machine is busy or quiet for seconds at a time; two rates taken one after the other are busy or quiet together, so
their ratio means something where a rate alone does not. A file `bench_<topic>.py` has a function
`figures() -> list[Figure]`.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One thing measured, and what it has to be."""

    name: str
    value: float
    goal: float
    at_least: bool  # the goal is a floor; else a ceiling
    unit: str = "ratio"
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def ratio(ours: Callable[[], float], theirs: Callable[[], float], rounds: int = 5) -> float:
    """Median over rounds, taken in turn, of ours()/theirs(); each call returns a rate (things per second).

    Who goes first changes from round to round, so that a drift of the machine favours nobody.
    """
    found = []
    for round_ in range(rounds):
        if round_ % 2:
            below, above = theirs(), ours()
        else:
            above, below = ours(), theirs()
        found.append(above / below)
    return statistics.median(found)
