import json
import urllib.error
import urllib.request

import pytest
from worlds import fresh_world, platform_settings

from houses import free_ports
from stream.platform.api import Desk, create_app, serve
from stream.platform.records import FileRecords, WorldRecords
from stream.platform.titles import movie_id
from stream.terms import TERMS


def _records(folder, term="F2026"):
    world = fresh_world(platform_settings(folder, world="demo", course_term=term))
    return world, WorldRecords(TERMS[term], world.seed, world.catalogue, lambda: world.population)


@pytest.fixture(scope="module")
def world_and_client(tmp_path_factory):
    world, records = _records(tmp_path_factory.mktemp("api"))
    return world, create_app(Desk(records)).test_client()


def test_the_root_says_what_it_is(world_and_client):
    answer = world_and_client[1].get("/")
    assert (answer.status_code, answer.text) == (200, "Movie API Service")


def test_a_user_has_demographics_and_words_of_their_own(world_and_client):
    user = world_and_client[1].get("/user/42").json
    assert set(user) == {
        "user_id",
        "age",
        "occupation",
        "gender",
        "self_description_likes",
        "self_description_dislikes",
    }
    assert user["user_id"] == 42
    assert user["gender"] in ("M", "F")
    assert world_and_client[1].get("/user/42").json == user


def test_before_2026_users_say_nothing_about_themselves(tmp_path):
    _, records = _records(tmp_path, "F2025")
    assert set(records.user("42")) == {"user_id", "age", "occupation", "gender"}
    assert "license_cost" not in records.movie("toy+story+1995")


def test_a_movie_has_the_fields_and_the_habits_of_the_real_one(world_and_client):
    movie = world_and_client[1].get("/movie/toy+story+1995").json
    assert movie["id"] == "toy+story+1995"
    assert movie["title"] == "Toy Story"
    assert movie["adult"] == "False"
    assert {genre["name"] for genre in movie["genres"]} == {"Animation", "Comedy", "Family"}
    assert all(
        isinstance(movie[name], str) for name in ("budget", "revenue", "popularity", "vote_average", "vote_count")
    )
    assert isinstance(movie["runtime"], int)
    assert isinstance(movie["license_cost"], float)
    assert movie["certification"]


@pytest.mark.parametrize("path", ["toy+story+1995", "toy%2Bstory%2B1995"])
def test_a_raw_plus_and_an_escaped_one_mean_the_same(world_and_client, path):
    assert world_and_client[1].get(f"/movie/{path}").json["id"] == "toy+story+1995"


def test_a_number_finds_a_movie_too(world_and_client):
    world, client = world_and_client
    assert client.get("/movie/12").json["id"] == world.catalogue.ids[12]


@pytest.mark.parametrize(
    "path", ["/movie/no+such+movie", "/movie/99999999999999", "/user/0", "/user/20001", "/user/x", "/user/-1"]
)
def test_the_unknown_is_a_message_not_a_record(world_and_client, path):
    answer = world_and_client[1].get(path)
    assert answer.status_code == 404
    assert list(answer.json) == ["message"]


def test_up_to_200_at_once_in_the_order_asked(world_and_client):
    client = world_and_client[1]
    found = client.get("/user/" + ",".join(str(user) for user in range(200, 0, -1))).json
    assert [user["user_id"] for user in found] == list(range(200, 0, -1))
    mixed = client.get("/movie/heat+1995,nothing+1900").json
    assert mixed[0]["id"] == "heat+1995"
    assert list(mixed[1]) == ["message"]
    assert client.get("/user/" + ",".join(["1"] * 201)).status_code == 400


def test_demographics_are_those_of_the_course(world_and_client):
    people = world_and_client[0].population
    assert people.male.mean() == pytest.approx(0.832, abs=0.01)
    assert sorted(people.age)[len(people) // 2] == pytest.approx(29, abs=1)
    assert (people.age < 18).mean() == pytest.approx(0.0125, abs=0.005)
    assert (people.occupation == 0).mean() == pytest.approx(6921 / 28589, abs=0.01)


def test_self_descriptions_name_genres_and_titles_that_suit_and_some_say_nothing(world_and_client):
    world, client = world_and_client
    users = client.get("/user/" + ",".join(str(user) for user in range(1, 201))).json
    likes = [user["self_description_likes"] for user in users]
    assert 0.05 < sum(text is None for text in likes) / len(likes) < 0.35
    titles = {film.title: row for row, film in enumerate(world.catalogue.films[: world.catalogue.known])}
    named = [(user["user_id"], titles[title]) for user in users for title in titles
             if len(title) > 8 and title in (user["self_description_likes"] or "")]  # fmt: skip
    suits = [float(world.population.taste[user - 1] @ world.catalogue.features[movie]) for user, movie in named]
    assert len(named) > 20
    assert sum(suits) / len(suits) > 1


def test_a_folder_of_records_is_served_in_the_same_shapes(tmp_path, world_and_client):
    client = world_and_client[1]
    wanted = client.get("/movie/heat+1995").json
    (tmp_path / "movies.jsonl").write_text(json.dumps(wanted) + "\n")
    (tmp_path / "users.jsonl").write_text(json.dumps({"user_id": 7, "age": 30}) + "\n")
    from_files = create_app(Desk(FileRecords(tmp_path))).test_client()
    assert from_files.get("/movie/heat%2B1995").json == wanted
    assert from_files.get("/user/7").json == {"user_id": 7, "age": 30}
    assert from_files.get("/user/8").status_code == 404


def test_a_broken_record_is_named_by_file_and_line(tmp_path):
    (tmp_path / "movies.jsonl").write_text('{"id": "heat+1995"}\n{"title": "no id"}\n')
    (tmp_path / "users.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"movies\.jsonl, line 2: expected an object with 'id'"):
        FileRecords(tmp_path)


def test_it_answers_over_a_socket(tmp_path):
    _, records = _records(tmp_path)
    port = free_ports(1)[0]
    server = serve(Desk(records), port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/movie/toy%2Bstory%2B1995,heat+1995", timeout=5) as answer:
            assert [movie["id"] for movie in json.load(answer)] == ["toy+story+1995", "heat+1995"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/user/0", timeout=5)
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("title", "year", "wanted"),
    [
        ("Monsters, Inc.", 2001, "monsters_+inc.+2001"),
        ("Thelma & Louise", 1991, "thelma++louise+1991"),
        ("Amélie", 2001, "amlie+2001"),
        ("M*A*S*H", 1970, "m*a*s*h+1970"),
        ("Schindler's List", 1993, "schindlers+list+1993"),
        ("Endeavour", None, "endeavour+"),
        ("東京 東京", 2013, "++2013"),
        ("20,000 Days on Earth", 2014, "20_000+days+on+earth+2014"),
    ],
)
def test_ids_are_made_as_the_course_makes_them(title, year, wanted):
    assert movie_id(title, year) == wanted
