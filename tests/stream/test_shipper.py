"""The shipper against a real broker: every record reaches the topic, whatever dies."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from consumers import consumer_house

from houses import free_ports
from stream.answers import Answer
from stream.metrics import ShipperMetrics
from stream.shipper import Shipper, spool_files
from stream.topics import Broker, BrokerAway, Range, end_offsets, read_lines
from waiting import until

pytestmark = pytest.mark.broker

START_NS = time.time_ns()


def record(seq, worker=None, movies=("heat+1995",)):
    worker = str(worker or os.getpid())
    return Answer(
        f"r{seq}", worker, START_NS, seq, START_NS + seq, 417, movies, "personal", {}, None, "1", 0.5
    ).format()


def spool(folder, numbers, *, pid=None, file=0):
    """Append records to a worker's spool file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{pid or os.getpid()}-{START_NS}-{file}.jsonl"
    with path.open("a") as out:
        out.writelines(record(number, pid) + "\n" for number in numbers)
    return path


def delivered(broker, topic):
    ranges = {partition: Range(0, end) for partition, end in end_offsets(broker, topic).items()}
    return [Answer.parse(received.line) for received in read_lines(broker, topic, ranges)]


def shipper(folder, broker, topic):
    return Shipper(folder, broker, topic, ShipperMetrics())


def dead_pid():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_records_are_delivered_in_order_and_finished_files_go(tmp_path, broker, fresh_topic):
    gone = dead_pid()
    spool(tmp_path / "spool", range(300), file=0)
    live = spool(tmp_path / "spool", range(300, 350), file=1)
    spool(tmp_path / "spool", range(40), pid=gone)
    ship = shipper(tmp_path / "spool", broker, fresh_topic)
    assert ship.turn() == 390
    ship.turn()  # the turn after the last record takes finished files away
    ours, theirs = (
        [a.seq for a in delivered(broker, fresh_topic) if a.worker == str(pid)] for pid in (os.getpid(), gone)
    )
    assert ours == list(range(350))
    assert theirs == list(range(40))
    assert [file.path for file in spool_files(tmp_path / "spool")] == [live]
    spool(tmp_path / "spool", range(350, 360), file=1)
    assert ship.turn() == 10
    assert ship.waiting() == 0
    ship.close()


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path, broker, fresh_topic):
    path = spool(tmp_path / "spool", range(2))
    line = record(2) + "\n"
    with path.open("a") as out:
        out.write(line[:40])
    ship = shipper(tmp_path / "spool", broker, fresh_topic)
    assert (ship.turn(), ship.turn()) == (2, 0)
    with path.open("a") as out:
        out.write(line[40:])
    assert ship.turn() == 1
    ship.close()
    assert [answer.seq for answer in delivered(broker, fresh_topic)] == [0, 1, 2]


def test_broken_lines_are_set_aside_and_counted_and_the_others_delivered(tmp_path, broker, fresh_topic):
    path = spool(tmp_path / "spool", range(2), pid=dead_pid())
    with path.open("a") as out:
        out.write("not a record\n" + record(2) + '\n{"request_id": "cut sho')
    ship = shipper(tmp_path / "spool", broker, fresh_topic)
    assert ship.turn() == 3
    ship.turn()
    ship.close()
    assert ship.broken == 2
    assert (tmp_path / "spool" / "broken.jsonl").read_text().splitlines() == ["not a record", '{"request_id": "cut sho']
    assert spool_files(tmp_path / "spool") == []
    assert [answer.seq for answer in delivered(broker, fresh_topic)] == [0, 1, 2]


def test_a_broker_that_is_away_costs_nothing(tmp_path, broker, fresh_topic):
    (port,) = free_ports(1)
    spool(tmp_path / "spool", range(5))
    away = shipper(tmp_path / "spool", f"127.0.0.1:{port}", fresh_topic)
    with pytest.raises(BrokerAway):
        away.turn()
    assert away.waiting() > 0
    back = shipper(tmp_path / "spool", broker, fresh_topic)
    assert back.turn() == 5
    back.close()


def test_the_topic_is_made_if_it_is_not_there(tmp_path, broker):
    topic = f"made-{tmp_path.name[-20:].replace('_', '-')}"
    spool(tmp_path / "spool", range(3))
    ship = shipper(tmp_path / "spool", broker, topic)
    assert ship.turn() == 3
    ship.close()
    assert sorted(answer.seq for answer in delivered(broker, topic)) == [0, 1, 2]
    with Broker(broker) as asked:
        asked.delete(topic)


def test_kill_nine_of_the_shipper_loses_no_record_and_the_store_has_each_once(tmp_path, broker, fresh_topic):
    total = 3_000
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        folder = house.var_dir / "spool"
        folder.mkdir(parents=True)
        writer = threading.Thread(target=_write_slowly, args=(folder, total))
        writer.start()
        for goal in (200, 900, 1_700):
            house.start("ship")
            until(
                lambda goal=goal: _sent(broker, house) >= goal or not writer.is_alive(), 40, "some records", every=0.02
            )
            house.stop(signal.SIGKILL)
        writer.join()
        house.start("ship")
        until(
            lambda: sum(file.path.stat().st_size - file.delivered() for file in spool_files(folder)) == 0,
            40,
            "an empty spool",
        )
        assert house.stop(seconds=5) == 0
        house.start()
        until(lambda: _answers(house) == total, 40, "every record in the store, once")


def _write_slowly(folder, total):
    stop = threading.Event()
    for start in range(0, total, 25):
        spool(folder, range(start, start + 25), file=start // 500)
        stop.wait(0.06)


def _sent(broker, house):
    return sum(end_offsets(broker, f"answers{house.team}").values())


def _answers(house):
    from stream.store.query import query

    return int(query(house.store, "select count(*) as n, count(distinct seq) as d from answers")["n"][0])
