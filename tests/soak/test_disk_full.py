"""A disk that is really full: a small tmpfs. Where mounting is not allowed this is skipped, by name."""

import os
import subprocess
import sys
from itertools import islice

import pytest
from consumers import consumer_house, send
from stream_lines import course_lines

from stream.store import files
from stream.store.verify import verify
from topics import topic_digest
from waiting import until

LINES = 60_000


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = sys.platform == "linux" and mount(folder, "size=220k")
    if not mounted:
        pytest.skip("NOT RUN: mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mount(folder, options):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    return done.returncode == 0


@pytest.mark.broker
def test_a_full_disk_is_said_damages_nothing_and_once_there_is_room_it_goes_on(
    tmp_path, small_disk, broker, fresh_topic
):
    send(broker, fresh_topic, list(islice(course_lines(), LINES)))
    with consumer_house(tmp_path / "var", broker, fresh_topic, VAR_DIR=str(small_disk)) as house:
        house.var_dir = small_disk
        house.start()
        until(lambda: "No space left" in house.log(), 60, "the consumer to say so")
        full_at = house.lines()
        print(f"\nfull with {full_at:,} lines stored and {os.statvfs(small_disk).f_bavail} blocks left")
        assert full_at < LINES
        assert verify(house.store)["holds"]
        assert mount(small_disk, "remount,size=500k")
        until(lambda: full_at < house.lines() < LINES, 60, "some more lines, as many as there is room for")
        assert verify(house.store)["holds"]
        assert mount(small_disk, "remount,size=20m")
        until(lambda: house.lines() == LINES, 60, "all lines in the store")
        held = topic_digest(broker, fresh_topic)
        assert house.stop() == 0
        assert house.holds() == (held.lines, held.digest)
        assert verify(house.store)["holds"]
        assert not [path for path in house.store.rglob("*.tmp") if files.EVENTS in path.parts]
