"""Ticks to sessions: the gap rule, and that folding in pieces is folding whole."""

from functools import reduce

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sessions import COLUMNS, GAP_NS, fold, merge

MINUTE_NS = 60 * 1_000_000_000

ticks = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.sampled_from(["a", "b"]),
        st.integers(0, 120).map(lambda m: m * MINUTE_NS),
        st.integers(0, 200),
    ),
    max_size=60,
)


def table(rows):
    users, movies, at_ns, minutes = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            "user_id": pa.array(users, pa.int64()),
            "movie_id": pa.array(movies, pa.string()),
            "at_ns": pa.array(at_ns, pa.int64()),
            "minute": pa.array(minutes, pa.int32()),
        }
    )


def folded_by_hand(rows):
    sessions = []
    for user, movie in sorted({row[:2] for row in rows}):
        open_ticks = []
        for row in sorted((row for row in rows if row[:2] == (user, movie)), key=lambda row: row[2]):
            if open_ticks and row[2] - open_ticks[-1][2] > GAP_NS:
                sessions.append((user, movie, open_ticks))
                open_ticks = []
            open_ticks = [*open_ticks, row]
        sessions.append((user, movie, open_ticks))
    return sorted((u, m, t[0][2], t[-1][2], min(r[3] for r in t), max(r[3] for r in t), len(t)) for u, m, t in sessions)


def as_rows(found):
    return sorted(zip(*(found[name].to_pylist() for name in COLUMNS), strict=True))


@settings(max_examples=20)
@given(ticks)
def test_a_session_ends_where_nothing_came_for_more_than_the_gap(rows):
    assert as_rows(fold(table(rows))) == folded_by_hand(rows)


@settings(max_examples=12)
@given(ticks, st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_folding_in_pieces_and_merging_is_folding_whole(rows, piece_of):
    assert as_rows(merge(pa.concat_tables(pieces_of(rows, piece_of)))) == folded_by_hand(rows)


@settings(max_examples=8)
@given(ticks, st.lists(st.integers(0, 3), min_size=60, max_size=60), st.permutations(range(4)))
def test_pieces_merge_one_after_the_other_in_any_order(rows, piece_of, order):
    pieces = pieces_of(rows, piece_of)
    merged = reduce(lambda so_far, n: merge(pa.concat_tables([so_far, pieces[n]])), order[1:], pieces[order[0]])
    assert as_rows(merged) == folded_by_hand(rows)


def pieces_of(rows, piece_of):
    pieces = [[row for row, piece in zip(rows, piece_of, strict=False) if piece == n] for n in range(4)]
    return [fold(table(piece)) for piece in pieces]


@settings(max_examples=10)
@given(ticks)
def test_merging_what_is_whole_changes_nothing(rows):
    whole = fold(table(rows))
    assert as_rows(merge(whole)) == as_rows(whole)
