"""Movies and users as the user and movie API describes them, fetched in bulk and kept on disk.

`movies.jsonl` and `users.jsonl` hold one record a line as the API gave it; what was fetched is never asked for again.
A record whose fields have the wrong types is kept apart in `refused.jsonl` with the reasons. An API that says "too
many" or is away is asked again after a pause. Start reading at `Catalog.sync`.
"""

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

Record = dict[str, Any]

BULK = 200  # ids that the API takes at once (from S2026 on)
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # between attempts
TIMEOUT_S = 10.0

log = logging.getLogger("stream.catalog")


class ApiAway(ConnectionError):
    """The API did not answer, or not with records."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: where it is, what identifies it, what its fields must be."""

    path: str
    file: str
    key: str
    fields: Mapping[str, Callable[[Any], bool]]  # fields that may be absent, and what holds if they are not


def _numeric(value: Any) -> bool:
    """A number, or its text, as the API mixes them."""
    try:
        return not isinstance(value, bool) and float(value) >= 0
    except (TypeError, ValueError, OverflowError):
        return False


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in value)


def _text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


MOVIES = Kind(
    "movie",
    "movies.jsonl",
    "id",
    {"title": lambda v: isinstance(v, str), "genres": _names, "runtime": _numeric, "license_cost": _numeric},
)
USERS = Kind(
    "user",
    "users.jsonl",
    "user_id",
    {
        "age": _numeric,
        "gender": _text_or_none,
        "occupation": _text_or_none,
        "self_description_likes": _text_or_none,
        "self_description_dislikes": _text_or_none,
    },
)


def wrong_fields(kind: Kind, record: Record) -> list[str]:
    """Why a record is refused, one reason a field; empty if it is fine."""
    return [
        f"{name}: got {str(record[name])[:40]!r}"
        for name, holds in kind.fields.items()
        if name in record and not holds(record[name])
    ]


class Catalog:
    """A client of the API with its cache. One process writes; others read the files."""

    def __init__(self, api_url: str, cache_dir: Path, *, pauses_s: Iterable[float] = PAUSES_S) -> None:
        self._url, self._dir, self._pauses_s = api_url.rstrip("/"), cache_dir, tuple(pauses_s)

    def known(self, kind: Kind) -> dict[str, Record]:
        """Records on disk by id; a line cut short by a kill is left out."""
        return dict(_read(self._dir / kind.file, kind.key))

    def sync(self, kind: Kind, ids: Iterable[str], progress: Callable[[int], Any] | None = None) -> dict[str, int]:
        """Fetch the records of `ids` that are not on disk.

        Returns how many were fetched, refused for wrong fields, and unknown to the API. Raises ApiAway with what came
        until then kept.
        """
        known = self.known(kind).keys() | dict(_read(self._dir / "refused.jsonl", kind.key)).keys()
        missing = [key for key in dict.fromkeys(ids) if key not in known]
        done = {"fetched": 0, "refused": 0, "unknown": 0}
        for start in range(0, len(missing), BULK):
            wanted = missing[start : start + BULK]
            found = self._fetch(kind, wanted)
            refused = {key: reasons for key in found if (reasons := wrong_fields(kind, found[key]))}
            self._append(kind.file, [record for key, record in found.items() if key not in refused])
            self._append("refused.jsonl", [found[key] | {"refused_because": why} for key, why in refused.items()])
            done["fetched"] += len(found) - len(refused)
            done["refused"] += len(refused)
            done["unknown"] += len(wanted) - len(found)
            if progress:
                progress(len(wanted))
        return done

    def show(self, kind: Kind, key: str) -> Record | None:
        """One record, from disk or else from the API; None if the API does not know it. Raises ApiAway."""
        return self.known(kind).get(key) or self._fetch(kind, [key]).get(key)

    def _fetch(self, kind: Kind, ids: list[str]) -> dict[str, Record]:
        """Records by id, those that the API knows; one by one where it takes no lists."""
        body = self._get(f"{kind.path}/{quote(','.join(ids), safe='+*,')}")
        if not isinstance(body, list) and len(ids) > 1:
            return {key: record for one in ids for key, record in self._fetch(kind, [one]).items()}
        records = body if isinstance(body, list) else [body]
        wanted = set(ids)
        return {str(r[kind.key]): r for r in records if isinstance(r, dict) and str(r.get(kind.key)) in wanted}

    def _get(self, path: str) -> Any:
        for pause_s in (*self._pauses_s, None):
            try:
                with urllib.request.urlopen(f"{self._url}/{path}", timeout=TIMEOUT_S) as response:
                    return json.loads(response.read())
            except urllib.error.HTTPError as error:
                if error.code != 429 and error.code < 500:
                    return None  # "invalid userID": nothing to wait for
                trouble, wait_s = f"HTTP {error.code}", _retry_after_s(error.headers.get("Retry-After"))
            except (OSError, ValueError) as error:
                trouble, wait_s = str(error), 0.0
            if pause_s is None:
                break
            time.sleep(max(pause_s, wait_s))
        tries = len(self._pauses_s) + 1
        raise ApiAway(f"{self._url}/{path.partition('/')[0]}/… gave no records in {tries} attempts ({trouble})")

    def _append(self, file: str, records: Iterable[Record]) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        path = self._dir / file
        torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as out:
            out.write(("\n" if torn else "") + "".join(lines))


def stored_ids(store_dir: Path) -> tuple[list[str], list[str]]:
    """(movies, users) that occur in the event log."""
    from stream.store.query import query

    movies = query(store_dir, "select distinct movie_id from events where movie_id is not null order by 1")["movie_id"]
    users = query(store_dir, "select distinct user_id from events order by 1")["user_id"]
    return [str(movie) for movie in movies], [str(user) for user in users]


def _read(path: Path, key: str) -> Iterator[tuple[str, Record]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and key in record:
                yield str(record[key]), record


def _retry_after_s(text: str | None) -> float:
    return min(60.0, float(text)) if text and text.isdigit() else 0.0
