"""Settings of the recommendation service."""

from pathlib import Path

from pydantic import Field

from stream.settings import HouseSettings


class ServingSettings(HouseSettings):
    """Where the service listens and what it keeps of its answers."""

    serve_host: str = Field("", description="Address the service binds; empty = 127.0.0.1, or 0.0.0.0 with SOURCE=course.")
    serve_port: int = Field(8082, ge=1, le=65535, description="Port of the recommendation service.")
    serve_workers: int = Field(2, ge=1, le=16, description="Worker processes; with two, one may die unnoticed.")
    experiments_dir: Path | None = Field(None, description="Folder of experiment definitions; empty = var/experiments.")
    spool_max_mb: int = Field(200, ge=1, description="Disk the unsent answer records may take; beyond it they are counted, not kept.")

    @property
    def bind_host(self) -> str:
        """Address to bind."""
        return self.serve_host or ("0.0.0.0" if self.source == "course" else "127.0.0.1")

    @property
    def experiments(self) -> Path:
        """Folder of experiment definitions."""
        return self.experiments_dir or self.var_dir / "experiments"
