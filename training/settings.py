"""Settings of training, publishing and refreshing."""

import os
from pathlib import Path

from pydantic import Field, field_validator

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
    llm_url: str = Field(
        "", description="Language model that reads self-descriptions, e.g. http://127.0.0.1:8770/v1; empty = keywords."
    )
    llm_model: str = Field("matinee-stand-in", description="Its name at that address.")
    llm_key: str = Field("", description="Key that is shown there; keep it in .env alone.")
    llm_timeout_seconds: float = Field(10.0, gt=0, description="How long an answer of it is waited for.")
    llm_daily_usd: float = Field(1.0, ge=0, description="What it may cost in 24 hours; then keywords read.")
    llm_usd_per_million_in: float = Field(0.15, ge=0, description="Price of tokens read, if it does not say itself.")
    llm_usd_per_million_out: float = Field(0.60, ge=0, description="Price of tokens written, likewise.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the MLflow UI (make mlflow).")

    @field_validator("llm_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("expected http://HOST/v1 or https://HOST/v1")
        return value

    @property
    def mlflow_dir(self) -> Path:
        """Runs, registry (SQLite) and artifacts."""
        return self.var_dir / "mlflow"


def silence_mlflow() -> None:
    """Keep MLflow from reporting its use to its makers. Call it before the import, which reads the environment."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # noqa: TID251 - MLflow has no other switch
