"""The catalogue's commands, as a student types them."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from faulty_api import Says, api

from small_logs import SmallLog
from stream.__main__ import cli
from stream.catalog.client import Catalog
from stream.catalog.records import MOVIES, USERS, movie_of

HEAT = {"id": "heat+1995", "title": "Heat", "genres": [{"id": 80, "name": "Crime"}], "runtime": 170, "cost": 0.5}
ANN = {"user_id": 1, "age": 27, "occupation": "writer", "gender": "F"}


@pytest.fixture
def store(tmp_path):
    log = SmallLog()
    log.played("2026-10-20T10:00", 1, "heat+1995", minutes=3)
    log.played("2026-10-20T10:00", 2, "nobody+1900")
    return log.store(tmp_path / "var" / "store")


def run(store, served, *words):
    """The finished command, in a house of its own."""
    env = {"VAR_DIR": str(store.parent), "API_URL": getattr(served, "url", served), "API_MAX_PER_S": "1000"}
    return CliRunner().invoke(cli, ["catalog", *words], env=env)


def test_sync_fetches_what_the_store_mentions_and_says_what_to_do_next(store):
    with api(HEAT | {"runtime": "long"}, ANN) as served:
        done = run(store, served, "sync")
    assert done.exit_code == 0, done.output
    assert "movies: 2 seen, 0 were there, 0 fetched, 1 refused, 1 unknown to the API" in done.stdout
    assert "users: 2 seen, 0 were there, 1 fetched, 0 refused, 1 unknown to the API" in done.stdout
    assert "refused for runtime of 1; see refused.jsonl" in done.stdout
    assert sorted(served.asked) == ["/movie/heat+1995,nobody+1900", "/user/1,2"]


def test_sync_again_tells_of_a_price_that_changed_and_keeps_what_went_bad(store):
    with api(HEAT, ANN) as served:
        assert json.loads(run(store, served, "sync", "--json").stdout)["movies"]["fetched"] == 1
        served.records |= {"heat+1995": HEAT | {"cost": 0.75}, "1": {"user_id": 1, "age": None}}
        done = run(store, served, "sync", "--refresh")
        assert "changed since the last fetch: license_cost of 1" in done.stdout
        assert "the last good copy stays of 1" in done.stdout
        shown = run(store, served, "show", "heat%2B1995")
        assert json.loads(shown.stdout)["cost"] == 0.75
        assert "license_cost: 0.5 -> 0.75" in shown.stderr
        assert json.loads(run(store, served, "show", "1", "--json").stdout)["age"] == 27


def test_all_users_of_the_course_can_be_fetched_before_anybody_is_seen(store):
    people = [ANN | {"user_id": number} for number in range(1, 31)]
    with api(*people) as served:
        report = json.loads(run(store, served, "sync", "--all-users", "30", "--json").stdout)
    assert (report["users"]["seen"], report["users"]["fetched"]) == (30, 30)


def test_an_empty_store_is_said_with_what_to_do(tmp_path):
    done = run(tmp_path / "store", "http://127.0.0.1:1", "sync")
    assert (done.exit_code, done.stdout.count("nothing is stored yet")) == (0, 2)


def test_a_damaged_file_of_the_store_is_named(store):
    path = next(store.glob("events/*/*.parquet"))
    path.write_bytes(path.read_bytes()[:-20])
    done = run(store, "http://127.0.0.1:1", "sync")
    assert done.exit_code == 1
    assert path.name in done.stderr


def test_an_api_that_is_away_ends_with_status_1_and_what_to_do(store):
    done = run(store, "http://127.0.0.1:1", "sync", "--movies-only")
    assert done.exit_code == 1
    assert "refused" in done.stderr
    assert "What came is kept; the same command goes on from there." in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(store):
    (store / "catalog").mkdir()
    (store / "catalog" / "movies.jsonl").symlink_to("/dev/full")
    with api(HEAT, ANN) as served:
        done = run(store, served, "sync")
    assert (done.exit_code, "No space left on device" in done.stderr) == (1, True)


@pytest.mark.parametrize("key", ["nobody+1900", "9", "٣"])
def test_what_the_api_does_not_know_is_said_with_status_1(store, key):
    with api(HEAT, first=[Says(404, {"message": "no"})] * 2) as served:
        done = run(store, served, "show", key)
    assert done.exit_code == 1
    assert f"knows no {'user' if key == '9' else 'movie'} {key}" in done.stderr


def test_a_refused_record_is_shown_with_its_reasons(store):
    with api(HEAT | {"runtime": None}) as served:
        done = run(store, served, "show", "heat+1995")
    assert done.exit_code == 1
    assert "the API's record of movie heat+1995 was refused: runtime: null" in done.stderr


def test_a_word_is_no_user(store):
    done = run(store, "http://127.0.0.1:1", "show", "heat+1995", "--user")
    assert done.exit_code == 2
    assert "expected the number of a user, got 'heat+1995'" in done.stderr


MOVIES_CSV = (
    "movie_id,title,genres,release_date,runtime,original_language,overview,license_cost\r\n"
    'heat+1995,"Heat, again",Crime|Drama,1995-12-15,170,en,"two\nlines",0.5\r\n'
    "endeavour+,Endeavour,,,0,en,,\r\n"
    "bad+2000,Bad,Crime,,long,en,,1\r\n"
)
USERS_CSV = "user_id,age,occupation,gender,self_description_likes,self_description_dislikes\n7,30,writer,F,noir,\n"


def test_the_supplied_csv_files_become_records_like_the_apis(store, tmp_path):
    (tmp_path / "movies.csv.gz").write_bytes(gzip.compress(MOVIES_CSV.encode()))
    (tmp_path / "users.csv").write_text("\ufeff" + USERS_CSV)
    done = run(store, "", "load", str(tmp_path / "movies.csv.gz"), str(tmp_path / "users.csv"))
    assert done.exit_code == 0, done.output
    assert "2 movies kept that were not there, 1 refused (see refused.jsonl)" in done.stdout
    catalog = Catalog("", store / "catalog")
    movie = movie_of(catalog.known(MOVIES)["heat+1995"])
    assert (movie.title, movie.genres, movie.runtime_minutes, movie.license_cost) == (
        "Heat, again", ("Crime", "Drama"), 170, 0.5,
    )  # fmt: skip
    assert movie_of(catalog.known(MOVIES)["endeavour+"]).genres == ()
    assert catalog.known(USERS)["7"]["self_description_dislikes"] is None
    again = run(store, "", "load", str(tmp_path / "users.csv"), "--json")
    assert json.loads(again.stdout)[str(tmp_path / "users.csv")]["fetched"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: expected a header that begins with movie_id or user_id; got []"),
        ("timestamp,user_id,event_type,movie_id,rating\n", "events go to `stream ingest`"),
        (USERS_CSV + "8,30\n", "line 3: expected 6 columns; got 2: ['8', '30']"),
        (USERS_CSV + "x,30,,,,\n", "line 3: expected the user_id of a user; got 'x'"),
    ],
)
def test_a_file_that_is_no_such_csv_is_named_with_its_line_and_loses_nothing_good(store, tmp_path, text, said):
    (tmp_path / "some.csv").write_text(text)
    done = run(store, "", "load", str(tmp_path / "some.csv"))
    assert done.exit_code == 1
    assert said in done.stderr
    assert list(Catalog("", store / "catalog").known(USERS)) == (["7"] if text.startswith(USERS_CSV) else [])
