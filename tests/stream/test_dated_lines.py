"""Where lines stand in time, damaged ones among them."""

import itertools

import pytest
from consumers import CLOCK, START_NS, some_lines

from stream.dated_lines import FAR_NS, PATIENCE_LINES, SECOND_NS, dated, own_ns, passes, undated, within
from stream.recording import NotARecording


def at(second, user=7):
    return b"%s,%d,GET /data/m/heat+1995/1.mpg" % (CLOCK.show(START_NS + round(second * 1e9)).encode(), user)


def places(lines):
    return [(line.at_ns - START_NS) / 1e9 for line in dated(lines, CLOCK)]


def dues(lines):
    return [(line.due_ns - START_NS) / 1e9 for line in dated(lines, CLOCK)]


def test_lines_are_due_at_their_times_and_a_step_back_waits_for_nobody():
    lines = [at(0), at(1), at(0.7), at(2)]
    assert places(lines) == [0, 1, 0.7, 2]
    assert dues(lines) == [0, 1, 1, 2]


def test_a_line_without_a_time_or_user_belongs_to_its_predecessor():
    found = list(dated([at(0, user=5), b"not a line", b"2026-09-12T0x:15,8,GET", at(1)], CLOCK))
    assert [(line.at_ns - START_NS, line.user_id) for line in found[:3]] == [(0, 5), (0, 5), (0, 8)]


@pytest.mark.parametrize("damaged", [b"2062-09-12T09:15,7,x", b"1999-09-12T09:15:01.001,7,x"])
@pytest.mark.parametrize("place", [0, 1, 5, 9])
def test_a_damaged_time_moves_nothing(damaged, place):
    lines = [at(second) for second in range(10)]
    lines[place] = damaged
    near = place - 1 if place else 1
    assert places(lines) == [second if second != place else near for second in range(10)]


def test_a_pause_in_the_recording_is_a_pause():
    assert dues([at(0), at(1), at(3_600), at(3_601)]) == [0, 1, 3_600, 3_601]


def test_a_recording_that_starts_over_goes_on_from_there():
    times = [0, 3_600, 3_601, 0, 5, 4_000, 4_010]
    assert places(map(at, times)) == times
    assert dues(map(at, times)) == [0, 3_600, 3_601, 3_601, 3_606, 7_601, 7_611]


def test_lines_far_apart_are_due_at_their_times_to_the_last():
    assert dues([at(0), at(90), at(200), at(300)]) == [0, 90, 200, 300]


def test_lines_before_the_first_time_are_due_with_it():
    assert places([b"header", b"", at(3)]) == [3, 3, 3]


def test_a_file_without_any_time_is_no_recording():
    with pytest.raises(NotARecording, match=r"none of the first 10000 does, the first is b'user,item'"):
        list(dated([b"user,item"] * (PATIENCE_LINES + 1), CLOCK))


def test_a_few_lines_without_any_time_all_go_out():
    assert [line.text for line in dated([b"a", b"b"], CLOCK)] == [b"a", b"b"]


def test_from_and_to_take_lines_by_their_place():
    lines = [at(0), at(1), b"broken", at(2), at(1.5), at(3)]
    taken = within(dated(lines, CLOCK), START_NS + SECOND_NS, START_NS + 2 * SECOND_NS)
    assert [line.text for line in taken] == [at(1), b"broken", at(1.5)]


def test_reading_ends_an_hour_behind_to():
    left = iter([at(second) for second in range(0, 20_000, 10)])
    assert len(list(within(dated(left, CLOCK), None, START_NS + 100 * SECOND_NS))) == 10
    assert len(list(left)) > 1_000


def test_a_loop_goes_on_in_time_for_ever_with_the_same_digits():
    lines = [at(0.5), b"broken", at(2.75)]
    looped = passes(lambda: dated(lines, CLOCK), CLOCK, 10 * SECOND_NS, True)
    found = list(itertools.islice(looped, 7))
    assert [line.text for line in found] == [
        at(10.5), b"broken", at(12.75), at(13.5), b"broken", at(15.75), at(16.5)
    ]  # fmt: skip
    assert [line.due_ns for line in found] == sorted(line.due_ns for line in found)


def test_a_loop_over_nothing_ends():
    assert list(passes(lambda: iter(()), CLOCK, 0, True)) == []


def test_a_time_that_cannot_be_moved_stays():
    (line,) = passes(lambda: dated([b"2261-12-31T09:15,7,x"], CLOCK), CLOCK, 400 * 86_400 * SECOND_NS, False)
    assert line.text == b"2261-12-31T09:15,7,x"


def test_no_line_is_lost_or_changed_or_out_of_order():
    lines = some_lines(5_000)
    found = list(dated(lines, CLOCK))
    assert [line.text for line in found] == lines
    assert all(line.at_ns == own_ns(line.text, CLOCK) for line in found if own_ns(line.text, CLOCK))
    assert max(line.due_ns - line.at_ns for line in found) < FAR_NS


def test_without_their_times_lines_are_the_same_and_of_the_same_users():
    lines = [*some_lines(500), b"", b"a,b", b"2026-09-12T0x:15,8,GET", b"2026-09-12T09:15,9"]
    timed, untimed = (list(way(lines, CLOCK)) for way in (dated, undated))
    assert [(line.text, line.user_id) for line in untimed] == [(line.text, line.user_id) for line in timed]
    with pytest.raises(NotARecording):
        list(undated([b"user,item"] * (PATIENCE_LINES + 1), CLOCK))
