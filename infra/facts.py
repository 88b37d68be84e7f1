"""What is happening, in a few numbers from heartbeats and from the service itself; cheap enough for `status`."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from infra.health import fetch, read_beat

_SEGMENT = re.compile(r"(?P<feed>[0-9a-f]+-\d+)-(?P<first>\d+)-(?P<last>\d+)")
_OK = re.compile(r'^request_count(?:_total)?\{[^}]*http_status="200"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Facts:
    """None = not known yet. p99_ms: real milliseconds; personalised and hit_rate: shares in [0, 1]."""

    events: int
    model: str | None
    answered: int | None
    p99_ms: float | None
    personalised: float | None
    hit_rate: float | None

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"lines stored          {self.events:,}",
            f"model live            {self.model or 'none yet: the static list answers'}",
            f"answered with 200     {_count(self.answered)}"
            + (f", p99 {self.p99_ms:.0f} ms as the requester saw it" if self.p99_ms is not None else ""),
            f"personalised          {_share(self.personalised)}",
            f"hit rate so far       {_share(self.hit_rate)}",
        ]


def gather(run_dir: Path, store_dir: Path, service: str) -> Facts:
    """Look everywhere once; what does not answer is None."""
    beat = read_beat(run_dir, "evaluation")
    evaluation = beat["facts"] if beat else {}
    return Facts(
        events=lines_stored(store_dir),
        model=_live_model(service),
        answered=evaluation.get("ok") or _served(service),
        p99_ms=evaluation.get("p99_ms"),
        personalised=evaluation.get("personalised"),
        hit_rate=evaluation.get("hit_rate"),
    )


def lines_stored(store_dir: Path) -> int:
    """Lines whose raw form the store holds, told by its file names alone; overlapping ranges count once."""
    ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for file in (store_dir / "events").glob("date=*/*.parquet"):
        if found := _SEGMENT.fullmatch(file.stem):
            ranges[found["feed"]].append((int(found["first"]), int(found["last"])))
    return sum(_union(each) for each in ranges.values())


def _union(ranges: list[tuple[int, int]]) -> int:
    """Whole numbers in at least one of the ranges, both ends included."""
    total, behind = 0, -1
    for first, last in sorted(ranges):
        total += max(0, last - max(first, behind + 1) + 1)
        behind = max(behind, last)
    return total


def _live_model(service: str) -> str | None:
    """Version that the service itself says it answers from."""
    try:
        status, body = fetch(f"{service}/version")
        said = json.loads(body) if status == 200 else {}
    except (OSError, ValueError):
        return None
    live = said.get("slots", {}).get("default")
    return f"version {live['version']}, {live['name']}" if live else None


def _served(service: str) -> int | None:
    try:
        _, body = fetch(f"{service}/metrics")
    except OSError:
        return None
    return int(sum(float(value) for value in _OK.findall(body))) or None


def _count(value: int | None) -> str:
    return "none yet" if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return "not known yet" if value is None else f"{value:.1%}"
