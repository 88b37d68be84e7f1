"""Which recording goes to which topics, from what a person writes: files, FILE:TOPIC pairs, topics, teams.

`{team}` in a file's or a topic's name stands for each of the teams, so that a class is one command.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from stream.replay import Show

TEAM = "{team}"
MAX_TEAMS = 999


def shows_of(words: Sequence[str], topics: Sequence[str], teams: Sequence[int], default_topic: str) -> list[Show]:
    """What to play.

    words: files, or all of them FILE:TOPIC. topics: where plain files go, each to every one; may name {team}.
    Without topics: movielog{team} with teams, else `default_topic`.
    Raises ValueError, which says what was expected; FileNotFoundError.
    """
    pairs = [_pair(word) for word in words]
    if any(topic for _, topic in pairs):
        return _paired(pairs, bool(topics or teams))
    to = list(topics) or ([f"movielog{TEAM}"] if teams else [default_topic])
    if any(TEAM in name for name in [*words, *to]) != bool(teams):
        raise ValueError("expected both --teams and a name with {team} in it, such as --topic movielog{team}; got one")
    per_team = [(_names(words, team), _names(to, team)) for team in teams or [0]]
    if any(TEAM in word for word in words):
        return [_show(files, topic) for files, topic in per_team]
    return [_show(words, dict.fromkeys(topic for _, topics in per_team for topic in topics))]


def teams_of(text: str) -> list[int]:
    """Numbers of teams, written like "1-30" or "1,3,7-9". Raises ValueError."""
    found: list[int] = []
    for part in text.split(","):
        span = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part, re.ASCII)
        first, last = (int(span[1]), int(span[2] or span[1])) if span else (1, 0)
        if not 1 <= first <= last:
            raise ValueError(f"expected teams from 1 to {MAX_TEAMS} such as 1-30 or 1,3,7-9; got {text!r}")
        found += range(first, last + 1)
    return list(dict.fromkeys(found))


def _paired(pairs: Sequence[tuple[str, str]], more: bool) -> list[Show]:
    """Files of one topic are played one behind the other."""
    alone = [file for file, topic in pairs if not topic]
    if more or alone:
        raise ValueError("expected FILE:TOPIC words alone, or FILES with --topic or --teams; got both kinds")
    files: dict[str, list[str]] = {}
    for file, topic in pairs:
        files.setdefault(topic, []).append(file)
    return [_show(found, [topic]) for topic, found in files.items()]


def _pair(word: str) -> tuple[str, str]:
    """(file, topic) of FILE:TOPIC; topic is "" for a file that is there under the whole word."""
    file, colon, topic = word.rpartition(":")
    if colon and not Path(word).exists() and Path(file).is_file():
        return file, topic
    return word, ""


def _show(files: Iterable[str], topics: Iterable[str]) -> Show:
    paths = tuple(map(Path, files))
    for path in paths:
        if not path.is_file():
            why = "is a directory" if path.is_dir() else "does not exist"
            raise FileNotFoundError(f"expected a recording: '{path}' {why}")
    return Show(paths, tuple(topics))


def _names(patterns: Sequence[str], team: int) -> list[str]:
    return [pattern.replace(TEAM, str(team)) for pattern in patterns]
