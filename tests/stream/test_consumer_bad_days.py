"""Consumers that overlap by mistake, a store that was pruned, a full disk: no line lost, none twice."""

import resource
import shutil
import signal
import urllib.request

import pytest
from consumers import CLOCK, Reader, consumer_house, send, some_lines

from stream import evidence
from stream.store import files, retention
from stream.store.info import info
from stream.store.log import EventLog
from stream.store.verify import verify
from topics import topic_digest
from waiting import until

pytestmark = pytest.mark.broker


@pytest.fixture
def reader(tmp_path, broker, fresh_topic):
    return Reader(tmp_path / "store", broker, fresh_topic)


def test_two_consumers_that_read_the_same_partitions_by_mistake_double_nothing(broker, fresh_topic, reader):
    with reader.running(group=f"{fresh_topic}-a") as one, reader.running(group=f"{fresh_topic}-b") as other:
        for start in range(0, 2_000, 200):
            send(broker, fresh_topic, some_lines(200, first=start))
        until(lambda: one.stored + other.stored > 2_000, 40, "both to have stored lines")
        until(lambda: reader.lines() >= 2_000, 40, "all lines in the store")
    held = topic_digest(broker, fresh_topic)
    assert (reader.lines(), info(reader.store)["digest"]) == (held.lines, held.digest) == (2_000, held.digest)


def test_when_everything_stored_was_pruned_it_goes_on_where_it_was(broker, fresh_topic, reader):
    send(broker, fresh_topic, some_lines(400))
    with reader.running():
        until(lambda: reader.lines() == 400, 40, "the first lines in the store")
    retention.enforce(reader.store, 1)
    assert not files.listed(reader.store, files.EVENTS)
    send(broker, fresh_topic, some_lines(100, first=400))
    with reader.running() as feed:
        until(lambda: feed.stored == 100, 40, "the new lines")
    log, source = EventLog(reader.store, CLOCK), topic_digest(broker, fresh_topic).source
    assert [log.next_offset(source, partition) for partition in (0, 1)] == [250, 250]
    assert feed.stored == reader.lines() == 100


@pytest.mark.skipif(not shutil.which("prlimit"), reason="needs prlimit, which Linux has")
def test_a_disk_that_is_full_is_said_and_once_there_is_room_everything_is_stored(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(3_000))
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start(under=("prlimit", "--fsize=3000:unlimited"))  # no file may grow beyond 3,000 bytes: a heartbeat may
        until(lambda: house.state() == "cannot store", 40, "the consumer to say so")
        assert house.log().count("lines wait") == 1
        assert house.lines() < 3_000  # a small first batch may have fitted in
        until(lambda: not list(house.store.rglob("*.tmp")), 5, "no half-written file to be left, between two tries")
        resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: house.lines() == 3_000 and house.state() == "reading", 40, "the lines in the store")
        assert house.stop() == 0
        held = topic_digest(broker, fresh_topic)
        assert house.holds() == (held.lines, held.digest)
        assert verify(house.store)["holds"]


def test_what_it_counts_is_in_its_heartbeat_and_in_its_metrics(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(500))
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start()
        facts = until(lambda: counted(house, stored=500), 40, "a heartbeat with all lines")
        url = f"http://127.0.0.1:{house.settings['CONSUMER_METRICS_PORT']}/metrics"
        shown = dict(
            line.rsplit(" ", 1) for line in urllib.request.urlopen(url, timeout=5).read().decode().splitlines()
        )
        house.stop(signal.SIGKILL)
    size = sum(s.path.stat().st_size for kind in files.KINDS for s in files.listed(house.store, kind))
    assert (facts["lag"], facts["lost"], facts["quarantined"], facts["bytes"]) == (0, 0, 10, size)
    assert facts["rebalances"] >= 1
    assert float(shown['stream_rebalances_total{feed="events"}']) == facts["rebalances"]
    assert float(shown['stream_quarantine_share{feed="events"}']) == 0.02
    assert float(shown['stream_written_bytes_total{feed="events"}']) == size
    assert sum(float(shown[f'stream_lag_lines{{feed="events",partition="{p}"}}']) for p in (0, 1)) == 0


def counted(house, stored):
    beat = evidence.read_beats(house.var_dir / "run").get("consumer")
    return beat and beat.facts["events"]["stored"] == stored and beat.facts["events"]
