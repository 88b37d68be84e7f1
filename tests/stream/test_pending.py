"""Lines in memory between the broker and the store: each once, in order, whatever is delivered again."""

from hypothesis import given
from hypothesis import strategies as st

from stream.pending import Pending

SOURCE = "0123456789abcdef"


def line(offset):
    return b"line %d" % offset


@given(st.lists(st.integers(0, 30), max_size=60))
def test_whatever_is_delivered_again_each_line_waits_once_and_in_order(offsets):
    pending = Pending()
    pending.expect(0, 5)
    taken = [offset for offset in offsets if pending.add(0, offset, line(offset))]
    assert taken == sorted(set(taken))
    assert all(offset >= 5 for offset in taken)
    batch = pending.batch(SOURCE)
    assert ([] if batch is None else list(batch.offsets)) == taken
    assert pending.rows == len(taken)
    assert pending.expected() == {0: taken[-1] + 1 if taken else 5}


def test_a_partition_that_nobody_asked_for_is_not_taken_in():
    pending = Pending()
    assert not pending.add(1, 0, line(0))
    assert pending.batch(SOURCE) is None


def test_lines_wait_until_they_are_stored_and_the_place_stays():
    pending = Pending()
    for partition in (0, 1):
        pending.expect(partition, 10)
        pending.add(partition, 10, line(10))
    first = pending.batch(SOURCE)
    assert first == pending.batch(SOURCE)
    pending.stored(first.partition)
    second = pending.batch(SOURCE)
    assert {first.partition, second.partition} == {0, 1}
    pending.stored(second.partition)
    assert (pending.batch(SOURCE), pending.rows, pending.expected()) == (None, 0, {0: 11, 1: 11})


def test_a_partition_that_goes_takes_its_lines_along_and_counts_them():
    pending = Pending()
    pending.expect(0, 0)
    pending.add(0, 0, line(0))
    assert pending.forget([0, 7]) == 1
    assert pending.expected() == {}


def test_a_gap_is_skipped_and_what_waits_stays():
    pending = Pending()
    pending.expect(0, 0)
    pending.add(0, 0, line(0))
    pending.skip(0, 9)
    assert not pending.add(0, 8, line(8))
    assert pending.add(0, 9, line(9))
    assert list(pending.batch(SOURCE).offsets) == [0, 9]
