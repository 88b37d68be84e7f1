"""Which source a topic is, after its broker lost lines once or twice."""

from stream import sources
from stream.store import positions

SOURCE = "0123456789abcdef"


def test_a_topic_is_its_own_source_until_its_broker_loses_lines(tmp_path):
    positions.advance(tmp_path, {positions.key(SOURCE, 0): 70})
    assert sources.current(tmp_path, SOURCE) == SOURCE


def test_each_loss_begins_another_source_at_the_given_places(tmp_path):
    second = sources.begin_next(tmp_path, SOURCE, {0: 40, 1: 0})
    assert sources.current(tmp_path, SOURCE) == second != SOURCE
    assert positions.read(tmp_path) == {f"{second}-0": 40, f"{second}-1": 0}
    third = sources.begin_next(tmp_path, second, {0: 30, 1: 10})
    assert sources.current(tmp_path, SOURCE) == sources.current(tmp_path, second) == third
    assert len({SOURCE, second, third}) == 3
    assert len(third) == 16
