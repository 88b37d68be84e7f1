"""Weeks of stream time in a minute or two: nothing that the system writes grows beyond its bound."""

import json

from houses import House, house
from infra.disk import taken_mb
from waiting import until

STORE_MB, VERSIONS = 1, 2


def versions_trained(fast: House) -> int:
    return len(json.loads(fast.python("-m", "training", "models", "--json"))["versions"])


def store_has_gone_round(fast: House) -> bool:
    """Raw lines were folded away, so the bound was met and held."""
    info = fast.report("-m", "stream", "store", "info")
    return info["pruned"] > info["events"] - info["pruned"] > 0


def test_disk_stays_bounded_while_the_store_goes_round_and_models_come_and_go(tmp_path):
    with house(
        tmp_path, SPEED=2000, FAST_SPEED=2000, STORE_MAX_MB=STORE_MB, KEEP_VERSIONS=VERSIONS, MODELS="recent"
    ) as fast:
        fast.must("make", "deploy", timeout=300)
        for _ in range(VERSIONS):
            fast.must("make", "retrain", "MODELS=recent")
        assert versions_trained(fast) > VERSIONS
        until(lambda: store_has_gone_round(fast), 240, "raw lines folded away more than are left")
        fast.must("make", "status")
        fast.must("make", "down")
        var = fast.folder / "var"
        folders = [path for path in (var / "models").iterdir() if (path / "manifest.json").exists()]
        assert taken_mb(var / "store") <= STORE_MB + 2  # small files, and what came since the last look at the bound
        assert len(folders) == VERSIONS
        assert taken_mb(var / "mlflow") <= 10
        assert taken_mb(var / "spool") <= 2 * 4.5  # each of two workers fills a file of 4 MB before the next
        assert fast.report("-m", "stream", "store", "verify")["damaged"] == []
