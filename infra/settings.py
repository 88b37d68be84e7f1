"""Settings of the processes on this machine."""

from pydantic import Field

from stream.settings import HouseSettings


class InfraSettings(HouseSettings):
    """Ports and memory of what `infra` itself configures."""

    kafka_controller_port: int = Field(19093, ge=1, le=65535, description="Port of the broker's controller.")
    kafka_heap_mb: int = Field(384, ge=128, description="Java heap of the broker.")
    deploy_timeout_s: float = Field(240.0, gt=0, description="How long `make deploy` waits for everything to be healthy.")
