"""The platform's settings from one TOML file, for who runs it alone: an instructor, a class.

With `--config FILE` the file and the defaults count and nothing else: neither `.env`, which is a team's own, nor the
environment. Every key is a setting of `PlatformSettings` under a shorter name; docs/class/platform.toml explains each.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from stream.platform.settings import PlatformSettings
from stream.settings import read_settings

KEYS: dict[str, dict[str, str]] = {  # section -> key -> setting
    "world": {
        "name": "world", "seed": "world_seed", "start": "world_start", "history_days": "history_days",
        "demographic_taste": "demographic_taste", "asks_for_nothing": "asks_for_nothing",
    },
    "class": {"term": "course_term", "teams": "teams_file"},
    "speed": {"speed": "speed", "fast_speed": "fast_speed", "fast_minutes": "fast_minutes"},
    "folders": {"var": "var_dir", "secrets": "platform_dir"},
    "broker": {"bootstrap": "kafka_bootstrap", "port": "kafka_port"},
    "ports": {"api": "api_port", "metrics": "platform_metrics_port", "provider": "provider_port"},
    "api": {
        "unknown_status": "api_unknown_status", "max_bulk": "api_max_bulk", "rate_limit": "api_rate_limit",
        "retry_after": "api_retry_after",
    },
}  # fmt: skip
_FILES = ("teams_file", "platform_dir", "var_dir")  # relative to the file that names them


class ConfigError(ValueError):
    """A file of the platform's settings is wrong; says where, what was expected and what came."""


class _FromFile(PlatformSettings):
    """Settings that neither `.env` nor the environment can change."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the file says, and nothing else."""
        return (init_settings,)


def read_config(path: Path) -> PlatformSettings:
    """Settings of a file. Raises ConfigError naming the key, what was expected and what came."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: expected a TOML file: {error}") from None
    values: dict[str, Any] = {}
    for section, table in found.items():
        keys = KEYS.get(section)
        if keys is None or not isinstance(table, dict):
            raise ConfigError(f"{path}: expected tables {_list(KEYS)}; got {section!r}{_near(section, KEYS)}")
        for key, value in table.items():
            if key not in keys:
                raise ConfigError(f"{path}, [{section}]: expected {_list(keys)}; got {key!r}{_near(key, keys)}")
            name = keys[key]
            values[name] = path.parent / value if name in _FILES and isinstance(value, str) else value
    try:
        return _FromFile(**values)
    except ValidationError as error:
        raise ConfigError(f"{path}: " + "; ".join(_said(each) for each in error.errors())) from None


def chosen_settings() -> PlatformSettings:
    """Settings of the command that runs: those of `--config`, else `.env` and the environment. SystemExit if wrong."""
    path = click.get_current_context().find_root().params.get("config")
    if path is None:
        return read_settings(PlatformSettings)
    try:
        return read_config(path)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _said(error: Any) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    place = next((f"[{part}] {key}" for part, keys in KEYS.items() for key in keys if keys[key] == name), name)
    return f"{place}: {error['msg']}; got {error['input']!r}"


def _list(names: dict[str, Any]) -> str:
    return ", ".join(names)


def _near(name: str, names: dict[str, Any]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]}?" if near else ""
