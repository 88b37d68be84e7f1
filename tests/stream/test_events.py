"""The format of the stream: the course's corpus, round trips, and that nothing but MalformedLine ever comes out."""

import contextlib
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.events import AccountCreated, MalformedLine, Rated, Reason, Requested, WallClock, Watched, parse_line
from stream.store.parse_block import parse_lines
from stream.store.text_lines import TextLines

PITTSBURGH = WallClock("America/New_York")
HOST = "17645-team02.isri.cmu.edu:8082"


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def request(result: str, status: int = 200, at: str = "2024-10-25T03:15:41.160449866") -> str:
    return f"{at},1,recommendation request {HOST}, status {status}, result: {result}"


instants = st.integers(ns("2000-01-01T00:00"), ns("2100-01-01T00:00")).filter(
    lambda at: PITTSBURGH.read(PITTSBURGH.show(at)) == at  # leaves out the second of the repeated autumn hours
)
users = st.integers(0, 10**18 - 1)
movies = st.text("abcxyz0189+_.-*%AZ", min_size=1, max_size=40)
counts = st.integers(0, 10**9 - 1)
hosts = st.from_regex(r"[a-zA-Z0-9.-]{1,30}:[0-9]{1,5}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=60)
events = st.one_of(
    st.builds(Watched, instants, users, movies, counts),
    st.builds(Rated, instants, users, movies, counts),
    st.builds(AccountCreated, instants, users),
    st.builds(
        Requested, instants, users, hosts, st.just(200), st.lists(movies, max_size=25).map(tuple), st.none(), counts
    ),
    st.builds(
        Requested, instants, users, hosts, st.integers(0, 999).filter(lambda s: s != 200), st.just(()), texts, counts
    ),
)


@given(events)
def test_an_event_survives_the_wire(event):
    line = event.format(PITTSBURGH)
    assert parse_line(line, PITTSBURGH) == event
    assert parse_line(line.encode(), PITTSBURGH).format(PITTSBURGH) == line


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2023-03-20T08:13", 0),
        ("2019-09-05T19:27:01", 10**9),
        ("2022-11-14T12:23:23.166", 23_166 * 10**6),
        ("2022-03-04T20:22:00.415793", 415_793_000),
        ("2024-10-25T03:15:41.160449866", 41_160_449_866),
    ],
)
def test_all_five_precisions_read_and_print_in_their_shortest_form(text, nanoseconds):
    assert PITTSBURGH.read(text) - PITTSBURGH.read(text[:16]) == nanoseconds
    assert PITTSBURGH.show(PITTSBURGH.read(text)) == text


def test_local_times_are_those_of_the_zone_in_winter_and_in_summer():
    assert PITTSBURGH.read("2026-01-15T12:00") == ns("2026-01-15T17:00")
    assert PITTSBURGH.read("2026-07-15T12:00") == ns("2026-07-15T16:00")


def test_the_repeated_autumn_hour_is_read_as_its_first_and_both_print_alike():
    first = PITTSBURGH.read("2026-11-01T01:30")
    assert first == ns("2026-11-01T05:30")
    assert PITTSBURGH.show(first) == PITTSBURGH.show(first + 3_600 * 10**9) == "2026-11-01T01:30"


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("2023-03-20T08:13,722141,GET /data/m/schindlers+list+1993/154.mpg", (722141, "schindlers+list+1993", 154)),
        ("2023-03-20T08:13,1,GET /data/m/++++2013/3.mpg", (1, "++++2013", 3)),
        ("2023-03-20T08:13,1,GET /data/m/endeavour+/3.mpg", (1, "endeavour+", 3)),
        ("2023-03-20T08:13,1,GET /data/m/NzPliAB5Fa/3.mpg", (1, "NzPliAB5Fa", 3)),
        ("2023-03-20T08:13,1,GET /data/m/jazz+2001/1063.mpg", (1, "jazz+2001", 1063)),
        ("2019-09-05T19:27:01,614,GET /data/m/la+moiti%C3%A9+gauche+du+frigo+2000/20.mpg",
         (614, "la+moiti%C3%A9+gauche+du+frigo+2000", 20)),
        ("2026-08-27T18:44:45.585,6597125,GET /data/m/fight+club+1999/19.mpg", (6597125, "fight+club+1999", 19)),
    ],
)  # fmt: skip
def test_watch_lines_of_the_wild(line, event):
    seen = parse_line(line, PITTSBURGH)
    assert isinstance(seen, Watched)
    assert (seen.user_id, seen.movie_id, seen.minute) == event


@pytest.mark.parametrize("score", [0, 4, 10, 11, 15])
def test_a_score_parses_whatever_the_terms_scale(score):
    line = f"2026-07-17T16:19:12,28083,GET /rate/ace+ventura+pet+detective+1994={score}"
    assert parse_line(line, PITTSBURGH) == Rated(
        ns("2026-07-17T20:19:12"), 28083, "ace+ventura+pet+detective+1994", score
    )


def test_create_account_parses():
    assert parse_line("2026-02-14T00:09,5,GET /create_account", PITTSBURGH) == AccountCreated(ns("2026-02-14T05:09"), 5)


@pytest.mark.parametrize("result", ["a+2000, b+2001, 45 ms", "a+2000,b+2001, 45ms", "a+2000,b+2001,45 ms"])
def test_an_answered_list_is_read_with_and_without_blanks(result):
    seen = parse_line(request(result), PITTSBURGH)
    assert isinstance(seen, Requested)
    assert (seen.host, seen.status, seen.movies, seen.failure, seen.latency_ms) == (
        HOST, 200, ("a+2000", "b+2001"), None, 45,
    )  # fmt: skip


@pytest.mark.parametrize("result", [", 12 ms", "12 ms"])
def test_an_empty_list_has_no_movies_and_is_no_failure(result):
    seen = parse_line(request(result), PITTSBURGH)
    assert isinstance(seen, Requested)
    assert (seen.movies, seen.failure, seen.latency_ms) == ((), None, 12)


@pytest.mark.parametrize(
    ("status", "text", "ms"),
    [
        (0, "java.util.concurrent.TimeoutException: Request timeout to a.b/128.2.205.130:8082 after 800 ms", 832),
        (0, "Connection refused: fall2020-comp598-1.cs.mcgill.ca/132.206.51.156:8082", 1369),
        (0, "java.net.ConnectException: connection timed out: h.cs.mcgill.ca/132.206.51.206:8082", 818),
        (0, "a+2000,b+2001", 819),
        (500, "Internal Server Error, sorry", 3),
        (200, '["a+2000", "b+2001"]', 3),
        (200, "a+2000,, b+2001", 3),
        (404, "", 3),
    ],
)
def test_what_is_no_answered_list_keeps_its_text(status, text, ms):
    line = request(f"{text}, {ms} ms", status)
    seen = parse_line(line, PITTSBURGH)
    assert isinstance(seen, Requested)
    assert (seen.status, seen.movies, seen.failure, seen.latency_ms) == (status, (), text, ms)
    assert seen.format(PITTSBURGH) == line


def test_a_shortened_fixture_without_a_blank_before_ms_parses():
    seen = parse_line(request("java.net.ConnectException: Connection refused, 1ms", 0), PITTSBURGH)
    assert isinstance(seen, Requested)
    assert (seen.failure, seen.latency_ms) == ("java.net.ConnectException: Connection refused", 1)


WATCH = "2026-02-14T00:09:20.426,219411,GET /data/m/heat+1995/73.mpg"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", Reason.EMPTY),
        ("\r", Reason.EMPTY),
        (b"\xff\xfe,1,GET /rate/x=1", Reason.ENCODING),
        ("\ud800", Reason.ENCODING),
        ("x" * 1_000_000, Reason.LENGTH),
        ("no commas", Reason.FIELDS),
        ("," * 10_000, Reason.TIME),
        ("\0" + WATCH, Reason.TIME),
        ("2022-11-14T12: 23:28,1,GET /rate/x+1999=4", Reason.TIME),
        ("2024-170-14T15:34:12,1,GET /rate/x+1999=4", Reason.TIME),
        ("2022-e11-14T15:34:12,1,GET /rate/x+1999=4", Reason.TIME),
        ("2024-10-14T15 :42:39,1,GET /rate/x+1999=4", Reason.TIME),
        ("2024-02-30T15:42:39,1,GET /rate/x+1999=4", Reason.TIME),
        ("2024-02-03T15:42:60,1,GET /rate/x+1999=4", Reason.TIME),
        ("2024-02-03T15:42:39.16,1,GET /rate/x+1999=4", Reason.TIME),
        ("2024-02-03T15:42:39.1٣6,1,GET /rate/x+1999=4", Reason.TIME),
        ("9024-02-03T15:42:39,1,GET /rate/x+1999=4", Reason.TIME),
        ("0001-01-01T00:00,1,GET /rate/x+1999=4", Reason.TIME),
        ("2022-11-14T12:23:28,317r398,GET /rate/x+1999=4", Reason.USER),
        ("2022-11-14T12:23:28,387336 ,GET /rate/x+1999=4", Reason.USER),
        ("2022-11-14T12:23:28,,GET /rate/x+1999=4", Reason.USER),
        ("2022-11-14T12:23:28,٣,GET /rate/x+1999=4", Reason.USER),
        ("2022-11-14T12:23:28,1,GZET /data/m/x+1999/3.mpg", Reason.KIND),
        ("2022-11-14T12:23:28,1,GET /data/5m/x+1999/3.mpg", Reason.KIND),
        ("2022-11-14T12:23:28,1,GET /d ata/m/x+1999/3.mpg", Reason.KIND),
        ("2022-11-14T12:23:28,1,GET /create_accounts", Reason.KIND),
        ("2022-11-14T12:23:28,1,GET /data/m/fel lowship+2001/3.mpg", Reason.MOVIE),
        ("2022-11-14T12:23:28,1,GET /data/m//3.mpg", Reason.MOVIE),
        ("2022-11-14T12:23:28,1,GET /data/m/a,b/3.mpg", Reason.MOVIE),
        ("2022-11-14T12:23:28,1,GET /data/m/x+1999/30.Hmpg", Reason.MINUTE),
        ("2022-11-14T12:23:28,1,GET /data/m/x+1999/.mpg", Reason.MINUTE),
        ("2022-11-14T12:23:28,1,GET /data/m/x+1999/-1.mpg", Reason.MINUTE),
        ("2022-11-14T12:23:28,1,GET /rate/x+1999=D", Reason.RATING),
        ("2022-11-14T12:23:28,1,GET /rate/x+1999=", Reason.RATING),
        ("2022-11-14T12:23:28,1,GET /rate/x+1999", Reason.RATING),
        ("2022-11-14T12:23:28,1,GET /rate/=4", Reason.MOVIE),
        (request("a+2000, b+2001"), Reason.REQUEST),
        (request("a+2000, 45 m s"), Reason.REQUEST),
        (request("x, 45 ms").replace("status", "sta tus"), Reason.REQUEST),
        (request("a\0b, 45 ms", 0), Reason.REQUEST),
    ],
)
def test_a_damaged_line_is_refused_with_its_reason(line, reason):
    with pytest.raises(MalformedLine) as caught:
        parse_line(line, PITTSBURGH)
    assert caught.value.reason is reason


def test_a_refusal_says_what_was_expected_and_shows_what_came():
    with pytest.raises(MalformedLine, match=r"rating: expected <time>,<user>,GET /rate/<movie>=<score>; got '2026"):
        parse_line("2026-03-01T10:15:00,417,GET /rate/heat+1995=D", PITTSBURGH)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_no_other_error_comes_out_of_any_bytes(line):
    with contextlib.suppress(MalformedLine):
        parse_line(line, PITTSBURGH)


def mutated(dice: random.Random, line: bytes) -> bytes:
    """One or three bytes put in, taken out or replaced, two lines run together, or the line cut short."""
    changed = bytearray(line)
    for _ in range(dice.choice((1, 1, 1, 3))):
        at, taken = dice.randrange(len(changed)), dice.choice((0, 0, 1, 1, 2))
        changed[at : at + taken] = bytes([dice.choice((dice.randrange(256), *b" ,/=:.0\r"))]) * dice.choice((0, 1, 1))
        changed = changed or bytearray(b"x")
    return bytes(changed if dice.random() < 0.95 else changed[: dice.randrange(len(changed))] + line)


def test_200_000_random_and_mutated_lines_mean_the_same_alone_and_in_a_block_and_raise_nothing_else():
    dice = random.Random(7)
    failed = request("java.util.concurrent.TimeoutException: a, b after 800 ms, 832 ms", 0).encode()
    genuine = [WATCH.encode(), WATCH.encode(), b"2026-07-17T16:19,28083,GET /rate/heat+1995=10", failed,
               request("a+1, b+2, 7 ms").encode(), b"2026-02-14T00:09:07,5,GET /create_account"]  # fmt: skip
    lines = [mutated(dice, dice.choice(genuine)) for _ in range(190_000)]
    lines += [dice.randbytes(dice.randrange(90)) for _ in range(10_000)]
    parsed = parse_lines(lines, PITTSBURGH)
    seen: set[object] = set()
    for row, line in enumerate(lines):
        said = event_or_reason(line)
        if isinstance(said, Reason):
            seen.add(said)
            assert parsed.rejected[row] == (said.value, line)
        else:
            seen.add(type(said))
            assert row not in parsed.rejected
            assert (parsed.at_ns[row], parsed.user_id[row]) == (said.at_ns, said.user_id)
            assert parsed.odd.get(row, said) == said
    assert seen == {Watched, Rated, Requested, AccountCreated, *Reason} - {Reason.LENGTH, Reason.ANSWER}


def event_or_reason(line: bytes):
    try:
        return parse_line(line, PITTSBURGH)
    except MalformedLine as error:
        return error.reason


@given(lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))), size=st.integers(1, 60))
def test_lines_of_a_text_are_those_cut_out_whatever_the_pieces(lines, size):
    text = TextLines(b"".join(line + b"\n" for line in lines))
    assert list(text) == lines
    assert len(text) == len(lines)
    pieces = list(text.pieces(size))
    assert [line for piece in pieces for line in piece] == lines
    assert all(len(piece.text) <= size or len(piece) == 1 for piece in pieces)


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_a_time_is_cut_to_the_terms_digits_before_it_is_printed(digits):
    event = Watched(PITTSBURGH.read("2026-02-14T00:09:20.426789123"), 1, "x", 1)
    full = "2026-02-14T00:09:20.426789123"
    assert event.format(PITTSBURGH, digits).split(",")[0] == (full[: 20 + digits] if digits else full[:19])
