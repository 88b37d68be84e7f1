"""Records lie whole in files that rotate and stay within their bound; a full disk costs records, never an error."""

import os
import resource
import subprocess
import sys
import threading

import pytest

from serving.spool import Spool


def lines(directory):
    return [line for path in sorted(directory.glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_a_record_is_in_the_file_when_write_returns(tmp_path):
    spool = Spool(tmp_path / "spool", 1_000, start_ns=7)
    assert spool.write("one") is None
    assert (tmp_path / f"spool/{os.getpid()}-7-0.jsonl").read_text() == "one\n"


def test_a_full_file_gets_a_successor_and_no_record_is_split(tmp_path):
    spool = Spool(tmp_path, 1_000, start_ns=7, rotate_bytes=10)
    for record in ("aaaa", "bbbb", "cccc", "x" * 30, "dddd"):
        assert spool.write(record) is None
    texts = [(tmp_path / f"{os.getpid()}-7-{n}.jsonl").read_text() for n in range(4)]
    assert texts == ["aaaa\nbbbb\n", "cccc\n", "x" * 30 + "\n", "dddd\n"]


def test_beyond_the_bound_records_are_refused_until_the_shipper_made_room(tmp_path):
    (tmp_path / "1-1-0.jsonl").write_text("x" * 90)
    spool = Spool(tmp_path, 100, start_ns=7)
    assert [spool.write("aaaa"), spool.write("bbbb"), spool.write("cccc")] == [None, None, "bound"]
    (tmp_path / "1-1-0.jsonl").unlink()
    spool.measure()
    assert spool.write("cccc") is None
    assert lines(tmp_path) == ["aaaa", "bbbb", "cccc"]


def test_the_bound_holds_while_housekeeping_measures(tmp_path):
    spool, over = Spool(tmp_path, 300_000, start_ns=7, rotate_bytes=50_000), threading.Event()

    def measure():
        while not over.is_set():
            spool.measure()

    thread = threading.Thread(target=measure)
    thread.start()
    kept = sum(spool.write("x" * 99) is None for _ in range(6_000))
    over.set()
    thread.join()
    assert kept == 3_000  # of 100 bytes each
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 300_000


def test_a_file_that_was_taken_away_gets_a_successor(tmp_path):
    spool = Spool(tmp_path / "spool", 1_000, start_ns=7)
    spool.write("one")
    (tmp_path / "spool").rename(tmp_path / "aside")
    spool.measure()
    assert spool.write("two") is None
    assert lines(tmp_path / "spool") == ["two"]


def test_a_folder_that_can_not_be_made_costs_the_record_alone(tmp_path):
    (tmp_path / "spool").write_text("a file where the folder should be")
    assert Spool(tmp_path / "spool", 1_000, start_ns=7).write("one") == "disk"


FULL_DISK = """
import sys
from pathlib import Path
from serving.spool import Spool
spool = Spool(Path(sys.argv[1]), 1_000_000, start_ns=7)
print([spool.write(10 * letter) for letter in "abcde"])
"""


def test_a_full_disk_leaves_whole_records_and_no_heap_of_files(tmp_path):
    """The kernel takes 25 bytes of this process's file and no more: two records of 11 bytes, and 3 bytes of a third."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (25, 25))  # noqa: E731
    command = [sys.executable, "-B", "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    if done.returncode:
        pytest.fail(done.stderr)
    assert done.stdout.strip() == "[None, None, 'disk', 'disk', 'disk']"
    assert [path.read_text() for path in tmp_path.iterdir()] == ["aaaaaaaaaa\nbbbbbbbbbb\n"]
