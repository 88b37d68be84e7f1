"""What the doctor says of a healthy stream, and of each thing that can be wrong with it."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from consumers import CLOCK, consumer_house, send, some_lines
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from houses import free_ports
from infra.kafka.broker import Broker as Configured
from infra.kafka.fetch import DEFAULT_LIBS, ensure_jars
from stream import advertised, doctor_api, doctor_broker, doctor_machine, evidence
from stream.doctor_reading import Reading, lag
from stream.findings import Finding, side_by_side
from stream.settings import StreamSettings
from stream.store.log import Batch, EventLog
from stream.topics import Broker, Range
from waiting import until


def doctor(environment, folder=None):
    command = [sys.executable, "-m", "stream", "doctor", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=folder)
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


def by_name(findings):
    return {finding.name: finding for finding in findings}


@contextmanager
def movie_api(slow_s=0.0, clock_s=0.0, status=200):
    """An API that knows every movie; it may be slow, or live in another time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(slow_s)
            keys = self.path.removeprefix("/movie/").split(",")
            body = json.dumps([{"id": key} for key in keys] if len(keys) > 1 else {"id": keys[0]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp=None):
            return formatdate(time.time() + clock_s, usegmt=True)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.broker
def test_a_healthy_stream_is_fine_in_every_point(tmp_path, broker, fresh_topic):
    send(broker, fresh_topic, some_lines(100))
    with movie_api() as url, consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        house.settings["API_URL"] = url
        house.start()
        until(lambda: house.state() == "reading" and house.lines() == 100, 40, "the consumer to store all")
        status, found = doctor(house.environment())
    assert [finding for finding in found.values() if not finding["fine"] and finding["name"] != "open ports"] == []
    assert status == 0 or not found["open ports"]["fine"]
    assert "holds 100 lines" in found["topic"]["seen"]
    assert found["lag"]["seen"].startswith("0 lines are not stored yet")
    assert "one movie in" in found["api speed"]["seen"]


def test_a_stream_without_anything_says_what_mends_each_point(tmp_path):
    port, api_port = free_ports(2)
    status, found = doctor(os.environ | {"VAR_DIR": str(tmp_path), "KAFKA_PORT": str(port), "API_PORT": str(api_port)})
    assert status == 1
    wrong = [name for name, finding in found.items() if not finding["fine"] and name != "open ports"]
    assert wrong == ["own broker", "topic", "consumer", "api"]
    assert all(finding["mend"] for finding in found.values() if not finding["fine"])
    assert f"127.0.0.1:{port}" in found["own broker"]["seen"]


# --- the broker ---


@dataclass(frozen=True, slots=True)
class Astray(Configured):
    """A broker with two more listeners: one sends clients to a dead port, one to another broker."""

    dead_end: tuple[int, int] = (0, 0)  # listens, advertises
    elsewhere: tuple[int, int] = (0, 0)

    def _configuration(self):
        text = Configured._configuration(self)
        for name, (listens, advertises) in (("DEADEND", self.dead_end), ("ELSEWHERE", self.elsewhere)):
            text = text.replace("\nlisteners=", f"\nlisteners={name}://127.0.0.1:{listens},")
            text = text.replace("advertised.listeners=", f"advertised.listeners={name}://localhost:{advertises},")
            text = text.replace("protocol.map=", f"protocol.map={name}:PLAINTEXT,")
        return text


@pytest.fixture(scope="module")
def astray(broker, tmp_path_factory):
    """Ports of the two listeners, and the dead port."""
    port, controller, dead_end, nowhere, elsewhere = free_ports(5)
    another = int(broker.partition(":")[2])
    folder = tmp_path_factory.mktemp("astray")
    made = Astray(folder, port, controller, 256, ensure_jars(DEFAULT_LIBS), (dead_end, nowhere), (elsewhere, another))
    command = made.prepare()
    with (folder / "broker.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            until(lambda: advertised.ask(advertised.Address("127.0.0.1", dead_end)), 60, "the broker to answer")
            yield dead_end, nowhere, elsewhere
        finally:
            running.terminate()


def course(bootstrap, tmp_path, **more):
    return StreamSettings(
        source="course", kafka_bootstrap=bootstrap, api_url="http://127.0.0.1:9", var_dir=tmp_path, **more
    )


@pytest.mark.broker
def test_a_tunnel_with_another_port_is_told_with_the_ssh_line_that_mends_it(astray, tmp_path):
    dead_end, nowhere, _ = astray
    started = time.monotonic()
    found = by_name(doctor_broker.stream(course(f"localhost:{dead_end}", tmp_path)))
    trap = found["advertised address"]
    assert found["movielog broker"].fine
    assert not trap.fine
    assert f"localhost:{dead_end} sends clients on to localhost:{nowhere}, where no broker answers" in trap.seen
    assert f"ssh -N -L {nowhere}:localhost:{nowhere} user@host" in trap.mend
    assert not found["topic"].fine
    assert time.monotonic() - started < doctor_broker.advertised.PATIENCE_S


@pytest.mark.broker
def test_a_tunnel_whose_advertised_port_is_another_broker_is_told(astray, tmp_path):
    _, _, elsewhere = astray
    trap = by_name(doctor_broker.stream(course(f"localhost:{elsewhere}", tmp_path)))["advertised address"]
    assert not trap.fine
    assert "where another cluster answers" in trap.seen


@contextmanager
def listener(answer):
    """Something that listens and, if `answer` is not None, says that to whoever connects."""
    import socket

    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve():
            while True:
                try:
                    connection = stack.enter_context(server.accept()[0])
                except OSError:
                    return
                if answer is not None:
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_what_listens_but_is_no_broker_is_told(tmp_path):
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        found = by_name(doctor_broker.stream(course(address, tmp_path)))
    assert "not as a Kafka broker does" in found["movielog broker"].seen
    assert "TUNNEL=user@host" in found["movielog broker"].mend


def test_a_broker_that_never_answers_does_not_hang_the_doctor(tmp_path):
    started = time.monotonic()
    with listener(None) as address:
        found = by_name(doctor_broker.stream(course(address, tmp_path)))
    assert not found["movielog broker"].fine
    assert time.monotonic() - started < 2 * advertised.PATIENCE_S


@pytest.mark.parametrize("wrong", ["nonsense", "localhost:", "localhost:99999", ":9092"])
def test_an_address_without_host_or_port_is_told(wrong, tmp_path):
    assert "expected host:port" in by_name(doctor_broker.stream(course(wrong, tmp_path)))["movielog broker"].seen


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_named(broker, tmp_path):
    found = by_name(doctor_broker.stream(course(broker, tmp_path, topic="movielog0")))
    assert not found["topic"].fine
    assert f"no topic movielog0 at {broker}" in found["topic"].seen
    assert "TEAM" in found["topic"].mend


# --- how far it was read ---


def aged(broker, topic, ages_h, line="{at},7,GET /data/m/heat+1995/1.mpg"):
    """Send a line to partition 0 for each age in hours, received then and saying so."""
    producer = KafkaProducer(bootstrap_servers=broker)
    for age_h in ages_h:
        at_ms = int((time.time() - 3600 * age_h) * 1000)
        text = line.format(at=CLOCK.show(at_ms * 1_000_000))
        producer.send(topic, text.encode(), partition=0, timestamp_ms=at_ms)
    producer.flush()
    producer.close()


def drop(broker, topic, before):
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.delete_records({TopicPartition(topic, 0): before})
    admin.close()


def store_until(settings, broker, topic, end):
    """Store the offsets of partition 0 below `end`, as the consumer would."""
    with Broker(broker) as asked:
        source = asked.topic(topic).source
    lines = [f"{CLOCK.show(time.time_ns() + n)},7,GET /data/m/heat+1995/1.mpg".encode() for n in range(end)]
    EventLog(settings.store_dir, CLOCK).append(Batch(source, 0, range(end), lines))


@pytest.mark.broker
def test_lines_that_will_soon_be_dropped_are_told_with_the_hours_left(broker, fresh_topic, tmp_path):
    settings = course(broker, tmp_path, topic=fresh_topic)
    aged(broker, fresh_topic, [50, 49, 48, 46, 44, 2, 1, 0])
    store_until(settings, broker, fresh_topic, 4)
    drop(broker, fresh_topic, 2)  # the oldest held is 48 hours old, the first unread 44
    found = by_name(doctor_broker.stream(settings))
    assert not found["retention"].fine
    assert "dropped in about 4.0 hours" in found["retention"].seen
    assert "make deploy" in found["retention"].mend
    assert "4 lines are not stored yet (partition 0: 4, partition 1: 0)" in found["lag"].seen


@pytest.mark.broker
def test_unread_lines_with_days_left_are_no_trouble(broker, fresh_topic, tmp_path):
    settings = course(broker, tmp_path, topic=fresh_topic)
    aged(broker, fresh_topic, [50, 49, 48, 46, 30, 1, 0])
    store_until(settings, broker, fresh_topic, 4)
    drop(broker, fresh_topic, 2)
    found = by_name(doctor_broker.stream(settings))
    assert found["retention"].fine
    assert "dropped in about 18.0 hours" in found["retention"].seen


@pytest.mark.broker
def test_lines_that_were_dropped_unread_are_counted(broker, fresh_topic, tmp_path):
    settings = course(broker, tmp_path, topic=fresh_topic)
    aged(broker, fresh_topic, [9, 8, 7, 6, 5, 4, 0])
    store_until(settings, broker, fresh_topic, 2)
    drop(broker, fresh_topic, 5)
    found = by_name(doctor_broker.stream(settings))["retention"]
    assert (found.fine, found.seen) == (False, "3 lines were dropped by the broker before they were stored")


@pytest.mark.parametrize(("stored", "fine"), [(40_000, False), (50_000, True), (90_000, True)])
def test_a_long_lag_is_told_by_partition(stored, fine):
    held = {0: Range(30_000, 100_000), 1: Range(0, 7)}
    found = lag(Reading(held, {0: stored, 1: 7}, {}, {}, ()))
    assert (found.fine, bool(found.mend)) == (fine, not fine)
    assert f"partition 0: {100_000 - stored}, partition 1: 0" in found.seen


@pytest.mark.broker
@pytest.mark.parametrize(
    ("term", "shift_h", "word"),
    [
        ("F2026", 0, None),
        ("F2026", 3, "+3.0 hours off in America/New_York"),
        ("F2026", -24 * 30, "-720.0 hours off"),
    ],
)
def test_lines_of_another_zone_are_told(broker, fresh_topic, tmp_path, term, shift_h, word):
    producer = KafkaProducer(bootstrap_servers=broker)
    for number in range(5):
        line = f"{CLOCK.show(time.time_ns() + int(shift_h * 3600e9) + number)},7,GET /data/m/heat+1995/1.mpg"
        producer.send(fresh_topic, line.encode(), partition=0)
    producer.send(fresh_topic, b"not a line", partition=0)
    producer.flush()
    producer.close()
    found = by_name(doctor_broker.stream(course(broker, tmp_path, topic=fresh_topic, course_term=term)))["clock"]
    assert found.fine == (word is None)
    assert word is None or (word in found.seen and "COURSE_TERM" in found.mend)


@pytest.mark.broker
@pytest.mark.parametrize(("age_h", "words"), [(0.5, "stands still"), (-0.1, "its clock is slow")])
def test_a_stream_that_stands_still_or_comes_from_the_future_is_told(broker, fresh_topic, tmp_path, age_h, words):
    aged(broker, fresh_topic, [age_h])
    found = by_name(doctor_broker.stream(course(broker, tmp_path, topic=fresh_topic)))["clock"]
    assert not found.fine
    assert words in found.seen


def test_a_consumer_that_cannot_store_is_sent_to_its_log(tmp_path):
    evidence.beat(tmp_path / "run", "consumer", {"events": {"state": "cannot store", "stored": 5, "lost": 0}})
    found = doctor_broker.consumer(StreamSettings(var_dir=tmp_path))[0]
    assert (found.fine, found.mend) == (False, "make logs NAME=consumer says why")


def test_lines_that_the_consumer_lost_are_told(tmp_path):
    evidence.beat(tmp_path / "run", "consumer", {"events": {"state": "reading", "stored": 5, "lost": 12}})
    found = doctor_broker.consumer(StreamSettings(var_dir=tmp_path))[0]
    assert not found.fine
    assert "12 lost" in found.seen


# --- the API ---


def with_movies(tmp_path, url):
    settings = StreamSettings(var_dir=tmp_path, api_url=url)
    lines = [f"2026-09-12T09:15,7,GET /data/m/film+{year}/1.mpg".encode() for year in (1990, 1991, 1992)]
    EventLog(settings.store_dir, CLOCK).append(Batch("0" * 16, 0, range(3), lines))
    return settings


def test_an_api_in_time_is_fine_and_its_speed_is_told(tmp_path):
    with movie_api() as url:
        found = by_name(doctor_api.api(with_movies(tmp_path, url)))
    assert all(finding.fine for finding in found.values())
    assert "3 at once in" in found["api speed"].seen


def test_a_slow_api_is_told(tmp_path):
    with movie_api(slow_s=1.05) as url:
        found = by_name(doctor_api.api(with_movies(tmp_path, url)))["api speed"]
    assert not found.fine
    assert "catalog sync" in found.mend


@pytest.mark.parametrize(("clock_s", "words"), [(90, "90 s behind the API's"), (-90, "90 s ahead of the API's")])
def test_a_clock_that_differs_from_the_apis_is_told(tmp_path, clock_s, words):
    with movie_api(clock_s=clock_s) as url:
        found = by_name(doctor_api.api(StreamSettings(var_dir=tmp_path, api_url=url)))["clock against the API"]
    assert not found.fine
    assert words.split()[1:] == found.seen.split()[5:], found.seen
    assert abs(int(found.seen.split()[4]) - 90) <= 1


def test_an_api_that_fails_or_is_none_is_told(tmp_path):
    with movie_api(status=503) as url:
        found = doctor_api.api(StreamSettings(var_dir=tmp_path, api_url=url))[0]
    assert (found.fine, "answers 503" in found.seen) == (False, True)
    with listener(b"nonsense\r\n\r\n") as address:
        assert not doctor_api.api(StreamSettings(var_dir=tmp_path, api_url=f"http://{address}"))[0].fine
    assert not doctor_api.api(StreamSettings(var_dir=tmp_path, api_url="no address"))[0].fine


# --- the machine ---

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "store_left", "rate", "words"),
    [
        (50 * GB, 1 * GB, None, ""),
        (50 * GB, 1 * GB, 0.5 * GB, ""),
        (1 * GB, 0, None, "free some room"),
        (5 * GB, 6 * GB, None, "STORE_MAX_MB"),
        (50 * GB, 1 * GB, 5 * GB, "du -h var"),
        (50 * GB, 1 * GB, -5.0 * GB, ""),
    ],
)
def test_disk_is_judged_by_room_bound_and_pace(free, store_left, rate, words):
    found = doctor_machine.outlook(free, 2 * GB, store_left, rate)
    assert (found.fine, words in found.mend) == (not words, True)


def test_the_pace_of_growth_is_told_from_the_second_look_on(tmp_path):
    settings = StreamSettings(var_dir=tmp_path)
    (tmp_path / "big").write_bytes(os.urandom(4_000_000))
    assert "after five minutes" in doctor_machine.disk(settings)[0].seen
    hour_ago = time.time_ns() - 3_600 * 1_000_000_000
    evidence.leave(tmp_path, "doctor-disk", {"at_ns": hour_ago, "bytes": 0})
    assert "grows by 4 MB an hour" in doctor_machine.disk(settings)[0].seen


def test_growth_goes_by_the_oldest_look_of_a_day():
    now = 10**18
    looks = [{"at_ns": now - int(hours * 3600e9), "bytes": size} for hours, size in ((30, 0), (10, 100), (1, 599), (0.01, 600))]
    assert doctor_machine.growth(looks, 600, now) == pytest.approx(50.0)
    assert doctor_machine.growth(looks[::3], 600, now) is None


def test_a_port_that_listens_to_more_than_this_machine_is_told(tmp_path):
    import socket

    with socket.create_server(("0.0.0.0", 0)) as wide, socket.create_server(("127.0.0.1", 0)) as narrow:
        ports = {"kafka_port": wide.getsockname()[1], "api_port": narrow.getsockname()[1]}
        found = doctor_machine.open_ports(StreamSettings(var_dir=tmp_path, **ports))[0]
    if "not looked at" in found.seen:
        pytest.skip(found.seen)
    assert not found.fine
    assert f"{ports['kafka_port']} (our broker)" in found.seen
    assert str(ports["api_port"]) not in found.seen


# --- looks side by side ---


def test_a_look_that_does_not_end_is_told_and_keeps_nobody_waiting(tmp_path):
    stuck, settings = threading.Event(), StreamSettings(var_dir=tmp_path)

    def broken(_):
        raise ValueError("positions.json: damaged")

    looks = {
        "stuck": lambda _: [Finding("never", stuck.wait(), "")],
        "broken": broken,
        "well": lambda _: [Finding("well", True, "")],
    }
    found = side_by_side(looks, settings, patience_s=0.3)
    stuck.set()
    assert [(one.name, one.fine) for one in found] == [("stuck", False), ("broken", False), ("well", True)]
    assert "no answer within" in found[0].seen
    assert "positions.json" in found[1].seen
