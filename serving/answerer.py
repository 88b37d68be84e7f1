"""What a user is offered: arm, slot, tier, list. Never raises, never waits, never computes a score.

The tiers, best first: a list that was published for the user (from own history, own words or age and occupation), the
recently popular films, and a list shipped with the code for the time before the first model.
Start reading at `Answerer.answer`.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serving.slots import Live
from stream.answers import TIERS
from stream.experiments import Arm, Experiment, assign
from stream.published import DEFAULT_SLOT, PublishedModel, Tier

MAX_ITEMS = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A list and why it is this one."""

    movies: tuple[str, ...]  # best first, each once, at most MAX_ITEMS
    tier: str  # one of stream.answers.TIERS
    model_version: str = ""  # "" where no model is live
    arms: Mapping[str, str] = field(default_factory=dict)  # experiment: arm
    propensity: tuple[float, ...] | None = None  # chance of each position where the list was explored


def shipped_list() -> tuple[str, ...]:
    """The list that comes with the code."""
    record = json.loads((Path(__file__).parent / "data/static_list.json").read_text("utf-8"))
    return tuple(record["movies"][:MAX_ITEMS])


class Answerer:
    """Chooses a list from what is live at the moment of asking.

    live: gives what answers now. experiments: gives those that are defined, in order of precedence.
    on_failure: told when the fallback had to answer; must not raise.
    """

    def __init__(
        self,
        live: Callable[[], Live],
        experiments: Callable[[], Iterable[Experiment]] = tuple,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.live, self._experiments, self._on_failure = live, experiments, on_failure
        self._static = Offer(shipped_list(), TIERS[Tier.STATIC])

    def answer(self, user_id: int) -> Offer:
        """A list for anybody, known or not; 1 to 20 movies. Never raises."""
        models: Mapping[str, PublishedModel] = {}
        try:
            models = self.live().models
            return self._choose(models, user_id)
        except Exception:  # the promise to the requester is a list, always; the cause is logged and counted
            log.exception("answered with what is popular, or with the shipped list")
            self._on_failure()
            return self._popular(models)

    def _popular(self, models: Mapping[str, PublishedModel]) -> Offer:
        """What needs no look at user or experiment; the shipped list only where no model is live at all."""
        for model in (models[name] for name in sorted(models, key=lambda name: name != DEFAULT_SLOT)):
            return Offer(_at_most_once(model.popular)[:MAX_ITEMS], TIERS[Tier.POPULAR], model.version)
        return self._static

    def _choose(self, models: Mapping[str, PublishedModel], user_id: int) -> Offer:
        if (default := models.get(DEFAULT_SLOT)) is None:
            return self._popular(models)
        found = default.list_of(user_id)
        arms = self._arms(models, user_id, newcomer=found is None or found[1] != Tier.PERSONAL)
        model = models[_slot(arms, models)]
        if model is not default:
            found = model.list_of(user_id)
        movies, tier = found or (model.popular, Tier.POPULAR)
        return Offer(
            movies=_at_most_once(movies)[:MAX_ITEMS],
            tier=TIERS[tier],
            model_version=model.version,
            arms={name: arm.name for name, arm in arms.items()},
        )

    def _arms(self, models: Mapping[str, PublishedModel], user_id: int, *, newcomer: bool) -> dict[str, Arm]:
        """An experiment takes part only while all of its slots are live: dropping one arm's users would bias it."""
        if not (ready := [e for e in self._experiments() if e.slots <= models.keys()]):
            return {}
        return assign(ready, user_id, newcomer=newcomer, now_ns=time.time_ns())


def _slot(arms: Mapping[str, Arm], models: Mapping[str, PublishedModel]) -> str:
    """Slot of the user's combination of arms: `a+b` where both layers name one, if such a table is published."""
    named = [arm.slot for arm in arms.values() if arm.slot is not None]
    combined = "+".join(named)
    return combined if combined in models else (named[0] if named else DEFAULT_SLOT)


def _at_most_once(movies: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(movies))
