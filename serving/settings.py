"""Settings of the recommendation service."""

import os
from pathlib import Path

from pydantic import Field

from stream.settings import HouseSettings


class ServingSettings(HouseSettings):
    """Where the service listens and what it keeps of its answers."""

    serve_host: str = Field(
        "", description="Address the service binds; empty = 127.0.0.1, or 0.0.0.0 with SOURCE=course."
    )
    serve_port: int = Field(8082, ge=1, le=65535, description="Port of the recommendation service.")
    serve_workers: int = Field(2, ge=1, le=16, description="Worker processes; with two, one may die unnoticed.")
    experiments_dir: Path | None = Field(None, description="Folder of experiment definitions; empty = var/experiments.")
    spool_max_mb: int = Field(
        200, ge=1, description="Disk the unsent answer records may take; beyond it they are counted, not kept."
    )

    @property
    def bind_host(self) -> str:
        """Address to bind."""
        return self.serve_host or ("0.0.0.0" if self.source == "course" else "127.0.0.1")

    @property
    def experiments(self) -> Path:
        """Folder of experiment definitions."""
        return self.experiments_dir or self.var_dir / "experiments"

    @property
    def metrics_dir(self) -> Path:
        """The workers' metric files; one scrape adds them up."""
        return self.run_dir / "prometheus-service"

    @property
    def roll_file(self) -> Path:
        """Touched when a roll begins: workers older than it are leaving once a new one is ready."""
        return self.run_dir / "service.roll"

    @property
    def ready_file(self) -> Path:
        """Touched by each worker when it is ready."""
        return self.run_dir / "service.ready"

    @property
    def answer_limit_s(self) -> float:
        """How long the term's requester waits, in seconds; 0.8 where the term does not say."""
        return (self.term.timeout_ms or 800) / 1_000


def prepare_environment(metrics_dir: Path | None) -> None:
    """Tell libraries what they only read from the environment, before they are imported.

    metrics_dir: where prometheus_client adds up the workers; None: each counts alone.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # noqa: TID251 - lists are looked up, never computed
    if metrics_dir is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_dir)  # noqa: TID251 - its only switch
