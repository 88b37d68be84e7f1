"""The doctor's look at the user and movie API: up, how fast for one movie and for many, and is its clock ours."""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from stream.findings import Finding
from stream.settings import StreamSettings

PATIENCE_S = 3.0  # for each answer
BULK = 200
SLOW_ONE_MS, SLOW_BULK_MS = 1_000, 5_000
SKEW_S = 5.0  # a Date header tells whole seconds


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer and what it took."""

    status: int
    body: bytes
    took_ms: float
    date: str


def api(settings: StreamSettings) -> list[Finding]:
    """Up, its speed, its clock."""
    mend = "set API_URL to the course's API" if settings.source == "course" else "make deploy"
    try:
        root = _get(f"{settings.api_address}/")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return [Finding("api", False, f"{settings.api_address}: {error}", mend)]
    if root.status >= 500:
        return [Finding("api", False, f"{settings.api_address} answers {root.status}", mend)]
    answers = Finding("api", True, f"{settings.api_address} answers {root.status}")
    return [answers, _speed(settings), *_clock(root)]


def _get(url: str) -> _Answer:
    """One GET on a connection of its own. Raises OSError, ValueError or HTTPException."""
    started = time.perf_counter()
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            status, body, date = answer.status, answer.read(), answer.headers.get("Date", "")
    except urllib.error.HTTPError as error:  # an answer, too
        status, body, date = error.code, error.read(), error.headers.get("Date", "")
    return _Answer(status, body, 1e3 * (time.perf_counter() - started), date)


def _speed(settings: StreamSettings) -> Finding:
    movies = _some_movies(settings)
    if not movies:
        return Finding("api speed", True, "not measured: the store holds no movie to ask for yet")
    ids = [quote(movie, safe="") for movie in movies]
    try:
        one, bulk = (
            _get(f"{settings.api_address}/movie/{ids[0]}"),
            _get(f"{settings.api_address}/movie/{','.join(ids)}"),
        )
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Finding("api speed", False, f"no movie within {PATIENCE_S:.0f} s: {error}", _PATIENT)
    seen = f"one movie in {one.took_ms:.0f} ms, {len(ids)} at once in {bulk.took_ms:.0f} ms"
    if one.status != 200 or not _records(bulk.body):
        seen = f"asked for {movies[0]} it answers {one.status}, for {len(ids)} movies {bulk.status}"
        return Finding("api speed", False, seen, "python -m stream catalog show MOVIE shows an answer; check API_URL")
    slow = one.took_ms > SLOW_ONE_MS or bulk.took_ms > SLOW_BULK_MS
    return Finding("api speed", not slow, seen, _PATIENT if slow else "")


_PATIENT = "never ask it while answering a request; python -m stream catalog sync keeps a copy on disk"


def _some_movies(settings: StreamSettings) -> list[str]:
    """Movies of some stored lines, at most as many as the API takes at once."""
    from stream.store.query import query

    some = "SELECT DISTINCT movie_id FROM (SELECT movie_id FROM watches LIMIT 5000) ORDER BY movie_id LIMIT $bulk"
    return [str(movie) for movie in query(settings.store_dir, some, bulk=BULK)["movie_id"]]


def _records(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), list | dict)
    except ValueError:
        return False


def _clock(root: _Answer) -> list[Finding]:
    """The API's `Date` header against this machine's clock."""
    try:
        skew_s = time.time() - parsedate_to_datetime(root.date).timestamp()
    except ValueError:  # no such header, or no date
        return []
    if abs(skew_s) <= SKEW_S:
        return [Finding("clock against the API", True, f"{abs(skew_s):.0f} s apart")]
    way = "ahead of" if skew_s > 0 else "behind"
    seen = f"this machine's clock is {abs(skew_s):.0f} s {way} the API's"
    return [Finding("clock against the API", False, seen, "sudo timedatectl set-ntp true")]
