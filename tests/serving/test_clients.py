"""A client that asks all the time is answered, seen in a metric and named in the log; others are not."""

import itertools

from running_service import Load, publish, running_service

from serving import clients
from serving.clients import Clients
from waiting import until


class Told:
    def __init__(self):
        self.windows = []

    def clients(self, busiest_per_s, flood):
        self.windows.append((busiest_per_s, flood))


def window(counts: dict[str, int], times: int = 1) -> list:
    """What is told of windows of ten seconds in which clients asked so often."""
    told, clock = Told(), itertools.count(0, 10)
    asking = Clients(told, lambda: next(clock))
    for _ in range(times):
        for address, count in counts.items():
            for _ in range(count):
                asking.count(address)
        asking.look()
        next(clock)
    return told.windows


def test_a_flood_is_counted_and_its_client_named_once(caplog):
    told = window({"10.0.0.1": 20, "10.0.0.2": 50_000}, times=2)
    assert [flood for _, flood in told] == [50_000] * 2
    assert told[0][0] == 5_000
    assert caplog.text.count("flood: client 10.0.0.2") == 1
    assert "10.0.0.1" not in caplog.text


def test_many_clients_that_ask_now_and_then_are_no_flood(caplog):
    [(busiest, flood)] = window({f"10.0.{n // 250}.{n % 250}": 3 for n in range(3_000)})
    assert (busiest < 10, flood, caplog.text) == (True, 0, "")


def test_nothing_is_told_before_the_window_is_over():
    told = Told()
    asking = Clients(told, lambda: 1.0)
    asking.count("10.0.0.1")
    asking.look()
    assert told.windows == []


def test_a_flood_is_answered_and_shown_by_the_service(tmp_path):
    publish(tmp_path / "var/models", "1")
    with running_service(tmp_path, serve_workers=1) as service:
        with Load(service.port, clients=8, pause_s=0.0, keep_alive=True) as load:
            until(lambda: service.counted("matinee_flood_requests_total") > 1_000, 30, "the flood is counted")
        assert (load.failed, set(load.seen)) == (0, {200})
        assert service.counted("matinee_busiest_client_requests_per_second") > clients.FLOOD_PER_S
        assert "flood: client 127.0.0.1" in service.log.read_text()
        assert "127.0.0.1" not in service.ask("/metrics")[2].decode()
