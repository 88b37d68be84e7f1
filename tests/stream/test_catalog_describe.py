"""The description of the data: its counts are the store's own, its distributions add up to them."""

import json
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from faulty_api import api

from small_logs import SmallLog
from stream.__main__ import cli
from stream.catalog.client import Catalog
from stream.catalog.describe import describe
from stream.catalog.describe_page import html, markdown
from stream.catalog.distribution import binned
from stream.catalog.records import MOVIES, USERS
from stream.events import AccountCreated
from stream.pictures import columns, rows_of_bars
from stream.store.info import info
from stream.store.log import Batch, EventLog
from stream.store.retention import enforce
from stream.terms import TERMS

TERM = TERMS["F2026"]
MOVIE = {"title": "A & B <i>", "genres": [{"name": "Crime"}, {"name": "Drama"}], "release_date": "1995-01-01"}
MOVIES_KNOWN = [
    {"id": "heat+1995", **MOVIE, "runtime": 170, "license_cost": 0.5},
    {"id": "fargo+1996", **MOVIE, "runtime": 0, "cost": "1.25", "genres": [{"name": "Crime"}]},
    {"id": "never+seen+2000", **MOVIE, "runtime": 90},
]
USERS_KNOWN = [
    {"user_id": number, "age": age, "gender": gender, "occupation": "writer", "self_description_likes": likes}
    for number, age, gender, likes in (
        (1, 17, "F", "noir"),
        (2, 30, "m", None),
        (3, 61, None, None),
        (99, 50, "M", "x"),
    )
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    log = SmallLog()
    log.played("2026-10-20T23:50", 1, "heat+1995", minutes=30)
    log.played("2026-10-21T10:00", 1, "heat+1995", minutes=5)
    log.played("2026-10-21T10:00", 2, "fargo+1996", minutes=100)
    log.played("2026-10-21T11:00", 7, "unknown+1900")
    log.rated("2026-10-21T12:00", 2, "fargo+1996", 8)
    log.rated("2026-10-21T12:00", 3, "heat+1995", 10)
    log.asked("2026-10-21T13:00", 3, ["heat+1995"])
    log.failed("2026-10-21T13:01", 3)
    log.events.append(AccountCreated(log.at("2026-10-21T14:00"), 4))
    log.store(folder)
    EventLog(folder, log.clock).append(Batch("00000000000000cc", 0, range(2), [b"2026-10-21T15:00,x,GET /", b""]))
    with api(*MOVIES_KNOWN, *USERS_KNOWN) as served:
        catalog = Catalog(served.url, folder / "catalog")
        catalog.sync(MOVIES, [*(movie["id"] for movie in MOVIES_KNOWN), "unknown+1900"])
        catalog.sync(USERS, [1, 2, 3, 99])
    return folder


@pytest.fixture(scope="module")
def found(store):
    return describe(store, TERM)


def bars(found, name):
    return dict(next(each.bars for each in found.distributions if each.name == name))


def test_the_counts_are_those_of_the_store(store, found):
    seen = info(store)
    names = ("events", "kinds", "quarantined", "pruned", "bytes", "digest")
    assert {name: found.counts[name] for name in names} == {name: seen[name] for name in names}
    assert (found.counts["ratings"], found.counts["settled"]) == (seen["kinds"]["rate"], True)
    assert sum(found.counts["quarantined"].values()) == 2


def test_the_distributions_add_up_to_the_counts(found):
    for kind, count in found.counts["kinds"].items():
        assert sum(bars(found, f"{kind}_by_day").values()) == count
    assert sum(bars(found, "lines_by_hour").values()) == found.counts["events"]
    assert sum(bars(found, "ratings").values()) == found.counts["ratings"]
    assert sum(bars(found, "outcomes").values()) == found.counts["kinds"]["request"]
    assert sum(bars(found, "minutes").values()) == found.counts["sessions"] == 3  # unknown+1900 is flagged
    assert sum(bars(found, "ages").values()) == found.counts["catalogue"]["users"]["with_record"]
    assert bars(found, "popularity") == {"top 1": pytest.approx(2 / 3)}


def test_days_and_hours_are_the_terms_local_ones(found):
    assert bars(found, "watch_by_day") == {"2026-10-20": 10, "2026-10-21": 126}
    assert bars(found, "lines_by_hour")["23"] == 10
    assert (found.counts["first"], found.counts["last"]) == ("2026-10-20T23:50:00", "2026-10-21T14:00:00")


def test_users_and_movies_are_those_seen_and_the_missing_ones_are_counted(found):
    catalogue = found.counts["catalogue"]
    assert (found.counts["users"], found.counts["movies"]) == (5, 3)
    assert catalogue["users"] == {"seen": 5, "with_record": 3, "unknown_to_the_api": 0, "refused": 0}
    assert catalogue["movies"] == {"seen": 3, "with_record": 2, "unknown_to_the_api": 1, "refused": 0}
    assert (catalogue["movies_without_runtime"], catalogue["movies_without_license_cost"]) == (1, 0)
    assert catalogue["license_cost_per_session_usd"] == pytest.approx((2 * 0.5 + 1.25) / 3)
    assert bars(found, "genders") == {"F": 1, "M": 1, "not said": 1}
    assert bars(found, "ages")["0–17"] == bars(found, "ages")["60+"] == 1
    assert bars(found, "genres_watched") == {"Crime": 3, "Drama": 2}
    assert bars(found, "license_costs") == {
        "0.00–0.25": 0, "0.25–0.50": 0, "0.50–0.75": 1, "0.75–1.00": 0, "1.00–1.50": 1, "1.50–2.00": 0,
        "2.00–3.00": 0, "3.00+": 0,
    }  # fmt: skip


def test_pruned_minutes_are_counted_where_their_sessions_began(tmp_path):
    log = SmallLog()
    for number in range(300):
        log.played("2026-10-20T23:50", number, f"movie+{number}", minutes=100)
    log.rated("2026-10-21T12:00", 2, "fargo+1996", 8)
    log.store(tmp_path)
    before = info(tmp_path)
    enforce(tmp_path, before["bytes"] - 1)
    found = describe(tmp_path, TERM)
    assert (found.counts["pruned"], found.counts["events"]) == (30_000, 30_001)
    assert found.counts["kinds"] == before["kinds"]
    assert bars(found, "watch_by_day") == {"2026-10-20": 30_000}
    assert bars(found, "rate_by_day") == {"2026-10-21": 1}
    assert (found.counts["users"], found.counts["movies"], found.counts["sessions"]) == (300, 301, 300)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "rect", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("meta", "rect", "line", "circle"):
            assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_every_distribution_that_has_anything(found):
    page, tags = html(found), _Tags()
    tags.feed(page)
    assert (tags.open, tags.links) == ([], [])
    full = [each for each in found.distributions if any(number for _, number in each.bars)]
    assert tags.seen.count("svg") == tags.seen.count("figure") == len(full) >= 18
    assert "<script" not in page
    assert all(each.title in markdown(found) for each in full)


def test_the_command_prints_markdown_or_json_and_writes_the_page(store, found, tmp_path):
    page = tmp_path / "data.html"
    done = CliRunner().invoke(cli, ["catalog", "describe", "--store", str(store), "--html", str(page)])
    assert done.exit_code == 0
    assert "| events | 141 |" in done.stdout
    assert page.read_text() == html(found)
    done = CliRunner().invoke(cli, ["catalog", "describe", "--store", str(store), "--json"])
    assert json.loads(done.stdout) == json.loads(json.dumps(found.as_json()))


def test_an_empty_store_is_named(tmp_path):
    done = CliRunner().invoke(cli, ["catalog", "describe", "--store", str(tmp_path)])
    assert done.exit_code == 1
    assert f"expected events in {tmp_path}; there are none yet" in done.output


def test_values_at_an_edge_belong_to_the_bin_that_begins_there():
    import numpy as np

    found = binned("n", "t", "u", np.array([0, 1, 1.99, 2, 5, 1e9, -1, np.nan]), (1, 2, 4))
    assert found.bars == [("1", 2), ("2–3", 1), ("4+", 2)]


def test_pictures_escape_their_texts_and_bars_are_as_long_as_their_numbers():
    drawn = rows_of_bars([("<b>", 2.0), ("c", 1.0), ("none", 0.0)], ["2", "1", "0"], 'a "label"')
    assert "&lt;b&gt;" in drawn
    assert 'aria-label="a &quot;label&quot;"' in drawn
    widths = [float(part.split('"')[0]) for part in drawn.split('width="')[1:]]
    assert widths[0] == 2 * widths[1] > widths[2] == 0
    assert columns([], [], "empty").startswith("<svg")
