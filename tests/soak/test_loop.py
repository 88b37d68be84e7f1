"""The loop of lists and watching over weeks: how much of what is watched was recommended, what one bad list does."""

from collections import Counter, deque
from dataclasses import replace

import numpy as np
from worlds import platform_settings

from stream.platform.columns import LIST_LENGTH, WATCH
from stream.platform.history import new_world, span
from stream.platform.world import BLOCK_MS, DAY_MS, HOUR_MS, world_of

WEEKS = 4


def _starts(events):
    began = (events.kind == WATCH) & (events.value == 0)
    return events.user[began].tolist(), events.movie[began]


def _weeks_under_popularity(world, weeks):
    """Watched titles of each week that their user had been shown before, and all: a list of the last day's favourites,
    made anew every hour, without what its user has watched lately."""
    shown: dict[int, set[int]] = {}
    recent, hits, watched = deque(maxlen=24), [0] * weeks, [0] * weeks
    count = np.zeros(len(world.catalogue), np.int64)
    begin_ms = world.now_ms
    while world.now_ms < begin_ms + weeks * 7 * DAY_MS:
        week = (world.now_ms - begin_ms) // (7 * DAY_MS)
        if (world.now_ms - begin_ms) % HOUR_MS == 0:
            recent.append(count)
            count = np.zeros_like(count)
            top = np.argsort(-sum(recent), kind="stable")[:150].tolist()
        due = world.requests(world.now_ms, world.now_ms + BLOCK_MS)
        for number, user in zip(due.number.tolist(), due.user.tolist(), strict=True):
            seen = set(world.memory[user].tolist())
            movies = [movie for movie in top if movie not in seen][:LIST_LENGTH]
            world.show(number, [world.catalogue.ids[movie] for movie in movies])
            shown.setdefault(user, set()).update(movies)
        users, movies = _starts(world.take(world.now_ms + BLOCK_MS))
        count += np.bincount(movies, minlength=len(count))
        watched[week] += len(users)
        hits[week] += sum(movie in shown.get(user, ()) for user, movie in zip(users, movies.tolist(), strict=True))
    return hits, watched


def test_in_four_weeks_a_fifth_to_two_fifths_of_watched_titles_had_been_recommended(tmp_path):
    """Measured: 21 % (a week of S2022), 43 % (four weeks); 8 points either way."""
    settings = platform_settings(tmp_path, world="demo", course_term="S2022")
    shape = world_of("demo", settings.term)
    hits, watched = _weeks_under_popularity(new_world(settings, shape, span(settings, shape).begin_ms), WEEKS)
    by_week = [round(100 * hit / all_, 1) for hit, all_ in zip(hits, watched, strict=True)]
    whole = 100 * sum(hits) / sum(watched)
    print(f"watched titles that had been recommended: {whole:.1f} % in {WEEKS} weeks, by week {by_week}")
    assert 21 - 8 <= by_week[0] <= 43 + 8
    assert 21 - 8 <= whole <= 43 + 8


def test_a_bad_recommender_lifts_one_title_from_a_two_hundredth_to_a_fifth_of_all_watches(tmp_path):
    """Measured: 0.47 % in October, 21.3 % in December. The course's world with a tenth of its users, for a day."""
    settings = platform_settings(tmp_path, world="course", course_term="F2024")
    shape = replace(world_of("course", settings.term), n_users=100_000, lines_per_second=48.0)
    world = new_world(settings, shape, span(settings, shape).begin_ms)
    before = Counter(_starts(world.take(world.now_ms + 12 * HOUR_MS))[1].tolist())
    taste = world.population.taste[:5_000].mean(axis=0)
    liked = world.catalogue.features @ taste + world.world.quality * world.catalogue.quality
    near = [movie for movie, count in before.items() if 0.003 < count / before.total() < 0.007]
    title = max(near, key=lambda movie: liked[movie])  # one that many like, as the title of 2024 is
    share_before, after = before[title] / before.total(), Counter()
    for block in range(DAY_MS // BLOCK_MS):
        for number in world.requests(world.now_ms, world.now_ms + BLOCK_MS).number.tolist():
            world.show(number, [world.catalogue.ids[title]])  # one title is all that it ever recommends
        if block * BLOCK_MS == 6 * HOUR_MS:
            after.clear()  # lists of the first hours have not led to starts yet
        after.update(_starts(world.take(world.now_ms + BLOCK_MS))[1].tolist())
    share = after[title] / after.total()
    print(f"one title: {100 * share_before:.2f} % of watches before, {100 * share:.1f} % after")
    assert 0.002 < share_before < 0.008
    assert 0.15 < share < 0.30
