"""The model to serve: whichever of the fresh blend, EASE and recent popularity does best on the data at hand.

The choice, with its parameters, is made by validation inside the training data, cut as the data will be used: by time.
Little history, or a stream in which only the new counts, brings it to popularity by itself. Start at `pick`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from training.data import HOUR_NS, Interactions, Split
from training.linked import Linked
from training.models import Recipe, ease, fresh
from training.models._validation import VALIDATIONS, best_setting
from training.servable import Array, Servable

REGULARISATIONS = (200.0, 400.0)
HISTORY = (0.05, 0.2, np.inf)
POPULAR = (0.02, 0.05, 0.1, 0.2)
MIX = (2.0, 4.0, 8.0)
Setting = tuple[tuple[str, float], ...]
PRIOR: tuple[str, Setting] = ("fresh", (("history_half_life", 0.2), ("mix", 4.0), ("popular_half_life", 0.05)))


@dataclass(frozen=True)
class Config:
    """validation: `time`, as data are used, or `random`, for a test part drawn at random. memory_mb: as for EASE."""

    validation: str = "time"
    memory_mb: int = 512

    def __post_init__(self) -> None:
        if self.validation not in VALIDATIONS:
            raise ValueError(f"validation is one of {', '.join(VALIDATIONS)}, got {self.validation!r}")


def fit(interactions: Interactions, config: Config) -> Servable:
    """The chosen model, fitted on everything."""
    return pick(interactions, config).fit(interactions)


def pick(interactions: Interactions, config: Config) -> Recipe:
    """The recipe that validation chooses; recent popularity if there is too little history to choose by."""

    def trials(split: Split) -> Iterator[tuple[tuple[str, Setting], Array]]:
        return _trials(split, config.memory_mb)

    chosen = best_setting(interactions, config.validation, PRIOR, trials)
    if chosen is None:
        return Recipe.of("recent")  # taste cannot be told from chance yet
    name, setting = chosen
    parameters: dict[str, Any] = dict(setting)
    if name == "recent":
        return Recipe.of(name, {"half_life_hours": interactions.half_life_ns(parameters["half_life"]) / HOUR_NS})
    return Recipe.of(name, parameters | {"memory_mb": config.memory_mb})


def _trials(split: Split, memory_mb: int) -> Iterator[tuple[tuple[str, Setting], Array]]:
    """Scores of every setting. EASE is solved once for each regularisation; all blends lean on the first."""
    rows, train = split.test_users, split.train
    models = [ease.fit(train, ease.Config(value, memory_mb)) for value in REGULARISATIONS]
    for model, value in zip(models, REGULARISATIONS, strict=True):
        yield ("ease", (("regularisation", value),)), model.scores(rows)
    popular = {half_life: fresh.log_popularity(train, half_life).astype(np.float32) for half_life in (*POPULAR, np.inf)}
    for half_life, scores in popular.items():
        yield ("recent", (("half_life", half_life),)), np.tile(scores, (len(rows), 1))
    assert isinstance(models[0], Linked)
    for history in HISTORY:
        personal = fresh.faded(models[0], train, history).scores(rows)
        for half_life, mix in product(POPULAR, MIX):
            setting = (("history_half_life", history), ("mix", mix), ("popular_half_life", half_life))
            yield ("fresh", setting), personal + mix * popular[half_life]
