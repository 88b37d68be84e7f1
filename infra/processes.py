"""The table of processes: what runs for each SOURCE, what it needs, how its health shows, what it is for.

Every other module of `infra` is driven by this table. A new process is a new entry here.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from evaluation.settings import EvaluationSettings
from infra.settings import InfraSettings
from serving.settings import ServingSettings
from stream.platform.settings import PlatformSettings
from stream.settings import HouseSettings, StreamSettings, read_settings
from training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a process binds and the setting that moves it elsewhere."""

    number: int
    setting: str


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    entries: tuple[str, ...]  # "module" or "module:verb"; its code is everything they import of ours
    purpose: str
    ports: tuple[Port, ...] = ()
    needs: tuple[str, ...] = ()  # started after these are healthy
    answers: str = ""  # URL that answers 200 when healthy
    listens: int = 0  # port that accepts connections when healthy
    kafka: int = 0  # port where a broker answers when healthy, wherever it runs
    beats: bool = False  # writes a heartbeat
    reloads: bool = False  # HUP to the process starts its workers anew without a failed request
    parent: tuple[str, ...] = ()  # with `reloads`: entries whose code the parent holds; it needs a full restart
    settings_fields: frozenset[str] = frozenset()  # settings it goes by; empty: all of the classes that it uses
    address: str = "-"
    stop_s: int = 10


@dataclass(frozen=True, slots=True)
class Settings:
    """Every settings object that the table is made from."""

    house: HouseSettings
    stream: StreamSettings
    platform: PlatformSettings
    training: TrainingSettings
    serving: ServingSettings
    evaluation: EvaluationSettings
    infra: InfraSettings

    @classmethod
    def read(cls) -> "Settings":
        """From the environment and `.env`; SystemExit names a wrong value."""
        return cls(
            read_settings(HouseSettings), read_settings(StreamSettings), read_settings(PlatformSettings),
            read_settings(TrainingSettings), read_settings(ServingSettings), read_settings(EvaluationSettings),
            read_settings(InfraSettings),
        )  # fmt: skip

    @property
    def service_address(self) -> str:
        """Where this machine reaches the service."""
        host = self.serving.bind_host
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.serving.serve_port}"


def programs(settings: Settings) -> tuple[Program, ...]:
    """What runs for the SOURCE of these settings, each after what it needs."""
    return (
        _kafka(settings), _service(settings), *_source(settings), _consumer(settings), _shipper(settings),
        *_catalog(settings), *_training(settings), _evaluation(settings), _watch(),
    )  # fmt: skip


def known_programs(settings: Settings) -> tuple[str, ...]:
    """Names for `logs`, in the order of the table."""
    return tuple(program.name for program in programs(settings))


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _kafka(settings: Settings) -> Program:
    port, controller = settings.infra.kafka_port, settings.infra.kafka_controller_port
    return Program(
        name="kafka",
        command=_python("infra.kafka"),
        entries=("infra.kafka.__main__",),
        purpose="our own broker: the event stream and the answer records",
        ports=(Port(port, "KAFKA_PORT"), Port(controller, "KAFKA_CONTROLLER_PORT")),
        listens=port,
        settings_fields=frozenset({"kafka_port", "kafka_controller_port", "kafka_heap_mb", "var_dir"}),
        address=f"127.0.0.1:{port}",
        stop_s=20,
    )


def _source(settings: Settings) -> tuple[Program, ...]:
    """Who puts lines on the topic; with SOURCE=course it is the course, so nobody here but perhaps a tunnel to it."""
    if settings.house.source == "platform":
        return (_platform(settings),)
    if settings.house.source == "course":
        return (_tunnel(settings),) if settings.stream.tunnel else ()
    replay = Program(
        name="replay",
        command=_python("stream", "replay", str(settings.house.replay_file), "--ask", "--live"),
        entries=("stream.__main__:replay",),
        purpose="plays the recording, asks our service where it asked then",
        needs=("kafka", "service"),
        beats=True,
    )
    return (replay, _api(settings)) if settings.stream.catalog else (replay,)


def _platform(settings: Settings) -> Program:
    api, metrics = settings.platform.api_port, settings.platform.platform_metrics_port
    return Program(
        name="platform",
        command=_python("stream.platform", "run"),
        entries=("stream.platform.__main__:run",),
        purpose="simulated platform: viewers, event stream, user and movie API",
        ports=(Port(api, "API_PORT"), Port(metrics, "PLATFORM_METRICS_PORT")),
        needs=("kafka",),
        answers=f"http://127.0.0.1:{api}/",
        beats=True,
        address=f"http://127.0.0.1:{api}",
    )


def _tunnel(settings: Settings) -> Program:
    port = settings.stream.tunnel_port
    return Program(
        name="tunnel",
        command=_python("infra.tunnel"),
        entries=("infra.tunnel",),
        purpose="ssh to the course's broker, opened again when it closes",
        ports=(Port(port, "KAFKA_BOOTSTRAP"),),
        kafka=port,
        settings_fields=frozenset({"tunnel", "tunnel_options", "tunnel_target", "kafka_bootstrap", "source"}),
        address=f"127.0.0.1:{port}",
    )


def _api(settings: Settings) -> Program:
    port = settings.stream.api_port
    return Program(
        name="api",
        command=_python("stream.platform", "api", "--catalog", str(settings.stream.catalog)),
        entries=("stream.platform.__main__:api",),
        purpose="user and movie API from the catalogue folder",
        ports=(Port(port, "API_PORT"),),
        answers=f"http://127.0.0.1:{port}/",
        address=f"http://127.0.0.1:{port}",
    )


def _consumer(settings: Settings) -> Program:
    port = settings.stream.consumer_metrics_port
    return Program(
        name="consumer",
        command=_python("stream", "consume"),
        entries=("stream.__main__:consume",),
        purpose="stores every line of the stream for good",
        ports=(Port(port, "CONSUMER_METRICS_PORT"),),
        needs=("kafka",),
        beats=True,
        address=f"http://127.0.0.1:{port}/metrics",
    )


def _shipper(settings: Settings) -> Program:
    port = settings.stream.shipper_metrics_port
    return Program(
        name="shipper",
        command=_python("stream", "ship"),
        entries=("stream.__main__:ship",),
        purpose="carries the record of each answer to the broker",
        ports=(Port(port, "SHIPPER_METRICS_PORT"),),
        needs=("kafka",),
        beats=True,
        address=f"http://127.0.0.1:{port}/metrics",
    )


def _catalog(settings: Settings) -> tuple[Program, ...]:
    """Who looks up movies and users; nobody where there is no API to ask."""
    apis = tuple(program.name for program in _source(settings) if program.name in ("platform", "api"))
    if settings.house.source != "course" and not apis and not settings.stream.api_url:
        return ()
    follow = Program(
        name="catalog",
        command=_python("stream", "catalog", "sync", "--follow"),
        entries=("stream.__main__:sync",),
        purpose="looks up movies and users that the stream mentions",
        needs=apis,
        beats=True,
    )
    return (follow,)


def _training(settings: Settings) -> tuple[Program, Program]:
    port = settings.training.training_metrics_port
    schedule = Program(
        name="schedule",
        command=_python("training", "schedule"),
        entries=("training.__main__:schedule",),  # the training itself is a child process: always today's code
        purpose="trains, judges and publishes models when it is time",
        ports=(Port(port, "TRAINING_METRICS_PORT"),),
        beats=True,
        address=f"http://127.0.0.1:{port}/metrics",
    )
    refresh = Program(
        name="refresh",
        command=_python("training", "refresh", "--follow"),
        entries=("training.__main__:refresh",),
        purpose="keeps the lists of active users up to date",
        beats=True,
    )
    return schedule, refresh


def _service(settings: Settings) -> Program:
    return Program(
        name="service",
        command=_python("serving", "run"),
        entries=("serving.__main__:run", "serving.run", "serving.wsgi"),
        purpose="answers /recommend/<user>",
        ports=(Port(settings.serving.serve_port, "SERVE_PORT"),),
        answers=f"{settings.service_address}/ready",
        reloads=True,
        parent=("serving.__main__", "serving.run"),
        address=f"{settings.service_address}/recommend/42",
    )


def _evaluation(settings: Settings) -> Program:
    port = settings.evaluation.evaluation_metrics_port
    return Program(
        name="evaluation",
        command=_python("evaluation", "online", "--follow"),
        entries=("evaluation.__main__:online",),
        purpose="judges what was recommended by what was watched",
        ports=(Port(port, "EVALUATION_METRICS_PORT"),),
        beats=True,
        address=f"http://127.0.0.1:{port}/metrics",
    )


def _watch() -> Program:
    return Program(
        name="watch",
        command=_python("infra.watch"),
        entries=("infra.watch",),
        purpose="gives up on a process that died five times in two minutes",
    )


def log_file(settings: Settings, name: str) -> Path:
    """Where the supervisor writes and rotates what a process says."""
    return settings.infra.log_dir / f"{name}.log"
