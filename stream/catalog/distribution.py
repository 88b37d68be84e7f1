"""A distribution as labelled numbers, the same for text, JSON and pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Distribution:
    """How many there are of each; `ordered` if the labels are a scale, else the largest come first."""

    name: str
    title: str
    unit: str  # what is counted; "share" if the numbers are shares of 1
    bars: Sequence[tuple[str, float]]
    ordered: bool = True
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {"title": self.title, "unit": self.unit, "bars": [list(bar) for bar in self.bars], "note": self.note}


def binned(
    name: str, title: str, unit: str, values: npt.NDArray[Any], edges: Sequence[float], note: str = "", digits: int = 0
) -> Distribution:
    """Values counted between rising `edges`, each bin with its lower and without its upper edge, the last one open.

    values: (n,); NaN and what is below the first edge are counted in no bin. digits: of the labels; whole numbers are
    labelled by the first and the last number in the bin.
    """
    found = np.histogram(values[np.isfinite(values)], [*edges, np.inf])[0]
    return Distribution(name, title, unit, list(zip(_labels(edges, digits), map(int, found), strict=True)), note=note)


def counted(name: str, title: str, unit: str, labels: Iterable[str], note: str = "") -> Distribution:
    """How often each label occurs, the most frequent first."""
    texts, counts = np.unique(np.array(list(labels), dtype=str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return Distribution(name, title, unit, [(str(texts[i]), int(counts[i])) for i in order], ordered=False, note=note)


def _labels(edges: Sequence[float], digits: int) -> list[str]:
    if digits:
        inner = [f"{low:.{digits}f}–{high:.{digits}f}" for low, high in pairwise(edges)]
        return [*inner, f"{edges[-1]:.{digits}f}+"]
    pairs = pairwise(edges)
    return [
        *(f"{low:.0f}" if high == low + 1 else f"{low:.0f}–{high - 1:.0f}" for low, high in pairs),
        f"{edges[-1]:.0f}+",
    ]
