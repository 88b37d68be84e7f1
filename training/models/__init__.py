"""One algorithm a file: a frozen `Config` dataclass and `fit(interactions, config)`; its name is the file's.

A file dropped in here is found by its name, trained with `python -m training train --model NAME`, and checked by
tests/contract/test_models.py. `fit` gets what users did (`training.data.Interactions`) and returns a `Servable`. A file
may name sets of parameters in `PRESETS`. Files whose names begin with `_` are no models; models lean on them.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, cast

from training.data import Interactions
from training.servable import Servable


class Model(Protocol):
    """What a module in this folder must offer."""

    Config: type[Any]

    def fit(self, interactions: Interactions, config: Any) -> Servable:
        """Learn from what users did."""


class UnknownModel(LookupError):
    """A model name that no module here carries, or parameters its Config does not know."""


@dataclass(frozen=True)
class Recipe:
    """A model's name and parameters: all it takes to fit it again on other data."""

    name: str
    parameters: dict[str, Any]

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, Any] | None = None) -> "Recipe":
        """A model's defaults, changed by `parameters`. Raises UnknownModel."""
        config_type = load(name).Config
        if wrong := set(parameters or {}) - (known := {f.name for f in fields(config_type)}):
            raise UnknownModel(f"{name} has no {', '.join(sorted(wrong))}; it has {', '.join(sorted(known))}")
        return cls(name, asdict(config_type(**(parameters or {}))))

    def fit(self, interactions: Interactions) -> Servable:
        """The model fitted on `interactions`."""
        model = load(self.name)
        return model.fit(interactions, model.Config(**self.parameters))


def names() -> list[str]:
    """Models in this folder, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Model:
    """The module of a model. Raises UnknownModel naming those there are."""
    if name not in names():
        raise UnknownModel(f"no model {name!r} in training/models; there are {', '.join(names())}")
    return cast(Model, importlib.import_module(f"{__name__}.{name}"))
