"""Files into the store: every form of file, twice, in the middle of it, and as they appear."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import threading
import zipfile

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from stream_lines import append, some_lines

from stream.__main__ import cli
from stream.store.digest import digest
from stream.store.info import info
from stream.store.ingest import _batches, follow, ingest
from stream.store.opened import source_of
from stream.terms import TERMS

TERM = TERMS["F2026"]


def without_cr(lines):
    return [line.removesuffix(b"\r") for line in lines]


def test_a_file_is_the_same_plain_compressed_and_with_carriage_returns(tmp_path):
    lines = some_lines(1_000, broken=0)
    plain, packed, dos = tmp_path / "a.log", tmp_path / "b.log.gz", tmp_path / "c.log"
    plain.write_bytes(b"\n".join(lines) + b"\n")
    packed.write_bytes(gzip.compress(b"\n".join(lines)))
    dos.write_bytes(b"\r\n".join(lines) + b"\r\n")
    digests = set()
    for path in (plain, packed, dos):
        report = ingest([path], tmp_path / path.name[0], TERM)
        assert (report["lines"], report["stored"], report["damaged"]) == (1_000, 1_000, {})
        digests.add(info(tmp_path / path.name[0])["digest"])
    assert digests == {f"{digest(lines):032x}"}


def test_a_second_run_changes_nothing(tmp_path):
    path = tmp_path / "day.log"
    path.write_bytes(b"\n".join(some_lines(1_000)) + b"\n")
    first = ingest([path], tmp_path / "store", TERM)
    held = info(tmp_path / "store")
    again = ingest([path], tmp_path / "store", TERM)
    assert (first["stored"], again["stored"], again["lines"]) == (1_000, 0, 1_000)
    assert sum(first["kinds"].values()) + sum(first["quarantined"].values()) == 1_000
    assert info(tmp_path / "store") == held


def test_an_interrupted_run_goes_on_behind_the_last_line_stored(tmp_path):
    lines = without_cr(some_lines(2_500))
    path = tmp_path / "day.log"
    path.write_bytes(b"\n".join(lines) + b"\n")
    append(tmp_path / "store", lines[:700], 0, source=source_of(path))
    report = ingest([path], tmp_path / "store", TERM)
    assert report["stored"] == 1_800
    assert info(tmp_path / "store")["digest"] == f"{digest(lines):032x}"


def test_empty_lines_count_and_an_empty_file_stores_nothing(tmp_path):
    path, empty = tmp_path / "a.log", tmp_path / "b.log"
    path.write_bytes(b"\n\n2026-09-01T10:00,1,GET /create_account")
    empty.write_bytes(b"")
    report = ingest([path, empty], tmp_path / "store", TERM)
    assert (report["lines"], report["kinds"]["account"], report["quarantined"]) == (3, 1, {"empty": 2})
    assert (report["first"], report["last"]) == ("2026-09-01T10:00", "2026-09-01T10:00")


def test_what_the_term_does_not_allow_is_stored_and_flagged(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"".join([
        b"2026-09-01T10:00,1,GET /rate/heat+1995=0\n",
        b"2026-09-01T10:00,1,GET /rate/heat+1995=11\n",
        b"2026-09-01T10:00,1,GET /rate/heat+1995=10\n",
        b"2026-09-01T10:00,6597125,GET /data/m/heat+1995/1.mpg\n",
        b"2026-09-01T10:00,1000002,GET /create_account\n",
        b"2026-09-01T10:01,1000001,GET /data/m/heat+1995/1.mpg\n",
        b"2026-09-01T10:00,1,GET /rate/heat+1995=D\n",
    ]))  # fmt: skip
    report = ingest([path], tmp_path / "store", TERM)
    assert report["flagged"] == {"rating_scale": 2, "user_range": 1}
    assert report["quarantined"] == {"rating": 1}
    assert ingest([path], tmp_path / "old", TERMS["F2025"])["flagged"]["rating_scale"] == 3


def test_a_compressed_file_that_breaks_off_keeps_its_good_part(tmp_path):
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"\n".join(some_lines(5_000)))[:-3_000])
    report = ingest([path], tmp_path / "store", TERM, delete=True)
    assert 1_000 < report["stored"] < 5_000
    assert "expected a whole .gz file" in report["damaged"][str(path)]
    assert path.exists()


@given(
    st.lists(st.sampled_from([b"", b"a", b"longer", b"in\rside", b"\xff", b"end\r"]), max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.integers(1, 9),
    st.integers(1, 30),
)
def test_a_batch_or_chunk_boundary_anywhere_loses_no_line(lines, end, ended, chunk, batch):
    text = end.join(lines) + (end if ended and lines else b"")
    expected = [line.removesuffix(b"\r") for line in text.split(b"\n")]
    expected = expected[:-1] if text.endswith(b"\n") or not text else expected
    found = list(_batches((text[at : at + chunk] for at in range(0, len(text), chunk)), batch))
    assert [line for lines in found for line in lines] == expected
    assert [len(lines) for lines in found] == [len(list(lines)) for lines in found]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, None], ids=["gz", "bz2", "xz", "zip"])
def test_every_compression_gives_the_same_lines(pack, tmp_path, request):
    lines = without_cr(some_lines(500))
    path = tmp_path / f"a.log.{request.node.callspec.id}"
    text = b"\n".join(lines) + b"\n"
    if pack:
        path.write_bytes(pack(text))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.log", text)
    report = ingest([path], tmp_path / "store", TERM)
    assert (report["stored"], report["damaged"]) == (500, {})
    assert info(tmp_path / "store")["digest"] == f"{digest(lines):032x}"


def test_a_zip_with_several_files_says_what_to_do_and_the_other_files_are_stored(tmp_path):
    odd, good = tmp_path / "a.zip", tmp_path / "b.log"
    with zipfile.ZipFile(odd, "w") as archive:
        archive.writestr("a.log", "x")
        archive.writestr("b.log", "y")
    good.write_bytes(b"2026-09-01T10:00,1,GET /create_account\n")
    report = ingest([odd, good], tmp_path / "store", TERM)
    assert "expected a .zip with one file inside, got 2 files" in report["damaged"][str(odd)]
    assert report["stored"] == 1


def test_what_was_quarantined_is_named_by_file_and_line(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"2026-09-01T10:00,1,GET /create_account\n2026-09-01T10:00,1,GET /rate/heat+1995=D\n")
    report = ingest([path], tmp_path / "store", TERM)
    assert report["examples"] == [f"{path}, line 2: rating: b'2026-09-01T10:00,1,GET /rate/heat+1995=D'"]


def test_a_line_of_a_megabyte_costs_no_other_line(tmp_path):
    path = tmp_path / "a.log"
    good = b"2026-09-01T10:00,1,GET /data/m/heat+1995/3.mpg"
    path.write_bytes(b"\n".join([good, b"x" * 1_000_000, b"," * 10_000, b"a\0b", b"\r", good]) + b"\n")
    report = ingest([path], tmp_path / "store", TERM)
    assert (report["kinds"]["watch"], report["quarantined"]) == (2, {"length": 1, "time": 1, "fields": 1, "empty": 1})


def test_files_are_followed_in_order_until_they_are_done(tmp_path):
    folder, given = tmp_path / "history", []
    lines = without_cr(some_lines(300))

    def write() -> None:
        folder.mkdir()
        for day in range(3):
            part = folder / f"2026-09-0{day + 1}.log.part"
            part.write_bytes(b"\n".join(lines[day * 100 : day * 100 + 100]) + b"\n")
            part.rename(part.with_suffix(""))
        (folder / "DONE").touch()

    writer = threading.Thread(target=write)
    writer.start()
    paths = (given.append(path.name) or path for path in follow(folder, poll_seconds=0.01))
    report = ingest(paths, tmp_path / "store", TERM, delete=True)
    writer.join()
    assert given == ["2026-09-01.log", "2026-09-02.log", "2026-09-03.log"]
    assert report["stored"] == 300
    assert [path.name for path in folder.iterdir()] == ["DONE"]
    assert info(tmp_path / "store")["digest"] == f"{digest(lines):032x}"


def test_a_folder_that_is_not_there_yet_is_waited_for_and_that_is_said(tmp_path):
    folder = tmp_path / "history"
    command = ["stream", "ingest", "--follow-dir", str(folder), "--store", str(tmp_path / "store"), "--json"]
    with subprocess.Popen([sys.executable, "-m", *command], stdout=-1, stderr=-1, text=True) as running:
        try:
            assert running.stderr.readline().startswith(f"waiting for {folder}, which is not there yet")
            folder.mkdir()
            (folder / "one.log").write_bytes(b"\n".join(without_cr(some_lines(300))) + b"\n")
            (folder / "DONE").touch()
            assert json.loads(running.communicate(timeout=60)[0])["stored"] == 300
        finally:
            running.kill()


def test_commands_print_one_object(tmp_path):
    path, store = tmp_path / "a.log", str(tmp_path / "store")
    path.write_bytes(b"\n".join(some_lines(500)) + b"\n")
    run = CliRunner()
    ingested = run.invoke(cli, ["ingest", str(path), "--store", store, "--term", "F2026", "--json"])
    assert json.loads(ingested.stdout)["stored"] == 500
    counted = json.loads(run.invoke(cli, ["store", "info", "--store", store, "--json"]).stdout)
    assert {"events", "kinds", "quarantined", "bytes", "files", "sources", "digest"} <= set(counted)
    assert json.loads(run.invoke(cli, ["store", "verify", "--store", store, "--json"]).stdout)["holds"] is True
    rows = run.invoke(cli, ["sql", "SELECT kind, score FROM events LIMIT 2", "--store", store, "--json"])
    assert len(json.loads(rows.stdout)["rows"]) == 2
    assert "NaN" not in rows.stdout
    assert json.loads(run.invoke(cli, ["sessions", "--store", store, "--json"]).stdout)["sessions"] > 0
    assert json.loads(run.invoke(cli, ["store", "compact", "--store", store, "--json"]).stdout)["merged"] == 0
    listed = json.loads(run.invoke(cli, ["store", "files", "--store", store, "--json"]).stdout)["files"]
    assert [file["whole"] for file in listed] == [True]
    assert len(json.loads(run.invoke(cli, ["terms", "--json"]).stdout)["terms"]) == 18


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest"], "expected FILES or --follow-dir"),
        (["ingest", "missing.log"], "does not exist"),
        (["sql", "SELECT nothing FROM nowhere"], "nowhere"),
    ],
)
def test_wrong_usage_is_status_2_with_a_reason(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_damaged_store_is_status_1(tmp_path):
    append(tmp_path, some_lines(100))
    path = next((tmp_path / "events").glob("*/*.parquet"))
    path.write_bytes(b"PAR1 and nothing else PAR1")
    result = CliRunner().invoke(cli, ["store", "verify", "--store", str(tmp_path)])
    assert result.exit_code == 1
    assert str(path) in result.output


def test_starting_the_command_line_imports_no_heavy_library():
    code = "import sys; import stream.__main__; print([m for m in ('pyarrow', 'duckdb', 'kafka') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
