"""What the doctor says of the consumer, the API and this machine."""

import os
import socket
import time

import pytest
from consumers import CLOCK
from patients import by_name, listener, movie_api

from stream import doctor_api, doctor_machine, evidence
from stream.doctor_consumer import consumer
from stream.settings import StreamSettings
from stream.store.log import Batch, EventLog


def beating(tmp_path, **events):
    """Findings about a consumer whose heartbeat says that."""
    facts = {"state": "reading", "stored": 5_000, "lost": 0} | events
    evidence.beat(tmp_path / "run", "consumer", {"events": facts})
    return by_name(consumer(StreamSettings(var_dir=tmp_path)))


@pytest.mark.parametrize(
    ("events", "name", "words"),
    [
        ({"state": "cannot store"}, "consumer", "cannot store, stored 5000 lines"),
        ({"lost": 12}, "consumer", "12 lost to the broker's retention"),
        ({"quarantined": 300}, "quarantine", "300 of 5000 lines could not be read (6.00%)"),
        ({"rebalances": 21}, "consumer group", "divided its partitions 21 times"),
    ],
)
def test_what_is_wrong_with_a_consumer_is_told(tmp_path, events, name, words):
    found = beating(tmp_path, **events)
    assert [one.name for one in found.values() if not one.fine] == [name]
    assert words in found[name].seen
    assert found[name].mend


def test_a_consumer_that_is_well_is_fine(tmp_path):
    found = beating(tmp_path, quarantined=5, bytes=2_500_000, rebalances=2)
    assert all(one.fine for one in found.values())
    assert "stored 5000 lines in 2.5 MB" in found["consumer"].seen
    assert list(beating(tmp_path, quarantined=5, stored=5)) == ["consumer", "quarantine"]


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


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "store_left", "rate", "words"),
    [
        (50 * GB, 1 * GB, None, ""),
        (50 * GB, 1 * GB, 0.5 * GB, ""),
        (1 * GB, 0, None, "free some room"),
        (5 * GB, 6 * GB, None, "STORE_MAX_MB"),
        (50 * GB, 1 * GB, 5 * GB, "du -h var"),
        (50 * GB, 49 * GB, 0.5 * GB, "du -h var"),
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
    evidence.leave(tmp_path, "doctor-disk", {"at_ns": hour_ago, "rest_bytes": 0, "store_bytes": 0})
    (tmp_path / "store").mkdir()
    (tmp_path / "store/segment").write_bytes(os.urandom(9_000_000))
    found = doctor_machine.disk(settings)[0]
    assert "the rest grows by 4 MB an hour" in found.seen, "the store has a bound of its own"
    assert "takes 0.0 GB, its store at most 1.0 GB more" in found.seen


def test_growth_goes_by_the_oldest_look_of_a_day():
    now = 10**18
    looks = [
        {"at_ns": now - int(hours * 3600e9), "rest_bytes": size}
        for hours, size in ((30, 0), (10, 100), (1, 599), (0.01, 600))
    ]
    assert doctor_machine.growth(looks, 600, now) == pytest.approx(50.0)
    assert doctor_machine.growth(looks[::3], 600, now) is None


def test_a_port_that_listens_to_more_than_this_machine_is_told(tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as wide, socket.create_server(("127.0.0.1", 0)) as narrow:
        ports = {"kafka_port": wide.getsockname()[1], "api_port": narrow.getsockname()[1]}
        found = doctor_machine.open_ports(StreamSettings(var_dir=tmp_path, **ports))[0]
    if "not looked at" in found.seen:
        pytest.skip(found.seen)
    assert not found.fine
    assert f"{ports['kafka_port']} (our broker)" in found.seen
    assert str(ports["api_port"]) not in found.seen
