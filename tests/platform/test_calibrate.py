"""The comparison with the measured targets: a day of `demo` here, both worlds as a whole in tests/soak."""

import tomllib
from dataclasses import replace
from importlib import resources

import pytest
from worlds import platform_settings

from stream.events import Rated, Requested, WallClock, Watched
from stream.platform.calibrate import missed, observed, rehearsed
from stream.platform.heard import hear
from stream.platform.observations import Window, observe, top_share
from stream.platform.rehearsal import Hours
from stream.platform.targets import Run, Target, targets_of
from stream.platform.world import world_of

NONE, POPULAR = Run("McGill-F2022", "none"), Run("McGill-F2022", "popular")
IN_WINDOW = ("per second", "share", "per hour", "quantile", "all minutes")  # one evening in place of four


def _targets(run):
    return {target.quantity: target for target in targets_of("demo") if target.run == run and not target.reason}


@pytest.mark.parametrize(("run", "hours"), [(NONE, Hours(0, 1, 25)), (POPULAR, Hours(0, 2, 26))])
def test_a_day_of_demo_shows_what_was_measured(tmp_path, run, hours):
    seen = observed(platform_settings(tmp_path), "demo", run, hours)
    targets = [
        replace(target, tolerance=target.tolerance * (2 if quantity.endswith(IN_WINDOW) else 1))
        for quantity, target in _targets(run).items()
    ]
    assert len(targets) >= 5
    assert missed([target.verdict(seen) for target in targets]) == []


def test_users_records_have_the_demographics_of_the_course(tmp_path):
    run = Run("", "none")
    seen = observed(platform_settings(tmp_path), "demo", run, Hours(0, 0, 0))
    assert missed([target.verdict(seen) for target in _targets(run).values()]) == []


@pytest.mark.parametrize(
    ("change", "quantity"),
    [
        ({"abandon_per_minute": 0.01}, "hazard, minutes 1-59"),
        ({"lines_per_second": 20.0}, "lines per second"),
        ({"looks": 1.0}, "top 20 of starts"),
        ({"delay_minutes": 100.0}, "request to watch, mean minutes"),
    ],
)
def test_a_world_of_other_habits_misses_its_targets(tmp_path, change, quantity):
    settings = platform_settings(tmp_path, course_term="McGill-F2022")
    shape = replace(world_of("demo", settings.term), **change)
    run = POPULAR if quantity in _targets(POPULAR) else NONE
    seen = rehearsed(settings, shape, run, Hours(16, 18, 24))
    assert not _targets(run)[quantity].verdict(seen)["holds"]


CLOCK = WallClock("UTC")
AT = 1_668_384_000_000  # midnight


def _at(second):
    return (AT + int(second * 1000)) * 1_000_000


def _log():
    """User 1 sees a list, finishes its first title (3 minutes) and rates it; user 2 leaves another after a minute."""
    first = [Watched(_at(600 + 60 * minute), 1, "heat+1995", minute) for minute in range(4)]
    second = [Watched(_at(700 + 58 * minute), 2, "jazz+2001", minute) for minute in range(2)]
    events = [
        Requested(_at(0), 1, "h:8082", 200, ("heat+1995", "big+1988"), None, 9),
        *first,
        Rated(_at(600 + 180 + 61), 1, "heat+1995", 4),
        *second,
        Requested(_at(800), 2, "h:8082", 0, (), "Connection refused: h/127.0.0.1:8082", 9),
    ]
    return [event.format(CLOCK).encode() for event in events] + [b"not a line"]


def test_quantities_of_a_small_log_are_what_one_counts_by_hand():
    heard = hear([_log()], CLOCK, AT, AT + 6 * 3_600_000)
    seen = observe(heard, Window(AT, 1_000_000))
    assert heard.rejected == 1
    assert seen["lines per second"] == 9 / 1000
    assert seen["request share"] == pytest.approx(100 * 2 / 9)
    assert seen["rating share"] == pytest.approx(100 / 9)
    assert seen["starts per second"] == 2 / 1000
    assert seen["hazard, minutes 1-59"] == pytest.approx(100 * 2 / 4)  # minutes 1, 2, 3 and 1: two were the last
    assert seen["tick spacing, mean"] == pytest.approx((3 * 60 + 58) / 4)
    assert seen["rating delay, median"] == 61
    assert seen["rated sessions"] == 50
    assert seen["score 4"] == 100
    assert seen["top 1 of starts"] == 50
    assert seen["request to watch, mean minutes"] == 10
    assert seen["minute, 50 % quantile"] == 1


def test_the_share_of_part_of_a_title_is_that_part():
    assert top_share([6, 3, 1], 1) == 60
    assert top_share([6, 3, 1], 0.5) == 30
    assert top_share([6, 3, 1], 1.5) == 75
    assert top_share([6, 3, 1], 2000) == 100


def test_a_target_holds_within_its_tolerance_and_what_was_not_seen_does_not():
    target = Target("x", NONE, 10.0, 1.0, "")
    assert target.verdict({"x": 11.0})["holds"]
    assert not target.verdict({"x": 11.01})["holds"]
    assert not target.verdict({})["holds"]


def test_what_cannot_hold_is_said_with_its_reason_and_not_counted_as_missed():
    cannot, can = Target("x", NONE, 10.0, 1.0, "too few titles"), Target("x", NONE, 10.0, 1.0, "")
    check = cannot.verdict({"x": 3.0})
    assert (check["holds"], check["cannot"]) == (False, "too few titles")
    assert missed([check, can.verdict({"x": 3.0})]) == [can.verdict({"x": 3.0})]


@pytest.mark.parametrize("world", ["demo", "course"])
def test_every_target_says_where_it_was_measured_and_is_named_once(world):
    raw = tomllib.loads(resources.files("stream.platform").joinpath("targets.toml").read_text())["target"]
    assert all(target["source"] for target in raw)
    names = [(target.quantity, target.run) for target in targets_of(world)]
    assert len(names) == len(set(names)) > 50
