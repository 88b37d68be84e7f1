"""The doctor's look at the consumer: does it live, what does it say of itself, how much of what came could be read."""

import time
from collections.abc import Mapping
from typing import Any

from stream import evidence
from stream.findings import Finding
from stream.settings import StreamSettings

QUARANTINE_SHARE, QUARANTINE_LINES = 0.05, 100  # a course's stream has about one line in a thousand
REBALANCES = 20  # a consumer that is started joins once or twice
_STUCK = ("broker away", "broker error", "cannot store", "no topic")


def consumer(settings: StreamSettings) -> list[Finding]:
    """Its last heartbeat, and what that tells."""
    beat = evidence.read_beats(settings.run_dir).get("consumer")
    if beat is None or beat.stale():
        ago = "never" if beat is None else f"{(time.time_ns() - beat.at_ns) / 1e9:.0f} s ago"
        mend = "make deploy; if it does not help, make logs NAME=consumer"
        return [Finding("consumer", False, f"its last sign of life: {ago}", mend)]
    events = beat.facts.get("events", {})
    return [_state(events), *_quarantine(events), *_group(settings, events)]


def _state(events: Mapping[str, Any]) -> Finding:
    state, lost = events.get("state"), events.get("lost", 0)
    seen = f"{state}, stored {events.get('stored', 0)} lines"
    seen += f" in {events['bytes'] / 1e6:.1f} MB" if "bytes" in events else ""
    seen += f", {lost} lost to the broker's retention since it started"
    if state in _STUCK:
        return Finding("consumer", False, seen, "make logs NAME=consumer says why")
    mend = "they are gone; keep it running: make status shows whether it is" if lost else ""
    return Finding("consumer", not lost, seen, mend)


def _quarantine(events: Mapping[str, Any]) -> list[Finding]:
    """Nothing from a consumer that does not count them."""
    stored, refused = events.get("stored", 0), events.get("quarantined")
    if refused is None:
        return []
    share = refused / stored if stored else 0.0
    seen = f"{refused} of {stored} lines could not be read ({share:.2%})"
    if stored < QUARANTINE_LINES or share <= QUARANTINE_SHARE:
        return [Finding("quarantine", True, seen)]
    query = "select reason, count(*), min(decode(raw)) from quarantine group by reason"
    return [Finding("quarantine", False, seen, f'python -m stream sql "{query}"; is COURSE_TERM your term?')]


def _group(settings: StreamSettings, events: Mapping[str, Any]) -> list[Finding]:
    """A group that divides its partitions again and again has a member too many."""
    joined = events.get("rebalances")
    if joined is None:
        return []
    seen = f"{settings.group} divided its partitions {joined} times since the consumer started"
    mend = "is another consumer in the group? set CONSUMER_GROUP to a name of your own" if joined > REBALANCES else ""
    return [Finding("consumer group", not mend, seen, mend)]
