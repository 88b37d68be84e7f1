"""Publishes models into a folder until it is ended, as a retraining does: lists, folder, pointer.

python publisher.py MODELS_DIR [VERSIONS]; one thread, only in time that nobody else wants.
"""

import itertools
import os
import sys
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from stream.published import Manifest, Slot, Tables, move_pointer, write_model
from training.servable import Histories, Servable

N_USERS, N_MOVIES, SLOTS = 20_000, 2_000, ("default", "new")
PAUSE_S = 1.0


def tables(seed: int) -> tuple[Tables, Servable]:
    """Lists of the demo world's size from a model of 32 factors."""
    draw, users = np.random.default_rng(seed), np.arange(N_USERS)
    movies = np.array(sorted(f"some+film+number+{n}+{1950 + n % 70}" for n in range(N_MOVIES)))
    factors = draw.normal(size=(N_USERS, 32)), draw.normal(size=(N_MOVIES, 32))
    servable = Servable.of_factors(users, movies, draw.random(N_MOVIES), *factors)
    lists = servable.top(users, Histories.none(N_USERS), 20)
    return Tables(movies, users, lists, np.zeros(N_USERS), np.arange(100)), servable


def main() -> None:
    """One version after the other, all slots swapped at once."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    folder, last = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None
    numbers = [int(path.name) for path in folder.glob("[0-9]*")]
    for number in itertools.count(max(numbers, default=0) + 1):
        made, servable = tables(number)
        write_model(folder, made, Manifest(str(number), "bench"), servable.arrays())
        move_pointer(folder, {slot: Slot(str(number)) for slot in SLOTS})
        print(number, flush=True)
        if number == last:
            return
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
