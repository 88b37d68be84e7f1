"""Are the statistics of experiments right? `make bench-stats`: known truth, fixed seeds, some minutes.

Judged against three weeks of 20,000 simulated people (`outcomes.py`), with the product's own functions:
- A/A: 2,000 salts divide the same people anew; nothing differs, so whatever is found is a false alarm;
- planted effects: 1,000 draws of people, the treated begin more films, by an amount that is known exactly;
- the wrong ways: events or requests as the unit, and a fixed interval looked at daily.
Exit 1 if a figure misses its bounds.
"""

import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from outcomes import DAYS, USERS, Floats, Outcomes, read

from evaluation.assignment import arm_numbers, id_texts
from evaluation.effects import compare, cuped, linearised
from evaluation.experiment import sample_ratio_p
from evaluation.power import detectable
from evaluation.sequential import anytime
from stream.experiments import Arm, Experiment

SEED, SALTS, DRAWS, WORTH = 2026, 2_000, 1_000, 0.05
METRICS = {"films begun per user": ("plays", None), "mean rating": ("score", "rated")}
Alarms = dict[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Seen:
    """A figure and the bounds it has to keep; none: shown as a warning of what the wrong way costs."""

    name: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


def halves(salt: str, users: list[bytes]) -> npt.NDArray[np.int64]:
    """0 or 1 for each user, by the service's own digest."""
    return arm_numbers(Experiment("bench", "model", "all", (Arm("a", 0.5), Arm("b", 0.5)), salt), users)


class Table:
    """One metric's running totals and counts (users, days), and what was known of each user before."""

    def __init__(self, totals: Floats, counts: Floats | None, before: Floats, before_counts: Floats | None) -> None:
        self.totals, self.counts = totals, np.ones_like(totals) if counts is None else counts
        self.before = linearised(before, np.ones_like(before) if before_counts is None else before_counts)

    @classmethod
    def of(cls, found: Outcomes, name: str, per: str | None) -> "Table":
        counts, before = (found.running(per), found.before[per]) if per else (None, None)
        return cls(found.running(name), counts, found.before[name], before)

    def values(self, arm: npt.NDArray[np.int64]) -> tuple[Floats, ...]:
        """Values per user (users, days) of both arms, with CUPED."""
        sides = [np.flatnonzero(arm == side) for side in (0, 1)]
        values = tuple(linearised(self.totals[side], self.counts[side]) for side in sides)
        return cuped(values, tuple(self.before[side] for side in sides))

    def last(self, arm: npt.NDArray[np.int64]) -> tuple[Floats, ...]:
        """Values per user (users,) of both arms on the last day, without CUPED."""
        totals, counts = self.totals[:, -1], self.counts[:, -1]
        return tuple(linearised(totals[arm == side], counts[arm == side]) for side in (0, 1))


def a_a(found: Outcomes, users: list[bytes]) -> list[Seen]:
    """False alarms of 2,000 divisions of the same people."""
    tables = {title: Table.of(found, *names) for title, names in METRICS.items()}
    minutes = Table.of(found, "hit_minutes", "minutes")
    events = {name: column.sum(axis=1) for name, column in found.columns.items()}
    alarms: dict[str, list[bool]] = {}
    ratios = []
    for salt in range(SALTS):
        arm = halves(f"a-a-{salt}", users)
        ratios.append(sample_ratio_p(np.bincount(arm, minlength=2).tolist(), [0.5, 0.5]) < 0.001)
        for title, table in tables.items():
            for name, alarm in _alarms(table, arm).items():
                alarms.setdefault(f"A/A, {title}: {name}", []).append(alarm)
        for name, alarm in _wrong_alarms(events, minutes, arm).items():
            alarms.setdefault(f"A/A, wrong way: {name}", []).append(alarm)
    shown = [Seen(name, float(np.mean(each)), *_bounds(name)) for name, each in alarms.items()]
    return [*shown, Seen("A/A: sample ratio said to be wrong", float(np.mean(ratios)), most=0.005)]


def _bounds(name: str) -> tuple[float | None, float | None]:
    if "wrong way" in name:
        return None, None
    return (None, 0.05) if "daily" in name else (0.03, 0.07)


def _alarms(table: Table, arm: npt.NDArray[np.int64]) -> dict[str, bool]:
    plain = compare(*table.last(arm))
    effect = compare(*table.values(arm))
    low, high = anytime(effect, WORTH * float(effect.control.mean[-1]))
    return {
        "fixed horizon": bool(plain.p_value < 0.05),
        "fixed horizon with CUPED": bool(effect.p_value[-1] < 0.05),
        "always-valid, looked at daily": bool(((low > 0) | (high < 0)).any()),
        "wrong way: the fixed interval looked at daily": bool((effect.p_value < 0.05).any()),
    }


def _wrong_alarms(events: dict[str, Floats], minutes: Table, arm: npt.NDArray[np.int64]) -> dict[str, bool]:
    """Shares of yes/no events compared as if each event were independent, beside the delta method on users."""
    said = {}
    for unit, hits, cases in (("film begun", "hits", "plays"), ("minute watched", "hit_minutes", "minutes")):
        yes, n = (np.array([events[c][arm == s].sum() for s in (0, 1)]) for c in (hits, cases))
        share = yes / n
        error = np.sqrt((share * (1 - share) / n).sum())
        said[f"t-test whose unit is the {unit} (share of popular titles)"] = bool(
            abs(share[1] - share[0]) > 1.96 * error
        )
    said["(right, for comparison) the same share of minutes by user, delta method"] = bool(
        compare(*minutes.last(arm)).p_value < 0.05
    )
    return said


def planted(found: Outcomes, users: list[bytes]) -> list[Seen]:
    """What 1,000 experiments find whose true effect is known, with the power that the plan promised."""
    table = Table.of(found, "plays", None)
    promised = cuped((linearised(table.totals, table.counts),), (table.before,))[0][:, -1]
    mean = float(found.running("plays")[:, -1].mean())
    lift = detectable(float(promised.std(ddof=1)), (USERS / 2, USERS / 2), 0.8) / mean
    rng, rows = np.random.default_rng(SEED), []
    for draw in range(DRAWS):
        people = rng.integers(0, USERS, USERS)
        arm = halves(f"planted-{draw}", users)
        rows.append(_films(found, people, arm, lift, rng) | _stars(found, people, arm, rng))
    shown = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    goals = {"found": (0.75, 0.85), "fixed": (0.93, 0.97), "always": (0.95, None)}
    return [
        Seen(
            f"planted {lift:+.1%} films begun, promised power 80 %: found at the stop", shown["found"], *goals["found"]
        ),
        Seen("planted films: fixed interval covers the truth", shown["films fixed"], *goals["fixed"]),
        Seen("planted films: always-valid interval covers it on all days", shown["films always"], *goals["always"]),
        Seen("planted films: always-valid interval finds it within 14 days", shown["films early"]),
        Seen("planted stars: fixed interval (delta method) covers the truth", shown["stars fixed"], *goals["fixed"]),
        Seen("planted stars: always-valid interval covers it on all days", shown["stars always"], *goals["always"]),
        Seen("one treated user in ten lost: blocked by the sample ratio", shown["lost"], 0.95),
    ]


def _films(
    found: Outcomes, people: npt.NDArray[np.int64], arm: npt.NDArray[np.int64], lift: float, rng: np.random.Generator
) -> dict[str, bool]:
    """The treated begin more films each day, on average `lift` times as many as they would have: known exactly."""
    daily = found.columns["plays"][people]
    daily = daily + rng.poisson(lift * daily) * (arm == 1)[:, None]
    table = Table(daily.cumsum(axis=1), None, found.before["plays"][people], None)
    truth = lift * found.columns["plays"].mean(axis=0).cumsum()
    effect = compare(*table.values(arm))
    low, high = anytime(effect, WORTH * float(effect.control.mean[-1]))
    lost = rng.random(USERS) < 0.1
    left = np.bincount(arm[~(lost & (arm == 1))], minlength=2).tolist()
    return {
        "found": bool(effect.p_value[-1] < 0.05),
        "films fixed": bool(effect.low[-1] <= truth[-1] <= effect.high[-1]),
        "films always": bool(((low <= truth) & (truth <= high)).all()),
        "films early": bool((low > 0).any()),
        "lost": sample_ratio_p(left, [0.5, 0.5]) < 0.001,
    }


def _stars(
    found: Outcomes, people: npt.NDArray[np.int64], arm: npt.NDArray[np.int64], rng: np.random.Generator
) -> dict[str, bool]:
    """One rating in twenty of the treated is a point higher, so the mean rating is 0.05 higher: known exactly."""
    counts, truth = found.columns["rated"][people], 0.05
    score = found.columns["score"][people] + rng.binomial(counts.astype(np.int64), truth) * (arm == 1)[:, None]
    before = found.before["score"][people], found.before["rated"][people]
    table = Table(score.cumsum(axis=1), counts.cumsum(axis=1), *before)
    effect = compare(*table.values(arm))
    low, high = anytime(effect, truth)
    return {
        "stars fixed": bool(effect.low[-1] <= truth <= effect.high[-1]),
        "stars always": bool(((low <= truth) & (truth <= high)).all()),
    }


def by_request(found: Outcomes) -> list[Seen]:
    """Arms drawn anew for each visit, where what a list does lasts for three visits: the effect reaches both arms.

    A visit is a user's day with a film begun; the outcome is the day's films, the true lift if all got it 10 %.
    """
    rng, lift, last = np.random.default_rng(SEED), 0.10, 3
    daily = found.columns["plays"]
    visit, truth = daily > 0, lift * daily[daily > 0].mean()
    shown, covered = [], []
    for _ in range(200):
        treated = rng.random(daily.shape) < 0.5
        felt = sum(_earlier(treated, visit, back) for back in range(last)) / last
        outcome = daily + rng.poisson(lift * daily * felt)
        effect = compare(outcome[visit & ~treated], outcome[visit & treated])
        shown.append(float(effect.difference) / truth)
        covered.append(bool(effect.low <= truth <= effect.high))
    return [
        Seen("wrong way: randomised by request, share of the true effect that is seen", float(np.mean(shown))),
        Seen("wrong way: randomised by request, interval covers the truth", float(np.mean(covered))),
    ]


def _earlier(treated: npt.NDArray[np.bool_], visit: npt.NDArray[np.bool_], back: int) -> Floats:
    """Whether the visit that lies `back` visits ago was treated; the present one if there is none so long ago."""
    seen, (user, day) = treated.astype(np.float64), np.nonzero(visit)  # visits of a user stand together, in order
    ago = np.arange(len(user)) - back
    same = (ago >= 0) & (user[ago] == user)
    seen[user[same], day[same]] = treated[user[ago[same]], day[ago[same]]]
    return seen


def main() -> None:
    """Print every figure with its bounds."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="matinee-stats-") as folder:
        found = read(Path(folder), SEED)
    users = id_texts(np.arange(1, USERS + 1))
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(a_a, found, users), pool.submit(planted, found, users), pool.submit(by_request, found)]
        seen = [each for job in jobs for each in job.result()]
    if "--json" in sys.argv:
        print(json.dumps([asdict(each) | {"holds": each.holds} for each in seen]))
    for each in seen if "--json" not in sys.argv else ():
        need = f"{'' if each.least is None else f'{each.least:.0%}'}..{'' if each.most is None else f'{each.most:.1%}'}"
        bound = each.least is not None or each.most is not None
        print(f"{each.name:88} {each.value:7.1%}  {need if bound else '-':10} {'holds' if each.holds else 'MISSED'}")
    print(f"{DAYS} days of {USERS} people, {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    raise SystemExit(0 if all(each.holds for each in seen) else 1)


if __name__ == "__main__":
    main()
