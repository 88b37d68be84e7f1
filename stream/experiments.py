"""What an experiment is, and which arm a user is in: for as long as it runs, in every process, without a table.

An experiment is one TOML file. Experiments live in layers: within a layer a user is in at most one experiment, across
layers membership is independent. Release shares are nested: whoever is in the 1 % step is in the 5 % step. Everything
is a digest of the user's id and the experiment's salt. Start reading at `assign`.

    name = "blend"                  # [a-z0-9_-], once in the folder
    layer = "model"                 # model: which model answers; list: what is done to its list
    population = "all"              # or newcomers: users whose list is not made from their own history
    salt = "blend-2026-10"          # another salt, other users
    start = 2026-10-01T00:00:00Z    # real UTC time from which the service assigns; may be left out, as may stop
    stop = 2026-10-15T00:00:00Z
    [[arms]]
    name = "control"
    share = 0.5                     # of the users this layer has left for it; shares add up to at most 1
    [[arms]]
    name = "blend"
    share = 0.5
    slot = "blend"                  # slot of the live pointer that answers this arm; left out: the default one
    [analysis]                      # what the answer will be, said before the start; may be left out
    primary = "plays"               # the one metric that decides, see `python -m evaluation experiment metrics`
    minimum_effect = 0.05           # smallest relative change worth knowing of
    power = 0.8                     # chance to find it
    level = 0.95                    # of intervals; 1 - level = false alarms
    [analysis.guardrails]           # what must not get worse, and by how much, relatively, it may
    mean_rating = 0.02
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

LAYERS = ("model", "list")
POPULATIONS = ("all", "newcomers")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_KEYS = {"name", "layer", "population", "salt", "start", "stop", "arms", "analysis"}
_ARM_KEYS = {"name", "share", "slot"}
_ANALYSIS_KEYS = {"primary", "minimum_effect", "power", "level", "guardrails"}


class WrongExperiment(ValueError):
    """An experiment's file that can not be meant; says which file and field, what was expected and what came."""

    def __init__(self, path: Path, field: str, expected: str, got: object) -> None:
        super().__init__(f"{path.name}: {field}: expected {expected}; got {got!r}")
        self.path, self.field = path, field


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of treating a user."""

    name: str
    share: float  # of the experiment's users, in (0, 1]
    slot: str | None = None  # None: the default slot answers


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is asked of the data, fixed before there is any; `evaluation` knows the metrics."""

    primary: str = "plays"
    minimum_effect: float = 0.05  # relative to the first arm
    power: float = 0.8
    level: float = 0.95
    guardrails: tuple[tuple[str, float], ...] = ()  # metric, largest relative loss that is put up with


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question put to users: who is asked, since when, and how each arm is answered."""

    name: str
    layer: str  # one of LAYERS
    population: str  # one of POPULATIONS
    arms: tuple[Arm, ...]
    salt: str
    start_ns: int | None = None  # real UTC; None: always
    stop_ns: int | None = None  # first instant at which it no longer runs; None: never
    analysis: Analysis = Analysis()

    def runs_at(self, now_ns: int) -> bool:
        """Whether users are assigned at this instant."""
        begun = self.start_ns is None or self.start_ns <= now_ns
        return begun and (self.stop_ns is None or now_ns < self.stop_ns)

    @property
    def slots(self) -> set[str]:
        """Slots that must be live for the arms to differ as meant."""
        return {arm.slot for arm in self.arms if arm.slot is not None}


def position(salt: str, user_id: int) -> float:
    """Where a user stands under a salt: uniform in [0, 1), the same for ever, independent between salts."""
    return int.from_bytes(blake2b(f"{salt}:{user_id}".encode(), digest_size=8).digest()) / 2**64


def in_release(user_id: int, share: float, salt: str) -> bool:
    """Whether a user is in the first `share` of a release; nested: growing the share only adds users."""
    return position(salt, user_id) < share


def arm_of(experiment: Experiment, user_id: int) -> Arm | None:
    """The arm a user would be in, were the experiment alone in its layer; None beyond the arms' shares."""
    at, upper = position(experiment.salt, user_id), 0.0
    for arm in experiment.arms:
        upper += arm.share
        if at < upper:
            return arm
    return None


def assign(experiments: Iterable[Experiment], user_id: int, *, newcomer: bool, now_ns: int) -> dict[str, Arm]:
    """Experiment name to arm, at most one experiment a layer, in the order of LAYERS.

    experiments: in order of precedence, as `load_all` gives them: within a layer the one that began first has its users
    first, so that a later one never takes a user out of an arm.
    """
    taken: dict[str, tuple[str, Arm]] = {}
    for experiment in experiments:
        if experiment.layer in taken or not experiment.runs_at(now_ns):
            continue
        asked = newcomer or experiment.population == "all"
        if asked and (arm := arm_of(experiment, user_id)):
            taken[experiment.layer] = (experiment.name, arm)
    return dict(taken[layer] for layer in LAYERS if layer in taken)


def load_all(directory: Path) -> tuple[Experiment, ...]:
    """Every `*.toml` of a folder, first begun first; none if there is no folder. Raises WrongExperiment."""
    seen: dict[str, Path] = {}
    found = []
    for path in sorted(directory.glob("*.toml")):
        experiment = load(path)
        if experiment.name in seen:
            raise WrongExperiment(path, "name", f"a name that {seen[experiment.name].name} has not", experiment.name)
        seen[experiment.name] = path
        found.append(experiment)
    return tuple(sorted(found, key=lambda e: (e.start_ns or 0, e.name)))


def load(path: Path) -> Experiment:
    """One experiment's file. Raises WrongExperiment."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WrongExperiment(path, "file", "readable TOML", str(error)) from None
    _only(path, "file", raw, _KEYS)
    start, stop = _instant(path, raw, "start"), _instant(path, raw, "stop")
    if start is not None and stop is not None and stop <= start:
        raise WrongExperiment(path, "stop", "an instant after start", str(raw["stop"]))
    return Experiment(
        name=_name(path, "name", raw.get("name")),
        layer=_one_of(path, "layer", raw.get("layer"), LAYERS),
        population=_one_of(path, "population", raw.get("population", "all"), POPULATIONS),
        arms=_arms(path, raw.get("arms")),
        salt=_text(path, "salt", raw.get("salt", raw.get("name"))),
        start_ns=start,
        stop_ns=stop,
        analysis=_analysis(path, raw.get("analysis", {})),
    )


def _arms(path: Path, raw: object) -> tuple[Arm, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(arm, dict) for arm in raw):
        raise WrongExperiment(path, "arms", "at least one [[arms]] table", raw)
    arms = tuple(_arm(path, f"arms[{number}]", arm) for number, arm in enumerate(raw))
    if len({arm.name for arm in arms}) != len(arms):
        raise WrongExperiment(path, "arms", "each name once", [arm.name for arm in arms])
    if (total := sum(arm.share for arm in arms)) > 1 + 1e-9:
        raise WrongExperiment(path, "arms", "shares that add up to at most 1", total)
    return arms


def _arm(path: Path, field: str, raw: Mapping[str, Any]) -> Arm:
    _only(path, field, raw, _ARM_KEYS)
    share = raw.get("share")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise WrongExperiment(path, f"{field}.share", "a number in (0, 1]", share)
    slot = raw.get("slot")
    return Arm(
        name=_name(path, f"{field}.name", raw.get("name")),
        share=float(share),
        slot=None if slot is None else _text(path, f"{field}.slot", slot),
    )


def _analysis(path: Path, raw: object) -> Analysis:
    if not isinstance(raw, dict):
        raise WrongExperiment(path, "analysis", "a table [analysis]", raw)
    _only(path, "analysis", raw, _ANALYSIS_KEYS)
    tolerated = raw.get("guardrails", {})
    if not isinstance(tolerated, dict):
        raise WrongExperiment(path, "analysis.guardrails", "a table of metric = largest relative loss", tolerated)
    usual = Analysis()
    fractions = {
        name: _fraction(path, f"analysis.{name}", raw.get(name, getattr(usual, name)))
        for name in ("minimum_effect", "power", "level")
    }
    return Analysis(
        primary=_text(path, "analysis.primary", raw.get("primary", usual.primary)),
        guardrails=tuple((name, _fraction(path, f"analysis.guardrails.{name}", v)) for name, v in tolerated.items()),
        **fractions,
    )


def _fraction(path: Path, field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise WrongExperiment(path, field, "a number in (0, 1)", value)
    return float(value)


def _only(path: Path, field: str, raw: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := raw.keys() - keys:
        raise WrongExperiment(path, field, f"the keys {', '.join(sorted(keys))}", sorted(unknown))


def _name(path: Path, field: str, value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise WrongExperiment(path, field, "1 to 64 of a-z 0-9 _ -", value)
    return value


def _text(path: Path, field: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise WrongExperiment(path, field, "text", value)
    return value


def _one_of(path: Path, field: str, value: object, known: Sequence[str]) -> str:
    if value not in known:
        raise WrongExperiment(path, field, f"one of {', '.join(known)}", value)
    return str(value)


def _instant(path: Path, raw: Mapping[str, Any], field: str) -> int | None:
    value = raw.get(field)
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise WrongExperiment(path, field, "an instant with a zone, e.g. 2026-10-01T00:00:00Z", str(value))
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
