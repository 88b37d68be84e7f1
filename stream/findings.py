"""A finding of the doctor, and how looks are taken side by side so that none of them can keep the others waiting."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream.settings import StreamSettings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    fine: bool
    seen: str
    mend: str = ""  # what to do about it


Look = Callable[[StreamSettings], list[Finding]]


def side_by_side(looks: Mapping[str, Look], settings: StreamSettings, patience_s: float) -> list[Finding]:
    """Findings of all looks, in their order; one that takes longer than `patience_s` is told as such."""
    found: dict[str, list[Finding]] = {}
    failed: dict[str, Exception] = {}

    def run(name: str, look: Look) -> None:
        try:
            found[name] = look(settings)
        except (OSError, ValueError, LookupError) as error:
            failed[name] = error

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in looks.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + patience_s
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    told = {name: found[name] if name in found else [_unseen(name, failed.get(name), patience_s)] for name in looks}
    return [finding for name in looks for finding in told[name]]


def _unseen(name: str, error: Exception | None, patience_s: float) -> Finding:
    seen = f"cannot be looked at: {error}" if error else f"no answer within {patience_s:.0f} s"
    return Finding(name, False, seen, "make status, then make logs")
