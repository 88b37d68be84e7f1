"""Settings of the processes on this machine."""

import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import Field

from stream.settings import HouseSettings

_SOCKET_PATH_MAX = 100  # the kernel allows about 107 bytes


class BrokerSettings(HouseSettings):
    """Ports and memory of our own broker."""

    kafka_port: int = Field(19092, ge=1, le=65535, description="Port of our own broker (9092 stays free for a tunnel).")
    kafka_controller_port: int = Field(19093, ge=1, le=65535, description="Port of the broker's controller.")
    kafka_heap_mb: int = Field(256, ge=128, description="Java heap of the broker.")

    @property
    def kafka_dir(self) -> Path:
        """Jars, configuration and data of the broker."""
        return self.var_dir / "kafka"


class InfraSettings(BrokerSettings):
    """What `infra` itself goes by."""

    deploy_timeout_s: float = Field(
        240.0, gt=0, description="How long `make deploy` waits for everything to be healthy."
    )

    @property
    def log_dir(self) -> Path:
        """Rotated logs of all processes."""
        return self.var_dir / "log"


def runtime_socket(run_dir: Path) -> Path:
    """Where the supervisor listens: in `run_dir`, or in a short folder of this user's when that path is too long."""
    inside = run_dir.absolute() / "supervisor.sock"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_MAX:
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()  # noqa: TID251
    return Path(base) / f"matinee-{os.getuid()}-{name}" / "supervisor.sock"


def given_in_environment(names: frozenset[str]) -> dict[str, str]:
    """Settings given in the environment, which win over `.env`: the processes started for us must see the same."""
    return {name: value for name, value in os.environ.items() if name.upper() in names}  # noqa: TID251


def environment_without(names: frozenset[str]) -> dict[str, str]:
    """The environment without any setting, for processes that outlive the shell which set them."""
    return {name: value for name, value in os.environ.items() if name.upper() not in names}  # noqa: TID251
