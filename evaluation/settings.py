"""Settings of online evaluation."""

from pathlib import Path

from pydantic import Field

from stream.settings import HouseSettings


class EvaluationSettings(HouseSettings):
    """Which window is judged and how often."""

    online_window_hours: float = Field(
        6.0, gt=0, description="Stream hours after a list in which a play counts as a hit."
    )
    online_last_hours: float = Field(6.0, gt=0, description="Stream hours of judged lists that the live loop shows.")
    evaluate_seconds: float = Field(60.0, gt=0, description="Real seconds between two rounds of the live loop.")
    evaluation_metrics_port: int = Field(8768, ge=1, le=65535, description="Prometheus metrics of online evaluation.")
    experiments_dir: Path | None = Field(None, description="Folder of experiment definitions; empty = var/experiments.")

    @property
    def experiments(self) -> Path:
        """Folder of experiment definitions, as the service reads it."""
        return self.experiments_dir or self.var_dir / "experiments"
