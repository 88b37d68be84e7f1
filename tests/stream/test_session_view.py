"""The view `sessions`: what each column says, checked against a slow fold by hand, and against damage and gaps."""

import json

import duckdb
import pyarrow as pa
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_lines import CLOCK, append

from small_logs import MINUTE_NS, SmallLog
from stream.__main__ import cli
from stream.events import Rated, Watched
from stream.session_summary import summary
from stream.sessions import fold, sessions_sql
from stream.store.compact import compact
from stream.store.query import query
from stream.store.schema import SESSION_SCHEMA

ALL = "SELECT * FROM sessions ORDER BY started_ns, user_id, movie_id"
NEAR_MIDNIGHT_NS = CLOCK.read("2026-10-20T23:20")

ticks = st.tuples(st.just("tick"), st.integers(1, 2), st.sampled_from("ab"), st.integers(0, 150), st.integers(0, 90))
ratings = st.tuples(st.just("rate"), st.integers(1, 2), st.sampled_from("ab"), st.integers(0, 180), st.integers(1, 5))
happened = st.lists(st.one_of(ticks, ticks, ticks, ratings), min_size=1, max_size=50)


def sessions(store, sql=ALL):
    """Rows as dicts; numbers that may be NULL come back as floats, None for NULL."""
    columns = {name: [None if v != v else v for v in column.tolist()] for name, column in query(store, sql).items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def catalogue(store, **runtimes):
    (store / "catalog").mkdir(parents=True, exist_ok=True)
    records = [{"id": movie, "title": movie, "runtime": runtime} for movie, runtime in runtimes.items()]
    (store / "catalog" / "movies.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def by_hand(rows):
    """user, movie, start, last, lowest and highest minute, ticks, score and minute of the rating; one a session."""
    found = []
    for user, movie in sorted({row[1:3] for row in rows}):
        mine = sorted((at, value) for kind, *key, at, value in rows if kind == "tick" and key == [user, movie])
        rated = [(at, value) for kind, *key, at, value in rows if kind == "rate" and key == [user, movie]]
        cuts = [i for i in range(1, len(mine)) if mine[i][0] - mine[i - 1][0] > 15]
        for first, end in zip([0, *cuts], [*cuts, len(mine)], strict=True):
            if not (part := mine[first:end]):
                continue
            start, last = part[0][0], part[-1][0]
            score = max((r for r in rated if start <= r[0] <= last + 15), default=(None, None))
            minutes = [minute for _, minute in part]
            found.append((user, movie, start, last, min(minutes), max(minutes), len(part), score[1], score[0]))
    return sorted(found)


def table(rows, *names):
    types = {"movie_id": pa.string(), "minute": pa.int32(), "score": pa.int32()}
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pa.table({n: pa.array(c, types.get(n, pa.int64())) for n, c in zip(names, columns, strict=True)})


def viewed(raw, pruned):
    """The view over ticks of which some are folded already, in pieces, and the ratings of all."""
    kinds = {kind: [(u, m, at * MINUTE_NS, v) for k, u, m, at, v in raw if k == kind] for kind in ("tick", "rate")}
    parts = [[(u, m, at * MINUTE_NS, v) for k, u, m, at, v in piece if k == "tick"] for piece in pruned]
    kinds["rate"] += [(u, m, at * MINUTE_NS, v) for piece in pruned for k, u, m, at, v in piece if k == "rate"]
    tick = ("user_id", "movie_id", "at_ns", "minute")
    folded = [fold(table(part, *tick)).cast(SESSION_SCHEMA) for part in parts]
    with duckdb.connect(":memory:") as connection:
        connection.register("watches", table(kinds["tick"], *tick))
        connection.register("ratings", table(kinds["rate"], "user_id", "movie_id", "at_ns", "score"))
        connection.register("events", table([(row[2],) for row in kinds["tick"] + kinds["rate"]], "at_ns"))
        connection.register("pruned_sessions", pa.concat_tables([SESSION_SCHEMA.empty_table(), *folded]))
        connection.execute("CREATE VIEW runtimes AS SELECT 'a' AS movie_id, 60.0 AS runtime_minutes")
        return connection.sql(ALL.replace("sessions", f"({sessions_sql()})")).to_arrow_table().to_pylist()


def in_minutes(at_ns):
    return None if at_ns is None else at_ns // MINUTE_NS


def as_by_hand(rows):
    names = ("started_ns", "last_ns", "first_minute", "last_minute", "ticks", "score", "rated_ns")
    return sorted(
        (row["user_id"], row["movie_id"], *(in_minutes(row[name]) if "_ns" in name else row[name] for name in names))
        for row in rows
    )


@settings(max_examples=10)
@given(happened, st.lists(st.integers(0, 2), min_size=50, max_size=50))
def test_whatever_was_folded_before_the_view_shows_what_the_ticks_and_ratings_say(rows, piece_of):
    pieces = [[row for row, piece in zip(rows, piece_of, strict=False) if piece == n] for n in range(3)]
    seen = viewed(pieces[0], pieces[1:])
    assert as_by_hand(seen) == by_hand(rows)
    whole = viewed(rows, [])
    assert [row | {"ended": None} for row in seen] == [row | {"ended": None} for row in whole]


@settings(max_examples=8)
@given(happened, st.lists(st.tuples(st.integers(0, 49), st.integers(1, 50)), max_size=4), st.randoms(), st.booleans())
def test_a_day_stored_twice_in_pieces_and_in_any_order_gives_the_same_sessions(
    tmp_path_factory, rows, pieces, dice, merged
):
    store = tmp_path_factory.mktemp("store")
    rows = sorted(rows, key=lambda row: row[3])
    lines = [line_of(*row) for row in rows]
    pieces = [(first, first + count) for first, count in pieces if first < len(lines)] + [(0, len(lines))]
    cut = len(lines) // 2
    pieces += [(0, cut), (cut, len(lines))] if cut else []
    dice.shuffle(pieces)
    for first, end in pieces:
        append(store, lines[first:end], first)
    if merged:
        compact(store, full=True)
    shifted = [row | {n: int(row[n]) - NEAR_MIDNIGHT_NS for n in ("started_ns", "last_ns")} for row in sessions(store)]
    shifted = [row | {"rated_ns": row["rated_ns"] and round(row["rated_ns"] - NEAR_MIDNIGHT_NS)} for row in shifted]
    assert [row[:8] for row in as_by_hand(shifted)] == [row[:8] for row in by_hand(rows)]


def line_of(kind, user, movie, at, value):
    at_ns = NEAR_MIDNIGHT_NS + at * MINUTE_NS
    event = Watched(at_ns, user, movie, value) if kind == "tick" else Rated(at_ns, user, movie, value)
    return event.format(CLOCK).encode()


def stored(folder, *, now="2026-10-20T18:00", **runtimes):
    """A log to fill; `keep()` stores it under a stream time of `now`."""
    log = SmallLog()
    log.played(now, 999, "clock+2000", minutes=2)
    if runtimes:
        catalogue(folder, **{"clock+2000": 120, **runtimes})
    return log, lambda: [row for row in sessions(log.store(folder)) if row["user_id"] != 999]


def test_a_session_says_how_long_how_much_of_the_movie_and_how_it_was_rated(tmp_path):
    log, keep = stored(tmp_path, heat=120)
    log.played("2026-10-20T10:00", 7, "heat", minutes=30, first=0)
    log.played("2026-10-20T10:32", 7, "heat", minutes=58, first=32)  # two ticks never came
    log.rated("2026-10-20T11:31", 7, "heat", 4)
    (row,) = keep()
    start = log.at("2026-10-20T10:00")
    assert row == {
        "user_id": 7, "movie_id": "heat", "started_ns": start, "last_ns": start + 89 * MINUTE_NS,
        "first_minute": 0, "last_minute": 89, "ticks": 88, "minutes": 90, "ticks_missing": 2,
        "runtime_minutes": 120.0, "share": 0.75, "ended": True, "score": 4, "rated_ns": start + 91 * MINUTE_NS,
    }  # fmt: skip


def test_a_session_is_on_until_the_gap_the_last_minute_or_a_rating(tmp_path):
    log, keep = stored(tmp_path, now="2026-10-20T12:00", heat=31, fargo=120)
    log.played("2026-10-20T11:30", 1, "heat", minutes=31)  # its last minute
    log.played("2026-10-20T11:30", 2, "fargo", minutes=30)
    log.played("2026-10-20T11:30", 3, "fargo", minutes=30)
    log.rated("2026-10-20T12:00", 3, "fargo", 4)
    log.played("2026-10-20T11:17", 4, "fargo", minutes=30)  # 11:46, and it is 12:01
    log.played("2026-10-20T11:16", 5, "fargo", minutes=30)
    assert {row["user_id"]: row["ended"] for row in keep()} == {1: True, 2: False, 3: True, 4: False, 5: True}


def test_one_mistyped_date_does_not_end_what_is_still_on(tmp_path):
    log, keep = stored(tmp_path, now="2026-10-20T12:00")
    log.played("2026-10-20T11:30", 2, "fargo", minutes=30)
    log.played("2066-10-20T11:30", 3, "fargo", minutes=1)
    assert [row["ended"] for row in keep()] == [False, False]


def test_a_damaged_minute_makes_no_session_long_and_ends_none(tmp_path):
    log, keep = stored(tmp_path, now="2026-10-20T12:00", heat=120)
    log.played("2026-10-20T11:31", 1, "heat", minutes=14)
    log.played("2026-10-20T11:45", 1, "heat", minutes=1, first=140)  # was 14
    log.played("2026-10-20T11:46", 1, "heat", minutes=15, first=15)
    (row,) = keep()
    assert (row["last_minute"], row["ended"], row["runtime_minutes"]) == (29, False, 120)  # that tick is flagged
    assert 30 <= row["minutes"] <= 33
    assert row["share"] == row["minutes"] / 120


def test_two_who_watch_under_one_name_are_one_session_that_misses_nothing(tmp_path):
    log, keep = stored(tmp_path)
    log.played("2026-10-20T10:00", 1, "heat", minutes=30)
    log.played("2026-10-20T10:00:20", 1, "heat", minutes=30, first=80)
    (row,) = keep()
    assert (row["ticks"], row["first_minute"], row["last_minute"], row["ticks_missing"]) == (60, 0, 109, 0)
    assert 30 <= row["minutes"] <= 33


def test_no_share_where_the_catalogue_knows_no_runtime_or_that_of_an_episode(tmp_path):
    log, keep = stored(tmp_path, zero=0, none=None, text="60", word="long", infinite="1e999", jazz=110)
    for user, movie in enumerate(["zero", "none", "text", "word", "infinite"]):
        log.played("2026-10-20T10:00", user, movie, minutes=30)
    log.played("2026-10-20T10:00", 20, "jazz", minutes=20, first=1_040)  # of some 1,140
    log.played("2026-10-20T10:00", 21, "jazz", minutes=55)
    found = {row["movie_id"]: (row["runtime_minutes"], row["share"]) for row in keep()}
    assert found == dict.fromkeys(["zero", "none", "word", "infinite", "jazz"], (None, None)) | {"text": (60.0, 0.5)}


def test_a_catalogue_cut_short_by_a_kill_gives_what_is_whole(tmp_path):
    log, keep = stored(tmp_path, heat=100)
    with (tmp_path / "catalog" / "movies.jsonl").open("ab") as out:
        out.write(b'\xff\xfe{"id"\n[1]\n{"id": "fargo", "runtime": 98}\n{"id": "torn", "runt')
    log.played("2026-10-20T10:00", 1, "heat", minutes=25)
    log.played("2026-10-20T10:00", 1, "fargo", minutes=49)
    assert {row["movie_id"]: row["share"] for row in keep()} == {"heat": 0.25, "fargo": 0.5}


def test_the_share_is_at_most_the_whole_movie(tmp_path):
    log, keep = stored(tmp_path, heat=100)
    log.played("2026-10-20T10:00", 1, "heat", minutes=103)
    assert [row["share"] for row in keep()] == [1.0]


def test_a_rating_long_after_or_before_belongs_to_no_session(tmp_path):
    log, keep = stored(tmp_path)
    log.rated("2026-10-20T09:59", 1, "heat", 1)
    log.played("2026-10-20T10:00", 1, "heat", minutes=1)
    log.rated("2026-10-20T10:16", 1, "heat", 2)
    log.played("2026-10-20T10:30", 1, "heat", minutes=1)  # the rating between bridges nothing
    log.rated("2026-10-20T10:31", 1, "heat", 3)
    log.rated("2026-10-20T10:45", 1, "heat", 5)
    log.rated("2026-10-20T10:31", 2, "heat", 4)
    assert [(row["user_id"], row["score"]) for row in keep()] == [(1, None), (1, 5)]


def test_the_command_tells_a_student_what_the_sessions_are(tmp_path):
    log, keep = stored(tmp_path, heat=60)
    log.played("2026-10-20T10:00", 1, "heat", minutes=60)
    log.played("2026-10-20T10:00", 2, "heat", minutes=30)
    log.rated("2026-10-20T11:00", 1, "heat", 9)
    keep()
    found = summary(tmp_path)
    assert (found["sessions"], found["ended"], found["ended_with_runtime"], found["finished"]) == (3, 2, 2, 1)
    assert (found["mean_share"], found["rated"], found["mean_score"], found["ticks_missing"]) == (0.75, 1, 9.0, 0)
    said = CliRunner().invoke(cli, ["sessions", "--store", str(tmp_path)]).stdout
    assert "3 watch sessions of 3 users and 2 movies, folded from 92 minute ticks" in said
    assert "2 have ended, 1 are still on" in said
    assert "75.0% on average of 2 ended sessions of movies of known length; 50.0% reached the last 3%" in said
    (tmp_path / "none" / "events").mkdir(parents=True)
    empty = CliRunner().invoke(cli, ["sessions", "--store", str(tmp_path / "none"), "--json"])
    assert json.loads(empty.stdout)["mean_share"] is None
