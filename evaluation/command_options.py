"""Options that several commands share, and what they mean."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from evaluation.choices import HOUR_NS
from evaluation.logs import Opened
from evaluation.settings import EvaluationSettings
from stream.events import WallClock
from stream.terms import TERMS, Term

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}

in_store = click.option("--store", type=FOLDER, help="The event log; default: store in VAR_DIR.")
in_logs = click.option("--log", "logs", multiple=True, type=FILE, help="A bare log (plain or .gz) instead; repeatable.")
more_logs = click.argument("more_logs", nargs=-1, type=FILE)
of_term = click.option("--term", type=click.Choice(list(TERMS)), help="Term whose rules apply; default: COURSE_TERM.")
with_catalog = click.option("--catalog", type=FOLDER, help="Folder with movies.jsonl; default: catalog in the store.")
to_html = click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page with pictures."
)


def hours(text: str) -> int:
    """Nanoseconds of a duration like 30m, 6h, 7d or 2w."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text)
    if not found or not float(found[1]):
        raise click.BadParameter(f"expected a duration like 30m, 6h or 7d, got {text!r}")
    return round(float(found[1]) * HOURS[found[2]] * HOUR_NS)


@contextlib.contextmanager
def opened(
    settings: EvaluationSettings, store: Path | None, logs: tuple[Path, ...], term: Term, topic: str | None = None,
    answers: tuple[Path, ...] = (),
) -> Iterator[Opened]:  # fmt: skip
    """The store asked for, or the bare logs or the topic as one. Raises UsageError for two of them."""
    if sum(map(bool, (store, logs, topic))) > 1:
        raise click.UsageError("expected --store DIR, --log FILE or --topic NAME, not both")
    if answers and not logs:
        raise click.UsageError("--answers belongs to --log; a store has its own")
    if not logs and not topic:
        yield Opened(store or settings.store_dir)
        return
    from tqdm import tqdm

    from evaluation.logs import as_store, topic_as_store

    bar = tqdm(unit="B" if logs else " lines", unit_scale=True, desc="reading", disable=not sys.stderr.isatty())
    if logs:
        with bar, as_store(logs, term, bar.update, answers) as found:
            yield found
        return
    with bar, _reachable(), topic_as_store(_bootstrap(), str(topic), term, bar.update) as found:
        yield found


def term_of(settings: EvaluationSettings, name: str | None) -> Term:
    """The term asked for, else that of the settings."""
    return TERMS[name] if name else settings.term


def moment(text: str, clock: WallClock, option: str) -> int:
    """UTC nanoseconds of a local time; an error that names the option for what is none."""
    try:
        return clock.read(text.strip().replace(" ", "T", 1))
    except ValueError:
        raise click.BadParameter(
            f"expected a local time like 2026-10-20T23:59, got {text!r}", param_hint=option
        ) from None


def _bootstrap() -> str:
    from stream.settings import StreamSettings, read_settings

    return read_settings(StreamSettings).log_bootstrap


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    from stream.topics import BrokerAway

    try:
        yield
    except (BrokerAway, LookupError) as error:
        raise click.ClickException(f"{error}; KAFKA_BOOTSTRAP names the broker") from None
