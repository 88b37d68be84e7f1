"""Settings of training, publishing and refreshing."""

import os
from pathlib import Path

from pydantic import Field

from stream.settings import HouseSettings


class TrainingSettings(HouseSettings):
    """When to train, what to keep, how often to refresh."""

    models: str = Field("default,recent", description="Models the schedule trains, comma-separated.")
    retrain_stream_hours: float = Field(
        24.0, gt=0, description="Retrain when the live model's data is this much older than the stream."
    )
    min_sessions: int = Field(50, ge=1, description="Watch sessions needed before the first training.")
    refresh_stream_seconds: float = Field(
        60.0, gt=0, description="Refresh lists every so many seconds of stream time ..."
    )
    refresh_seconds: float = Field(5.0, gt=0, description="... but at most every so many real seconds.")
    keep_versions: int = Field(5, ge=2, description="Published model folders kept; artifacts of older versions go.")
    training_metrics_port: int = Field(8767, ge=1, le=65535, description="Prometheus metrics of training.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the MLflow UI (make mlflow).")

    @property
    def mlflow_dir(self) -> Path:
        """Runs, registry (SQLite) and artifacts."""
        return self.var_dir / "mlflow"


def silence_mlflow() -> None:
    """Keep MLflow from reporting its use to its makers. Call it before the import, which reads the environment."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # noqa: TID251 - MLflow has no other switch
