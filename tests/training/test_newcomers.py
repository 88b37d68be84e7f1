"""From `create_account` in the stream to a list by the newcomer's own words: the real log, API, catalogue, refresh."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from trainings import append
from worlds import fresh_world, hours_of, platform_settings

from houses import free_ports
from stream.catalog.client import Catalog
from stream.catalog.follow import Follower
from stream.catalog.records import MOVIES
from stream.events import AccountCreated, Rated, Watched
from stream.platform.api import Desk, serve
from stream.platform.catalogue import head_films
from stream.platform.persona import Persona
from stream.platform.provider import Behaviour, Provider
from stream.platform.provider import serve as serve_provider
from stream.platform.records import WorldRecords
from stream.platform.taste import utility
from stream.published import Slot, Tier, load_model, move_pointer, read_pointer
from training.__main__ import cli
from training.data import read_stored
from training.models import Recipe
from training.publish import publish
from training.refresh import Refresher
from training.registry import Version
from training.settings import TrainingSettings
from training.suitability import Suitability

MINUTE_NS = 60 * 10**9
FACTS = {key: {} for key in ("git", "data", "parameters", "metrics", "gate")} | {
    "name": "popularity", "lock_digest": None, "created_ns": 0,
}  # fmt: skip


class House:
    """A store with some hours of a small world, a live popularity model, the API, and users who never watched."""

    def __init__(self, folder, url, world):
        self.settings = TrainingSettings(var_dir=folder / "var", refresh_stream_seconds=1e-6)
        self.world, self.store = world, folder / "var" / "store"
        events = [event for event in hours_of(world, 2) if isinstance(event, Watched | Rated)]
        append(self.store, events)
        self.now_ns = max(event.at_ns for event in events)
        self.silent = sorted(set(range(1, len(world.population) + 1)) - {event.user_id for event in events})
        self.follower = Follower(Catalog(url, self.store / "catalog", pauses_s=(0.01,)), self.store, 6.0)
        self.follower.round()
        self._publish()

    def _publish(self):
        stored = read_stored(self.store, (1, 10))
        version = Version("1", Recipe.of("popularity"), "run", 0, (), {}, "pass", False)
        servable = version.recipe.fit(stored.interactions)
        publish(
            self.settings.models_dir,
            version,
            FACTS,
            servable,
            stored.interactions,
            stored.positions,
            Suitability(self.store / "catalog"),
        )
        move_pointer(self.settings.models_dir, {"default": Slot("1")})

    def sign_up(self, users):
        append(self.store, [AccountCreated(self.now_ns + MINUTE_NS, user) for user in users])

    def live(self):
        slot = read_pointer(self.settings.models_dir).slots["default"]
        return load_model(self.settings.models_dir / slot.version, slot.overlay)

    def words(self, user):
        record = WorldRecords(self.world.term, self.world.seed, self.world.catalogue, lambda: self.world.population)
        return record.user(str(user))


def tier_of(live, user):
    """Tier of a user's own list; None if they have none."""
    found = live.list_of(user)
    return found[1] if found else None


@pytest.fixture
def house(tmp_path):
    world = fresh_world(platform_settings(tmp_path / "platform", world_seed=4))
    records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
    port = free_ports(1)[0]
    server = serve(Desk(records), port)
    try:
        yield House(tmp_path, f"http://127.0.0.1:{port}", world)
    finally:
        server.shutdown()
        server.server_close()


def test_newcomers_get_a_list_by_their_words_in_the_next_refresh_and_it_suits_them(house):
    refresher, newcomers = Refresher(house.settings), house.silent[:60]
    refresher.step()
    house.sign_up(newcomers)
    assert refresher.step() == 0, "their records are not there yet, and nobody waits for them"
    house.follower.round()
    assert refresher.step() > 30
    live, catalogue = house.live(), house.world.catalogue
    by_words = [user for user in newcomers if tier_of(live, user) == Tier.DESCRIPTION]
    gain = []
    for user in by_words:
        taste = house.world.population.taste[user - 1 : user]
        lists = [live.list_of(user)[0], live.popular]
        ours, popular = (np.array([[catalogue.index[movie] for movie in films[:10]]]) for films in lists)
        gain.append(
            utility(house.world.world, catalogue, taste, ours).mean()
            - utility(house.world.world, catalogue, taste, popular).mean()
        )
    spread = 1.96 * np.std(gain) / np.sqrt(len(gain))
    assert np.mean(gain) - spread > 0.5, "lists by words suit them better than what everybody watches"
    for user in set(newcomers) - set(by_words):
        said = house.words(user)
        assert refresher.live.newcomers.facts()["newcomers_awaited"] == 0
        assert len(f"{said['self_description_likes'] or ''}") < 120, said
    assert refresher.step() == 0
    refresher.close()


def test_no_known_minor_is_offered_what_is_certified_for_adults(house):
    house.sign_up(house.silent)
    house.follower.round()
    refresher = Refresher(house.settings)
    refresher.step()
    refresher.close()
    adults_only = {r["id"] for r in house.follower.catalog.file(MOVIES) if r.get("certification") in ("R", "NC-17")}
    live, offered = house.live(), {True: set(), False: set()}
    for user in house.silent:
        if tier_of(live, user) == Tier.DESCRIPTION:
            offered[bool(house.world.population.age[user - 1] < 18)] |= set(live.list_of(user)[0]) & adults_only
    assert offered[False], "grown-ups are offered them"
    assert not offered[True]


def test_what_a_newcomer_watched_is_taken_out_and_after_a_handful_their_history_speaks(house):
    refresher = Refresher(house.settings)
    house.sign_up(house.silent)
    house.follower.round()
    refresher.step()
    user = next(user for user in house.silent if tier_of(house.live(), user) == Tier.DESCRIPTION)
    watched = house.live().list_of(user)[0][:5]
    for number, movie in enumerate(watched, 1):
        append(house.store, [Watched(house.now_ns + (1 + number) * MINUTE_NS, user, movie, 0)])
        refresher.step()
        films, tier = house.live().list_of(user)
        assert not set(watched[:number]) & set(films)
        assert tier == (Tier.DESCRIPTION if number < 5 else Tier.PERSONAL)
    refresher.close()


def test_after_a_restart_newcomers_of_before_have_their_lists(house):
    house.sign_up(house.silent[:20])
    house.follower.round()
    first = Refresher(house.settings)
    assert first.step() > 5
    lists = {user: house.live().list_of(user) for user in house.silent[:20]}
    first.close()
    second = Refresher(house.settings)
    second.step()
    second.close()
    assert lists == {user: house.live().list_of(user) for user in house.silent[:20]}


def test_with_a_language_model_a_list_is_there_at_once_and_follows_its_reading(house):
    provider = Provider(Persona(film.title for film in head_films()), Behaviour(drop=0, invent=0))
    port = free_ports(1)[0]
    server = serve_provider(provider, port)
    try:
        settings = house.settings.model_copy(update={"llm_url": f"http://127.0.0.1:{port}/v1"})
        house.sign_up(house.silent[:12])
        house.follower.round()
        refresher = Refresher(settings)
        assert refresher.step() > 3, "keywords read first"
        refresher.live.newcomers.settle(20)
        refresher.step()
        assert provider.calls >= 5
        tiers = [tier_of(house.live(), user) for user in house.silent[:12]]
        assert tiers.count(Tier.DESCRIPTION) > 3
        refresher.close()
    finally:
        server.shutdown()
        server.server_close()


def test_describe_shows_what_is_read_of_a_text_and_of_a_user(house, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(house.settings.var_dir))
    house.sign_up(house.silent[:1])
    house.follower.round()
    text = CliRunner().invoke(cli, ["describe", "I love horror and Jaws", "--dislikes", "no war", "--json"])
    found = json.loads(text.stdout)
    assert (found["reader"], found["taste"]["disliked_genres"]) == ("keywords", ["War"])
    assert len(found["list"]) == 20
    user = CliRunner().invoke(cli, ["describe", "--user", str(house.silent[0])])
    assert user.exit_code == 0, user.output
    assert "read by keywords" in user.stdout
    unknown = CliRunner().invoke(cli, ["describe", "--user", "987654"])
    assert unknown.exit_code == 1
    assert "no record of user 987654" in unknown.output
    assert CliRunner().invoke(cli, ["describe"]).exit_code == 2
