"""The platform alone, with its broker, for a class: `python -m infra.alone platform.toml`; Ctrl-C ends both."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from infra.kafka import local_broker
from infra.kafka.broker import BrokerFailed
from infra.kafka.fetch import FetchFailed
from stream.platform.config import ConfigError, read_config

_HEAP_MB = 512  # thirty teams' topics
_STOP_S = 30


def run(config: Path) -> int:
    """Until either ends or we are told to; the platform's exit status.

    Raises ConfigError, BrokerFailed or FetchFailed before anything runs.
    """
    settings = read_config(config)
    with contextlib.ExitStack() as stack:
        if not settings.kafka_bootstrap:
            folder, port = settings.var_dir / "kafka", settings.kafka_port
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(local_broker(folder, port, port + 1, heap_mb=_HEAP_MB))
        platform = subprocess.Popen([sys.executable, "-m", "stream.platform", "--config", str(config), "run"])
        stack.callback(_end, platform)
        with contextlib.suppress(KeyboardInterrupt):
            return platform.wait()
    return platform.returncode


def _end(platform: "subprocess.Popen[bytes]") -> None:
    if platform.poll() is None:
        platform.terminate()
    try:
        platform.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        platform.kill()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """One argument, the file of settings."""
    if len(sys.argv) != 2:
        sys.stderr.write("expected one file of settings, e.g. make platform CONFIG=docs/class/platform.toml\n")
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run(Path(sys.argv[1]))
    except (ConfigError, BrokerFailed, FetchFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
