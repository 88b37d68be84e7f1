"""MovieLens 100K for tests and benches: inside a wheel that pip fetches, cached under var/, never committed.

Its licence forbids passing it on. Whoever cannot fetch it fails; a quality that was not measured does not hold.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from training.data import Columns, Interactions, interactions_of

WHEEL = "recbole==1.2.1"
CACHE = Path(__file__).resolve().parent.parent / "var" / "cache"
INSIDE = "recbole/dataset_example/ml-100k/ml-100k.inter"


def ratings_file() -> Path:
    """The file of user, item, rating and time, separated by tabs, with a header. Raises if it cannot be had."""
    path = CACHE / "ml-100k.inter"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*fetch, "-d", str(CACHE), WHEEL], check=True, timeout=120)
        with zipfile.ZipFile(next(CACHE.glob("recbole-1.2.1-*.whl"))) as wheel:
            half = path.with_suffix(".half")
            half.write_bytes(wheel.read(INSIDE))
            half.rename(path)
    return path


def ml_100k() -> Interactions:
    """All 100,000 ratings, in order of time; every one counts as something seen."""
    user, item, score, at_s = np.loadtxt(ratings_file(), skiprows=1, unpack=True)
    order = np.argsort(at_s, kind="stable")
    items = np.array([str(int(each)) for each in item[order]], object)
    at_ns = at_s[order].astype(np.int64) * 10**9
    nothing = Columns(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64), np.empty(0))
    return interactions_of(nothing, Columns(user[order].astype(np.int64), items, at_ns, score[order]), min_viewers=1)
