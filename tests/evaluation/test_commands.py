"""`python -m evaluation` as people and scripts call it."""

import gzip
import json
import xml.dom.minidom
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evaluation.__main__ import cli, hours
from small_logs import HOUR_NS, SmallLog, answer, store_answers
from stream import evidence
from stream.store.ingest import ingest
from stream.terms import TERMS


def log() -> SmallLog:
    """Three users, three lists, one hit; the second request fails."""
    log = SmallLog()
    log.asked("2026-10-20T10:00", 1, ["heat+1995", "brides+2004"])
    log.failed("2026-10-20T10:01", 2)
    log.asked("2026-10-20T10:02", 3, ["heat+1995"])
    log.played("2026-10-20T11:00", 1, "brides+2004", minutes=3)
    log.rated("2026-10-20T11:03", 1, "brides+2004", 9)
    log.asked("2026-10-20T18:00", 2, ["heat+1995"])
    return log


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "movie.log"
    path.write_bytes(b"\n".join(log().lines()) + b"\nno line of the stream\n")
    return path


def run(folder: Path, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], env={"VAR_DIR": str(folder), "COURSE_TERM": "F2026"})


def test_a_bare_log_and_a_store_give_the_same_numbers(tmp_path, bare):
    store = tmp_path / "store"
    ingest([bare], store, TERMS["F2026"])
    for command in (["online"], ["grade", "--submitted", "2026-10-20T14:00"]):
        of_log = json.loads(run(tmp_path, *command, "--log", bare, "--json").stdout)
        of_store = json.loads(run(tmp_path, *command, "--store", store, "--json").stdout)
        for criterion in [c for r in (of_log, of_store) for c in r.get("criteria", [])]:
            del criterion["evidence"]  # a file and its line here, a source and its offset there
        of_log.pop("submissions", None)
        of_store.pop("submissions", None)
        assert of_log == of_store
        if command[0] == "grade":
            assert "1 lines are none of the log's kinds, e.g. fields: b'no line of the stream'" in of_log["warnings"]
        assert of_log["requests"] == 4


def test_a_log_may_be_compressed_and_come_in_pieces(tmp_path, bare):
    lines = log().lines()
    first, rest = tmp_path / "1.log.gz", tmp_path / "2.log"
    first.write_bytes(gzip.compress(b"\r\n".join(lines[:3]) + b"\r\n"))
    rest.write_bytes(b"\n".join(lines[3:]))
    whole = json.loads(run(tmp_path, "online", "--log", bare, "--json").stdout)
    assert json.loads(run(tmp_path, "online", "--log", first, rest, "--json").stdout) == whole


def test_evidence_names_the_line_of_the_file(tmp_path, bare):
    found = json.loads(run(tmp_path, "grade", "--log", bare, "--submitted", "2026-10-20T14:00", "--json").stdout)
    availability = {c["id"]: c for c in found["criteria"]}["availability"]
    line = availability["evidence"][0]
    assert (line["file"], line["line"]) == (str(bare), 2)
    assert bare.read_text().splitlines()[line["line"] - 1] == line["text"]


def test_the_store_of_var_dir_is_the_default(tmp_path):
    log().store(tmp_path / "store")
    assert json.loads(run(tmp_path, "online", "--json").stdout)["requests"] == 4


def test_a_look_at_the_store_leaves_evidence_and_one_at_a_log_does_not(tmp_path, bare):
    log().store(tmp_path / "store")
    assert run(tmp_path, "online", "--log", bare).exit_code == 0
    assert evidence.read(tmp_path, "online") == []
    assert run(tmp_path, "online").exit_code == 0
    (record,) = evidence.read(tmp_path, "online")
    assert record["requests"] == 4
    assert {metric["name"] for metric in record["metrics"]} >= {"hit_rate", "license_cost_per_play"}


def test_people_get_a_table_with_what_to_do_next(tmp_path, bare):
    said = run(tmp_path, "online", "--log", bare)
    assert said.exit_code == 0
    for words in ("hit rate", "50.0%", "95 % interval", "next: Requests fail"):
        assert words in said.stdout
    graded = run(tmp_path, "grade", "--log", bare, "--submitted", "2026-10-20T14:00", "--submitted", "2026-10-21T15:00")
    assert graded.exit_code == 0
    for words in ("availability", "UNKNOWN", "Submitted 2026-10-21T15:00, 2 days late"):
        assert words in graded.stdout


class Page(HTMLParser):
    """Collects tags, pictures and whatever would be loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]


@pytest.mark.parametrize("command", [["online", "--by", "hour"], ["grade", "--submitted", "2026-10-20T14:00"]])
def test_pages_have_a_picture_and_a_table_and_load_nothing(tmp_path, bare, command):
    target = tmp_path / "report.html"
    assert run(tmp_path, *command, "--log", bare, "--html", target).exit_code == 0
    text = target.read_text()
    page = Page(text)
    assert "svg" in page.tags
    assert "table" in page.tags
    assert "script" not in page.tags
    assert page.loaded == []
    for drawn in text.split("<svg")[1:]:
        xml.dom.minidom.parseString("<svg" + drawn.split("</svg>")[0] + "</svg>")


def test_hostile_ids_are_text_on_a_page(tmp_path):
    hostile = SmallLog()
    hostile.asked("2026-10-20T10:00", 1, ["a", "a"])
    hostile.failed("2026-10-20T10:01", 1, why="<script>alert(1)</script>")
    store, target = hostile.store(tmp_path / "store"), tmp_path / "report.html"
    run(tmp_path, "grade", "--store", store, "--html", target)
    assert "&lt;script&gt;" in target.read_text()
    assert "script" not in Page(target.read_text()).tags
    store_answers(store, [answer(0, 1, ["a", "a"], model="<script>2</script>")])
    run(tmp_path, "online", "--store", store, "--by", "model", "--html", target)
    assert "&lt;script&gt;2" in target.read_text()
    assert "script" not in Page(target.read_text()).tags


@pytest.mark.parametrize(("arguments", "said"), [
    (["online", "--window", "soon"], "like 30m, 6h or 7d, got 'soon'"),
    (["online", "--window", "0h"], "like 30m, 6h or 7d, got '0h'"),
    (["grade", "--submitted", "yesterday"], "a local time like 2026-10-20T23:59, got 'yesterday'"),
    (["grade", "--term", "F1999"], "is not one of"),
    (["online", "--log", "missing.log"], "does not exist"),
])  # fmt: skip
def test_wrong_usage_ends_with_2_and_names_what_was_expected(tmp_path, arguments, said):
    ended = run(tmp_path, *arguments)
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_a_store_and_a_log_at_once_are_refused(tmp_path, bare):
    ended = run(tmp_path, "online", "--log", bare, "--store", tmp_path)
    assert (ended.exit_code, "not both" in ended.stderr) == (2, True)


def test_nothing_to_grade_ends_with_1(tmp_path):
    ended = run(tmp_path, "grade", "--store", tmp_path / "nothing")
    assert (ended.exit_code, "nothing to grade" in ended.stderr) == (1, True)


@pytest.mark.parametrize(("text", "expected"), [("30m", HOUR_NS // 2), ("6h", 6 * HOUR_NS), ("1.5d", 36 * HOUR_NS)])
def test_durations(text, expected):
    assert hours(text) == expected
