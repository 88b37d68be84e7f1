"""Who the users are and what they say of themselves, held against their hidden taste."""

from collections import Counter

import numpy as np
import pytest
from worlds import platform_settings

from stream.platform.catalogue import GENRES, LEANINGS
from stream.platform.history import empty_world
from stream.platform.records import WorldRecords
from stream.platform.taste import suits, utility
from stream.platform.voices import GENRE_WORDS, ORDERS, WISHES
from stream.platform.world import world_of

USERS = 4_000


def _world(folder, **changes):
    settings = platform_settings(folder, world="demo") if not changes else platform_settings(folder, **changes)
    return empty_world(settings, world_of(settings.world, settings.term, settings.demographic_taste), 0)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A world, and what its first users say of their likes and dislikes."""
    world = _world(tmp_path_factory.mktemp("users"))
    records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
    users = [records.user(str(user_id)) for user_id in range(1, USERS + 1)]
    return world, [(user["self_description_likes"], user["self_description_dislikes"]) for user in users]


def _order_starts():
    return (*(order[:18] for order in ORDERS if not order.startswith("{{")), '{"genres"')


def test_some_say_nothing_some_little_and_some_give_orders(told):
    likes = [text for text, _ in told[1] if text]
    assert 0.1 < 1 - len(likes) / USERS < 0.3
    assert 0.01 < np.mean([any(start in text for start in _order_starts()) for text in likes]) < 0.06
    assert 0.05 < np.mean([len(text.split()) <= 4 for text in likes]) < 0.4


def test_the_genres_of_likes_are_loved_and_those_of_dislikes_are_not(told):
    world, texts = told
    columns = {word: list(GENRES).index(genre) for genre, words in GENRE_WORDS.items() for word in words}
    loved, avoided = [], []
    for row, (likes, dislikes) in enumerate(texts):
        for text, found in ((likes, loved), (dislikes, avoided)):
            if text and text.count(" ") <= 4 and ("," in text):  # a bare list of genres
                said = [columns[part.strip().lower()] for part in text.split(",") if part.strip().lower() in columns]
                found += world.population.taste[row, said].tolist()
    assert min(len(loved), len(avoided)) > 100
    assert np.mean(loved) > 1
    assert np.mean(avoided) < -1


def test_vague_wishes_are_true_of_the_taste(told):
    world, texts = told
    leanings = world.population.taste[:USERS, -len(LEANINGS) :]
    for wish, words in WISHES.items():
        column, side = LEANINGS.index(wish[:-1]), 1 if wish.endswith("+") else -1
        rows = [row for row, (likes, _) in enumerate(texts) if likes and any(w.lower() in likes.lower() for w in words)]
        told_by_form = wish == "fame+"  # "popular stuff is fine" also is a way of saying little
        assert len(rows) > 20
        assert np.mean(side * leanings[rows, column] > 1) > (0.5 if told_by_form else 0.95)


def test_slips_of_the_finger_and_negations_occur(told):
    titles = {film.title.lower() for film in told[0].catalogue.films[: told[0].catalogue.known]}
    exact = Counter(text.removeprefix("OMG ").split(" 10/10")[0].lower() in titles
                    for text, _ in told[1] if text and "10/10!!!" in text)  # fmt: skip
    assert exact[True] > exact[False] > 0
    assert any("but" in text and "Not" in text for text, _ in told[1] if text)


def test_demographics_lean_on_taste_only_if_the_world_says_so(tmp_path):
    plain, leaning = _world(tmp_path), _world(tmp_path, world="demo", demographic_taste=0.5)

    def spread(world):
        people = world.population
        means = [people.taste[people.male == male, : len(GENRES)].mean(axis=0) for male in (True, False)]
        return np.abs(means[0] - means[1]).mean()

    assert spread(plain) < 0.05
    assert spread(leaning) > 0.2


def test_utility_is_taste_plus_quality(told):
    world = told[0]
    movies, taste = np.array([[3, 7], [1, 0]]), world.population.taste[:2]
    by_hand = [[taste[row] @ world.catalogue.features[movie] for movie in movies[row]] for row in range(2)]
    np.testing.assert_allclose(suits(world.catalogue, taste, movies), by_hand, rtol=1e-4, atol=1e-5)
    quality = world.world.taste * world.world.quality * world.catalogue.quality[movies]
    wanted = world.world.taste * np.array(by_hand) + quality
    np.testing.assert_allclose(utility(world.world, world.catalogue, taste, movies), wanted, rtol=1e-4, atol=1e-4)
