"""The block parser says of every line what the per-line parser says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.events import MalformedLine, WallClock, Watched, parse_line
from stream.store.parse_block import BLOCK_LINES, KINDS, Parsed, parse_lines
from stream.store.text_lines import TextLines

CLOCK = WallClock("America/New_York")

times = st.sampled_from(
    [
        "2026-02-14T00:09",
        "2026-02-14T00:09:20",
        "2026-02-14T00:09:20.426",
        "2026-02-14T00:09:00",
        "2026-02-14T00:09:20.000",
        "2026-02-14T00:09:00.001",
        "2026-02-14T00:09:61",
        "2026-02-14T00:09:20.4",
        "2026-02-14T00:09:20.426789",
        "2026-02-14T00:09:20.426789123",
        "2026-02-30T00:09:20",
        "2026-02-14T24:09:20",
        "2026-02-14T00:10",
        "1960-01-01T00:00",
        "2026-03-08T02:30",
        "2026-11-01T01:30:01",
        "2026-02-14t00:09:20",
        "2026-02-14T00:09.20",
        "2026-02-14T00:09:2/",
        "2026-02-14T00:09:20,426",
        "+026-02-14T00:09",
    ]
)
users = st.sampled_from(
    ["0", "7", "007", "219411", "99999999", "123456789", "9" * 18, "9" * 19, "-5", "", "2194l1", "1 "]
)
movies = st.sampled_from(
    [
        "heat+1995",
        "++++2013",
        "x",
        "",
        "fel lowship+2001",
        "a/b",
        "a,b",
        "a=b",
        "20_000+days+on+earth+2014",
        "é+1999",
        "m" * 200,
        "m" * 201,
        "la+moiti%C3%A9+2000",
    ]
)
minutes = st.sampled_from(["0", "3", "73", "154", "1063", "10630", "03", "", "7a", "-1", "/", "99999999", "1234567890"])
watches = st.builds("{},{},GET /data/m/{}/{}.mpg".format, times, users, movies, minutes)
others = st.builds(
    "{},{},{}".format,
    times,
    users,
    st.sampled_from(
        [
            "GET /rate/heat+1995=4",
            "GET /rate/heat+1995=D",
            "GET /create_account",
            "GET /data/m/heat+1995/3.mpq",
            "GET /data/m/",
            "recommendation request a.b:8082, status 200, result: a+1, b+2, 45 ms",
            "GET /data/m/x/3.mpg\r",
            "GET /data/m/x/3.mpg\n",
            "recommendation request a.b:8082, status 200, result: a+1,b+2, 45ms",
        ]
    ),
)
damaged = st.tuples(watches, st.integers(0, 80), st.binary(max_size=2)).map(
    lambda t: t[0].encode()[: t[1]] + t[2] + t[0].encode()[t[1] :]
)
lines = st.one_of(watches.map(str.encode), others.map(str.encode), damaged, st.binary(max_size=80))


def said(line: bytes) -> object:
    try:
        event = parse_line(line, CLOCK)
    except MalformedLine as error:
        return error.reason.value, line
    return event, None if event.format(CLOCK).encode() == line else line


def row(parsed: Parsed, at: int) -> object:
    if at in parsed.rejected:
        return parsed.rejected[at]
    movies = list(parsed.movies)
    event = parsed.odd.get(at) or Watched(
        int(parsed.at_ns[at]), int(parsed.user_id[at]), movies[parsed.movie[at]], int(parsed.minute[at])
    )
    assert (event.at_ns, event.user_id) == (parsed.at_ns[at], parsed.user_id[at])
    return event, parsed.raw.get(at)


def all_of(parsed: Parsed) -> list[object]:
    return [row(parsed, at) for at in range(len(parsed.kind))]


@settings(max_examples=300)
@given(st.lists(lines, max_size=40))
def test_every_line_means_the_same_in_a_block_as_alone(given_lines):
    expected = [said(line) for line in given_lines]
    assert all_of(parse_lines(given_lines, CLOCK)) == expected
    if not any(b"\n" in line for line in given_lines):
        text = TextLines(b"".join(line + b"\n" for line in given_lines))
        assert all_of(parse_lines(text, CLOCK)) == expected


def test_canonical_watch_lines_do_not_take_the_slow_way():
    given_lines = [
        b"2026-02-14T00:09,1,GET /data/m/heat+1995/73.mpg",
        b"2026-02-14T00:09:20,219411,GET /data/m/heat+1995/1.mpg",
        b"2026-02-14T00:09:20.426,99999999,GET /data/m/jazz+2001/1063.mpg",
    ]
    assert parse_lines(given_lines, CLOCK).odd == {}


def test_a_batch_of_several_blocks_keeps_its_order():
    given_lines = [
        f"2026-02-14T00:09,{user},GET /data/m/movie+{user % 7}/{user % 100}.mpg".encode()
        for user in range(2 * BLOCK_LINES + 3)
    ]
    given_lines[BLOCK_LINES] = b"broken"
    parsed = parse_lines(given_lines, CLOCK)
    kept = [user for user in range(len(given_lines)) if user != BLOCK_LINES]
    assert parsed.user_id[parsed.rows].tolist() == kept
    assert [list(parsed.movies)[code] for code in parsed.movie[kept]] == [f"movie+{user % 7}" for user in kept]
    text = parse_lines(TextLines(b"\n".join(given_lines) + b"\n"), CLOCK)
    assert (text.at_ns == parsed.at_ns).all()
    assert (text.user_id == parsed.user_id).all()
    assert (text.movie == parsed.movie).all()
    assert text.rejected == parsed.rejected == {BLOCK_LINES: ("fields", b"broken")}
    assert parsed.counts() == {"watch": len(kept)}
    assert list(parsed.rejected) == [BLOCK_LINES]
    assert KINDS[0] == "watch"
