"""A class's teams, from one file that an instructor writes and that the platform, graders and reports read alike.

    [[team]]
    name = "alpha"
    topic = "movielog1"
    service = "http://10.0.0.7:8082"
    term = "F2026"
    submitted = "2026-10-20T23:59"        # or a list of times
    log = "alpha.log.gz"                  # or logs = [...]; beside the file unless absolute; globs are allowed

Only `name` is needed. Keys that are not read here belong to others. Start at `read_teams`.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stream.terms import TERMS

PACKED = (".log", ".txt", ".csv", ".gz", ".bz2", ".xz", ".zip")  # what a log's name may end with
_LIST_KEYS = {"submitted": "submitted", "log": "logs", "logs": "logs", "answers": "answers"}
_TEXT_KEYS = ("name", "topic", "service", "term", "due", "catalog")
_WORD = re.compile(r"[^A-Za-z0-9._-]+")


class TeamsError(ValueError):
    """The file of teams is wrong; says where, what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Team:
    """One team, as far as it was said."""

    name: str
    topic: str | None = None
    service: str | None = None  # base URL
    term: str | None = None
    submitted: tuple[str, ...] = ()  # local times of the term
    due: str | None = None
    logs: tuple[Path, ...] = ()
    answers: tuple[Path, ...] = ()  # files of the team's answer records
    catalog: Path | None = None

    @property
    def file_name(self) -> str:
        """The name as part of a file's name: ASCII letters, digits, `.`, `_`, `-`; never a path, never hidden."""
        return _WORD.sub("_", self.name).lstrip(".")[:80] or "_"


def read_teams(path: Path) -> list[Team]:
    """Teams of a file `teams.toml`, or of a folder: its own teams.toml, else a team for each log or folder of logs.

    In a folder with a teams.toml a team that names no log takes the log, or the folder of logs, of its name. Raises
    TeamsError, which names the file, the team and the key.
    """
    if not path.is_dir():
        return _of_file(path, path.parent)
    by_name = {_stem(found): _logs_of(found) for found in sorted(path.iterdir()) if _logs_of(found)}
    if (path / "teams.toml").is_file():
        teams = _of_file(path / "teams.toml", path)
        return [team if team.logs else replace(team, logs=by_name.get(team.name, ())) for team in teams]
    if not by_name:
        raise TeamsError(f"{path}: expected teams.toml, or a log (NAME.log, NAME.log.gz) or folder of logs per team")
    return _checked([Team(name, logs=logs) for name, logs in by_name.items()], path)


def _of_file(path: Path, folder: Path) -> list[Team]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TeamsError(f"{path}: expected a TOML file of teams: {error}") from None
    tables = found.get("team", found.get("teams"))
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise TeamsError(f"{path}: expected a [[team]] table for each team, got {sorted(found) or 'nothing'}")
    return _checked([_team(table, f"{path}, team {n}", folder) for n, table in enumerate(tables, 1)], path)


def _team(table: Mapping[str, Any], where: str, folder: Path) -> Team:
    where = f"{where} ({table['name']!r})" if "name" in table else where
    known = [*_TEXT_KEYS, *_LIST_KEYS]
    for key in table.keys() - set(known):
        if near := difflib.get_close_matches(key, known, 1, 0.8):
            raise TeamsError(f"{where}: got the key {key!r}; did you mean {near[0]!r}?")
    texts = {key: _text(table[key], f"{where}, {key}") for key in _TEXT_KEYS if key in table}
    if not texts.get("name", "").strip():
        raise TeamsError(f"{where}: expected a name")
    if texts.get("term", "F2026") not in TERMS:
        raise TeamsError(f"{where}: expected a term of {', '.join(TERMS)}; got {texts['term']!r}")
    lists: dict[str, tuple[str, ...]] = {}
    for key, field in _LIST_KEYS.items():
        if key in table:
            lists[field] = lists.get(field, ()) + _texts(table[key], f"{where}, {key}")
    paths = {field: _paths(lists.pop(field, ()), folder, f"{where}, {field}") for field in ("logs", "answers")}
    catalog = folder / texts.pop("catalog") if "catalog" in texts else None
    return Team(**texts, **lists, **paths, catalog=catalog)  # type: ignore[arg-type]


def _text(value: Any, where: str) -> str:
    if hasattr(value, "isoformat"):  # TOML has times of its own
        return str(value.isoformat())
    if not isinstance(value, str) or not value.isprintable():
        raise TeamsError(f"{where}: expected a text of one line, got {value!r}")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(each, where) for each in (value if isinstance(value, list) else [value]))


def _paths(names: Sequence[str], folder: Path, where: str) -> tuple[Path, ...]:
    found: list[Path] = []
    for name in names:
        matches = sorted(folder.glob(name)) if set(name) & set("*?[") and not Path(name).is_absolute() else []
        here = matches or [folder / name]
        if not here[0].exists():
            raise TeamsError(f"{where}: expected a file, but there is no {folder / name}")
        found += [log for each in here for log in (_logs_of(each) if each.is_dir() else (each,))]
    return tuple(found)


def _logs_of(path: Path) -> tuple[Path, ...]:
    """A log itself, or the logs of a folder in order of their names; nothing if it is neither."""
    if path.name.startswith(".") or path.name in ("teams.toml", "catalog"):
        return ()
    if path.is_dir():
        return tuple(each for each in sorted(path.iterdir()) if each.is_file() and each.suffix in PACKED)
    return (path,) if path.is_file() and path.suffix in PACKED else ()


def _stem(path: Path) -> str:
    name = path.name
    while not path.is_dir() and name.endswith(PACKED):
        name = name[: name.rindex(".")]
    return name


def _checked(teams: list[Team], path: Path) -> list[Team]:
    """Reports lie side by side, so two teams may not be the same file."""
    seen: dict[str, str] = {}
    for team in teams:
        key = team.file_name.lower()
        if key in seen:
            raise TeamsError(f"{path}: two teams are called alike: {seen[key]!r} and {team.name!r}")
        seen[key] = team.name
    return teams
