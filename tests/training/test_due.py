"""Training is due when enough was watched, then when the stream moved on, and never twice for the same events."""

import time

import numpy as np
from trainings import MINUTE_NS, append

from stream import evidence
from stream.events import Watched
from stream.published import Manifest, Slot, Tables, move_pointer, write_model
from stream.store.info import fingerprint
from training.due import check, leave_training
from training.settings import TrainingSettings

HOUR_NS = 60 * MINUTE_NS


def trained(settings: TrainingSettings, live: bool = True) -> int:
    """As after a training on all that is stored; returns the time of the newest event."""
    data = fingerprint(settings.store_dir)
    if live:
        tables = Tables(np.array(["a"]), np.empty(0), np.empty((0, 20)), np.empty(0), np.array([0]))
        write_model(settings.models_dir, tables, Manifest("1", "recent", data=data), {})
        move_pointer(settings.models_dir, {"default": Slot("1")})
    leave_training(settings, data, ["1"], "1" if live else None)
    return int(data["last_ns"])


def test_the_first_training_waits_for_enough_sessions(fresh):
    settings = fresh(min_sessions=1_000)
    assert check(settings).due
    assert not check(settings.model_copy(update={"min_sessions": 10_000})).due


def test_nothing_new_is_nothing_to_train_on(fresh):
    settings = fresh(retrain_stream_hours=1e-12)
    trained(settings)
    assert check(settings).why == "nothing was stored since the last training"


def test_training_is_due_again_once_the_stream_has_moved_on_far_enough(fresh):
    settings = fresh(retrain_stream_hours=24)
    last = trained(settings)
    append(settings.store_dir, [Watched(last + 23 * HOUR_NS, 1, "movie+0+2000", 0)])
    assert not check(settings).due
    append(settings.store_dir, [Watched(last + 24 * HOUR_NS, 1, "movie+0+2000", 0)])
    found = check(settings)
    assert (found.due, found.live_version, found.live_data_ns) == (True, "1", last)


def test_a_refused_training_is_not_repeated_at_once_but_sooner_than_a_good_one(fresh):
    settings = fresh(retrain_stream_hours=24)
    last = trained(settings, live=False)
    append(settings.store_dir, [Watched(last + HOUR_NS // 2, 1, "movie+0+2000", 0)])
    assert not check(settings).due
    append(settings.store_dir, [Watched(last + HOUR_NS, 1, "movie+0+2000", 0)])
    assert check(settings).due


def test_a_mistyped_date_in_the_future_does_not_stop_training_for_ever(fresh):
    settings = fresh(retrain_stream_hours=24)
    append(settings.store_dir, [Watched(9_000_000_000 * 10**9, 1, "movie+0+2000", 0)])
    data = fingerprint(settings.store_dir)
    leave_training(settings, data, ["1"], None)
    append(settings.store_dir, [Watched(data["first_ns"], 2, "movie+0+2000", 0)])
    assert not check(settings).due
    day_ago = {"data_ns": data["last_ns"], "events": data["events"], "at_ns": time.time_ns() - 24 * HOUR_NS}
    evidence.leave(settings.var_dir, "training", day_ago)
    assert check(settings).due
