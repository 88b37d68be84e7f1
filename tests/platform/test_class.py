"""Several teams on one platform: a real process from one TOML file, a real broker, real services over HTTP."""

import contextlib
import json
import re
import subprocess
import sys
import tomllib
import urllib.request
import uuid

import numpy as np
import pytest

from houses import CHECKOUT, free_ports
from platforms import fixed_service, topic_lines
from stream.events import Requested, WallClock, parse_line
from stream.platform import answer_key, injections
from stream.platform.class_teams import open_teams, teams_of
from stream.platform.config import KEYS, ConfigError, read_config
from stream.platform.opening import Opened
from stream.platform.settings import PlatformSettings
from stream.platform.state import Progress, StateFolder, Step, WrongState
from stream.platform.status_page import status_page
from stream.platform.telling import Telling
from stream.teams import TeamsError
from stream.topics import Broker
from waiting import until

CONFIG = """
[world]
name = "test"
seed = 7
[class]
term = "F2026"
teams = "teams.toml"
[speed]
fast_speed = 600
fast_minutes = 60
[folders]
var = "var"
[broker]
bootstrap = "{broker}"
[ports]
api = {api}
metrics = {metrics}
"""


def written(folder, services, broker="127.0.0.1:1"):
    """A platform.toml and a teams.toml; services: address by topic."""
    api, metrics = free_ports(2)
    (folder / "platform.toml").write_text(CONFIG.format(broker=broker, api=api, metrics=metrics))
    (folder / "teams.toml").write_text(
        "".join(
            f'[[team]]\nname = "team of {topic}"\ntopic = "{topic}"\nservice = "{service}"\n'
            for topic, service in services.items()
        )
    )
    return folder / "platform.toml"


def platform(config, *words):
    return [sys.executable, "-m", "stream.platform", "--config", str(config), *words]


@contextlib.contextmanager
def running(config):
    process = subprocess.Popen(platform(config, "run"))
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def two_topics(broker):
    names = [f"class-{uuid.uuid4().hex[:8]}-{number}" for number in (1, 2)]
    with Broker(broker) as asked:
        for name in names:
            asked.create(name)
        yield names
        for name in names:
            asked.delete(name)


def told_again(opened: Opened, settings, lines):
    """What the world tells alone, given the answers in `lines` (by partition), until the last whole stream minute."""
    telling, clock, world = Telling(opened.world, settings.term), WallClock(settings.term.zone), opened.world
    events = {line: parse_line(line.decode(), clock) for part in lines.values() for line in part}
    asked = {(each.user_id, each.at_ns // 1_000_000 - each.latency_ms): line.decode()
             for line, each in events.items() if isinstance(each, Requested)}  # fmt: skip
    end_ms = min(max(events[line].at_ns for line in part) for part in lines.values()) // 1_000_000 - 60_000
    told: dict[int, set[bytes]] = {number: set() for number in lines}
    while world.now_ms < end_ms:
        until_ms = min(end_ms, world.now_ms + 60_000)
        due = world.requests(world.now_ms, until_ms)
        rows = zip(due.number.tolist(), due.user.tolist(), due.at_ms.tolist(), strict=True)
        answers = tuple((number, asked[user + 1, at]) for number, user, at in rows if (user + 1, at) in asked)
        for at_ns, user_id, line in telling.lines_of(Step(until_ms, 0.0, True, answers)):
            if at_ns // 1_000_000 < end_ms:
                told[user_id % 2].add(line)
    heard = {number: {line for line in part if events[line].at_ns // 1_000_000 < end_ms}
             for number, part in lines.items()}  # fmt: skip
    return told, heard


@pytest.mark.broker
@pytest.mark.parametrize("other", ["late to come", "failing"])
def test_a_teams_stream_is_byte_for_byte_its_own_whatever_another_teams_service_does(
    broker, two_topics, tmp_path, other
):
    with fixed_service(tmp_path) as good, fixed_service(tmp_path) as bad:
        bad.ready = other == "failing"
        services = [f"http://127.0.0.1:{server.server_port}" for server in (good, bad)]
        config = written(tmp_path, dict(zip(two_topics, services, strict=True)), broker)
        settings = read_config(config)
        teams = teams_of(settings)
        begun = open_teams(settings, teams)
        with running(config) as process:
            until(lambda: len(topic_lines(broker, two_topics[0])[0]) > 300, 60, "alpha's stream")
            bad.ready = not bad.ready
            done = subprocess.run(
                platform(config, "inject", "corrupt-line", "--team", "2", "--rate", "0.5", "--for", "10d"),
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            key = settings.home / answer_key.FILE
            until(lambda: key.exists() and key.stat().st_size > 20_000, 60, "beta's lines in the key")
            page = _page(settings.api_port)
            process.terminate()
            assert process.wait(30) == 0
    told, heard = told_again(begun[0], teams[0].settings, topic_lines(broker, two_topics[0]))
    assert told == heard
    assert sum(map(len, told.values())) > 500
    assert {each.team for each in answer_key.read(settings.home)} == {2}
    assert all(name in page for name in (*two_topics, "corrupt-line"))


def _page(port):
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return answer.read().decode()


def test_a_list_moves_only_the_viewers_of_the_team_that_showed_it(tmp_path):
    config = written(tmp_path, {"movielog1": "http://127.0.0.1:1", "movielog2": "http://127.0.0.1:2"})
    settings = read_config(config)
    one, two = (each.world for each in open_teams(settings, teams_of(settings)))
    alone = open_teams(settings, teams_of(settings))[1].world
    rare = [one.catalogue.ids[movie] for movie in np.argsort(one.catalogue.appeal)[:20]]
    end_ms, watched = one.now_ms + 6 * 3_600_000, {}
    while one.now_ms < end_ms:
        until_ms = one.now_ms + 600_000
        for number in one.requests(one.now_ms, until_ms).number.tolist():
            one.show(number, rare)
        for name, world in {"one": one, "two": two, "alone": alone}.items():
            watched.setdefault(name, []).append(world.take(until_ms))
    bytes_of = {name: b"".join(each.movie.tobytes() + each.at_ms.tobytes() for each in taken)
                for name, taken in watched.items()}  # fmt: skip
    assert bytes_of["two"] == bytes_of["alone"]
    assert bytes_of["one"] != bytes_of["two"]


def test_a_team_that_joins_later_begins_where_the_others_are(tmp_path):
    config = written(tmp_path, {"movielog1": "http://127.0.0.1:1"})
    settings = read_config(config)
    (first,) = open_teams(settings, teams_of(settings))
    first.world.take(first.world.now_ms + 7_200_000)
    first.folder.save(first.world, first.progress)
    (tmp_path / "teams.toml").write_text(
        (tmp_path / "teams.toml").read_text()
        + '[[team]]\nname = "late"\ntopic = "movielog9"\nservice = "http://127.0.0.1:2"\n'
    )
    served = teams_of(settings)
    assert [each.settings.team for each in served] == [1, 9]
    assert {each.world.now_ms for each in open_teams(settings, served)} == {first.world.now_ms}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('name = "test"|name = "tset"', r"\[world\] name: .*'demo', 'course' or 'test'; got 'tset'"),
        ("seed = 7|sed = 7", r"\[world\]: expected name, seed, .*; got 'sed'; did you mean seed\?"),
        ("[speed]|[sped]", r"expected tables world, class, .*; got 'sped'; did you mean speed\?"),
        ('term = "F2026"|term = "F1999"', r"\[class\] term: .*expected one of F2019.*; got 'F1999'"),
        ("seed = 7|seed = -1", r"\[world\] seed: .*greater than or equal to 0; got -1"),
    ],
)
def test_a_wrong_setting_of_the_file_is_refused_by_name(tmp_path, changed, said):
    config = written(tmp_path, {"movielog1": "http://127.0.0.1:1"})
    config.write_text(config.read_text().replace(*changed.split("|")))
    with pytest.raises(ConfigError, match=said):
        read_config(config)


def test_with_a_file_of_settings_the_environment_counts_for_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SEED", "99")
    monkeypatch.setenv("SPEED", "3")
    settings = read_config(written(tmp_path, {"movielog1": "http://127.0.0.1:1"}))
    assert (settings.world_seed, settings.speed) == (7, 10.0)


def test_teams_that_share_a_topic_or_lack_a_service_are_refused_by_name(tmp_path):
    config = written(tmp_path, {"movielog1": "http://127.0.0.1:1", "other1": "http://127.0.0.1:2"})
    with pytest.raises(TeamsError, match="another number at the end of the topic for each team; twice: 1"):
        teams_of(read_config(config))
    (tmp_path / "teams.toml").write_text('[[team]]\nname = "alpha"\ntopic = "movielog1"\n')
    with pytest.raises(TeamsError, match=r"team 1 \('alpha'\): expected a topic and a service"):
        teams_of(read_config(config))


def test_trouble_for_a_team_that_is_not_there_or_for_its_api_alone_is_refused(tmp_path):
    config = written(tmp_path, {"movielog1": "http://127.0.0.1:1", "movielog2": "http://127.0.0.1:2"})
    for words, said in [
        (("corrupt-line", "--team", "3"), "expected a team of 1 (team of movielog1), 2 (team of movielog2); got 3"),
        (("api-down", "--team", "2"), "all teams ask the same API"),
    ]:
        done = subprocess.run(
            platform(config, "inject", *words, "--at", "2026-09-20T10:00"), capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_keys_written_before_teams_were_named_are_still_read(tmp_path):
    old = {"injection": "a", "scenario": "corrupt-line", "at_ms": 1, "before": "x", "after": "y"}
    (tmp_path / answer_key.FILE).write_text(json.dumps(old) + "\n")
    assert [(each.injection, each.team) for each in answer_key.read(tmp_path)] == [("a", None)]


def test_the_examples_for_a_class_load_and_the_schedule_names_teams_that_are_there(tmp_path):
    folder = CHECKOUT / "docs/class"
    settings = read_config(folder / "platform.toml")
    assert [each.settings.log_topic for each in teams_of(settings)] == ["movielog1", "movielog2"]
    for name in ("platform.toml", "teams.toml"):
        (tmp_path / name).write_text((folder / name).read_text())
    done = subprocess.run(
        platform(tmp_path / "platform.toml", "inject", "--schedule", str(folder / "term.toml")),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    planned = injections.read(tmp_path / "var/platform")
    assert len(planned) == 9
    assert {each.team for each in planned} == {None, 1, 2}


def test_every_default_that_the_example_shows_is_the_default(tmp_path):
    text = (CHECKOUT / "docs/class/platform.toml").read_text()
    shown = "\n".join(line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
                      for line in text.splitlines() if not line.startswith(("#bootstrap", "#secrets")))  # fmt: skip
    tables = tomllib.loads(shown)
    assert {section: set(keys) | {"bootstrap", "secrets"} & set(KEYS[section]) for section, keys in tables.items()} == {
        section: set(keys) for section, keys in KEYS.items()
    }
    hidden = tomllib.loads("\n".join(line[1:] for line in text.splitlines() if re.match("#[a-z]", line)))
    for key, value in hidden.items():
        name = next(keys[key] for keys in KEYS.values() if key in keys)
        if name not in ("kafka_bootstrap", "platform_dir", "asks_for_nothing"):
            assert PlatformSettings.model_fields[name].default == value, key


def test_the_page_shows_each_team_and_what_is_on():
    team = {"name": "a<b", "topic": "movielog7", "requests_per_second": 9.5, "ok_share": "97.0%", "p99_ms": 44,
            "lines_per_second": 101.0, "last_outcome": "java.net.ConnectException: x",
            "injections": ["bots (1f)"]}  # fmt: skip
    page = status_page({"world": "demo", "team_rows": [team]}, {"slow_s": 2.0}, 3)
    for shown in ("a&lt;b", "movielog7", "9.5", "97.0%", "44 ms", 'class="bad">java.net', "bots (1f)", "slow s"):
        assert shown in page


def test_teams_go_on_from_the_history_that_was_generated_for_all_but_not_from_one_teams_own(tmp_path):
    config = written(tmp_path, {"movielog1": "http://127.0.0.1:1", "movielog2": "http://127.0.0.1:2"})
    done = subprocess.run(
        platform(config, "generate", "--out", str(tmp_path / "history")), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    settings = read_config(config)
    one, two = (each.world for each in open_teams(settings, teams_of(settings)))
    assert one.now_ms == two.now_ms
    assert one.watched.sum() == two.watched.sum() > 1_000
    StateFolder(settings.home).save(one, Progress(live_seconds=5.0))
    with pytest.raises(WrongState, match="is of one team's live stream"):
        open_teams(settings, teams_of(settings))
