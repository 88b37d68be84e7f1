"""What the service shows changes what is watched; nothing else about the world changes when it is watched in steps."""

import numpy as np
import pytest
from worlds import fresh_world, platform_settings, writer_of

from stream.platform.columns import ACCOUNT, WATCH, Events
from stream.platform.simulation import MIN_DELAY_MS
from stream.platform.world import BLOCK_MS, HOUR_MS, MINUTE_MS


def _hours(world, hours, shown=None):
    """Events of the next hours; every request is answered with `shown`."""
    parts = []
    while hours > 0:
        from_ms, until_ms = world.now_ms, world.now_ms + BLOCK_MS
        for number in world.requests(from_ms, until_ms).number.tolist() if shown else []:
            world.show(number, shown)
        parts.append(world.take(until_ms))
        hours -= BLOCK_MS / HOUR_MS
    return Events.joined(parts)


def _share(events, movies):
    starts = events.movie[(events.kind == WATCH) & (events.value == 0)]
    return np.isin(starts, movies).mean()


def test_recommended_movies_are_watched_more_about_seventy_minutes_later(tmp_path):
    settings = platform_settings(tmp_path, world="demo")
    alone, shown = fresh_world(settings), fresh_world(settings)
    ranks = np.argsort(-alone.catalogue.appeal)
    movies = ranks[100:120]
    ids = [alone.catalogue.ids[movie] for movie in movies]
    before = _share(_hours(alone, 6), movies)
    first, later = _hours(shown, MIN_DELAY_MS / HOUR_MS, ids), _hours(shown, 6, ids)
    assert _share(first, movies) < 0.1
    assert before < 0.1
    assert 0.15 < _share(later, movies) < 0.5
    assert _share(later, movies) > 3 * before


def test_the_first_of_a_list_is_chosen_most_and_a_list_of_what_suits_more_than_one_of_what_is_known(tmp_path):
    settings = platform_settings(tmp_path, world="demo")
    popular, personal = fresh_world(settings), fresh_world(settings)
    top = np.argsort(-popular.catalogue.appeal)[:20]
    events = _hours(popular, 8, [popular.catalogue.ids[movie] for movie in top])
    starts = events.movie[(events.kind == WATCH) & (events.value == 0)]
    counts = np.array([(starts == movie).sum() for movie in top])
    assert counts[:3].sum() > 2 * counts[10:13].sum()
    hits = watched = 0
    lists = {}
    for _ in range(48):
        from_ms, until_ms = personal.now_ms, personal.now_ms + BLOCK_MS
        due = personal.requests(from_ms, until_ms)
        suits = personal.population.taste[due.user] @ personal.catalogue.features.T + personal.catalogue.quality * 0.17
        best = np.argsort(-(2.4 * suits + np.log(personal.catalogue.appeal)), axis=1)[:, :20]
        for number, user, row in zip(due.number.tolist(), due.user.tolist(), best, strict=True):
            personal.show(number, [personal.catalogue.ids[movie] for movie in row])
            lists[user] = set(row.tolist())
        events = personal.take(until_ms)
        for user, movie in zip(
            *(c[(events.kind == WATCH) & (events.value == 0)] for c in (events.user, events.movie)), strict=True
        ):
            watched += user in lists
            hits += movie in lists.get(user, ())
    assert hits / watched > 1.2 * np.isin(starts, top).mean()


def test_the_delay_from_request_to_start_has_a_mean_of_seventy_minutes(tmp_path):
    world = fresh_world(platform_settings(tmp_path, world="demo"))
    world.take(world.now_ms + 4 * HOUR_MS)
    delays = np.empty(0)
    for _ in range(18):
        fresh = world.requests(world.now_ms, world.now_ms + BLOCK_MS)
        delays = np.append(delays, (fresh.start_ms - fresh.at_ms) / MINUTE_MS)
        world.take(world.now_ms + BLOCK_MS)
    assert len(delays) > 800
    assert delays.mean() == pytest.approx(70, abs=4)
    assert delays.min() >= 15


@pytest.mark.parametrize("step_ms", [7_001, 60_000, 3_333_333])
def test_how_a_world_is_stepped_changes_nothing(tmp_path, step_ms):
    whole, stepped = fresh_world(platform_settings(tmp_path)), fresh_world(platform_settings(tmp_path))
    until_ms = whole.now_ms + 4 * HOUR_MS
    parts = []
    while stepped.now_ms < until_ms:
        parts.append(stepped.take(min(until_ms, stepped.now_ms + step_ms)))
    wanted = writer_of(whole).block(whole.take(until_ms))
    assert writer_of(stepped).block(Events.joined(parts)) == wanted


def _answered(world, hours, step_ms):
    """The lines of some hours in which every request is answered, by a list that depends on the request."""
    parts, until_ms = [], world.now_ms + hours * HOUR_MS
    while world.now_ms < until_ms:
        step_end = min(until_ms, world.now_ms + step_ms, (world.now_ms // BLOCK_MS + 1) * BLOCK_MS)
        for number in world.requests(world.now_ms, step_end).number.tolist():
            world.show(number, [world.catalogue.ids[(number + place) % len(world.catalogue)] for place in range(20)])
        parts.append(world.take(step_end))
    return writer_of(world).block(Events.joined(parts))


def test_the_same_answers_at_the_same_times_give_the_same_watches_and_ratings(tmp_path):
    settings = platform_settings(tmp_path)
    lines = _answered(fresh_world(settings), 6, 60_000)
    assert _answered(fresh_world(settings), 6, 7_001) == lines
    alone = fresh_world(settings)
    assert writer_of(alone).block(alone.take(alone.now_ms + 6 * HOUR_MS)) != lines


def test_lists_that_nobody_knows_are_overlooked(tmp_path):
    world, other = fresh_world(platform_settings(tmp_path)), fresh_world(platform_settings(tmp_path))
    world_events = _hours(world, 5, ["no+such+movie+2031", "", "another one"])
    other_events = _hours(other, 5)
    assert writer_of(world).block(world_events) == writer_of(other).block(other_events)


def test_new_users_sign_up_and_ask_only_after_a_while(tmp_path):
    world = fresh_world(platform_settings(tmp_path, fast_speed=120.0))
    signed_up, asked = {}, {}
    for _ in range(6 * 36):
        from_ms = world.now_ms
        due = world.requests(from_ms, from_ms + BLOCK_MS)
        for user, at_ms in zip(due.user.tolist(), due.at_ms.tolist(), strict=True):
            asked.setdefault(user, at_ms)
        events = world.take(from_ms + BLOCK_MS)
        new = events.kind == ACCOUNT
        signed_up |= dict(zip(events.user[new].tolist(), events.at_ms[new].tolist(), strict=True))
    assert len(signed_up) == pytest.approx(36, abs=18)
    assert set(signed_up) == set(range(500, 500 + len(signed_up)))  # ids go on behind the known ones
    waits = [asked[user] - at_ms for user, at_ms in signed_up.items() if user in asked]
    assert len(waits) > 10
    assert min(waits) >= 15 * 120 * 1000  # 15 real seconds at the world's highest speed


def test_terms_without_sign_ups_have_none(tmp_path):
    world = fresh_world(platform_settings(tmp_path, course_term="F2025"))
    assert not (_hours(world, 24).kind == ACCOUNT).any()
