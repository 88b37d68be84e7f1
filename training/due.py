"""Is it time to train? By stored data alone, so that anybody can ask and a restart forgets nothing.

The first time when enough was watched; later when the stream has moved on far enough from the newest data that a model
was trained on, whether or not the gate let that model through. Start at `check`.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

from stream import evidence
from stream.published import DEFAULT_SLOT, DamagedModel, Manifest, read_pointer
from training.settings import TrainingSettings

FIRST_RETRY_HOURS = 1.0  # stream time between attempts while nothing is live
SOME_PAIRS = "SELECT count(*) AS n FROM (SELECT DISTINCT user_id, movie_id FROM (FROM watches LIMIT 100000))"
ALL_SESSIONS = "SELECT count(*) AS n FROM sessions"


@dataclass(frozen=True)
class Due:
    """Whether to train now, why in words, and the times behind it (UTC; None = there is none)."""

    due: bool
    why: str
    stream_ns: int | None = None
    live_version: str | None = None
    live_data_ns: int | None = None

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


def check(settings: TrainingSettings) -> Due:
    """Look at store, live folder and evidence of earlier trainings."""
    from stream.store.info import fingerprint

    stored = fingerprint(settings.store_dir)
    version, live_ns = live_data(settings)
    if stored["last_ns"] is None:
        return Due(False, "nothing is stored yet", None, version, live_ns)
    last = _last_training(settings)
    due, why = _by_volume(settings) if last is None else _by_age(settings, stored, last, version)
    return Due(due, why, stored["last_ns"], version, live_ns)


def live_data(settings: TrainingSettings) -> tuple[str | None, int | None]:
    """The live version and the time of the newest event it was trained on."""
    try:
        pointer = read_pointer(settings.models_dir)
        if pointer is None or DEFAULT_SLOT not in pointer.slots:
            return None, None
        version = pointer.slots[DEFAULT_SLOT].version
        return version, Manifest.read(settings.models_dir / version).data.get("last_ns")
    except DamagedModel:
        return None, None


def leave_training(settings: TrainingSettings, data: dict[str, Any], versions: list[str], live: str | None) -> None:
    """Evidence of a finished training on `data` (the store's fingerprint), which the next check counts from."""
    record = {"data_ns": data["last_ns"], "events": data["events"], "versions": versions, "live": live}
    evidence.leave(settings.var_dir, "training", record)


def _last_training(settings: TrainingSettings) -> dict[str, Any] | None:
    return next(reversed(evidence.read(settings.var_dir, "training")), None)


def _by_age(
    settings: TrainingSettings, stored: dict[str, Any], last: dict[str, Any], version: str | None
) -> tuple[bool, str]:
    """In stream time, and in real time in case the newest time stored is a mistyped one: a stream is never slower."""
    wait_h = settings.retrain_stream_hours if version else FIRST_RETRY_HOURS
    if stored["events"] == last["events"]:
        return False, "nothing was stored since the last training"
    age_h = max(stored["last_ns"] - last["data_ns"], time.time_ns() - last["at_ns"]) / 3.6e12
    return age_h >= wait_h, f"the newest training data are {age_h:.1f} stream hours old; training again at {wait_h:g}"


def _by_volume(settings: TrainingSettings) -> tuple[bool, str]:
    from stream.store.query import query

    for sql in (SOME_PAIRS, ALL_SESSIONS):  # the second folds everything, so it is asked only where there is little
        if (sessions := int(query(settings.store_dir, sql)["n"][0])) >= settings.min_sessions:
            return True, f"nothing was trained yet and at least {sessions} sessions are stored"
    return False, f"{sessions} sessions are stored; the first training needs {settings.min_sessions} (MIN_SESSIONS)"
