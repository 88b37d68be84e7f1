"""The user and movie API over HTTP: many ids at once where it takes lists, one by one where it does not.

Trouble that passes (too many requests, 5xx, a page instead of records, a cut connection) is waited out with growing,
jittered pauses and as long as `Retry-After` says. Trouble that stays with one id is that id's alone. Start reading at
`Api.fetch`.
"""

import json
import random
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError, NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from stream.catalog.pace import Lists, Pace
from stream.catalog.records import Kind, Record, wrong_fields

PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)  # between attempts
TIMEOUT_S: Final = 10.0
PATIENCE_S: Final = 120.0  # an API that wants to be left alone for longer is left alone
THREADS: Final = 4
_BUSY = re.compile(r"\brate\b|\blimit|too many|try again|busy", re.IGNORECASE)  # messages that say no more than that
_REDIRECTS = Retry(total=None, connect=0, read=0, status=0, other=0, redirect=3)
_NOBODY = 1  # attempts after the first where nobody has ever answered: then the place is wrong
_BAD_IDS = 3  # that fail one after the other mean that it is not the ids


class ApiAway(ConnectionError):
    """The API did not answer, or not with records."""


class _Garbled(Exception):
    """The API is there, but an answer stayed away or made no sense, again and again."""


@dataclass
class Answer:
    """What the API said of a number of ids; each id is in one of the three."""

    found: dict[str, Record] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # why there is no answer; may pass

    def add(self, other: "Answer") -> "Answer":
        """This and another."""
        self.found |= other.found
        self.unknown += other.unknown
        self.failed |= other.failed
        return self


class Api:
    """A client that several threads may use."""

    def __init__(
        self, url: str, *, max_per_s: float, pauses_s: Iterable[float] = PAUSES_S, stop: threading.Event | None = None
    ) -> None:
        """max_per_s: requests a second at most. stop: ends every wait, with Stopped."""
        self.url, self._pauses_s = url.rstrip("/"), tuple(pauses_s)
        self._http = urllib3.PoolManager(maxsize=THREADS, retries=_REDIRECTS, timeout=TIMEOUT_S)
        self._pace, self._lists = Pace(max_per_s, stop or threading.Event()), Lists()
        self._answered, self._bad_in_a_row = False, 0
        self._plus_raw, self._plus_works = True, False

    @property
    def longest(self) -> int:
        """Ids that go into one request, as far as we know now."""
        return self._lists.size

    def fetch(self, kind: Kind, ids: Sequence[str], *, patient: bool = True) -> Answer:
        """What the API says of `ids`. Raises ApiAway if it says nothing at all, Stopped."""
        size = self._lists.size
        if len(ids) > size:
            return _sum(self.fetch(kind, ids[at : at + size], patient=patient) for at in range(0, len(ids), size))
        if len(ids) <= 1:
            return _sum(self._one(kind, key, patient) for key in ids)
        plus_raw = self._plus_raw
        try:
            body = self._get(kind, ids, patient)
        except _Garbled:  # one of the ids may be the reason, or that it is a list
            body = None
        if not isinstance(body, list):
            self._lists.refused(len(ids))
            return self.fetch(kind, ids, patient=False)
        self._lists.taken()
        return self._sorted_out(kind, ids, body, plus_raw)

    def _sorted_out(self, kind: Kind, ids: Sequence[str], body: list[Any], plus_raw: bool) -> Answer:
        """The records of a list by id. An id that it passes over in silence is asked for again, alone."""
        answer = Answer(found=_by_id(kind, ids, body))
        missing = [key for key in ids if key not in answer.found]
        self._plus_works |= any("+" in key for key in answer.found)
        silent = len(missing) > sum(_says_unknown(kind, one) for one in body)
        for place, key in enumerate(missing):
            if plus_raw != self._plus_raw:  # found out that the list was not spelt as this API wants it
                return answer.add(self.fetch(kind, missing[place:]))
            if silent or self._may_be_spelt_otherwise(kind, key):
                answer.add(self._one(kind, key, True))
            else:
                answer.unknown.append(key)
        return answer

    def _one(self, kind: Kind, key: str, patient: bool) -> Answer:
        try:
            body = self._get(kind, [key], patient)
            if _says_unknown(kind, body) and self._may_be_spelt_otherwise(kind, key):
                body = self._spelt_otherwise(kind, key)
        except _Garbled as error:
            self._bad_in_a_row += 1
            if not self._answered or self._bad_in_a_row >= _BAD_IDS:
                raise ApiAway(str(error)) from None
            return Answer(failed={key: str(error)})
        self._lists.taken()
        record = body[0] if isinstance(body, list) and len(body) == 1 else body
        if _says_unknown(kind, record):
            return Answer(unknown=[key])
        if not isinstance(record, dict):
            return Answer(failed={key: f"expected one record; got a list of {len(record)}"})
        self._plus_works |= "+" in key
        return Answer(found={key: record})

    def _may_be_spelt_otherwise(self, kind: Kind, key: str) -> bool:
        """Some servers take a raw plus for a blank; until one movie with a plus was found, both spellings are tried."""
        return not kind.digits and "+" in key and not self._plus_works

    def _spelt_otherwise(self, kind: Kind, key: str) -> Any:
        self._plus_raw = not self._plus_raw
        body = self._get(kind, [key], True)
        if _says_unknown(kind, body):
            self._plus_raw = not self._plus_raw
        return body

    def _get(self, kind: Kind, ids: Sequence[str], patient: bool) -> Any:
        """The JSON list or object of an answer. Raises ApiAway, _Garbled, Stopped."""
        url = f"{self.url}/{kind.path}/{quote(','.join(ids), safe='*,+' if self._plus_raw else '*,')}"
        pauses, tries = (self._pauses_s if patient else self._pauses_s[:1]), 0
        for pause_s in (*pauses, None):
            self._pace.turn()
            try:
                body = self._asked(url)
            except (_Again, HTTPError) as error:
                trouble = error
            else:
                self._answered, self._bad_in_a_row = True, 0
                return body
            tries += 1
            if pause_s is None or (tries > _NOBODY and isinstance(trouble, NewConnectionError) and not self._answered):
                break
            self._pace.wait(pause_s * random.uniform(0.5, 1.5))
        said = f"{self.url}/{kind.path}/… gave no records in {tries} attempts ({_reason(trouble)})"
        raise (_Garbled if isinstance(trouble, _Again | ReadTimeoutError) else ApiAway)(said)

    def _asked(self, url: str) -> Any:
        """One request. Raises _Again for what may pass, HTTPError without a connection, _Garbled, ApiAway."""
        try:
            response = self._http.request("GET", url, headers={"Accept": "application/json"})
        except MaxRetryError as error:
            raise error.reason or error from None
        try:
            body = json.loads(response.data)
        except (ValueError, RecursionError):
            body = None
        said = str(body["message"]) if isinstance(body, dict) and "message" in body else ""
        if response.status == 429 or response.status >= 500 or (response.status != 400 and _BUSY.search(said)):
            self._pace.hold(self._wanted_s(response.headers.get("Retry-After")))
            raise _Again(f"HTTP {response.status} {said[:60]}".rstrip())
        if response.status in (401, 403) or (response.status >= 400 and not said):
            raise _Garbled(f"{url[:100]} answered HTTP {response.status} and no record; is API_URL right?")
        if not isinstance(body, list | dict):
            raise _Again(f"expected JSON records; got {response.data[:60]!r}")
        return body

    def _wanted_s(self, retry_after: str | None) -> float:
        """Seconds that the API wants to be left alone; the header gives seconds or a date. Raises ApiAway."""
        try:
            seconds = Retry().parse_retry_after(retry_after) if retry_after else 0.0
        except (InvalidHeader, ValueError, OverflowError):
            return 0.0  # no time that anybody could mean
        if seconds > PATIENCE_S:
            raise ApiAway(f"{self.url} asks to be left alone for {seconds:.0f} s (Retry-After); go on after that")
        return seconds


class _Again(Exception):
    """An answer that another attempt may better."""


def _by_id(kind: Kind, ids: Sequence[str], body: list[Any]) -> dict[str, Record]:
    """Records of those ids in a list; of several records of one id the first that is whole."""
    wanted, found = set(ids), dict[str, Record]()
    for record in body:
        key = _asked_for(kind, record, wanted)
        if key and (key not in found or wrong_fields(kind, found[key])):
            found[key] = record
    return found


def _asked_for(kind: Kind, record: Any, wanted: set[str]) -> str | None:
    key = kind.id_of(record) if isinstance(record, dict) else None
    if key is None or key in wanted:
        return key
    return plain if (plain := unquote(key)) in wanted else None


def _says_unknown(kind: Kind, body: Any) -> bool:
    return isinstance(body, dict) and "message" in body and kind.id_of(body) is None


def _reason(trouble: Exception) -> str:
    return str(trouble).rpartition(": ")[2] if isinstance(trouble, HTTPError) else str(trouble)


def _sum(answers: Iterable[Answer]) -> Answer:
    total = Answer()
    for answer in answers:
        total.add(answer)
    return total
