"""One algorithm a file: a frozen `Config` dataclass and `fit(interactions, config)`; its name is the file's.

A file dropped in here is found by its name, trained with `python -m training train --model NAME`, and checked by
tests/contract/test_models.py. `fit` gets what users did (`training.data.Interactions`) and returns a `Servable`. A file
may name sets of parameters in `PRESETS`. Files whose names begin with `_` are no models; models lean on them.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol, cast

from stream.published import Manifest
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

    @property
    def label(self) -> str:
        """Name and whatever differs from the defaults, as `recipes_of` takes it."""
        usual = asdict(load(self.name).Config())
        changed = [f":{key}={value}" for key, value in self.parameters.items() if value != usual.get(key)]
        return "".join([self.name, *changed])

    def fit(self, interactions: Interactions) -> Servable:
        """The model fitted on `interactions`."""
        model = load(self.name)
        return model.fit(interactions, model.Config(**self.parameters))


def names() -> list[str]:
    """Models in this folder, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Model:
    """The module of a model: a name in this folder, a dotted path, or a .py file. Raises UnknownModel."""
    if name in names():
        return cast(Model, importlib.import_module(f"{__name__}.{name}"))
    try:
        found = _load_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except ImportError as error:
        here = f"there are {', '.join(names())}, dotted paths and .py files"
        raise UnknownModel(f"no model {name!r} in training/models; {here} ({error})") from None
    if missing := [part for part in ("Config", "fit") if not hasattr(found, part)]:
        raise UnknownModel(f"{name} is no model: it has no {' and no '.join(missing)}")
    return cast(Model, found)


def recipes_of(spec: str) -> list[Recipe]:
    """What a word of a command names: `NAME[:PRESET][:KEY=VALUE]…`, or a folder.

    A folder is a published version, whose recipe is fitted anew, or holds .py files, each a model. Raises UnknownModel.
    """
    name, *words = spec.split(":")
    if not Path(name).is_dir() or name in names():
        return [Recipe.of(name, _parameters(name, words))]
    if (Path(name) / "manifest.json").exists():
        manifest = Manifest.read(Path(name))
        return [Recipe.of(manifest.name, manifest.parameters)]
    files = sorted(path for path in Path(name).glob("*.py") if not path.name.startswith("_"))
    if not files:
        raise UnknownModel(f"{name} holds neither a manifest.json, as published models do, nor a model's .py file")
    return [Recipe.of(str(path), _parameters(str(path), words)) for path in files]


def _parameters(name: str, words: list[str]) -> dict[str, Any]:
    """Presets and KEY=VALUE pairs, each value in the type of the parameter's default."""
    model, found = load(name), dict[str, Any]()
    presets, defaults = getattr(model, "PRESETS", {}), {f.name: f.default for f in fields(model.Config)}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and key not in presets:
            raise UnknownModel(f"{name} has no preset {key!r}; it has {', '.join(presets) or 'none'}")
        found |= {key: _value(value, defaults.get(key), word)} if equals else presets[key]
    return found


def _value(text: str, default: Any, word: str) -> Any:
    kind = float if default is None else type(default)
    try:
        return kind(text)
    except ValueError:
        raise UnknownModel(f"expected a {kind.__name__} in {word!r}") from None


def _load_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
