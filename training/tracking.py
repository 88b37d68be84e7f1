"""Runs in MLflow: parameters, metrics and the arrays of every fitted model, in a local SQLite database.

Everything goes through the client with an explicit address, so that no run ever lands in the current folder.
Importing MLflow takes seconds and 200 MB: only commands that need it come here.
"""

import logging
import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from stream.arrays import Array, read_json, write_folder
from stream.published import load_servable
from training.settings import silence_mlflow

EXPERIMENT = "matinee"
SERVABLE = "model"  # name of the artifact folder


def tracking_uri(mlflow_dir: Path) -> str:
    """Address of the database of runs and registry."""
    return f"sqlite:///{mlflow_dir.resolve() / 'mlflow.db'}"


def client(mlflow_dir: Path) -> Any:
    """An MlflowClient on our database, which is made if it is not there."""
    silence_mlflow()
    from mlflow.tracking import MlflowClient

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    mlflow_dir.mkdir(parents=True, exist_ok=True)
    uri = tracking_uri(mlflow_dir)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_id(mlflow: Any, mlflow_dir: Path) -> str:
    """The one experiment of the project, made on first use with its artifacts beside the database."""
    if found := mlflow.get_experiment_by_name(EXPERIMENT):
        return str(found.experiment_id)
    return str(mlflow.create_experiment(EXPERIMENT, artifact_location=(mlflow_dir.resolve() / "artifacts").as_uri()))


def log_run(
    mlflow: Any, mlflow_dir: Path, name: str, parameters: Mapping[str, Any], metrics: Mapping[str, float | None],
    tags: Mapping[str, str], arrays: Mapping[str, Array], facts: Mapping[str, Any],
) -> str:  # fmt: skip
    """One finished run with the model's arrays and `facts` as artifact. Returns the run's id."""
    from mlflow.entities import RunTag

    run_id = str(mlflow.create_run(experiment_id(mlflow, mlflow_dir), run_name=name).info.run_id)
    _log_numbers(mlflow, run_id, parameters, metrics)
    mlflow.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / SERVABLE
        write_folder(folder, {f"servable/{key}.npy": array for key, array in arrays.items()}, dict(facts))
        mlflow.log_artifacts(run_id, str(folder), SERVABLE)
    mlflow.set_terminated(run_id)
    return run_id


def log_family(
    mlflow_dir: Path, name: str, facts: Mapping[str, Any],
    children: Sequence[tuple[str, Mapping[str, Any], Mapping[str, float | None]]],
) -> str:  # fmt: skip
    """One run with `facts` and a child run for each (name, parameters, metrics). Returns the parent's id."""
    from mlflow.entities import Param

    mlflow = client(mlflow_dir)
    experiment = experiment_id(mlflow, mlflow_dir)
    parent = str(mlflow.create_run(experiment, run_name=name).info.run_id)
    mlflow.log_batch(parent, params=[Param(key, str(value)) for key, value in facts.items()])
    for child, parameters, metrics in children:
        tags = {"mlflow.parentRunId": parent, "mlflow.runName": child}
        run_id = str(mlflow.create_run(experiment, tags=tags).info.run_id)
        _log_numbers(mlflow, run_id, parameters, metrics)
        mlflow.set_terminated(run_id)
    mlflow.set_terminated(parent)
    return parent


def _log_numbers(
    mlflow: Any, run_id: str, parameters: Mapping[str, Any], metrics: Mapping[str, float | None]
) -> None:  # fmt: skip
    from mlflow.entities import Metric, Param

    now_ms = time.time_ns() // 1_000_000
    known = {key: value for key, value in metrics.items() if value is not None and math.isfinite(value)}
    mlflow.log_batch(
        run_id,
        [Metric(key.replace("@", "_at_"), value, now_ms, 0) for key, value in known.items()],  # MLflow takes no "@"
        [Param(key, str(value)) for key, value in parameters.items()],
    )


def artifact_folder(mlflow: Any, run_id: str) -> Path:
    """Where a run's arrays and facts lie."""
    return Path(unquote(urlparse(mlflow.get_run(run_id).info.artifact_uri).path)) / SERVABLE


def read_run(mlflow: Any, run_id: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Facts and arrays of a run. Raises DamagedModel if they are gone or not what they were."""
    return read_facts(mlflow, run_id), load_servable(artifact_folder(mlflow, run_id))


def read_facts(mlflow: Any, run_id: str) -> dict[str, Any]:
    """What made a run's model; kept when its arrays are dropped. Raises DamagedModel."""
    return read_json(artifact_folder(mlflow, run_id) / "manifest.json")


def drop_arrays(mlflow: Any, run_id: str) -> None:
    """Delete a run's arrays; parameters, metrics and facts stay."""
    shutil.rmtree(artifact_folder(mlflow, run_id) / "servable", ignore_errors=True)
