"""The command `python -m evaluation experiment`: what an experiment says, what it could find, which are ready made."""

import json
from pathlib import Path
from typing import NamedTuple

import click

from evaluation.settings import EvaluationSettings
from stream.experiments import Experiment, WrongExperiment, load_all
from stream.settings import read_settings
from stream.terms import TERMS, Term

READY_DIR = Path(__file__).parent / "ready_experiments"
_HOUR_NS = 3_600_000_000_000
_USAGE = "expected NAME, plan NAME, add NAME, list or metrics"
_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


class _Asked(NamedTuple):
    trial: Experiment
    store_dir: Path
    term: Term
    window_ns: int
    catalog_dir: Path


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[plan | add] NAME | list | metrics")
@click.option("--store", type=_FOLDER, help="The event log with our answers; default: store in VAR_DIR.")
@click.option("--definitions", type=_FOLDER, help="Folder of definitions; default: EXPERIMENTS_DIR.")
@click.option("--term", type=click.Choice(list(TERMS)), help="Term whose rules apply; default: COURSE_TERM.")
@click.option(
    "--window", type=click.FloatRange(min=0, min_open=True), help="Hours after a list in which a play counts."
)
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), default=14.0, help="plan: days of log to learn from."
)
@click.option("--catalog", type=_FOLDER, help="Folder with movies.jsonl; default: catalog in the store.")
@click.option("--html", type=_FILE, help="Also write a page with pictures.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def experiment(
    words: tuple[str, ...], store: Path | None, definitions: Path | None, term: str | None, window: float | None,
    days: float, catalog: Path | None, html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Which arm is better, by how much, and can it be believed? docs/experiments.md explains.

    NAME judges a running or finished experiment; plan NAME says before the start how many users and days it needs;
    list shows the definitions, add NAME copies a ready-made one into their folder, metrics explains what can be asked.
    Exit 1: no verdict, because something is wrong with the experiment itself.
    """
    settings = read_settings(EvaluationSettings)
    folder = definitions or settings.experiments
    if words in (("list",), ("metrics",)):
        click.echo(_listed(folder) if words[0] == "list" else _metrics())
        return
    if len(words) > 2 or (len(words) == 2 and words[0] not in ("plan", "add")):
        raise click.UsageError(f"{_USAGE}; got {' '.join(words)!r}")
    if words[0] == "add" and len(words) == 2:
        click.echo(f"wrote {_add(words[1], folder)}; set start and stop in it before it runs")
        return
    store_dir, rules = store or settings.store_dir, TERMS[term] if term else settings.term
    window_ns = round((window or settings.online_window_hours) * _HOUR_NS)
    asked = _Asked(_named(words[-1], folder), store_dir, rules, window_ns, catalog or store_dir / "catalog")
    if len(words) == 2:
        _plan(asked, days, as_json)
    else:
        _judge(asked, html, as_json)


def _judge(asked: _Asked, html: Path | None, as_json: bool) -> None:
    from evaluation.catalogue import read_titles
    from evaluation.experiment import analyse
    from evaluation.experiment_page import report_page
    from evaluation.experiment_text import report_text

    trial, store_dir, term, window_ns, catalog_dir = asked
    try:
        report = analyse(store_dir, trial, term, window_ns, read_titles(catalog_dir))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if html:
        html.write_text(report_page(report), encoding="utf-8")
    click.echo(json.dumps(report) if as_json else report_text(report))
    raise SystemExit(1 if report["verdict"] == "blocked" else 0)


def _plan(asked: _Asked, days: float, as_json: bool) -> None:
    from evaluation.catalogue import read_titles
    from evaluation.experiment_plan import plan
    from evaluation.experiment_text import plan_text

    trial, store_dir, term, window_ns, catalog_dir = asked
    try:
        found = plan(store_dir, trial, term, window_ns, read_titles(catalog_dir), days)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(found) if as_json else plan_text(found))


def _named(name: str, folder: Path) -> Experiment:
    """The definition of that name from the folder; from the ready-made ones if the folder has none of it."""
    try:
        known = {each.name: each for each in (*load_all(READY_DIR), *load_all(folder))}
    except WrongExperiment as error:
        raise click.ClickException(str(error)) from None
    if name not in known:
        raise click.UsageError(f"expected an experiment of {', '.join(known)}; got {name!r} ({folder} has the others)")
    return known[name]


def _add(name: str, folder: Path) -> Path:
    source, target = READY_DIR / f"{name}.toml", folder / f"{name}.toml"
    ready = sorted(path.stem for path in READY_DIR.glob("*.toml"))
    if name not in ready:
        raise click.UsageError(f"expected a ready-made experiment of {', '.join(ready)}; got {name!r}")
    if target.exists():
        raise click.ClickException(f"{target} is there already; a running experiment must not change")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(source.read_text("utf-8"), "utf-8")
    return target


def _listed(folder: Path) -> str:
    from evaluation.text import table

    rows = []
    for where, directory in (("ready made", READY_DIR), (str(folder), folder)):
        try:
            found = load_all(directory)
        except WrongExperiment as error:
            raise click.ClickException(str(error)) from None
        rows += [
            (e.name, e.layer, e.population, e.analysis.primary, " ".join(a.name for a in e.arms), where) for e in found
        ]
    return "\n".join(table(["name", "layer", "population", "primary", "arms", "where"], rows))


def _metrics() -> str:
    from evaluation.experiment_metrics import METRICS
    from evaluation.text import table

    rows = [(name, "more" if m.more_is_better else "less", m.title, m.operation) for name, m in METRICS.items()]
    return "\n".join(table(["metric", "better", "what it is", "how it is worked out"], rows))
