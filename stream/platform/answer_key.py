"""The answer key: for each injection, which lines, users and movies it touched, and when. Read by the scorer alone.

`answer-key.jsonl` in the platform's own folder, one object a touched line, answer of the API, or block of a changed
world (with `what`, `users`, `movies` where no line says them). A step that is told again after a kill writes its
entries again; `read` keeps each once.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stream.platform.damage import Affected

FILE = "answer-key.jsonl"


class AnswerKey:
    """Appends to the key of one folder."""

    def __init__(self, folder: Path, team: int | None = None) -> None:
        self._path, self._team = folder / FILE, team

    def write(self, touched: Iterable[Affected]) -> None:
        """Keep what was touched."""
        lines = [json.dumps(_plain(each) | {"team": self._team}) + "\n" for each in touched]
        if not lines:
            return
        with self._path.open("ab", buffering=0) as file:  # one write, whole: other teams append to the same file
            file.write("".join(lines).encode("ascii"))
        self._path.chmod(0o600)


def _plain(each: Affected) -> dict[str, Any]:
    """An entry as it is written: without what it does not say beside the line."""
    return {name: value for name, value in asdict(each).items() if value or name not in ("what", "users", "movies")}


def read(folder: Path) -> Iterator[Affected]:
    """Every touched line, once, in order. Raises ValueError naming a line that is no entry."""
    path, seen = folder / FILE, set()
    if not path.exists():
        return
    with path.open(encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            if line in seen or not line.endswith("\n"):
                continue
            seen.add(line)
            try:
                raw = json.loads(line)
                lists = {name: tuple(raw[name]) for name in ("users", "movies") if name in raw}
                yield Affected(**{**raw, **lists})
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: expected an entry of the answer key: {error}") from error
