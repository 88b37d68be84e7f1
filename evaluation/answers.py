"""Which of our own answers stands behind a request line, and so which tier, model and experiment arm.

The log does not say. An answer belongs to the line with the same user and the same list, the first to the first and so
on; answers without a line and lines without an answer are left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.requests import Mask, RequestLines
from stream.events import WallClock
from stream.store.query import query

ANSWERED_SQL = """
WITH asked AS (
  SELECT at_ns, user_id, array_to_string(movies, ',') AS list,
         row_number() OVER (PARTITION BY user_id, array_to_string(movies, ',') ORDER BY at_ns) AS turn
  FROM requests WHERE status = 200
), given AS (
  SELECT user_id, array_to_string(movies, ',') AS list, tier, model_version AS model, arms AS arm,
         row_number() OVER (PARTITION BY user_id, array_to_string(movies, ',') ORDER BY at_ns, worker, seq) AS turn
  FROM answers
)
SELECT asked.at_ns, user_id, tier, model, arm FROM asked JOIN given USING (user_id, list, turn) ORDER BY asked.at_ns
"""

ANSWER_PARTS = ("tier", "model", "arm")
PARTS = (*ANSWER_PARTS, "hour")
NONE = "none"  # answered, but by no model
_HOUR_NS = 3_600_000_000_000


def answered(store_dir: Path) -> dict[str, npt.NDArray[Any]]:
    """Columns at_ns (stream time), user_id, tier, model, arm (JSON) of every line with an answer, in order of time."""
    return query(store_dir, ANSWERED_SQL)


def parts_of(store_dir: Path, lines: RequestLines, by: str, clock: WallClock) -> dict[str, Mask]:
    """Which lines belong to each tier, model or arm of our answers, or hour of the local day; one of `PARTS`.

    Raises ValueError for another `by`.
    """
    if by not in PARTS:
        raise ValueError(f"requests can be told apart by {', '.join(PARTS)}; got {by!r}")
    values = _hours(lines, clock) if by == "hour" else _of_answers(answered(store_dir), lines, by)
    named = sorted({value for value in values if value is not None})
    return {value or NONE: np.array([each == value for each in values], bool) for value in named}


def answered_ns(store_dir: Path) -> Mapping[str, npt.NDArray[np.int64]]:
    """Stream times, rising, at which each model version answered a request."""
    found = answered(store_dir)
    models, at_ns = found["model"].astype(str), found["at_ns"].astype(np.int64)
    return {str(version): at_ns[models == version] for version in np.unique(models) if version}


def _of_answers(found: Mapping[str, npt.NDArray[Any]], lines: RequestLines, by: str) -> list[str | None]:
    said = dict(zip(zip(found["user_id"].tolist(), found["at_ns"].tolist(), strict=True), found[by], strict=True))
    keys = zip(lines.user_id.tolist(), lines.at_ns.tolist(), strict=True)
    return [said.get(key) for key in keys]


def _hours(lines: RequestLines, clock: WallClock) -> list[str | None]:
    hours, which = np.unique(lines.at_ns // _HOUR_NS, return_inverse=True)
    shown = [clock.show(int(hour) * _HOUR_NS)[11:13] for hour in hours]
    return [shown[hour] for hour in which]
