"""Files of other formats into the store: the online section's CSVs and MovieLens-style ratings."""

import gzip
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stream.__main__ import cli
from stream.events import AccountCreated, MalformedLine, Rated, WallClock, Watched, parse_line
from stream.store.formats import converter_of
from stream.store.info import info
from stream.store.ingest import ingest
from stream.store.query import query
from stream.terms import TERMS

CLOCK = WallClock("America/New_York")
ONLINE, FIVE_STARS = TERMS["F2026-online"], TERMS["F2025"]
EVENTS = """timestamp,user_id,event_type,movie_id,rating
2026-08-27T18:44:45.585,511,watch,fight+club+1999,
2026-08-27T20:10:02,511,rating,fight+club+1999,8
2026-08-28 09:00:00,1001,account_created,,
2026-08-28T09:01:30+00:00,1001,rating,"heat+1995",10.0
2026-08-28T09:02,1001,rating,heat+1995,D
2026-08-28T09:02,x1,watch,heat+1995,
2026-08-28T09:02,1001,paused,heat+1995,
2026-08-28T09:02,1001,watch,"a, film",
2026-08-28T09:02,1001,watch
2026-13-28T09:02,1001,watch,heat+1995,
"""
MOVIES = """movie_id,title,genres,release_date,runtime,original_language,overview,popularity,\
vote_average,vote_count,imdb_id,tmdb_id,license_cost
heat+1995,Heat,Action|Crime|Drama,1995-12-15,170,en,"Thieves, and
a detective",17.9,7.7,1886,tt0113277,949,0.05
odd+1999,"Odd, one",,1999-01-01,,en,,,,,,,0.1
bad+1999,Bad,Drama,1999-01-01,long,en,,,,,,,
"""
USERS = """user_id,age,occupation,gender,self_description_likes,self_description_dislikes
511,29,scientist,F,"I like ""Heat"", really",
1001,,writer,m,,no horror
x,20,writer,M,,
"""


def table(store, sql):
    columns = query(store, sql)
    return list(zip(*(column.tolist() for column in columns.values()), strict=True))


def write_m0(folder):
    paths = [folder / name for name in ("events.csv.gz", "movies.csv", "users.csv.gz")]
    for path, text in zip(paths, (EVENTS, MOVIES, USERS), strict=True):
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else b"\xef\xbb\xbf" + text.encode())
    return paths


def test_the_online_sections_files_become_events_and_catalogue(tmp_path):
    store = tmp_path / "store"
    report = ingest(write_m0(tmp_path), store, ONLINE, format_="m0")
    assert (report["lines"], report["stored"]) == (10, 10)
    assert report["kinds"] == {"watch": 1, "rate": 2, "request": 0, "account": 1}
    assert report["quarantined"] == {"rating": 1, "user": 1, "kind": 1, "movie": 1, "fields": 1, "time": 1}
    assert report["catalog"] == {"movies": 2, "users": 2, "refused": 2}
    assert table(store, "SELECT kind, at_ns, user_id, movie_id, coalesce(minute, score) FROM all_events ORDER BY 2, 1")[
        :2
    ] == [
        ("watch", CLOCK.read("2026-08-27T18:44:45.585"), 511, "fight+club+1999", 0),
        ("rate", CLOCK.read("2026-08-27T20:10:02"), 511, "fight+club+1999", 8),
    ]
    times = dict(table(store, "SELECT kind, max(at_ns) FROM all_events GROUP BY 1"))
    assert times["account"] == CLOCK.read("2026-08-28T09:00")
    assert times["rate"] == CLOCK.read("2026-08-28T05:01:30")  # given in UTC


def test_bad_rows_are_kept_as_they_were_and_named_by_file_and_line(tmp_path):
    report = ingest(write_m0(tmp_path), tmp_path / "store", ONLINE, format_="m0")
    kept = table(tmp_path / "store", 'SELECT "offset" + 1, reason, raw FROM quarantine ORDER BY 1')
    assert kept[0] == (6, "rating", b"2026-08-28T09:02,1001,rating,heat+1995,D")
    assert [line for line, _, _ in kept] == [6, 7, 8, 9, 10, 11]
    assert (
        f"{tmp_path / 'movies.csv'}, line 5: runtime: expected a number of at least 0, got 'long'" in report["examples"]
    )
    assert any(f"{tmp_path / 'events.csv.gz'}, line 6: rating: " in told for told in report["examples"])


def test_records_of_the_online_section_look_like_the_apis(tmp_path):
    ingest(write_m0(tmp_path), tmp_path / "store", ONLINE, format_="m0")
    cache = tmp_path / "store" / "catalog"
    movies, users = ([json.loads(line) for line in (cache / name).open()] for name in ("movies.jsonl", "users.jsonl"))
    assert all(record.pop("fetched_ns") for record in [*movies, *users])
    assert movies[0] | {"overview": ""} == {
        "id": "heat+1995", "title": "Heat", "genres": [{"name": "Action"}, {"name": "Crime"}, {"name": "Drama"}],
        "release_date": "1995-12-15", "runtime": 170, "original_language": "en", "overview": "", "popularity": 17.9,
        "vote_average": 7.7, "vote_count": 1886, "imdb_id": "tt0113277", "tmdb_id": 949, "license_cost": 0.05,
    }  # fmt: skip
    assert movies[0]["overview"] == "Thieves, and\na detective"
    assert (movies[1]["title"], movies[1]["genres"], movies[1]["runtime"]) == ("Odd, one", [], 0)
    assert users[0] == {
        "user_id": 511, "age": 29, "occupation": "scientist", "gender": "F",
        "self_description_likes": 'I like "Heat", really', "self_description_dislikes": None,
    }  # fmt: skip
    assert [record["refused_because"] for record in map(json.loads, (cache / "refused.jsonl").open())] == [
        ["runtime: expected a number of at least 0, got 'long'"], ["user_id: got 'x'"],
    ]  # fmt: skip


def test_the_same_files_again_change_nothing(tmp_path):
    paths, store = write_m0(tmp_path), tmp_path / "store"
    ingest(paths, store, ONLINE, format_="m0")
    held, cache = info(store), {path.name: path.read_bytes() for path in (store / "catalog").iterdir()}
    again = ingest(paths, store, ONLINE, format_="m0")
    assert (again["stored"], again["lines"]) == (0, 10)
    assert info(store) == held
    assert {path.name: path.read_bytes() for path in (store / "catalog").iterdir()} == cache


MOVIELENS = {
    "u.data": ("196\t242\t3\t881250949\n186\t302\t4\t891717742\n", [3, 4]),
    "ratings.csv": ("userId,movieId,rating,timestamp\n196,242,3.5,881250949\n186,302,4.0,891717742\n", [7, 8]),
    "ratings.dat": ("196::242::3::881250949\n186::302::4::891717742\n", [3, 4]),
    "mine.csv": ("user,item,rating\n196,242,3\n186,302,4\n", [3, 4]),
    "bare.csv": ("196,242,3\r\n186,302,4", [3, 4]),
}


@pytest.mark.parametrize("name", MOVIELENS)
def test_ratings_of_movielens_become_rating_lines(name, tmp_path):
    text, scores = MOVIELENS[name]
    path, store = tmp_path / name, tmp_path / "store"
    path.write_bytes(text.encode())
    report = ingest([path], store, TERMS["F2026"], format_="movielens")
    assert (report["lines"], report["kinds"]["rate"], report["quarantined"]) == (2, 2, {})
    found = table(store, "SELECT user_id, movie_id, score, at_ns FROM ratings ORDER BY at_ns")
    assert [row[:3] for row in found] == [(196, "242", scores[0]), (186, "302", scores[1])]
    if "8812" in text:
        assert [at_ns for *_, at_ns in found] == [881250949 * 10**9, 891717742 * 10**9]
    assert ingest([path], store, TERMS["F2026"], format_="movielens")["stored"] == 0


def test_half_stars_are_doubled_on_a_scale_to_ten_and_rounded_up_on_one_to_five(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n1,2,0.5,881250949\n1,3,5.0,881250950\n1,4,2,881250951\n")
    for term, scores in ((TERMS["F2026"], [1, 10, 4]), (FIVE_STARS, [1, 5, 2])):
        ingest([path], tmp_path / term.name, term, format_="movielens")
        assert table(tmp_path / term.name, "SELECT score FROM ratings ORDER BY at_ns") == [(s,) for s in scores]


def test_a_file_first_taken_for_a_log_can_still_be_read_as_what_it_is(tmp_path):
    path = tmp_path / "u.data"
    path.write_text(MOVIELENS["u.data"][0])
    taken = ingest([path], tmp_path / "store", ONLINE)
    assert taken["quarantined"] == {"fields": 2}
    assert taken["examples"][0] == f"{path}: no line of it is an event; is it of another --format?"
    assert ingest([path], tmp_path / "store", ONLINE, format_="movielens")["kinds"]["rate"] == 2


@pytest.mark.parametrize(
    ("format_", "text", "said"),
    [
        ("m0", "a,b\n1,2\n", "line 1: expected the columns timestamp,user_id,event_type,movie_id,rating"),
        ("movielens", "no separator\n", "line 1: expected user, item, rating"),
    ],
)
def test_a_file_of_another_format_is_status_1_and_says_what_was_expected(format_, text, said, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    arguments = ["ingest", str(path), "--store", str(tmp_path / "s"), "--term", "F2026", "--format", format_, "--json"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert said in json.loads(result.stdout)["damaged"][str(path)]


def test_a_store_that_cannot_be_written_is_status_1_and_says_how_to_go_on(tmp_path):
    path, store = tmp_path / "u.data", tmp_path / "store"
    path.write_text(MOVIELENS["u.data"][0])
    store.write_text("a file where the store's folder should be")
    result = CliRunner().invoke(cli, ["ingest", str(path), "--store", str(store / "s"), "--format", "movielens"])
    assert result.exit_code == 1
    assert "Not a directory" in result.output
    assert "the same command goes on from there" in result.output


cells = st.one_of(
    st.sampled_from(
        ["1", "196", "watch", "rating", "heat+1995", "3.5", "881250949", "2026-08-27T18:44", "", '"', "x,"]
    ),
    st.text(max_size=8),
)
FIRST_LINES = [("m0", b"timestamp,user_id,event_type,movie_id,rating"), ("movielens", b"1\t2\t3"),
               ("movielens", b"1::2::3::4"), ("movielens", b"user,item,rating")]  # fmt: skip


@pytest.mark.parametrize(("format_", "first"), FIRST_LINES)
@given(row=st.one_of(st.lists(cells, max_size=6).map(lambda r: ",".join(r).encode("utf-8", "replace")),
                     st.lists(cells, max_size=5).map(lambda r: "::".join(r).encode("utf-8", "replace")),
                     st.binary(max_size=60)))  # fmt: skip
def test_any_row_is_a_line_of_the_log_or_malformed(format_, first, row):
    converter = converter_of(format_, first, CLOCK, True)
    try:
        line = converter.line(7, row)
    except MalformedLine:
        return
    event = parse_line(line, CLOCK)
    assert isinstance(event, Watched | Rated | AccountCreated)
    assert event.format(CLOCK).encode() == line


def test_the_command_offers_exactly_the_formats_there_are():
    from stream.__main__ import FORMATS as OFFERED
    from stream.store.formats import FORMATS

    assert OFFERED == FORMATS
