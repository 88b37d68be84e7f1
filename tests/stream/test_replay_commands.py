"""`python -m stream record` and `replay`: what a person writes, and what they are told."""

import gzip
import math
import signal
import threading
import uuid

import pytest
from click.testing import CliRunner
from consumers import CLOCK, START_NS, consumer_house, some_lines
from recordings import STOP, in_topic, play, recording

from stream.__main__ import cli
from stream.replay import How, Show, replay
from stream.replay_plan import shows_of, teams_of
from stream.topics import Broker, end_offsets
from topics import topic_digest
from waiting import until


@pytest.fixture
def names(broker):
    """Names of new topics, deleted afterwards."""
    found = [f"class-{uuid.uuid4().hex[:6]}-{number}" for number in range(4)]
    yield found
    with Broker(broker) as asked:
        for name in found:
            if asked.topic(name):
                asked.delete(name)


def run(broker, *words):
    return CliRunner(env={"KAFKA_BOOTSTRAP": broker}).invoke(cli, list(words))


def all_in(broker, topic):
    return [line for lines in in_topic(broker, topic).values() for line in lines]


def files(tmp_path, *names):
    return [str(recording(tmp_path / name, some_lines(50))) for name in names]


def test_plain_files_go_one_behind_the_other_to_every_topic(tmp_path):
    one, two = files(tmp_path, "one.log", "two.log")
    (show,) = shows_of([one, two], ["a", "b"], [], "movielog1")
    assert ([str(path) for path in show.files], show.topics) == ([one, two], ("a", "b"))
    assert shows_of([one], [], [], "movielog1")[0].topics == ("movielog1",)


def test_pairs_go_each_to_its_topic_and_files_of_one_topic_behind_each_other(tmp_path):
    one, two, three = files(tmp_path, "one.log", "two.log", "with:colon.log")
    shows = shows_of([f"{one}:a", f"{two}:b", f"{three}:a"], [], [], "movielog1")
    assert [(len(show.files), show.topics) for show in shows] == [(2, ("a",)), (1, ("b",))]
    assert shows_of([three], [], [], "movielog1")[0].topics == ("movielog1",)


def test_teams_stand_for_team_in_topics_or_in_both(tmp_path):
    one, *_ = files(tmp_path, "one.log", "team1.log", "team2.log")
    (show,) = shows_of([one], [], teams_of("1-3,7"), "movielog1")
    assert show.topics == ("movielog1", "movielog2", "movielog3", "movielog7")
    each = shows_of([str(tmp_path / "team{team}.log")], ["t{team}"], [1, 2], "movielog1")
    assert [(show.files[0].name, show.topics) for show in each] == [("team1.log", ("t1",)), ("team2.log", ("t2",))]


@pytest.mark.parametrize("teams", ["", "0", "5-2", "1-", "a", "1;2", "1-30000"])
def test_teams_that_are_none_are_named(teams):
    with pytest.raises(ValueError, match=r"expected teams from 1 to 999 such as 1-30 or 1,3,7-9; got"):
        teams_of(teams)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["FILE", "--speed", "0"], "expected a number greater than 0, or inf; got 0"),
        (["FILE", "--speed", "nan"], "expected a number greater than 0, or inf; got nan"),
        (["FILE", "--speed", "fast"], "'fast' is not a valid float"),
        (["FILE", "--from", "yesterday"], "expected a local time as in the log, such as 2026-09-12T09:15"),
        (["FILE", "--from", "2026-09-12T09:15", "--to", "2026-09-12T09:15"], "expected --from before --to, got"),
        (["FILE", "--shift", "soon"], "expected now or a number of seconds, got 'soon'"),
        (["FILE", "--loop", "--speed", "inf"], "would fill the disk"),
        (["FILE", "--ask", "--resume"], "--ask cannot be resumed"),
        (["FILE", "--teams", "x"], "expected teams from 1 to 999"),
        (["FILE", "--teams", "1-3", "--topic", "same"], "expected both --teams and a name with {team} in it"),
        (["FILE", "--topic", "movielog{team}"], "expected both --teams and a name with {team} in it"),
        (["FILE:a", "FILE"], "expected FILE:TOPIC words alone"),
        (["FILE:a", "--topic", "b"], "expected FILE:TOPIC words alone"),
        (["nowhere.log"], "expected a recording: 'nowhere.log' does not exist"),
        (["nowhere.log:topic"], "'nowhere.log:topic' does not exist"),
        (["FILE", "--partitions", "0"], "0 is not in the range"),
        (["FILE", "FILE", "--live"], "--live: expected one recording"),
    ],
)
def test_wrong_words_are_status_2_and_say_what_was_expected(tmp_path, words, said):
    (path,) = files(tmp_path, "lines.log")
    found = run("127.0.0.1:9", "replay", *(word.replace("FILE", path) for word in words))
    assert found.exit_code == 2
    assert said in " ".join(found.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("name", "data", "words", "said"),
    [
        ("a.log", b"", [], "a.log: expected lines to send, got none (it is empty)"),
        ("a.log.gz", b"", [], "a.log.gz: expected lines to send, got none (it is empty)"),
        ("a.log.gz", gzip.compress(b"x\n", mtime=0)[:12], [], "expected a whole gzip file"),
        ("a.log.gz", b"2026-09-12T09:15,7,x", [], "expected a gzip file, as its name ends in .gz"),
        ("a.log", b"user,item\n" * 10_001, [], "none of the first 10000 does, the first is b'user,item'"),
        (
            "a.log",
            b"2026-09-12T09:15,7,x\n",
            ["--from", "2026-09-13T00:00"],
            "its lines go from 2026-09-12T09:15 to",
        ),
    ],
)
def test_a_file_that_cannot_be_played_is_status_1_and_no_topic_is_made(tmp_path, name, data, words, said):
    (tmp_path / name).write_bytes(data)
    found = run("127.0.0.1:9", "replay", str(tmp_path / name), *words)
    assert found.exit_code == 1
    assert said in found.output


def test_a_broker_that_is_away_is_named_with_what_to_do(tmp_path):
    found = run("127.0.0.1:9", "replay", *files(tmp_path, "lines.log"))
    assert found.exit_code == 1
    assert "no answer from the broker at 127.0.0.1:9" in found.output
    assert "--resume goes on" in found.output


@pytest.mark.broker
def test_a_new_topic_keeps_the_whole_recording_however_old_its_lines(tmp_path, broker, names):
    old = [b"2019-09-05T19:27:01,614,GET /data/m/brides+2004/20.mpg"] * 20
    play(recording(tmp_path / "old.log", old), broker, names[0])
    with Broker(broker) as asked:
        kept = asked.settings(names[0])
        assert (kept["retention.ms"], kept["retention.bytes"], kept["cleanup.policy"]) == ("-1", "-1", "delete")
        assert int(kept["max.message.bytes"]) > 16_000_000
        assert len(asked.topic(names[0]).partitions) == 2


@pytest.mark.broker
def test_a_looped_topic_keeps_a_whole_recording_and_has_a_bound(tmp_path, broker, names):
    stop = threading.Event()
    path = recording(tmp_path / "lines.log", some_lines(200))
    show = [Show((path,), (names[0],))]
    replay(show, broker, CLOCK, How(speed=1e6, loop=True), stop=stop, progress=lambda _: stop.set())
    with Broker(broker) as asked:
        assert 256_000_000 <= int(asked.settings(names[0])["retention.bytes"]) < 2_000_000_000


@pytest.mark.broker
def test_a_topic_that_may_drop_lines_is_used_and_warned_of(tmp_path, broker, names, caplog):
    path = recording(tmp_path / "lines.log", some_lines(200))
    with Broker(broker) as asked:
        asked.create(names[0], configs={"retention.bytes": "1000"})
        asked.create(names[1], configs={"retention.bytes": "-1", "retention.ms": "-1"})
    for name in names[:2]:
        play(path, broker, name)
    warned = [record.getMessage() for record in caplog.records if record.name == "stream.replay"]
    assert len(warned) == 1
    assert f"topic {names[0]} was there before and keeps 1,000 bytes a partition" in warned[0]


@pytest.mark.broker
def test_other_partitions_than_asked_for_are_refused(tmp_path, broker, fresh_topic):
    found = run(broker, "replay", *files(tmp_path, "lines.log"), "--topic", fresh_topic, "--partitions", "3")
    assert found.exit_code == 1
    assert (
        f"expected topic {fresh_topic} to have 3 partitions as asked, it has 2; leave --partitions out" in found.output
    )
    assert topic_digest(broker, fresh_topic).lines == 0


@pytest.mark.broker
def test_a_class_gets_one_recording_or_each_its_own_all_at_once(tmp_path, broker, names):
    lines = [some_lines(400, first) for first in (0, 400)]
    one, two = (recording(tmp_path / f"{n}.log.gz", part) for n, part in enumerate(lines))
    every = replay([Show((one, two), tuple(names[:2]))], broker, CLOCK, How(math.inf), stop=STOP)
    assert (every.lines, every.sent) == (800, 1_600)
    shows = [Show((one,), (names[2],)), Show((two,), (names[3],))]
    assert replay(shows, broker, CLOCK, How(math.inf), stop=STOP).sent == 800
    assert in_topic(broker, names[0]) == in_topic(broker, names[1])
    assert [sorted(all_in(broker, name)) for name in names[1:]] == [
        sorted(part) for part in (lines[0] + lines[1], *lines)
    ]


@pytest.mark.broker
def test_from_to_and_shift_together(tmp_path, broker, names):
    path = recording(tmp_path / "lines.log", some_lines(1_000))  # 7 s from 09:15:02.125
    start, end = (CLOCK.show(START_NS + second * 10**9) for second in (2, 4))
    words = ["--from", start, "--to", end.replace("T", " "), "--shift", "86400", "--speed", "inf"]
    found = run(broker, "replay", str(path), "--topic", names[0], *words)
    assert found.exit_code == 0, found.output
    want = [line.replace(b"-12T", b"-13T") for n, line in enumerate(some_lines(1_000)) if 2 <= n * 0.007 < 4]
    assert sorted(all_in(broker, names[0])) == sorted(want)
    assert f"sent {len(want)} lines in" in found.output


@pytest.mark.broker
def test_a_torn_file_is_sent_up_to_the_tear_and_is_status_1(tmp_path, broker, names):
    path = tmp_path / "torn.log.gz"
    path.write_bytes(recording(tmp_path / "whole.log.gz", some_lines(2_000)).read_bytes()[:-2_000])
    found = run(broker, "replay", str(path), "--topic", names[0], "--speed", "inf")
    assert found.exit_code == 1
    assert "torn.log.gz breaks off (expected a whole gzip file" in found.output
    got = all_in(broker, names[0])
    assert sorted(got) == sorted(some_lines(2_000)[: len(got)])
    assert len(got) > 100


@pytest.mark.broker
def test_a_replay_ends_cleanly_when_told_to(tmp_path, broker, names):
    path = recording(tmp_path / "lines.log", some_lines(9_000))
    with consumer_house(tmp_path / "var", broker, names[0]) as house:
        house.start("replay", str(path), "--topic", names[0], "--speed", "2")
        until(lambda: sum(end_offsets(broker, names[0]).values()), 40, "lines")
        assert house.stop(signal.SIGTERM, seconds=10) == 0
        assert "stopped before the end; the same command with --resume goes on" in house.log()


@pytest.mark.broker
def test_a_recording_that_is_there_or_a_topic_that_is_not_is_said(tmp_path, broker, fresh_topic):
    path = tmp_path / "lines.log.gz"
    found = run(broker, "record", str(path), "--topic", "nowhere")
    assert (found.exit_code, path.exists()) == (1, False)
    assert "no topic 'nowhere' at" in found.output
    assert run(broker, "record", str(path), "--topic", fresh_topic).output.endswith(f"wrote 0 lines to {path}\n")
    found = run(broker, "record", str(path), "--topic", fresh_topic)
    assert found.exit_code == 1
    assert "is there already; name a new file, or move it away" in found.output
