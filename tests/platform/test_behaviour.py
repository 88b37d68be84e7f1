"""What users do, seen in parsed lines one session at a time; `test_calibrate` has rates, shares and quantiles."""

import statistics
from collections import Counter
from itertools import pairwise

import pytest
from worlds import fresh_world, hours_of, platform_settings, sessions_of

from stream.events import Watched
from stream.platform.world import HOUR_MS


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Demo world, a term with scores of 1 to 5: the users' sessions of 14 hours that had time to end."""
    settings = platform_settings(tmp_path_factory.mktemp("world"), world="demo", course_term="F2025")
    world = fresh_world(settings)
    world.take(world.now_ms + 8 * HOUR_MS)
    events = hours_of(world, 14)
    until_ns = events[0].at_ns + 10 * 3600 * 10**9
    return world, events, [session for session in sessions_of(events) if session.ticks[0].at_ns < until_ns]


def test_minute_files_come_a_minute_apart(seen):
    gaps = [(later.at_ns - tick.at_ns) / 1e9 for one in seen[2] for tick, later in pairwise(one.ticks)]
    assert statistics.mean(gaps) == pytest.approx(59.5, abs=1)
    assert 2 <= statistics.stdev(gaps) <= 4
    assert all(later.minute == tick.minute + 1 for one in seen[2] for tick, later in pairwise(one.ticks))


def test_a_rating_follows_one_tick_after_the_last_minute(seen):
    delays = [(one.ratings[0].at_ns - one.ticks[-1].at_ns) / 1e9 for one in seen[2] if one.ratings]
    assert statistics.median(delays) == pytest.approx(60, abs=3)
    assert min(delays) > 46
    assert max(delays) < 83
    assert all(len(one.ratings) <= 1 for one in seen[2])


def test_most_who_rate_have_finished_and_two_in_five_sessions_are_rated(seen):
    world, _, sessions = seen
    runtime = dict(zip(world.catalogue.ids, world.catalogue.runtime_minutes.tolist(), strict=True))
    finished = {id(one): one.ticks[-1].minute >= 0.96 * runtime[one.ticks[0].movie_id] for one in sessions}
    raters = [one for one in sessions if one.ratings]
    assert len(raters) / len(sessions) == pytest.approx(0.38, abs=0.04)  # 40 % late in the evening, see test_calibrate
    assert sum(finished.values()) / len(sessions) == pytest.approx(0.57, abs=0.05)
    assert statistics.mean(float(finished[id(one)]) for one in raters) == pytest.approx(0.925, abs=0.03)


def test_attention_is_flat_at_the_head_and_has_a_long_tail(seen):
    starts = Counter(event.movie_id for event in seen[1] if isinstance(event, Watched) and event.minute == 0)
    top = [count / starts.total() for _, count in starts.most_common()]
    assert top[0] < 0.03
    assert 0.05 < sum(top[:10]) < 0.15
    assert 0.25 < sum(top[:100]) < 0.55
    assert len(top) > 1_400


def test_users_do_not_watch_again_what_they_watched_lately(tmp_path):
    events = hours_of(fresh_world(platform_settings(tmp_path)), 72)
    last: dict[int, list[str]] = {}
    again = starts = 0
    for event in events:
        if isinstance(event, Watched) and event.minute == 0:
            again += event.movie_id in last.setdefault(event.user_id, [])[-20:]
            starts += 1
            last[event.user_id].append(event.movie_id)
    assert starts > 2_000
    assert again / starts < 0.001


def test_taste_shows_two_users_differ_more_than_one_user_from_himself(seen):
    """Genres of a user's movies: chance that two share their first genre, within and between users."""
    world, events, _ = seen
    genre = {movie: film.genres[0] for movie, film in zip(world.catalogue.ids, world.catalogue.films, strict=True)}
    by_user: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, Watched) and event.minute == 0:
            by_user.setdefault(event.user_id, []).append(genre[event.movie_id])
    pairs = [genres[:2] for genres in by_user.values() if len(genres) > 1]
    within = statistics.mean(float(a == b) for a, b in pairs)
    between = statistics.mean(float(one[0] == other[1]) for one, other in pairwise(pairs))
    assert within > 1.3 * between
