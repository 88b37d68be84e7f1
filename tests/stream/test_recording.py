"""Topics written down, and recordings read, whole and torn."""

import gzip
import itertools
import signal
import threading
import uuid

import pytest
from brokers import mortal_broker
from consumers import consumer_house, send, some_lines
from recordings import STOP, in_topic, play, recording

from stream.recorder import NoTopic, Recorder
from stream.recording import NotARecording, recorded_lines
from stream.store.info import info
from stream.store.ingest import ingest
from stream.terms import TERMS
from stream.topics import Broker
from waiting import until

ODD = [
    b"a\nb",
    b"a\r",
    b"\r",
    b"",
    b"\\",
    rb"\a\nb",
    b"\xff\xfe,1",
    b"nul\0",
    b"\n",
    some_lines(1)[0] + b"\r",
    b"caf\xc3\xa9",
]


def _lines_in(path):
    return len(list(recorded_lines(path))) if path.exists() else 0


def record(broker, topic, path, stop=STOP, follow=False):
    return Recorder(broker, topic, path).run(stop, follow)


def test_a_file_that_breaks_off_anywhere_gives_its_whole_lines_and_no_half_one(tmp_path):
    lines = some_lines(3_000)
    whole = gzip.compress(b"".join(line + b"\n" for line in lines))
    seen = set()
    for cut in range(0, len(whole), len(whole) // 20):
        path, damaged = tmp_path / f"{cut}.log.gz", {}
        path.write_bytes(whole[:cut])
        got = list(recorded_lines(path, damaged=damaged))
        assert got == lines[: len(got)]
        assert (path in damaged) == (cut > 0)
        seen.add(len(got))
    assert len(seen) > 10
    assert ingest([path], tmp_path / "store", TERMS["F2026"])["stored"] == len(got)


def test_a_byte_that_flipped_costs_nothing_before_it(tmp_path):
    lines = some_lines(20_000)
    packed = bytearray(gzip.compress(b"".join(line + b"\n" for line in lines), 1))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(packed)
    damaged = {}
    got = list(recorded_lines(tmp_path / "a.gz", damaged=damaged))
    assert got[:5_000] == lines[:5_000]
    assert list(damaged) == [tmp_path / "a.gz"]


def test_a_compressed_file_is_known_by_its_bytes_and_a_false_one_refused(tmp_path):
    (tmp_path / "a.log").write_bytes(gzip.compress(b"x\ny"))
    assert list(recorded_lines(tmp_path / "a.log")) == [b"x", b"y"]
    (tmp_path / "b.log.gz").write_bytes(b"2026-09-12T09:15,7,GET")
    with pytest.raises(NotARecording, match=r"b\.log\.gz: expected a gzip file, .* begins with b'20'.*rename it"):
        list(recorded_lines(tmp_path / "b.log.gz"))


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(tmp_path):
    with (tmp_path / "disk.img").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(NotARecording, match=r"disk\.img: expected lines of text"):
        list(recorded_lines(tmp_path / "disk.img"))


def test_progress_counts_the_bytes_of_the_file(tmp_path):
    path = recording(tmp_path / "lines.log.gz", some_lines(20_000))
    read = []
    assert len(list(recorded_lines(path, read.append))) == 20_000
    assert sum(read) == path.stat().st_size


@pytest.mark.broker
@pytest.mark.parametrize("name", ["lines.log", "lines.log.gz"])
def test_a_topic_written_down_keeps_the_order_of_each_partition(tmp_path, broker, fresh_topic, name):
    lines = some_lines(2_000)
    send(broker, fresh_topic, lines)
    assert record(broker, fresh_topic, tmp_path / name) == 2_000
    got = list(recorded_lines(tmp_path / name))
    for part in (0, 1):
        assert [line for line in got if lines.index(line) % 2 == part] == lines[part::2]


@pytest.mark.broker
def test_a_topic_with_one_partition_keeps_its_whole_order_there_and_back(tmp_path, broker):
    lines, names = some_lines(3_000), [f"one-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    with Broker(broker) as asked:
        play(recording(tmp_path / "played.log", lines), broker, names[0], partitions=1)
        record(broker, names[0], tmp_path / "lines.log.gz")
        play(tmp_path / "lines.log.gz", broker, names[1], partitions=1)
        assert in_topic(broker, names[1]) == {0: lines}
        for name in names:
            asked.delete(name)


@pytest.mark.broker
def test_odd_lines_survive_recording_and_replay_and_are_stored_alike(tmp_path, broker, fresh_topic):
    lines = [*some_lines(300), *ODD, *some_lines(100, 300)]
    send(broker, fresh_topic, lines)
    path, again = tmp_path / "lines.log.gz", f"again-{uuid.uuid4().hex[:8]}"
    assert record(broker, fresh_topic, path) == len(lines)
    assert sorted(recorded_lines(path)) == sorted(lines)
    play(path, broker, again)
    assert sorted(itertools.chain(*in_topic(broker, again).values())) == sorted(lines)
    assert ingest([path], tmp_path / "ingested", TERMS["F2026"])["stored"] == len(lines)
    with consumer_house(tmp_path / "var", broker, again) as house:
        house.start()
        until(lambda: house.lines() == len(lines), 40, "all lines in the store")
        assert info(house.store)["digest"] == info(tmp_path / "ingested")["digest"]
        assert info(house.store)["quarantined"] == info(tmp_path / "ingested")["quarantined"]
    with Broker(broker) as asked:
        asked.delete(again)


@pytest.mark.broker
def test_a_recorder_killed_while_it_follows_leaves_every_line_it_flushed(tmp_path, broker, fresh_topic):
    path, lines = tmp_path / "lines.log.gz", some_lines(4_000)
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start("record", str(path), "--follow")
        send(broker, fresh_topic, lines[:3_000])
        until(lambda: _lines_in(path) == 3_000, 30, "the lines in the file")
        send(broker, fresh_topic, lines[3_000:])
        house.stop(signal.SIGKILL)
    got = list(recorded_lines(path))
    assert sorted(got[:3_000]) == sorted(lines[:3_000])
    assert set(got) <= set(lines)
    assert ingest([path], tmp_path / "store", TERMS["F2026"])["stored"] == len(got)


@pytest.mark.broker
def test_a_follower_ends_cleanly_when_told_to(tmp_path, broker, fresh_topic):
    path = tmp_path / "lines.log.gz"
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.start("record", str(path), "--follow")
        send(broker, fresh_topic, some_lines(50))
        until(lambda: _lines_in(path) == 50, 30, "the lines in the file")
        assert house.stop(signal.SIGINT) == 0
        assert "wrote 50 lines" in house.log()
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 50


@pytest.mark.broker
def test_a_recording_is_never_written_over_and_needs_a_topic(tmp_path, broker, fresh_topic):
    path = tmp_path / "lines.log"
    path.write_bytes(b"precious\n")
    with pytest.raises(FileExistsError):
        record(broker, fresh_topic, path)
    assert path.read_bytes() == b"precious\n"
    with pytest.raises(NoTopic, match="no topic 'nowhere'"):
        record(broker, "nowhere", tmp_path / "other.log")
    assert not (tmp_path / "other.log").exists()


@pytest.mark.broker
def test_a_topic_made_anew_is_followed_from_its_start(tmp_path, broker, fresh_topic):
    stop, path = threading.Event(), tmp_path / "lines.log"
    follower = threading.Thread(target=record, args=(broker, fresh_topic, path, stop, True))
    follower.start()
    try:
        for first in (0, 50):
            send(broker, fresh_topic, some_lines(50, first))
            until(lambda first=first: _lines_in(path) == first + 50, 20, "the lines")
            with Broker(broker) as asked:
                asked.delete(fresh_topic)
                asked.create(fresh_topic)
    finally:
        stop.set()
        follower.join(20)
    assert sorted(recorded_lines(path)) == sorted(some_lines(100))


@pytest.mark.broker
def test_a_follower_outlives_its_broker(tmp_path):
    stop, path = threading.Event(), tmp_path / "lines.log"
    with mortal_broker(tmp_path / "kafka") as mortal:
        with Broker(mortal.address) as asked:
            asked.create("topic")
        follower = threading.Thread(target=record, args=(mortal.address, "topic", path, stop, True))
        follower.start()
        try:
            send(mortal.address, "topic", some_lines(50))
            until(lambda: _lines_in(path) == 50, 40, "the lines in the file")
            mortal.end()
            mortal.start()
            send(mortal.address, "topic", some_lines(50, 50))
            until(lambda: _lines_in(path) == 100, 40, "the later lines in the file")
        finally:
            stop.set()
            follower.join(20)
    assert sorted(recorded_lines(path)) == sorted(some_lines(100))
