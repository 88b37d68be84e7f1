"""Does the store hold what it says? Every file is read, its digest recomputed, gaps and overlaps are named."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from stream.store import files, rows, schema
from stream.store.digest import to_hex
from stream.store.files import Segment
from stream.store.requarantine import doubled


def verify(store_dir: Path) -> dict[str, Any]:
    """Check every file.

    Returns holds (no damage and no gaps), files, lines, damaged (file and what is wrong), gaps (offsets between files
    that nothing holds: lost to the broker's retention, or in a file that was deleted), overlaps (files whose ranges
    overlap: harmless, readers take each offset once), doubled (lines that are an event and in the quarantine too, after
    a kill in the middle of `requarantine`) and advice (what to do about each, in words).
    """
    damaged: list[dict[str, str]] = []
    found: dict[str, Any] = {}
    checked = lines = 0
    for kind in files.KINDS:
        for segment in files.listed(store_dir, kind):
            checked += 1
            try:
                lines += _check(segment, kind)
            except (ValueError, FileNotFoundError) as error:
                damaged.append({"file": str(segment.path), "wrong": str(error)})
    found["damaged"] = damaged
    found["gaps"] = list(_gaps(store_dir))
    found["overlaps"] = [each for kind in (files.EVENTS, files.ANSWERS) for each in _overlaps(store_dir, kind)]
    found["doubled"] = 0 if damaged else doubled(store_dir)
    advice = [text for name, text in _ADVICE.items() if found[name]]
    return {"holds": not damaged and not found["gaps"], "files": checked, "lines": lines, **found, "advice": advice}


_ADVICE = {
    "damaged": "damaged: put the file back from a copy, or move it away; every other file stays readable",
    "gaps": "gaps: if the broker lost those lines first, they are gone, and the rest is whole; if a file was deleted, "
    "put it back from a copy, or replay a recording of that time to a topic of its own",
    "overlaps": "overlaps: no line counts twice; `python -m stream store compact` tidies them away",
    "doubled": "doubled: `python -m stream store requarantine` finishes what was begun",
}


def _check(segment: Segment, kind: str) -> int:
    """Lines of the file. Raises ValueError saying what is wrong with it."""
    said, table = schema.facts_of(segment.path), schema.read(segment.path)
    if kind == files.SESSIONS:
        ticks = sum(table["ticks"].to_pylist())
        if ticks != said.counts.get("watch", 0):
            raise ValueError(f"expected {said.counts.get('watch', 0)} ticks, found {ticks}")
        digest = schema.rows_digest(table)
        if said.rows_digest not in (None, digest):
            raise ValueError(f"expected sessions of digest {to_hex(said.rows_digest or 0)}, found {to_hex(digest)}")
        return said.lines
    if len(table) != said.lines:
        raise ValueError(f"expected {said.lines} lines, found {len(table)}")
    offsets = table["offset"].to_numpy()
    if len(offsets) and not (segment.first <= offsets.min() and offsets.max() <= segment.last):
        raise ValueError(f"offsets {offsets.min()} to {offsets.max()} are outside the range of the name")
    found = rows.facts_from(table, kind, said.zone).digest
    if found != said.digest:
        raise ValueError(f"expected digest {to_hex(said.digest)}, found {to_hex(found)}")
    return said.lines


def _overlaps(store_dir: Path, kind: str) -> Iterator[dict[str, str]]:
    for before, after in pairwise(files.listed(store_dir, kind)):
        if before.stream == after.stream and after.first <= before.last:
            yield {"file": str(before.path), "overlaps": str(after.path)}


def _gaps(store_dir: Path) -> Iterator[dict[str, Any]]:
    held = files.segments(store_dir, files.EVENTS) + files.segments(store_dir, files.SESSIONS)
    for (source, partition), stream in groupby(files.resolve(held), key=lambda s: s.stream):
        for before, after in pairwise(stream):
            if before.high + 1 != after.low:
                gap = {"source": source, "partition": partition, "first": before.high + 1, "last": after.low - 1}
                yield gap | {"offsets": after.low - before.high - 1}
