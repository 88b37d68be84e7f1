"""Every command says in a sentence what is wrong with what it was given: status 2 or 1, never a traceback."""

import gzip
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from consumers import some_lines

from houses import free_ports
from infra.setup import CHECKOUT
from stream.__main__ import cli
from stream.events import WallClock
from stream.store.log import Batch, EventLog

WATCH = b"2026-09-12T09:15:02,7,GET /data/m/heat+1995/1.mpg"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with one thing of each kind, good and bad; commands run in it, far from any broker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    for name, port in zip(("KAFKA_PORT", "API_PORT", "CONSUMER_METRICS_PORT"), free_ports(3), strict=True):
        monkeypatch.setenv(name, str(port))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "good.log").write_bytes(WATCH + b"\n")
    (tmp_path / "notgz.log.gz").write_bytes(WATCH + b"\n")
    (tmp_path / "cut.log.gz").write_bytes(gzip.compress(b"\n".join(some_lines(3_000)))[:9_000])
    for name in ("store", "damaged", "lost"):
        EventLog(tmp_path / name, WallClock("America/New_York")).append(Batch("0" * 16, 0, range(2), [WATCH, b"x"]))
    for file in (tmp_path / "damaged/events").glob("*/*.parquet"):
        file.write_bytes(file.read_bytes()[:-20])
    (tmp_path / "lost/positions.json").write_text("{")
    return tmp_path


READING = [
    ["store", "info"], ["store", "verify"], ["store", "compact"], ["store", "prune"], ["store", "files"],
    ["sql", "select count(*) from events"], ["sessions"],
]  # fmt: skip


def told(words, status):
    """What a command says before it ends with `status`."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_store_that_is_not_there_is_named_with_the_command_that_makes_one(words):
    said = told([*words, "--store", "nowhere"], 2)
    assert "expected a store (a folder with events/); nowhere: there is no such folder" in said
    assert "python -m stream ingest FILE --store nowhere" in said


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_folder_of_other_things_is_no_store(words):
    assert "photos: it holds other things" in told([*words, "--store", "photos"], 2)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_file_is_no_store(words):
    assert "'good.log' is a file" in told([*words, "--store", "good.log"], 2)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_new_house_says_that_nothing_is_stored_yet(words, here):
    assert f"nothing is stored in {here}/var/store yet: make deploy" in told(words, 0)


@pytest.mark.parametrize(
    "words",
    [
        ["store", "info"],
        ["store", "verify"],
        ["store", "compact"],
        ["sql", "select user_id from watches"],
        ["sessions"],
    ],
    ids=" ".join,
)
def test_a_damaged_file_is_named_with_what_to_do(words):
    said = told([*words, "--store", "damaged"], 1)
    assert "damaged/events/date=2026-09-12/0000000000000000-0-0-1.parquet: not a file of this store, or damaged" in said
    assert "python -m stream store verify names all such files" in said


def test_a_damaged_file_of_positions_is_named_with_what_to_do():
    said = told(["ingest", "good.log", "--store", "lost"], 1)
    assert "lost/positions.json: expected {'positions'" in said
    assert "delete it to go by the files" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ingest"], "expected FILES"),
        (["ingest", "missing.log"], "'missing.log' does not exist"),
        (["ingest", "photos"], "'photos' is a directory"),
        (["ingest", "good.log", "--term", "X2020"], "'X2020' is not one of 'F2019'"),
        (["ingest", "good.log", "--store", "good.log"], "'good.log' is a file"),
        (["replay", "missing.log"], "'missing.log' does not exist"),
        (["replay", "photos"], "'photos' is a directory"),
        (["replay", "good.log", "--speed", "0"], "greater than 0"),
        (["replay", "good.log", "--speed", "fast"], "'fast' is not a valid float"),
        (["replay", "good.log", "--shift", "yesterday"], "expected now or a number of seconds"),
        (["record", "photos"], "'photos' is a directory"),
        (["record"], "Missing argument 'FILE'"),
        (["consume", "--until-idle", "long"], "'long' is not a valid float"),
        (["catalog", "show"], "Missing argument 'ID'"),
        (["store", "prune", "--store", "store", "--max-mb", "0"], "not in the range"),
        (["store", "files", "--store", "store", "--kind", "films"], "'films' is not one of"),
        (["sql", "--store", "store", "select nothing from nowhere"], "nowhere does not exist"),
        (["sql", "--store", "store", "selekt"], "Parser Error"),
        (["terms", "F2026"], "unexpected extra argument"),
        (["doctor", "please"], "unexpected extra argument"),
        (["dance"], "No such command 'dance'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_named(words, says):
    assert says in told(words, 2)


@pytest.mark.parametrize(("file", "says"), [("notgz.log.gz", "Not a gzipped file"), ("cut.log.gz", "ended before")])
def test_a_damaged_archive_is_named_and_what_was_good_in_it_is_kept(file, says):
    said = told(["ingest", file, "--store", "store"], 1)
    assert file in said
    assert says in said
    kept = told(["sql", "--store", "store", "select count(*) from watches"], 0).split()[-1]
    assert (int(kept) > 100) == (file == "cut.log.gz"), "beside the one that was there before"


def test_a_place_that_cannot_be_written_is_named():
    said = told(["ingest", "good.log", "--store", "/proc/no/store"], 1)
    assert "/proc/no" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [["ingest", "good.log"], ["consume"], ["ship"], ["replay", "good.log"], ["record", "out.log"], ["catalog", "sync"],
     ["sql", "select 1"], ["sessions"], ["store", "info"], ["doctor"]],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_setting_is_named_by_every_command(words, monkeypatch):
    monkeypatch.setenv("COURSE_TERM", "F1999")
    assert "COURSE_TERM: Value error, expected one of F2019" in told(words, 2)


def test_a_broker_that_is_away_is_named_with_the_command_that_looks_why():
    commands = {
        "replay": ["replay", "good.log"], "record": ["record", "out.log"], "consume": ["consume", "--until-idle", "1"],
    }  # fmt: skip
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "stream", *words],
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)}, stderr=subprocess.PIPE, text=True,
        )
        for name, words in commands.items()
    }  # fmt: skip
    said = {name: process.communicate(timeout=60)[1] for name, process in running.items()}
    assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(commands, 1)
    assert "expected lines of movielog1 at" in said["consume"]
    for words in said.values():
        assert f"no answer from the broker at 127.0.0.1:{os.environ['KAFKA_PORT']}" in words
        assert "python -m stream doctor" in words
        assert "Traceback" not in words
