"""Lines in memory between the broker and the store: each once, in order, whatever is delivered again."""

from hypothesis import given
from hypothesis import strategies as st

from stream.pending import Pending

SOURCE = "0123456789abcdef"


def line(offset):
    return b"line %d" % offset


def add(pending, partition, *offsets):
    return pending.add(partition, offsets, [line(offset) for offset in offsets])


@given(st.lists(st.sets(st.integers(0, 30), max_size=8).map(sorted), max_size=20))
def test_whatever_is_delivered_again_each_line_waits_once_and_in_order(deliveries):
    pending = Pending()
    pending.expect(0, 5)
    taken = []
    for offsets in deliveries:
        new = [offset for offset in offsets if offset > max([4, *taken])]
        assert add(pending, 0, *offsets) == len(new)
        taken += new
    batch = pending.batch(SOURCE)
    assert ([] if batch is None else list(batch.offsets)) == taken
    assert ([] if batch is None else batch.lines) == [line(offset) for offset in taken]
    assert pending.rows == len(taken)
    assert pending.expected() == {0: taken[-1] + 1 if taken else 5}


def test_a_partition_that_nobody_asked_for_is_not_taken_in():
    pending = Pending()
    assert not add(pending, 1, 0)
    assert pending.batch(SOURCE) is None


def test_lines_wait_until_they_are_stored_and_the_place_stays():
    pending = Pending()
    for partition in (0, 1):
        pending.expect(partition, 10)
        add(pending, partition, 10)
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
    add(pending, 0, 0)
    assert pending.forget([0, 7]) == 1
    assert pending.expected() == {}


def test_a_gap_is_skipped_and_what_waits_stays():
    pending = Pending()
    pending.expect(0, 0)
    add(pending, 0, 0)
    pending.skip(0, 9)
    assert not add(pending, 0, 8)
    assert add(pending, 0, 9)
    assert list(pending.batch(SOURCE).offsets) == [0, 9]
