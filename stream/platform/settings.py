"""Settings of the simulated platform."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from stream.platform.manners import Manners
from stream.settings import StreamSettings


class PlatformSettings(StreamSettings):
    """Which world is simulated, how fast, and where its secrets lie."""

    platform_dir: Path | None = Field(
        None, description="Seed, state and answer keys of the platform; empty = var/platform."
    )
    teams_file: Path | None = Field(
        None, description="Several teams: a teams.toml; empty = the one team of TEAM, TOPIC and SERVICE_URL."
    )
    asks_for_nothing: float | None = Field(
        None, ge=0, lt=1, description="Share of requests after which nobody starts a movie; empty = the term's."
    )
    world_seed: int = Field(
        2026, ge=0, description="Everything the world does follows from it; a class keeps it secret."
    )
    demographic_taste: float = Field(
        0.0, ge=0, le=2, description="What age and gender count in the users' tastes; 0 = nothing."
    )
    world_start: str = Field(
        "2026-09-01T00:00:00", description="Local stream time at which the world's history begins."
    )
    history_days: int = Field(0, ge=0, description="Days of history before the stream goes live; 0 = the world's own.")
    speed: float = Field(10.0, gt=0, description="Stream seconds per real second of the demo and test worlds.")
    fast_speed: float = Field(
        120.0, gt=0, description="The same during the first minutes, so that lists prove themselves."
    )
    fast_minutes: float = Field(10.0, ge=0, description="How many real minutes the fast start lasts.")
    platform_metrics_port: int = Field(8766, ge=1, le=65535, description="Prometheus metrics of the platform.")

    provider_port: int = Field(8770, ge=1, le=65535, description="The stand-in for a language-model provider.")

    api_unknown_status: int = Field(
        404, ge=200, le=499, description="Status with which the API says that it does not know an id."
    )
    api_max_bulk: int = Field(200, ge=1, description="Ids that the API takes in one request; 1 = single ids only.")
    api_rate_limit: float = Field(0.0, ge=0, description="API requests per second over all clients; 0 = no limit.")
    api_retry_after: bool = Field(True, description="Whether a refusal (429) says when to come back.")

    @model_validator(mode="after")
    def _secret_seed(self) -> Self:
        """The seed that a class keeps in `PLATFORM_DIR/seed` counts before WORLD_SEED."""
        file = self.home / "seed"
        if file.exists():
            text = file.read_text(encoding="ascii", errors="replace").strip()
            if not (text.isascii() and text.isdigit()):
                raise ValueError(f"{file}: expected a number of at least 0; got {text[:40]!r}")
            object.__setattr__(self, "world_seed", int(text))  # settings are frozen once they are read
        return self

    @property
    def manners(self) -> Manners:
        """The API's habits."""
        return Manners(
            self.api_unknown_status, self.api_max_bulk, self.api_rate_limit, retry_after=self.api_retry_after
        )

    @property
    def home(self) -> Path:
        """Folder of the platform's seed, state and keys (mode 0700)."""
        return self.platform_dir or self.var_dir / "platform"
