"""Consumer and producer while the broker itself is killed, started again, or replaced."""

import pytest
from brokers import mortal_broker
from consumers import consumer_house, send, sending, some_lines

from stream.store.info import info
from stream.topics import ensure_topic
from topics import topic_digest
from waiting import until

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    with mortal_broker(tmp_path_factory.mktemp("mortal")) as broker:
        yield broker


def test_a_broker_killed_and_started_again_costs_no_line_and_doubles_none(tmp_path, mortal):
    ensure_topic(mortal.address, "killed")
    lines = some_lines(8_000)
    with consumer_house(tmp_path / "var", mortal.address, "killed") as house:
        house.start()
        with sending(mortal.address, "killed", lines, seconds=10):
            until(lambda: house.lines() > 1_000, 40, "some lines in the store")
            mortal.end()
            until(lambda: house.state() == "broker away", 40, "the consumer to notice")
            mortal.start()
        held = topic_digest(mortal.address, "killed")
        assert held.lines == len(lines)
        until(lambda: house.holds() == (held.lines, held.digest), 40, "the topic's lines in the store, each once")
        assert house.log().count("broker away") + house.log().count("trying again") <= 4  # said once, not each second


def test_a_new_broker_at_the_same_address_is_a_new_source_and_nothing_stored_is_lost(tmp_path, mortal):
    ensure_topic(mortal.address, "replaced")
    send(mortal.address, "replaced", some_lines(500))
    with consumer_house(tmp_path / "var", mortal.address, "replaced") as house:
        house.start()
        until(lambda: house.lines() == 500, 40, "the first broker's lines")
        mortal.end()
        mortal.forget()
        mortal.start()
        ensure_topic(mortal.address, "replaced")
        send(mortal.address, "replaced", some_lines(700, first=500))
        until(lambda: house.lines() == 1_200, 60, "the second broker's lines too")
        assert len({source["source"] for source in info(house.store)["sources"]}) == 2
        send(mortal.address, "replaced", some_lines(5, first=1_200))
        until(lambda: house.lines() == 1_205, 20, "the next lines")


def test_a_consumer_may_start_before_its_broker_and_stops_at_once_while_it_is_away(tmp_path, mortal):
    mortal.end()
    with consumer_house(tmp_path / "var", mortal.address, "early") as house:
        house.start()
        until(lambda: house.state() == "broker away", 40, "the consumer to wait")
        assert house.stop(seconds=6) == 0
        house.start()
        mortal.start()
        ensure_topic(mortal.address, "early")
        send(mortal.address, "early", some_lines(100))
        until(lambda: house.lines() == 100, 60, "the lines in the store")
