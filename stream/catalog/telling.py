"""What came of asking the API, in words for a person, with what to do next."""

import time

from stream.catalog.client import Catalog, Done
from stream.catalog.records import Kind


def sync_lines(kind: Kind, done: Done, seen: int) -> list[str]:
    """A line of counts, and one for each thing that there is something to know or do about."""
    there = seen - done.fetched - done.refused - done.unknown - done.failed
    lines = [
        f"{kind.path}s: {seen} seen, {there} were there, {done.fetched} fetched, {done.refused} refused, "
        f"{done.unknown} unknown to the API, {done.failed} without an answer"
    ]
    if not seen:
        lines.append("  nothing is stored yet: `stream consume` or `stream ingest` first, or --all-users N")
    if done.changes:
        lines.append(f"  changed since the last fetch: {_counts(done.changes)}; `catalog show ID` gives old and new")
    if done.refused:
        kept = f"; the last good copy stays of {done.kept}" if done.kept else ""
        lines.append(f"  refused for {_counts(done.reasons)}{kept}; see refused.jsonl, asked again after an hour")
    if done.unknown:
        lines.append("  unknown ids mostly come from damaged lines; see unknown.jsonl, asked again after an hour")
    if done.failed:
        lines.append(f"  run the command again for those without an answer ({done.trouble})")
    return lines


def change_lines(catalog: Catalog, kind: Kind, key: str) -> list[str]:
    """What other fetches found changed in one record, oldest first; times are this machine's."""
    return [
        f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(one['at_ns'] / 1e9))} {one['field']}: "
        f"{one['old']!r} -> {one['new']!r}"
        for one in catalog.changes()
        if (one["kind"], one["id"]) == (kind.path, key)
    ]


def why_not(catalog: Catalog, kind: Kind, key: str, api_url: str) -> str:
    """Why there is no record of an id: it was refused, or the API does not know it."""
    for refused in catalog.refusals(kind):
        if kind.id_of(refused) == key:
            return f"the API's record of {kind.path} {key} was refused: {'; '.join(refused['refused_because'])}"
    return f"the API at {api_url} knows no {kind.path} {key}"


def _counts(by_field: dict[str, int]) -> str:
    return ", ".join(f"{name} of {count}" for name, count in by_field.items())
