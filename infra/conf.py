"""The supervisor's configuration, written from the table, and where a deployment's files lie."""

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

from infra.processes import Program, Settings
from infra.settings import runtime_socket
from infra.setup import CHECKOUT

LOG_MB, LOG_FILES = 5, 2  # the file being written and one older
MARK = "MATINEE_RUN"  # in the environment of every process started for a checkout: its run folder
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}
_EVENTS = "PROCESS_STATE_EXITED,PROCESS_STATE_BACKOFF,PROCESS_STATE_FATAL"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of one deployment. run: small files; log: rotated logs; socket: where the supervisor listens."""

    checkout: Path
    run: Path
    log: Path
    socket: Path

    @classmethod
    def of(cls, settings: Settings) -> "Layout":
        """Of this checkout. A supervisor that runs keeps its socket, whatever runtime folder this shell has."""
        run = settings.house.run_dir.absolute()
        written = configparser.RawConfigParser(strict=False)
        written.read(run / "supervisord.conf", encoding="utf-8")
        ours = written.get("supervisord", "directory", fallback="") == _plain(CHECKOUT)  # not of a copied folder
        known = written.get("unix_http_server", "file", fallback="").replace("%%", "%") if ours else ""
        return cls(CHECKOUT, run, settings.infra.log_dir.absolute(), Path(known) if known else runtime_socket(run))

    @property
    def conf(self) -> Path:
        """The supervisor's configuration."""
        return self.run / "supervisord.conf"

    @property
    def pid_file(self) -> Path:
        """Process id of the supervisor."""
        return self.run / "supervisord.pid"


def configuration(table: tuple[Program, ...], layout: Layout, settings: dict[str, str]) -> str:
    """The supervisor's configuration. settings: given in the environment of the one who deploys."""
    sections = [server_section(layout), *(_program(program, layout, settings) for program in table)]
    return "\n".join(sections)


def server_section(layout: Layout) -> str:
    """The supervisor's own part."""
    user = "user=root\n" if os.getuid() == 0 else ""
    return f"""; Written by `python -m infra up`; changes here are lost.
[unix_http_server]
file={_plain(layout.socket)}
chmod=0700

[supervisord]
{user}directory={_plain(layout.checkout)}
pidfile={_plain(layout.pid_file)}
logfile={_plain(layout.log / "supervisord.log")}
logfile_maxbytes={LOG_MB}MB
logfile_backups={LOG_FILES - 1}
loglevel=info
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _program(program: Program, layout: Layout, settings: dict[str, str]) -> str:
    listener = program.name == "watch"
    folders = (str(layout.run), str(layout.log), str(layout.socket))
    command = (*program.command, *folders) if listener else program.command
    kind = (
        f"[eventlistener:{program.name}]\nevents={_EVENTS}\nbuffer_size=100"
        if listener
        else f"[program:{program.name}]"
    )
    output = "stderr" if listener else "stdout"  # a listener's standard output belongs to the supervisor
    environment = {**_ENVIRONMENT, MARK: str(layout.run), **settings}
    return f"""
{kind}
command={" ".join(_quoted(part) for part in command)}
directory={_plain(layout.checkout)}
environment={",".join(f"{name}={_quoted(value)}" for name, value in sorted(environment.items()))}
autostart=false
autorestart=true
startsecs=1
startretries=10
stopwaitsecs={program.stop_s}
killasgroup=true
redirect_stderr={str(not listener).lower()}
{output}_logfile={_plain(layout.log / f"{program.name}.log")}
{output}_logfile_maxbytes={LOG_MB}MB
{output}_logfile_backups={LOG_FILES - 1}
"""


def _plain(value: object) -> str:
    return str(value).replace("%", "%%")


def _quoted(value: str) -> str:
    if "'" in value or '"' in value or "\n" in value:
        raise ValueError(f"the supervisor cannot pass on quotes or line ends, got {value!r}")
    return f'"{_plain(value)}"'
