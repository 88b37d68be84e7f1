"""Commands of `python -m stream.platform truth`: what is really so, for instructors and benches."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from stream.platform.config import chosen_settings

_PLAIN = ("best", "popular", "random")
_OUT = click.option("--out", type=click.File("w"), default="-", help="JSON lines  [default: standard output].")
_AT = click.option("--at", help="Local stream time of attention, e.g. 2026-10-20T18:00  [default: the saved world's].")
_USERS = click.option("--users", default="", help="Ids such as 1-200,417  [default: all].")
_WORLD = click.option("--world", help="World to look at  [default: the setting WORLD]")
_LISTS = "`best`, `popular`, `random`, or a file as of `truth lists`."


@click.group()
def truth() -> None:
    """What is really so in the world: chances, best lists, true effects, true tastes. Keep it from the teams.

    Reads the platform's saved state (a fresh world where there is none) and writes nothing but its output.
    """


@truth.command()
@click.argument("file", type=click.File("r"), default="-")
@_AT
@_WORLD
@_OUT
def lists(file: TextIO, at: str | None, world: str | None, out: TextIO) -> None:
    """What users do with the lists of FILE: {"user": 417, "movies": ["heat+1995", ...]} or 417,heat+1995,... a line.

    Writes a line each: user, movies, and per movie: watch (chance that a start after the list is this movie), led (that
    it is taken from the list), without (the chance if no list is shown), rating (expected score if rated), finish
    (chance to see the end), rated (chance of a rating); any (chance that the start is of the list), error (its standard
    error).
    """
    from stream.platform.truth_files import read_lists, rows

    try:
        known = _truth(world, at)
        expected = known.of_lists(*read_lists(file, known.world))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _write(out, rows(expected, known.world.catalogue))


@truth.command()
@_USERS
@_AT
@_WORLD
@_OUT
def best(users: str, at: str | None, world: str | None, out: TextIO) -> None:
    """The lists that lead to the most watches, a line a user as of `truth lists`; no list of 20 leads to more."""
    from stream.platform.truth_files import rows

    known = _truth(world, at)
    wanted = _rows(users, known)
    _write(out, rows(known.of_lists(wanted, known.best(wanted)), known.world.catalogue))


@truth.command()
@click.option("--a", "first", required=True, help=f"Lists of arm A: {_LISTS}")
@click.option("--b", "second", required=True, help=f"Lists of arm B: {_LISTS}")
@click.option("--days", default=14.0, show_default=True, type=click.FloatRange(min=0, min_open=True))
@click.option("--draws", type=click.IntRange(min=1), help="Also draw users' outcomes so often; needs --npz.")
@click.option("--npz", type=click.Path(dir_okay=False, path_type=Path), help="Where the draws go.")
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@_USERS
@_WORLD
def effect(
    first: str, second: str, days: float, draws: int | None, npz: Path | None, seed: int, users: str, world: str | None
) -> None:
    """The true difference that lists B make against lists A over some days, as one JSON object.

    effects: watches_per_user, share_of_starts, rating; each a, b, effect (b - a), precision (standard error, null where
    it is not worked out). The file of draws holds user (n,), starts, watches_a, watches_b (draws, n): both outcomes of
    a user, of which an experiment sees that of the arm it assigns; expected_starts, chance_a, chance_b (n,) are their
    exact means.
    """
    import numpy as np

    from stream.platform.truth_effect import difference, drawn

    if (draws is None) != (npz is None):
        raise click.UsageError("--draws and --npz belong together")
    known = _truth(world, None)
    try:
        wanted, planted_lists = _both(first, second, users, known)
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    planted = difference(known, wanted, planted_lists, days)
    if draws and npz:
        means = {"expected_starts": planted.starts, "chance_a": planted.chance_a, "chance_b": planted.chance_b}
        found: dict[str, Any] = {"user": wanted + 1, **means, **drawn(planted, draws, seed)}
        np.savez(npz, **found)
    click.echo(json.dumps({"users": len(wanted), "days": days, "a": first, "b": second, "effects": planted.effects()}))


@truth.command()
@_USERS
@_WORLD
@_OUT
def tastes(users: str, world: str | None, out: TextIO) -> None:
    """What is true behind self-descriptions, a line a user.

    Columns: user, likes, dislikes (the words), liked_genres, disliked_genres,
    liked_titles, disliked_titles, leanings (beyond genres), and named: what of these the words speak of.
    """
    from stream.platform.truth_files import tastes as of_users

    known = _truth(world, None, sets=2)
    _write(out, of_users(known.world, (_rows(users, known) + 1).tolist()))


def _truth(world: str | None, at: str | None, **more: int) -> Any:
    from stream.events import WallClock
    from stream.platform.state import WrongState
    from stream.platform.truth import Truth
    from stream.platform.truth_files import world_now
    from stream.platform.world import WORLDS

    settings = chosen_settings()
    if world is not None:
        if world not in WORLDS:
            raise click.BadParameter(f"expected one of {', '.join(WORLDS)}; got {world}", param_hint="--world")
        settings = settings.model_copy(update={"world": world})
    try:
        at_ms = None if at is None else WallClock(settings.term.zone).read(at) // 1_000_000
        return Truth(world_now(settings), at_ms, **more)
    except (WrongState, ValueError) as error:
        raise click.UsageError(str(error)) from None


def _rows(users: str, known: Any) -> Any:
    """Rows of the population that ids and ranges of ids name."""
    import numpy as np

    count = len(known.world.population)
    if not users:
        return np.arange(count)
    try:
        ends = [(part.split("-") * 2)[:2] if "-" not in part else part.split("-") for part in users.split(",")]
        rows = np.concatenate([np.arange(int(first) - 1, int(last)) for first, last in ends])
    except ValueError:
        raise click.BadParameter(f"expected ids such as 1-200,417; got {users}", param_hint="--users") from None
    if not len(rows) or rows.min() < 0 or rows.max() >= count:
        raise click.BadParameter(f"expected ids from 1 to {count}; got {users}", param_hint="--users")
    return rows


def _both(first: str, second: str, users: str, known: Any) -> Any:
    """Users and both their lists; of files only users whom each file has count."""
    import numpy as np

    from stream.platform.truth_files import plain_list, read_lists

    files = {}
    for name in (first, second):
        if name not in _PLAIN:
            with Path(name).open(encoding="utf-8") as file:
                rows, movies = read_lists(file, known.world)
            files[name] = dict(zip(rows.tolist(), movies, strict=True))
    wanted = [row for row in _rows(users, known).tolist() if all(row in lists for lists in files.values())]
    if not wanted:
        raise ValueError("expected at least one user with both lists; got none")
    rows = np.array(wanted)
    return rows, tuple(
        np.array([files[name][row] for row in wanted]) if name in files else plain_list(known.world, name, rows, known)
        for name in (first, second)
    )


def _write(out: TextIO, rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        out.write(json.dumps(row) + "\n")
