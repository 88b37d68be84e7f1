"""How fast users come from the platform's own API, in bulk, checked and on disk: a million in 15 minutes is the goal.

The API is the real one over the `course` world, in a process of its own. For the whole million once, and its memory:
`PYTHONPATH=tests python tests/bench/bench_catalog.py 1000000`.
"""

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import urllib3

from houses import CHECKOUT, free_ports
from side_by_side import Figure, ratio
from stream.catalog.client import Catalog
from stream.catalog.pace import BULK
from stream.catalog.records import USERS

USERS_A_ROUND = 10_000
MILLION_IN_S = 15 * 60

_API = """
import sys, threading
from pathlib import Path
sys.path.insert(0, "tests")
from worlds import platform_settings
from stream.platform.api import Desk, serve
from stream.platform.history import empty_world
from stream.platform.records import WorldRecords
from stream.platform.world import world_of
settings = platform_settings(Path("unused"), world="course")
world = empty_world(settings, world_of(settings.world, settings.term), 1_760_000_000_000)
records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
serve(Desk(records), int(sys.argv[1]))
threading.Event().wait()
"""


@contextlib.contextmanager
def course_api() -> Iterator[str]:
    """URL of the user and movie API of the course's world, with a million users."""
    port = free_ports(1)[0]
    process = subprocess.Popen([sys.executable, "-c", _API, str(port)], cwd=CHECKOUT)
    try:
        deadline = time.monotonic() + 120
        while not _answers(f"http://127.0.0.1:{port}/"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the API did not come up, exit status {process.poll()}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def fetched_per_s(url: str, first: int, count: int) -> float:
    """Users a second that a sync brings into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = Catalog(url, Path(folder)).sync(USERS, range(first, first + count))
        if done.fetched != count:
            raise RuntimeError(f"expected {count} users, got {done}")
        return count / (time.perf_counter() - started)


def asked_per_s(url: str, first: int, count: int) -> float:
    """Users a second that bare requests on one connection bring, parsed and thrown away."""
    pool = urllib3.PoolManager()
    started = time.perf_counter()
    for at in range(first, first + count, BULK):
        ids = ",".join(map(str, range(at, min(at + BULK, first + count))))
        json.loads(pool.request("GET", f"{url}/user/{ids}").data)
    return count / (time.perf_counter() - started)


def figures() -> list[Figure]:
    """Users a second, alone and beside bare requests."""
    seen: list[float] = []

    def ours() -> float:
        seen.append(fetched_per_s(url, 1 + len(seen) * USERS_A_ROUND, USERS_A_ROUND))
        return seen[-1]

    with course_api() as url:
        beside = ratio(ours, lambda: asked_per_s(url, 1 + len(seen) * USERS_A_ROUND, USERS_A_ROUND), rounds=3)
    speed = sorted(seen)[len(seen) // 2]
    note = f"a million in {1e6 / speed / 60:.1f} minutes"
    return [
        Figure("catalog: users fetched, checked, on disk", speed, 1e6 / MILLION_IN_S, True, "users/s", note),
        Figure("catalog: sync beside bare requests", beside, 0.5, True, "ratio", f"lists of {BULK}"),
    ]


def main(count: int) -> None:
    """Fetch so many users once, then ask what it cost."""
    with course_api() as url:
        speed = fetched_per_s(url, 1, count)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} users in {count / speed:.1f} s, {speed:.0f} users/s, peak memory {peak_mb:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
