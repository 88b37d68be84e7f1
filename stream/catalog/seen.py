"""Which movies and users the stored events mention, newest first."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream.catalog.records import MOVIES, Kind
from stream.store.query import query

Ids = npt.NDArray[Any]

ALL_EVENTS = "stored_events"  # the store's view of every event; nothing is judged for it

_SEEN = f"""
    SELECT {{key}} AS id, max(at_ns) AS last_ns FROM {ALL_EVENTS}
    WHERE {{key}} IS NOT NULL AND at_ns >= $since_ns GROUP BY ALL ORDER BY last_ns DESC, id"""


def seen_since(store_dir: Path, kind: Kind, since_ns: int = 0) -> tuple[Ids, int]:
    """(ids of a kind in events from `since_ns` on, newest first; about when the newest of them were seen, or 0).

    The second is the 99th percentile of when each id was seen last: a few lines with a damaged time, far in the
    future, must not make anybody wait for that future.
    """
    seen = query(store_dir, _SEEN.format(key="movie_id" if kind is MOVIES else "user_id"), since_ns=since_ns)
    newest_ns = int(np.quantile(seen["last_ns"], 0.99, method="lower")) if len(seen["last_ns"]) else 0
    return seen["id"], newest_ns


def up_to(last_user: int) -> Ids:
    """Every user's id from 1 on."""
    return np.arange(1, last_user + 1)
