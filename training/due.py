"""Is it time to train? By stored data alone, so that anybody can ask and a restart forgets nothing.

The first time when enough was watched; later when the stream has moved on far enough from the newest data that a model
was trained on, whether or not the gate let that model through. Start at `check`.
"""

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

    stream_ns = fingerprint(settings.store_dir)["last_ns"]
    version, live_ns = live_data(settings)
    if stream_ns is None:
        return Due(False, "nothing is stored yet", None, version, live_ns)
    trained_ns = max((ns for ns in (live_ns, _last_training_ns(settings)) if ns is not None), default=None)
    due, why = _by_age(settings, stream_ns, trained_ns, version) if trained_ns is not None else _by_volume(settings)
    return Due(due, why, stream_ns, version, live_ns)


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


def leave_training(settings: TrainingSettings, data_ns: int | None, versions: list[str], live: str | None) -> None:
    """Evidence of a finished training, which the next check counts from."""
    evidence.leave(settings.var_dir, "training", {"data_ns": data_ns, "versions": versions, "live": live})


def _last_training_ns(settings: TrainingSettings) -> int | None:
    times = [record.get("data_ns") for record in evidence.read(settings.var_dir, "training")]
    return max((int(ns) for ns in times if ns is not None), default=None)


def _by_age(settings: TrainingSettings, stream_ns: int, trained_ns: int, version: str | None) -> tuple[bool, str]:
    age_h, wait_h = (stream_ns - trained_ns) / 3.6e12, settings.retrain_stream_hours if version else FIRST_RETRY_HOURS
    return age_h >= wait_h, f"the newest training data are {age_h:.1f} stream hours old; training again at {wait_h:g}"


def _by_volume(settings: TrainingSettings) -> tuple[bool, str]:
    from stream.store.query import query

    for sql in (SOME_PAIRS, ALL_SESSIONS):  # the second folds everything, so it is asked only where there is little
        if (sessions := int(query(settings.store_dir, sql)["n"][0])) >= settings.min_sessions:
            return True, f"nothing was trained yet and at least {sessions} sessions are stored"
    return False, f"{sessions} sessions are stored; the first training needs {settings.min_sessions} (MIN_SESSIONS)"
