"""docs/stream.md: every query and snippet in it runs, and its table of views is the store's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from consumers import CLOCK, some_lines

from infra.setup import CHECKOUT
from stream.__main__ import cli
from stream.store.log import Batch, EventLog

PAGE = (CHECKOUT / "docs/stream.md").read_text()
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch):
    """A folder with a small store in the usual place; readers are at home in it."""
    monkeypatch.chdir(tmp_path)
    lines = some_lines(400)
    EventLog(tmp_path / "var/store", CLOCK).append(Batch("0" * 16, 0, range(400), lines))
    return tmp_path


def run(command):
    words, _, into = command.removeprefix(".venv/bin/python -m stream ").partition(" > ")
    result = CliRunner().invoke(cli, shlex.split(words))
    assert result.exit_code == 0, result.output
    if into:
        Path(into).write_text(result.stdout)
    return result.stdout


def test_the_page_has_queries_and_snippets():
    assert len(COMMANDS) > 8
    assert len(SNIPPETS) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_runs(command):
    assert command.startswith(".venv/bin/python -m stream ")
    assert run(command) or ">" in command


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_of_the_page_counts_what_sql_counts(snippet):
    run(next(command for command in COMMANDS if "store files" in command))
    counted = run('sql "select count(*) from watches"').split()[-1]
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=True, timeout=60)
    assert re.search(rf"watch\D+{counted}\b", done.stdout), done.stdout


def test_the_pages_views_and_columns_are_there():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+\| ([^|]*)\|$", PAGE, re.M)
    views = "events, watches, ratings, requests, accounts, sessions, answers, quarantine, all_events"
    assert {view for view, _ in rows} == set(views.split(", "))
    for view, columns in rows:
        wanted = re.findall(r"`(\w+)`", columns)
        names = run(f"sql 'select * from {view} limit 0'").strip().split("\t")
        assert set(wanted) <= set(names), view
