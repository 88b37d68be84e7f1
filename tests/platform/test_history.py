import hashlib
import stat
from itertools import pairwise

import pytest
from worlds import fresh_world, platform_settings, writer_of

from stream.events import WallClock, parse_line
from stream.platform.history import generate, span
from stream.platform.state import StateFolder
from stream.platform.world import HOUR_MS, world_of


def _files(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    settings = platform_settings(folder, history_days=2)
    return settings, folder / "out", generate(settings, folder / "out")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(written, tmp_path):
    settings, out, _ = written
    generate(platform_settings(tmp_path, history_days=2), tmp_path / "again")
    generate(platform_settings(tmp_path, history_days=2, world_seed=settings.world_seed + 1), tmp_path / "other")
    assert _files(out) == _files(tmp_path / "again")
    assert all(_files(out)[name] != digest for name, digest in _files(tmp_path / "other").items() if name != "DONE")


def test_each_local_day_is_a_file_and_done_comes_last(written):
    _, out, said = written
    assert list(_files(out)) == ["2026-09-01.log", "2026-09-02.log", "DONE"]
    lines = [line for path in sorted(out.glob("*.log")) for line in path.read_bytes().splitlines()]
    assert (said["lines"], said["files"]) == (len(lines), 2)
    assert all(line.startswith(b"2026-09-0") for line in lines)
    assert [line[:10] for line in lines] == sorted(line[:10] for line in lines)


def test_the_ordinary_parser_reads_every_line_and_writes_it_back_the_same(written):
    settings, out, _ = written
    clock = WallClock(settings.term.zone)
    lines = (out / "2026-09-02.log").read_text().splitlines()
    events = [parse_line(line, clock) for line in lines]
    assert [event.format(clock) for event in events] == lines
    assert all(earlier.at_ns <= later.at_ns for earlier, later in pairwise(events))


def test_history_ends_an_hour_before_the_day_does(written):
    settings, out, _ = written
    last = (out / "2026-09-02.log").read_text().splitlines()[-1]
    assert last.startswith("2026-09-02T22:59:")
    when = span(settings, world_of("test", settings.term))
    assert when.live_ms - when.begin_ms == 47 * HOUR_MS


def test_a_live_world_goes_on_where_the_files_end(written):
    settings, _, _ = written
    straight, saved = fresh_world(settings), fresh_world(settings)
    live_ms = span(settings, straight.world).live_ms
    straight.take(live_ms)
    StateFolder(settings.home).load(saved)
    assert saved.now_ms == live_ms
    later = live_ms + 5 * HOUR_MS
    assert writer_of(saved).block(saved.take(later)) == writer_of(straight).block(straight.take(later))


def test_the_platforms_folder_is_closed_to_others(written):
    settings, _, _ = written
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_an_interrupted_run_leaves_no_unfinished_file_behind_the_next(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "2026-09-01.log.part").write_text("half a li")
    (out / "DONE").touch()
    generate(platform_settings(tmp_path, history_days=1), out)
    assert list(_files(out)) == ["2026-09-01.log", "DONE"]
