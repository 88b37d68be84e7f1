"""What `var/` can grow to."""

from infra.disk import LIMIT_MB, disk_caps_mb, taken_mb
from infra.processes import Settings, programs


def test_everything_together_stays_below_three_gigabytes():
    assert sum(disk_caps_mb(Settings.read()).values()) <= LIMIT_MB


def test_the_caps_follow_the_settings(monkeypatch):
    before = disk_caps_mb(Settings.read())
    monkeypatch.setenv("STORE_MAX_MB", "1500")
    monkeypatch.setenv("KEEP_VERSIONS", "6")
    after = disk_caps_mb(Settings.read())
    assert after["store"] - before["store"] == 500
    assert after["models"] - before["models"] == 25


def test_a_partition_may_keep_its_retention_and_one_segment():
    broker = disk_caps_mb(Settings.read())["broker"]
    assert 4 * (134.2 + 33.5) < broker < 4 * (134.3 + 33.6) + 60


def test_each_process_and_the_supervisor_may_fill_two_log_files():
    assert disk_caps_mb(Settings.read())["logs"] == (len(programs(Settings.read())) + 1) * 10


def test_what_is_taken_counts_blocks_so_a_sparse_file_is_small(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/full").write_bytes(b"x" * 2_000_000)
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(50_000_000)
    assert 2.0 <= taken_mb(tmp_path) < 2.1
