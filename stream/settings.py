"""Settings that every process shares, and those of the stream's own processes.

One `.env` in the checkout (or the environment, which wins) holds every setting; `.env.example` explains each.
A wrong value stops the process before it does anything, naming the setting, what came and what was expected.
"""

import re
import sys
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stream.terms import TERMS, Term

World = Literal["demo", "course", "test"]


class HouseSettings(BaseSettings):
    """What all processes must agree on."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    var_dir: Path = Field(Path("var"), description="Folder for everything the running system writes.")
    team: int = Field(1, ge=1, le=999, description="Your team's number: topics are movielog<TEAM> and answers<TEAM>.")
    course_term: str = Field("F2026", description="Term whose rules apply (rating scale, deadline, time zone).")
    source: str = Field("platform", description="Where events come from: platform, course or replay:FILE.")
    world: World = Field("demo", description="World the platform simulates: demo, course or test.")

    @field_validator("course_term")
    @classmethod
    def _known_term(cls, value: str) -> str:
        if value not in TERMS:
            raise ValueError(f"expected one of {', '.join(TERMS)}")
        return value

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: str) -> str:
        if value in ("platform", "course") or (value.startswith("replay:") and len(value) > len("replay:")):
            return value
        raise ValueError("expected platform, course or replay:FILE")

    @property
    def term(self) -> Term:
        """Rules of the term in force."""
        return TERMS[self.course_term]

    @property
    def store_dir(self) -> Path:
        """The event log."""
        return self.var_dir / "store"

    @property
    def models_dir(self) -> Path:
        """Published models and the pointer to the live ones."""
        return self.var_dir / "models"

    @property
    def run_dir(self) -> Path:
        """Small files of running processes: digests, markers, sockets."""
        return self.var_dir / "run"

    @property
    def spool_dir(self) -> Path:
        """Answer records on their way to the broker."""
        return self.var_dir / "spool"

    @property
    def replay_file(self) -> Path | None:
        """The recording of SOURCE=replay:FILE, else None."""
        return Path(self.source.removeprefix("replay:")) if self.source.startswith("replay:") else None


class StreamSettings(HouseSettings):
    """Where the broker and the API are, and how the consumer writes."""

    kafka_port: int = Field(19092, ge=1, le=65535, description="Port of our own broker (9092 stays free for a tunnel).")
    kafka_bootstrap: str = Field("", description="Broker of the movielog; empty = our own, localhost:9092 with TUNNEL.")
    tunnel: str = Field("", description="user@host to reach the course's broker through with ssh; SOURCE=course only.")
    tunnel_options: str = Field("", description="More options for that ssh, e.g. -p 2222 -i PATH_OF_KEY.")
    tunnel_target: str = Field("", description="Broker as seen from there; empty = localhost, same port as here.")
    topic: str = Field("", description="Topic of the movielog; empty = movielog<TEAM>.")
    api_port: int = Field(8080, ge=1, le=65535, description="Port of the platform's user and movie API.")
    api_url: str = Field("", description="User and movie API; empty = the platform's own.")
    api_max_per_s: float = Field(10.0, gt=0, description="Requests a second to the user and movie API, at most.")
    catalog_max_age_hours: float = Field(6.0, ge=0, description="Movies are asked for anew after this; 0 = never.")
    consumer_group: str = Field("", description="Consumer group at the movielog's broker; empty = matinee-<TEAM>.")
    flush_rows: int = Field(20_000, ge=1, description="The consumer writes a file after this many lines ...")
    flush_seconds: float = Field(2.0, gt=0, description="... or this many seconds, whichever comes first.")
    store_max_mb: int = Field(1_000, ge=1, description="Oldest raw events are folded into sessions beyond this size.")
    store_max_days: float | None = Field(
        None, gt=0, description="... or this many days of stream time; empty = no bound."
    )
    consumer_metrics_port: int = Field(8765, ge=1, le=65535, description="Prometheus metrics of the consumer.")
    shipper_metrics_port: int = Field(8769, ge=1, le=65535, description="Prometheus metrics of the shipper.")
    serve_port: int = Field(8082, ge=1, le=65535, description="Port of the recommendation service.")
    service_url: str = Field("", description="Service that a replay or the platform asks; empty = our own.")
    replay_speed: float = Field(10.0, gt=0, description="Speed of SOURCE=replay:FILE; 1 = as recorded.")
    catalog: Path | None = Field(None, description="Catalogue folder the API is served from with SOURCE=replay:FILE.")

    @model_validator(mode="after")
    def _course_is_named(self) -> Self:
        if self.source == "course" and not ((self.kafka_bootstrap or self.tunnel) and self.api_url):
            raise ValueError("SOURCE=course needs KAFKA_BOOTSTRAP (or TUNNEL) and API_URL of the course")
        return self

    @field_validator("tunnel")
    @classmethod
    def _a_login(cls, value: str) -> str:
        if value and not re.fullmatch(r"[\w.][\w.-]*@[\w.][\w.:-]*", value):
            raise ValueError("expected user@host; a port goes into TUNNEL_OPTIONS, e.g. -p 2222")
        return value

    @field_validator("tunnel_options")
    @classmethod
    def _plain_words(cls, value: str) -> str:
        if set(value) & set("'\"\\\n"):
            raise ValueError("expected words without quotes, backslashes or line ends")
        return value

    @field_validator("tunnel_target")
    @classmethod
    def _a_broker(cls, value: str) -> str:
        if value and not re.fullmatch(r"[\w.-]+:\d{1,5}", value):
            raise ValueError("expected host:port as seen from the tunnel's host, e.g. localhost:9092")
        return value

    @model_validator(mode="after")
    def _tunnel_has_an_end(self) -> Self:
        used = self.tunnel and self.source == "course"
        if used and not re.fullmatch(r"(localhost|127\.0\.0\.1):\d{1,5}", self.log_bootstrap):
            raise ValueError("with TUNNEL, KAFKA_BOOTSTRAP is its end here: localhost:PORT, as the broker says")
        return self

    @property
    def own_bootstrap(self) -> str:
        """Our own broker, loopback only; it always runs and carries the answers."""
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def log_bootstrap(self) -> str:
        """Broker of the movielog."""
        through_tunnel = "localhost:9092" if self.tunnel and self.source == "course" else ""
        return self.kafka_bootstrap or through_tunnel or self.own_bootstrap

    @property
    def tunnel_port(self) -> int:
        """Port of the tunnel's end here: the one that the broker behind it advertises, or clients go astray."""
        return int(self.log_bootstrap.rpartition(":")[2])

    @property
    def log_topic(self) -> str:
        """Topic of the movielog."""
        return self.topic or f"movielog{self.team}"

    @property
    def answers_topic(self) -> str:
        """Topic of the answer records, on our own broker."""
        return f"answers{self.team}"

    @property
    def group(self) -> str:
        """Consumer group at the movielog's broker."""
        return self.consumer_group or f"matinee-{self.team}"

    @property
    def api_address(self) -> str:
        """Base URL of the user and movie API."""
        return self.api_url or f"http://127.0.0.1:{self.api_port}"

    @property
    def service_address(self) -> str:
        """Base URL of the recommendation service that is asked."""
        return self.service_url or f"http://127.0.0.1:{self.serve_port}"


S = TypeVar("S", bound=HouseSettings)


def read_settings(kind: type[S]) -> S:
    """Settings from the environment and `.env`, or SystemExit(2) with a sentence per wrong value."""
    try:
        return kind()
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in e['loc']).upper() or 'settings'}: {e['msg']}; got {e['input']!r}"
            if e["loc"]
            else f"settings: {e['msg']}"
            for e in error.errors()
        ]
        told = SystemExit("wrong setting (see .env.example): " + "; ".join(wrong))
        sys.stderr.write(f"{told}\n")
        told.code = 2  # a text would make it 1
        raise told from None
