"""Retention by days, sessions' own digest, lines won back from the quarantine, and a disk that is full meanwhile."""

import contextlib
import json
import resource
import signal
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from stream_lines import CLOCK, SOURCE, START_NS, append, append_in_pieces, some_lines, stored_digest

from stream.__main__ import cli
from stream.events import AccountCreated, Watched
from stream.store import files, maintenance, requarantine, rows, schema
from stream.store.compact import compact
from stream.store.digest import digest
from stream.store.info import info
from stream.store.query import query
from stream.store.retention import DAY_NS, enforce
from stream.store.rules import remember_term
from stream.store.tables import quarantine_table
from stream.store.verify import verify
from stream.terms import TERMS

SESSIONS = "SELECT user_id, movie_id, started_ns, last_ns, first_minute, last_minute, ticks FROM sessions ORDER BY ALL"
NO_BOUND = 10**12


def answers_to(store, sql):
    return list(zip(*(column.tolist() for column in query(store, sql).values()), strict=True))


def on_disk(store):
    return {str(path): path.read_bytes() for path in store.rglob("*.parquet")}


def tick(day: float, user: int = 1, minute: int = 1) -> bytes:
    return Watched(START_NS + round(day * DAY_NS), user, "heat+1995", minute).format(CLOCK).encode()


LATER = [tick(30, minute=1), tick(30.0007, minute=2)]


def fold_all(store) -> None:
    """Let lines of a month later come from another source, and fold what is old by then."""
    append(store, LATER, source="f" * 16)
    enforce(store, NO_BOUND, 20)
    assert [segment.source for segment in files.listed(store, files.EVENTS)] == ["f" * 16]


@contextlib.contextmanager
def room_for(n_bytes: int):
    """No file may grow beyond this: EFBIG where a full disk says ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def as_an_older_parser_left_it(store, offsets):
    """Move these events back to the quarantine of their files, as if they had never parsed."""
    for segment in files.segments(store, files.EVENTS):
        table = schema.read(segment.path)
        which = np.isin(np.asarray(table["offset"]), list(offsets))
        lines = list(rows.lines_of(table.filter(which), files.EVENTS, CLOCK.zone))
        rest = table.filter(~which)
        date = segment.path.parent.name.removeprefix("date=")
        at = np.asarray(table["offset"])[which]
        refused = quarantine_table({row: ("time", line) for row, line in enumerate(lines)}, at)
        old = store / files.QUARANTINE / f"date={date}" / segment.path.name
        if old.exists():
            refused = pa.concat_tables([schema.read(old), refused]).unify_dictionaries().sort_by("offset")
        for kind, kept in ((files.QUARANTINE, refused), (files.EVENTS, rest)):
            schema.write(store, kind, date, segment.path.name, kept, rows.facts_from(kept, kind, CLOCK.zone))


def test_days_fold_old_ticks_and_drop_old_refusals_but_keep_sessions(tmp_path):
    for day in range(10):
        append(tmp_path, [tick(day + minute / 1_440, minute=minute) for minute in range(20)] + [b"?"], day * 21)
    before = info(tmp_path), answers_to(tmp_path, SESSIONS)
    report = enforce(tmp_path, NO_BOUND, 3)
    assert (report["folded"], report["dropped"]) == (6, 6)
    assert query(tmp_path, "SELECT min(at_ns) AS at FROM watches")["at"].tolist() == [START_NS + 6 * DAY_NS]
    assert answers_to(tmp_path, SESSIONS) == before[1]
    after = info(tmp_path)
    assert (after["events"], after["kinds"]) == (before[0]["events"], before[0]["kinds"])
    assert (after["pruned"], sum(after["quarantined"].values())) == (120, 4)
    assert enforce(tmp_path, NO_BOUND, 3)["folded"] == 0


def test_one_mistyped_date_does_not_age_the_store(tmp_path):
    for day in range(4):
        append(tmp_path, [tick(day), tick(day + 0.01)], 10 * day)
    append(tmp_path, [tick(4), tick(4_000)], 40)
    append(tmp_path, [tick(4_001)], 50)
    assert enforce(tmp_path, NO_BOUND, 7)["folded"] == 0
    assert enforce(tmp_path, NO_BOUND, 2.5)["folded"] == 2


def test_what_is_flagged_is_kept_row_by_row_when_ticks_are_folded(tmp_path):
    bad = Watched(START_NS, 6_597_125, "heat+1995", 3).format(CLOCK).encode()
    append(tmp_path, [tick(0), bad, tick(0.001, minute=2), AccountCreated(START_NS, 1).format(CLOCK).encode()])
    remember_term(tmp_path, TERMS["F2026"])
    append(tmp_path, LATER, source="f" * 16)
    before = info(tmp_path)
    fold_all(tmp_path)
    after = info(tmp_path)
    assert {name: after[name] for name in ("events", "kinds", "flagged", "digest")} == {
        name: before[name] for name in ("events", "kinds", "flagged", "digest")
    }
    assert after["flagged"] == {"user_range": 1}
    assert answers_to(tmp_path, "SELECT user_id, ticks FROM sessions ORDER BY started_ns") == [(1, 2), (1, 2)]
    assert verify(tmp_path)["holds"]


def test_verify_recomputes_the_digest_of_sessions(tmp_path):
    append(tmp_path, some_lines(2_000, broken=0))
    fold_all(tmp_path)
    [segment] = files.listed(tmp_path, files.SESSIONS)
    assert schema.facts_of(segment.path).rows_digest == schema.rows_digest(schema.read(segment.path))
    table = pq.read_table(segment.path, partitioning=None)
    other = table.set_column(3, "last_ns", [[at + 1 for at in table["last_ns"].to_pylist()]])
    pq.write_table(other.replace_schema_metadata(table.schema.metadata), segment.path)
    report = verify(tmp_path)
    assert report["holds"] is False
    assert "expected sessions of digest" in report["damaged"][0]["wrong"]


def test_sessions_files_from_before_their_digest_stay_readable(tmp_path):
    append_in_pieces(tmp_path, some_lines(4_000, broken=0), 2_000)
    fold_all(tmp_path)
    before = answers_to(tmp_path, SESSIONS), info(tmp_path)["digest"]
    for segment in files.listed(tmp_path, files.SESSIONS):
        table = pq.read_table(segment.path, partitioning=None)
        old = {key: value for key, value in table.schema.metadata.items() if key != b"rows_digest"}
        pq.write_table(table.replace_schema_metadata(old), segment.path, row_group_size=250)
    assert verify(tmp_path)["holds"]
    assert (answers_to(tmp_path, SESSIONS), info(tmp_path)["digest"]) == before
    compact(tmp_path, full=True)
    [segment] = files.listed(tmp_path, files.SESSIONS)
    assert schema.facts_of(segment.path).rows_digest is not None
    assert answers_to(tmp_path, SESSIONS) == before[0]


def test_lines_that_parse_now_become_events_in_their_place(tmp_path):
    lines = some_lines(600, broken=0.05)
    append_in_pieces(tmp_path, lines, 200)
    expected, events = (
        info(tmp_path),
        answers_to(tmp_path, 'SELECT "offset", kind, at_ns, user_id FROM events ORDER BY 1'),
    )
    lost = {row[0] for row in events[::7]}
    as_an_older_parser_left_it(tmp_path, lost)
    refused = info(tmp_path)["quarantined"]
    assert info(tmp_path)["events"] == expected["events"] - len(lost)
    report = requarantine.requarantine(tmp_path)
    assert report["before"] == refused
    assert report["after"] == expected["quarantined"]
    assert report["events"] == dict(Counter(kind for offset, kind, *_ in events if offset in lost))
    assert {k: v for k, v in info(tmp_path).items() if k != "bytes"} == {
        k: v for k, v in expected.items() if k != "bytes"
    }
    assert answers_to(tmp_path, 'SELECT "offset", kind, at_ns, user_id FROM events ORDER BY 1') == events
    assert verify(tmp_path)["holds"]
    again = requarantine.requarantine(tmp_path)
    assert (again["before"], again["events"]) == (expected["quarantined"], {})


def test_lines_of_a_pruned_range_are_won_back_too(tmp_path):
    lines = some_lines(300, broken=0)
    append(tmp_path, lines)
    as_an_older_parser_left_it(tmp_path, range(10, 300, 9))
    for segment in files.listed(tmp_path, files.QUARANTINE):  # young enough to be kept when the events are folded
        table, facts = schema.read(segment.path), schema.facts_of(segment.path)
        late = replace(facts, min_ns=START_NS + 30 * DAY_NS, max_ns=START_NS + 30 * DAY_NS)
        schema.write(tmp_path, files.QUARANTINE, "2026-09-01", segment.path.name, table, late)
    fold_all(tmp_path)
    assert sum(requarantine.requarantine(tmp_path)["events"].values()) == 33
    held = info(tmp_path)
    assert (held["events"], held["quarantined"]) == (302, {})
    assert held["digest"] == f"{digest([*lines, *LATER]):032x}"


def test_a_kill_between_the_two_files_is_seen_and_mended(tmp_path):
    lines = some_lines(200, broken=0)
    append(tmp_path, lines)
    as_an_older_parser_left_it(tmp_path, [3, 50, 199])
    [old] = files.listed(tmp_path, files.QUARANTINE)
    content = old.path.read_bytes()
    requarantine.requarantine(tmp_path)
    old.path.write_bytes(content)  # as if the kill had come before the quarantine was rewritten
    report = verify(tmp_path)
    assert (report["doubled"], report["advice"][0][:8]) == (3, "doubled:")
    assert requarantine.requarantine(tmp_path)["doubled"] == 3
    assert (verify(tmp_path)["doubled"], info(tmp_path)["events"]) == (0, 200)
    assert stored_digest(tmp_path) == digest(lines)


@pytest.mark.parametrize("what", ["compact", "prune", "requarantine"])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path, what):
    lines = some_lines(6_000, broken=0.02)
    append_in_pieces(tmp_path, lines, 1_000)
    as_an_older_parser_left_it(tmp_path, range(100, 5_000, 50))
    work = {
        "compact": lambda: compact(tmp_path, full=True),
        "prune": lambda: enforce(tmp_path, NO_BOUND, 1 / 86_400),
        "requarantine": lambda: requarantine.requarantine(tmp_path),
    }[what]
    before, held = on_disk(tmp_path), info(tmp_path)
    smallest = {"compact": 30_000, "prune": 5_000, "requarantine": 7_000}[
        what
    ]  # compact: the quarantine fits, the events not
    with room_for(smallest), pytest.raises(OSError, match="File too large"):
        work()
    assert on_disk(tmp_path) == before
    assert info(tmp_path) == held
    assert not list(tmp_path.glob("*/*/.*.tmp"))
    work()
    assert on_disk(tmp_path) != before


def test_upkeep_commands_answer_in_json_and_by_exit_status(tmp_path):
    append_in_pieces(tmp_path, some_lines(300, broken=0.1), 100)
    as_an_older_parser_left_it(tmp_path, [1, 2])
    run, at = CliRunner(), ["--store", str(tmp_path), "--json"]
    rejected = json.loads(run.invoke(cli, ["store", "quarantine", "--reason", "time", *at]).stdout)["lines"]
    assert {"source", "partition", "offset", "reason", "line"} <= set(rejected[0])
    assert {1, 2} <= {row["offset"] for row in rejected}
    assert {row["reason"] for row in rejected} == {"time"}
    assert (
        json.loads(run.invoke(cli, ["store", "requarantine", "--list", "--reason", "time", *at]).stdout)["lines"]
        == rejected
    )
    assert sum(json.loads(run.invoke(cli, ["store", "requarantine", *at]).stdout)["events"].values()) == 2
    assert "flagged" in json.loads(run.invoke(cli, ["store", "info", "--term", "F2025", *at]).stdout)
    assert json.loads(run.invoke(cli, ["store", "prune", "--days", "1", *at]).stdout)["folded"] == 0
    assert run.invoke(cli, ["store", "requarantine", "--reason", "time", *at]).exit_code == 2
    with maintenance.caretaking(tmp_path):
        busy = run.invoke(cli, ["store", "requarantine", *at])
    assert (busy.exit_code, "another process" in busy.output) == (1, True)
    table = run.invoke(cli, ["sql", "SELECT kind, count(*) AS n FROM events GROUP BY 1 ORDER BY 1", "--csv", *at[:2]])
    assert table.stdout.splitlines()[0] == "kind,n"
    wrong = run.invoke(cli, ["sql", "SELECT user FROM watchs", *at])
    assert wrong.exit_code == 2
    assert "watches: offset, source, partition, at_ns, user_id, movie_id, minute" in wrong.output


def test_a_missing_file_is_named_with_advice_and_status_1(tmp_path):
    append_in_pieces(tmp_path, some_lines(300, broken=0), 100)
    files.listed(tmp_path, files.EVENTS)[1].path.unlink()
    result = CliRunner().invoke(cli, ["store", "verify", "--store", str(tmp_path), "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["holds"]) == (1, False)
    assert report["gaps"] == [{"source": SOURCE, "partition": 0, "first": 100, "last": 199, "offsets": 100}]
    assert report["advice"][0].startswith("gaps: ")


def test_an_overlap_is_named_with_advice_and_harmless(tmp_path):
    append(tmp_path, some_lines(100, broken=0))
    append(tmp_path, some_lines(150, broken=0)[50:], 50)
    result = CliRunner().invoke(cli, ["store", "verify", "--store", str(tmp_path), "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, len(report["overlaps"]), info(tmp_path)["events"]) == (0, 1, 150)
    assert report["advice"] == [report["advice"][0]]
    assert "store compact" in report["advice"][0]
    assert CliRunner().invoke(cli, ["store", "compact", "--store", str(tmp_path)]).exit_code == 0
    assert verify(tmp_path)["overlaps"] == []
