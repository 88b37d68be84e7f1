import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.events import AccountCreated, Rated, WallClock, Watched
from stream.platform.columns import ACCOUNT, RATE, WATCH, Events
from stream.platform.lines import LineWriter

MOVIES = ("heat+1995", "++++2013", "endeavour+", "20_000+days+on+earth+2014", "m*a*s*h+1970")
ZONES = ("America/New_York", "America/Toronto", "UTC")
AUTUMN_2026_MS = 1_793_500_000_000  # the night before clocks go back
rows = st.tuples(
    st.one_of(
        st.integers(10**11, 4 * 10**12),
        st.integers(0, 40 * 3600 * 1000).map(lambda ms: AUTUMN_2026_MS + ms),
        st.integers(2 * 10**6, 60 * 10**6).map(lambda minute: minute * 60_000),
    ),
    st.integers(0, 2_000_000),
    st.integers(0, len(MOVIES) - 1),
    st.integers(0, 1_999),
    st.sampled_from([WATCH, RATE, ACCOUNT]),
)


def _event(row, digits):
    at_ms, user, movie, value, kind = row
    at_ns = (at_ms if digits else at_ms // 1000 * 1000) * 1_000_000
    if kind == WATCH:
        return Watched(at_ns, user + 1, MOVIES[movie], value)
    return Rated(at_ns, user + 1, MOVIES[movie], value) if kind == RATE else AccountCreated(at_ns, user + 1)


@given(st.lists(rows, min_size=1, max_size=40).map(sorted), st.sampled_from(ZONES), st.sampled_from([0, 3]))
def test_many_lines_at_once_are_the_lines_one_by_one(rows, zone, digits):
    types = (np.int64, np.int32, np.int32, np.int16, np.int8)
    events = Events(*(np.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)))
    writer, clock = LineWriter(MOVIES, zone, digits), WallClock(zone)
    wanted = [_event(row, digits).format(clock) for row in rows]
    assert [line.decode() for line in writer.lines(events)] == wanted
    assert writer.block(events).decode() == "".join(f"{line}\n" for line in wanted)


def test_no_events_are_no_text():
    assert LineWriter(MOVIES, "UTC", 3).block(Events.none()) == b""
