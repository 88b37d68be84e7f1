"""Changes of the world, the API and the provider: seen in lines and answers, the same after a kill, in the key."""

from collections import Counter

import pytest
from worlds import fresh_world, hours_of, platform_settings

from stream.events import Rated, WallClock, Watched, parse_line
from stream.platform import answer_key, injections
from stream.platform.api import Desk, create_app
from stream.platform.catalogue import GENRES
from stream.platform.changed_records import ChangedRecords
from stream.platform.changes import FILE, Changes, movie_of
from stream.platform.damage import Damage, Told
from stream.platform.injections import Injection, Watcher
from stream.platform.intrusion import Place
from stream.platform.manners import Trouble as ApiTrouble
from stream.platform.persona import Persona
from stream.platform.population import FIRST_ID
from stream.platform.provider import Behaviour, Provider
from stream.platform.records import WorldRecords
from stream.platform.run import _take_down
from stream.platform.scenarios import SCENARIOS
from stream.platform.score import Finding, score
from stream.platform.trouble import Trouble
from stream.platform.world import BLOCK_MS, HOUR_MS

HOURS = 5


def _world(tmp_path, *plans, term="F2026"):
    """Demo's next hours as parsed events, with changes planned for all of them; the world, and its trouble."""
    settings = platform_settings(tmp_path, world="demo", course_term=term)
    world = fresh_world(settings)
    from_ms = world.now_ms - world.now_ms % BLOCK_MS
    on = [
        Injection(f"id{number}", scenario, from_ms, from_ms + 2 * HOURS * HOUR_MS, rate or SCENARIOS[scenario].rate,
                  target=target)
        for number, (scenario, rate, target) in enumerate(plans)
    ]  # fmt: skip
    injections.add(settings.home, on)
    place = Place(world.catalogue.ids, world.world.n_users, world.term)
    trouble = Trouble(settings.home, settings.team, place)
    world.changes = trouble.changes_of
    world.take(world.now_ms + 2 * HOUR_MS)  # sessions and requests from before the change come to an end
    return world, hours_of(world, HOURS), trouble, settings


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    world, events, _, _ = _world(tmp_path_factory.mktemp("quiet"))
    return world, events


def _starts(events):
    return [event for event in events if isinstance(event, Watched) and event.minute == 0]


def _share(events, which):
    starts = _starts(events)
    return sum(which(event) for event in starts) / len(starts)


def test_users_who_turn_to_a_genre_watch_more_of_it(tmp_path, quiet):
    world, events, _, settings = _world(tmp_path, ("taste-shift", 0.5, "Western"))
    westerns = {
        movie
        for movie, film in zip(world.catalogue.ids, world.catalogue.films, strict=True)
        if "Western" in film.genres
    }
    seen, before = (_share(some, lambda event: event.movie_id in westerns) for some in (events, quiet[1]))
    assert seen > 2 * before
    entry = next(iter(answer_key.read(settings.home)))
    assert (entry.what, entry.scenario) == ("Western", "taste-shift")
    turned = set(entry.users)
    assert len(turned) == pytest.approx(10_000, rel=0.05)
    mine = [event for event in _starts(events) if event.user_id in turned]
    assert sum(event.movie_id in westerns for event in mine) / len(mine) > 3 * before


def test_a_new_hit_has_its_share_and_a_movie_that_was_taken_down_has_none(tmp_path, quiet):
    gone = Counter(event.movie_id for event in _starts(quiet[1])).most_common(1)[0][0]
    _, events, _, settings = _world(tmp_path, ("new-hit", 0.1, ""), ("takedown", 1.0, gone))
    named = {entry.scenario: entry.movies for entry in answer_key.read(settings.home)}
    assert named["takedown"] == (gone,)
    (hit,) = named["new-hit"]
    assert _share(quiet[1], lambda event: event.movie_id == hit) < 0.005
    assert 0.02 < _share(events, lambda event: event.movie_id == hit) < 0.5
    assert _share(events, lambda event: event.movie_id == gone) == 0


@pytest.mark.parametrize(
    ("plan", "concerned"),
    [(("demographic-mix", 5.0, "F"), lambda people, row: not people.male[row]),
     (("minors-asking", 20.0, ""), lambda people, row: people.age[row] < 18)],
)  # fmt: skip
def test_a_group_that_asks_more_is_more_of_those_who_watch(tmp_path, quiet, plan, concerned):
    world, events, _, _ = _world(tmp_path, plan)
    people = world.population
    seen, before = (
        _share(some, lambda event: bool(concerned(people, event.user_id - FIRST_ID))) for some in (events, quiet[1])
    )
    odds = plan[1] * before / (1 - before)
    assert 0.65 < seen / (odds / (1 + odds)) < 1.15  # who asks so often is sometimes still busy with another movie


def test_a_group_that_is_served_worse_rates_lower_and_no_other_does(tmp_path, quiet):
    world, events, _, _ = _world(tmp_path, ("bias", 1.0, "F"))

    def mean(some, *, male):
        scores = [e.score for e in some if isinstance(e, Rated) and world.population.male[e.user_id - FIRST_ID] == male]
        assert len(scores) > 100
        return sum(scores) / len(scores)

    assert mean(events, male=False) < mean(quiet[1], male=False) - 0.5
    assert mean(events, male=True) == pytest.approx(mean(quiet[1], male=True), abs=0.1)


@pytest.mark.parametrize(("rating_max", "score", "wanted"), [(10, 7, 4), (10, 10, 5), (10, 1, 1), (5, 4, 8)])
def test_another_scale_changes_ratings_alone(rating_max, score, wanted):
    on = Injection("abcd1234", "scale-change", 0, HOUR_MS, 1.0)
    lines = [b"2026-09-15T12:00:01.500,3,GET /data/m/heat+1995/7.mpg"]
    rated = f"2026-09-15T12:00:01.500,3,GET /rate/heat+1995={score}".encode()
    written, touched = Damage(rating_max=rating_max).apply([Told(0, line) for line in [*lines, rated]], [on], 1)
    assert written[0].text == lines[0]
    assert parse_line(written[1].text, WallClock("UTC")).score == wanted
    assert [each.before for each in touched] == [rated.decode()]


def test_a_block_that_is_planned_again_after_a_kill_has_the_same_changes(tmp_path):
    first = injections.planned("new-hit", 0, 10 * BLOCK_MS)
    injections.add(tmp_path, [first])
    changes = Changes(tmp_path, 1, Watcher(tmp_path, 1))
    assert changes.of_block(0, BLOCK_MS) == (first,)
    later = injections.planned("taste-shift", 0, 10 * BLOCK_MS)
    injections.add(tmp_path, [later])
    with (tmp_path / FILE).open("a") as file:
        file.write('\n{"from_ms": 60')  # torn by the kill
    again = Changes(tmp_path, 1, Watcher(tmp_path, 1))
    assert again.of_block(0, BLOCK_MS) == (first,)
    assert set(again.of_block(BLOCK_MS, 2 * BLOCK_MS)) == {first, later}
    assert set(Changes(tmp_path, 1, Watcher(tmp_path, 1)).of_block(BLOCK_MS, 2 * BLOCK_MS)) == {first, later}


def test_a_block_without_changes_stays_without_though_one_is_injected_into_its_past(tmp_path):
    assert Changes(tmp_path, 1, Watcher(tmp_path, 1)).of_block(0, BLOCK_MS) == ()
    injections.add(tmp_path, [injections.planned("new-hit", 0, BLOCK_MS)])
    assert Changes(tmp_path, 1, Watcher(tmp_path, 1)).of_block(0, BLOCK_MS) == ()


@pytest.mark.parametrize(
    ("scenario", "target"), [("bias", "elves"), ("taste-shift", "Polka"), ("demographic-mix", "x")]
)
def test_a_change_about_nobody_is_refused_naming_who_there_is(scenario, target):
    with pytest.raises(ValueError, match=r"F, M|Drama"):
        injections.planned(scenario, 0, 1_000, target=target)
    assert "Drama" in GENRES


@pytest.mark.parametrize(
    ("change", "scenario"),
    [({"nulls": 0.5}, "api-nulls"), ({"wrong_types": 0.5}, "api-wrong-types"), ({"missing": 0.5}, "api-missing-fields"),
     ({"too_many": 0.5}, "api-too-many"), ({"errors": 0.5}, "api-errors"), ({"pages": 0.5}, "api-pages"),
     ({"slow_s": 0.001}, "api-slow")],
)  # fmt: skip
def test_every_answer_that_is_not_as_it_should_be_is_noted_and_no_other(quiet, change, scenario):
    world, noted = quiet[0], []
    records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
    desk = Desk(records, trouble=ApiTrouble().changed(change), noted=lambda *said: noted.append(said))
    client = create_app(desk).test_client()
    wrong = set()
    for user in range(1, 101):
        answer = client.get(f"/user/{user}")
        right = answer.status_code == 200 and answer.is_json and answer.get_json() == records.user(str(user))
        if not right or scenario == "api-slow":
            wrong.add(f"user/{user}")
    assert {name for name, _ in noted} == {scenario}
    assert {what.partition(":")[0] for _, what in noted} == wrong
    assert len(wrong) > 20


def test_notes_become_entries_of_the_injection_that_is_on(tmp_path, quiet):
    world = quiet[0]
    on = injections.planned("api-nulls", 1_000, HOUR_MS)
    injections.add(tmp_path, [on])
    trouble = Trouble(tmp_path, 1, Place(world.catalogue.ids, 500, world.term))
    trouble.note("api-nulls", 2_000, "user/12: age", [12])
    trouble.note("api-nulls", 2 * HOUR_MS, "user/13: age", [13])  # over by then
    (entry,) = answer_key.read(tmp_path)
    assert (entry.injection, entry.what, entry.users, entry.before, entry.after) == (
        on.id,
        "user/12: age",
        (12,),
        None,
        None,
    )


def test_prices_jump_and_what_was_taken_down_is_unknown_to_the_api(quiet):
    world, noted = quiet[0], []
    plain = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
    gone, dear = world.catalogue.ids[3], world.catalogue.ids[5]
    on = [Injection("a", "takedown", 0, 1, 1.0, target=gone), Injection("b", "price-jump", 0, 1, 4.0, target=dear)]
    records = ChangedRecords(plain, world.catalogue, lambda: on, lambda *said: noted.append(said))
    assert records.movie(gone) is None
    assert records.movie("3") is None
    assert records.movie(dear)["license_cost"] == pytest.approx(4 * plain.movie(dear)["license_cost"], abs=0.01)
    assert records.movie(world.catalogue.ids[7]) == plain.movie(world.catalogue.ids[7])
    assert records.user("3") == plain.user("3")
    assert {(scenario, movie) for scenario, _, movie in noted} == {("takedown", gone), ("price-jump", dear)}


def test_the_provider_is_down_while_the_injection_is_on(tmp_path):
    on = injections.planned("provider-down", 1_000, 1_000)
    injections.add(tmp_path, [on])
    model, watcher, key = Provider(Persona(["Heat"]), Behaviour()), Watcher(tmp_path, 1), answer_key.AnswerKey(tmp_path)
    body = {"messages": [{"role": "user", "content": "likes: Heat"}]}
    statuses = []
    for at_ms in (None, 500, 1_500, 1_600, 2_500):
        _take_down(model, watcher, key, at_ms)
        statuses.append(model.complete(body)[1])
    assert statuses == [200, 200, 503, 503, 200]
    assert [(each.injection, each.at_ms) for each in answer_key.read(tmp_path)] == [(on.id, 1_500)]


def test_findings_about_changes_are_scored_by_their_users_and_movies(tmp_path, quiet):
    world = quiet[0]
    on = Injection("h", "takedown", 0, HOUR_MS, 1.0)
    movie = world.catalogue.ids[movie_of(on, world.catalogue)]
    entry = answer_key.Affected("h", "takedown", 0, None, None, movie, (), (movie,))
    said = [Finding("takedown", 60_000, frozenset(), frozenset(), frozenset({movie, "other+1999"}))]
    found = score(said, [on], [entry], WallClock("UTC"))
    assert (found["precision"], found["recall"], found["delay_minutes"]) == (1.0, 1.0, 1.0)
    assert found["scenarios"][0]["items"]["movies"] == {"precision": 0.5, "recall": 1.0}


def test_entries_of_older_keys_are_still_read(tmp_path):
    old = '{"injection": "a", "scenario": "duplicates", "at_ms": 5, "before": "x", "after": "x"}\n'
    (tmp_path / answer_key.FILE).write_text(old)
    (entry,) = answer_key.read(tmp_path)
    assert (entry.before, entry.what, entry.users) == ("x", "", ())
