"""`make bench-scale`: fitting the default and making its lists with 20 M events of 1 M users and 27,000 movies.

Beside implicit's ALS, each in a process of its own, so that a peak of memory is one's own. Takes some ten minutes and
4 GB. Prints a table and exits 1 if a goal is missed.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent)]

from made_up_ratings import pairs  # noqa: E402

from side_by_side import Figure  # noqa: E402
from training.data import Interactions, Ratings, Watches  # noqa: E402

USERS, MOVIES, EVENTS = 1_000_000, 27_000, 20_000_000
LISTED = 50_000  # users whose lists are timed; the time is scaled to all


def main() -> None:
    """Measure in child processes, or be one of them."""
    if len(sys.argv) == 3:
        print(json.dumps({"als": als, "default": default}[sys.argv[1]](Path(sys.argv[2]))))
        return
    with TemporaryDirectory(prefix="matinee-bench-") as name:
        user, movie, at_s = pairs(USERS, MOVIES, EVENTS)
        np.save(f"{name}/user.npy", (user - 1).astype(np.int32))
        np.save(f"{name}/movie.npy", movie.astype(np.int32))
        np.save(f"{name}/at_ns.npy", at_s * 10**9)
        del user, movie, at_s
        theirs, ours = (_child(which, name) for which in ("als", "default"))
    figures = [
        Figure("default fit / implicit ALS 64 x 15", ours["fit_s"] / theirs["fit_s"], 1.0, False, "ratio",
               f"{ours['fit_s']:.0f} s, {theirs['fit_s']:.0f} s"),
        Figure("peak memory / implicit ALS's process", ours["fit_gb"] / theirs["fit_gb"], 2.0, False, "ratio",
               f"{ours['fit_gb']:.2f} GB, {theirs['fit_gb']:.2f} GB"),
        Figure("lists of all users by the default", ours["lists_s"], 300, False, "s", f"from {LISTED:,} users"),
        Figure("peak memory with lists", ours["lists_gb"], 4.0, False, "GB"),
    ]  # fmt: skip
    for each in figures:
        goal = f"{'>=' if each.at_least else '<='} {each.goal:g}"
        verdict = "holds" if each.holds else "MISSED"
        print(f"{verdict:6} {each.value:10.3f} {each.unit:6} {goal:8} {each.name} ({each.note})")
    sys.exit(0 if all(each.holds for each in figures) else 1)


def _child(which: str, folder: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, which, folder], stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(done.stdout))


def als(folder: Path) -> dict[str, float]:
    """implicit's fit alone, on its matrix."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    user, movie = (np.load(folder / f"{name}.npy") for name in ("user", "movie"))
    matrix = csr_matrix((np.ones(len(user), np.float32), (user, movie)), shape=(USERS, MOVIES))
    del user, movie
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=64, iterations=15, random_state=1)
        started = time.perf_counter()
        model.fit(matrix, show_progress=False)
    return {"fit_s": time.perf_counter() - started, "fit_gb": _peak_gb()}


def default(folder: Path) -> dict[str, float]:
    """The default's fit, its own choosing included, and lists of the first users."""
    from training.models import Recipe

    interactions = _interactions(folder)
    started = time.perf_counter()
    model = Recipe.of("default").fit(interactions)
    fitted, fit_gb = time.perf_counter(), _peak_gb()
    histories = interactions.histories().between(0, LISTED)
    began = time.perf_counter()
    lists = model.top(interactions.users[:LISTED], histories, 20)
    assert (lists >= 0).all()
    lists_s = (time.perf_counter() - began) * USERS / LISTED
    return {"fit_s": fitted - started, "fit_gb": fit_gb, "lists_s": lists_s, "lists_gb": _peak_gb()}


def _interactions(folder: Path) -> Interactions:
    user, movie, at_ns = (np.load(folder / f"{name}.npy") for name in ("user", "movie", "at_ns"))
    none = np.empty(0, np.int32)
    ratings = Ratings(user, movie, at_ns, np.full(len(user), 4, np.int8))
    movies = np.array([f"movie+{number:05}+2000" for number in range(MOVIES)])
    return Interactions(np.arange(USERS), movies, Watches(none, none, none.astype(np.int64), np.empty(0)), ratings)


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
