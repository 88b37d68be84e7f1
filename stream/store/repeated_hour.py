"""The autumn hour that clocks repeat: the log's naive times cannot tell its two passes apart, their neighbours can."""

from typing import Final

import numpy as np

from stream.events import WallClock
from stream.store.canonical import Ints

_HOUR_NS: Final = 3_600_000_000_000
_STEP_NS: Final = _HOUR_NS // 2  # zones whose offset is no whole hour


def resolved(at_ns: Ints, clock: WallClock, before_ns: int | None) -> Ints:
    """Instants of lines in order of arrival, each moved an hour on where that is nearer to the line before.

    at_ns: as `WallClock.read` gives them, the first of two. before_ns: instant of the line before the first, if known.
    Times outside a repeated hour stay as they are, and so does what each line prints as.
    """
    twice = np.flatnonzero(np.isin(at_ns // _STEP_NS, _repeated(np.unique(at_ns // _STEP_NS), clock)))
    if not len(twice):
        return at_ns
    moved = at_ns.copy()
    for row in twice.tolist():
        before = int(moved[row - 1]) if row else before_ns
        at = int(moved[row])
        if before is not None and abs(at + _HOUR_NS - before) < abs(at - before):
            moved[row] = at + _HOUR_NS
    return moved


def _repeated(steps: Ints, clock: WallClock) -> list[int]:
    """Those half hours that the clock shows again an hour later."""
    return [
        step for step in steps.tolist() if _shown(clock, step * _STEP_NS) == _shown(clock, step * _STEP_NS + _HOUR_NS)
    ]


def _shown(clock: WallClock, at_ns: int) -> str | int:
    try:
        return clock.show(at_ns)
    except ValueError:
        return at_ns  # beyond the clock's years, where nothing repeats
