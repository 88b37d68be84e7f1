"""What `var/` takes and the most it can take, part by part: what the settings allow is what holds for ever."""

import os
import re
from pathlib import Path

from infra.conf import LOG_FILES, LOG_MB
from infra.kafka.fetch import locked_jars
from infra.processes import Settings, programs

MB = 1_000_000
LIMIT_MB = 3_000
_PROPERTIES = Path(__file__).parent / "kafka" / "server.properties"
_TOPICS = ("movielog", "answers")  # two partitions each
_MODEL_MB = 25  # a published folder of the demo world with its overlays, generously
_SMALL_MB = 50  # heartbeats, evidence, metrics, the platform's state
_USER_BYTES, _MOVIE_BYTES = 350, 2_000  # of a record in the catalogue; movies are kept up to twice
_NOTES_MB = 80  # changed prices, ids that were refused or unknown


def disk_caps_mb(settings: Settings) -> dict[str, float]:
    """Cap of each part in MB. A partition may exceed its retention by one segment."""
    broker = dict(re.findall(r"^([a-z.]+)=(\d+)$", _PROPERTIES.read_text(encoding="utf-8"), re.MULTILINE))
    partitions = len(_TOPICS) * int(broker["num.partitions"])
    partition = (int(broker["log.retention.bytes"]) + int(broker["log.segment.bytes"])) / MB
    internal = (int(broker["metadata.max.retention.bytes"]) + 2 * int(broker["offsets.topic.segment.bytes"])) / MB
    versions = settings.training.keep_versions
    return {
        "store": settings.stream.store_max_mb,
        "spool": settings.serving.spool_max_mb,
        "broker": partitions * partition + internal,
        "jars": sum(jar.size for jar in locked_jars()) / MB,
        "logs": (len(programs(settings)) + 1) * LOG_MB * LOG_FILES,
        "models": versions * _MODEL_MB,
        "mlflow": versions * _MODEL_MB + _SMALL_MB,
        "catalogue": _catalogue_mb(settings),
        "small files": _SMALL_MB,
    }


def _catalogue_mb(settings: Settings) -> float:
    """Records of all movies and users that there are, by the world or, elsewhere than in our own, by the term."""
    small = {"demo": (2_000, 20_000), "test": (200, 500)} if settings.house.source == "platform" else {}
    term = settings.house.term
    movies, users = small.get(settings.house.world, (term.n_movies, term.n_users))
    return (2 * movies * _MOVIE_BYTES + users * _USER_BYTES) / MB + _NOTES_MB


def line(settings: Settings) -> str:
    """Disk taken and its bound, for a person."""
    taken, most = taken_mb(settings.house.var_dir), sum(disk_caps_mb(settings).values())
    return f"disk taken            {taken / 1000:.2f} GB, at most {most / 1000:.1f} GB for ever"


def taken_mb(folder: Path) -> float:
    """Disk blocks of all files below a folder, in MB; sparse files count what they hold."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{parent}/{name}").st_blocks * 512
            except FileNotFoundError:  # merged, shipped or replaced meanwhile
                continue
    return total / MB
