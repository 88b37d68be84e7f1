"""What is happening, in a few numbers from heartbeats and from the service itself; cheap enough for `status`."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.health import fetch, read_beat

_OK = re.compile(r'^request_count(?:_total)?\{[^}]*http_status="200"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Facts:
    """None = not known yet. p99_ms: real milliseconds; personalised and hit_rate: shares in [0, 1]."""

    events: int | None
    model: str | None
    answered: int | None
    p99_ms: float | None
    personalised: float | None
    hit_rate: float | None

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"events stored         {_count(self.events)}",
            f"model live            {self.model or 'none yet: the static list answers'}",
            f"answered with 200     {_count(self.answered)}"
            + (f", p99 {self.p99_ms:.0f} ms as the requester saw it" if self.p99_ms is not None else ""),
            f"personalised          {_share(self.personalised)}",
            f"hit rate so far       {_share(self.hit_rate)}",
        ]


def gather(run_dir: Path, models_dir: Path, service: str) -> Facts:
    """Look everywhere once; what does not answer is None."""
    consumer, evaluation = _facts(run_dir, "consumer"), _facts(run_dir, "evaluation")
    return Facts(
        events=_number(consumer, "events", "stored", "lines"),
        model=_live_model(service),
        answered=_number(evaluation, "ok") or _served(service),
        p99_ms=evaluation.get("p99_ms"),
        personalised=evaluation.get("personalised"),
        hit_rate=evaluation.get("hit_rate"),
    )


def _facts(run_dir: Path, name: str) -> dict[str, Any]:
    beat = read_beat(run_dir, name)
    return dict(beat["facts"]) if beat else {}


def _number(facts: dict[str, Any], *names: str) -> int | None:
    return next((int(facts[name]) for name in names if facts.get(name) is not None), None)


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
