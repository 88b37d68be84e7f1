"""The doctor's looks at this machine: disk against growth, memory, and what listens to more than this machine."""

import math
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stream import evidence
from stream.findings import Finding
from stream.settings import StreamSettings

LOW_DISK_BYTES = 2_000_000_000
LOW_MEMORY_BYTES = 300_000_000
FULL_HOURS = 48.0  # a disk that is full sooner than this is a finding
_LOOK = "doctor-disk"  # kind of evidence: what the store and the rest of var/ took at each look
_FIRST_S, _LAST_S = 300, 86_400  # looks between so long ago tell how fast it grows
_WITHOUT_PASSWORD = {  # services that often have none, and once found are used by others
    3000: "Grafana", 5000: "MLflow", 5432: "PostgreSQL", 6379: "Redis", 8888: "Jupyter", 9090: "Prometheus",
    9092: "Kafka", 27017: "MongoDB",
}  # fmt: skip
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")  # 127.x.x.x, ::1, ::ffff:127.x.x.x


def disk(settings: StreamSettings) -> list[Finding]:
    """Room left, against what the store may still take and what the rest of `var/` grows by."""
    if not settings.var_dir.exists():
        return [outlook(shutil.disk_usage(settings.var_dir.absolute().parent).free, 0, 0, None)]
    store = _taken(settings.store_dir)
    rest = _taken(settings.var_dir) - store
    rate = growth(evidence.read(settings.var_dir, _LOOK), rest, time.time_ns())
    evidence.leave(settings.var_dir, _LOOK, {"rest_bytes": rest, "store_bytes": store})
    store_left = max(0, settings.store_max_mb * 1_000_000 - store)
    return [outlook(shutil.disk_usage(settings.var_dir).free, rest + store, store_left, rate)]


def growth(looks: Sequence[dict[str, Any]], rest: int, now_ns: int) -> float | None:
    """Bytes an hour that `var/` without the store grew by since the oldest look of the last day; None without one."""
    ago = [((now_ns - look["at_ns"]) / 1e9, float(look["rest_bytes"])) for look in looks if "rest_bytes" in look]
    timely: list[tuple[float, float]] = [look for look in ago if _FIRST_S <= look[0] <= _LAST_S]
    if not timely:
        return None
    seconds, then = max(timely)
    return (rest - then) * 3600 / seconds


def outlook(free: int, taken: int, store_left: int, bytes_an_hour: float | None) -> Finding:
    """What these numbers of bytes mean. store_left: what the store may still take before it prunes itself.

    bytes_an_hour: growth of everything but the store, None if not known yet.
    """
    seen = f"{_gb(free)} free, var/ takes {_gb(taken)}, its store at most {_gb(store_left)} more"
    if bytes_an_hour is None:
        seen += ", how fast the rest grows shows when you look again after five minutes"
    else:
        seen += f", the rest grows by {bytes_an_hour / 1e6:.0f} MB an hour"
    hours = (free - store_left) / bytes_an_hour if bytes_an_hour and bytes_an_hour > 0 else math.inf
    seen += f": full in {hours:.0f} hours" if hours < 24 * 365 else ""
    mend = ""
    if free < LOW_DISK_BYTES:
        mend = "free some room (du -xh . | sort -h | tail), or lower STORE_MAX_MB"
    elif free < store_left:
        mend = "lower STORE_MAX_MB: the store may take more than there is"
    elif hours < FULL_HOURS:
        mend = "du -h var | sort -h | tail shows what grows; lower KEEP_VERSIONS or SPOOL_MAX_MB"
    return Finding("disk", not mend, seen, mend)


def memory(settings: StreamSettings) -> list[Finding]:
    """What processes may still take before the kernel ends one of them."""
    meminfo = Path("/proc/meminfo")
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE) if meminfo.exists() else None
    if not found:
        return [Finding("memory", True, "not looked at: this system does not tell in /proc/meminfo")]
    free = int(found[1]) * 1024
    mend = "" if free >= LOW_MEMORY_BYTES else "end what you do not need (ps aux --sort -rss | head)"
    return [Finding("memory", not mend, f"{_gb(free)} available", mend)]


def open_ports(settings: StreamSettings) -> list[Finding]:
    """Ports without a password that listen to more than this machine; the service may, with SOURCE=course."""
    if not any(table.exists() for table in _TABLES):
        return [Finding("open ports", True, "not looked at: this system does not tell in /proc/net/tcp")]
    judged = _WITHOUT_PASSWORD | {
        settings.kafka_port: "our broker", settings.api_port: "the user and movie API",
        settings.consumer_metrics_port: "metrics of the consumer", settings.shipper_metrics_port: "of the shipper",
    }  # fmt: skip
    if settings.source != "course":
        judged[settings.serve_port] = "the service"
    found = sorted(set(_listening_to_all()) & set(judged))
    if not found:
        return [Finding("open ports", True, "none of the usual ones listens to more than this machine")]
    seen = "open to other machines, without a password: " + ", ".join(f"{port} ({judged[port]})" for port in found)
    mend = f"bind them to 127.0.0.1 (in Docker: -p 127.0.0.1:{found[0]}:{found[0]}) or close them in the firewall"
    return [Finding("open ports", False, seen, mend)]


def _listening_to_all() -> Iterator[int]:
    for table in filter(Path.exists, _TABLES):
        for line in table.read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, port = local.rpartition(":")
            if state == "0A" and not _LOOPBACK.fullmatch(address):
                yield int(port, 16)


def _taken(folder: Path) -> int:
    """Disk blocks of all files below a folder, in bytes; one that goes meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{parent}/{name}").st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
