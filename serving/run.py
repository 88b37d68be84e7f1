"""The server: granian's parent process, which starts workers, replaces dead ones and rolls them at SIGHUP.

It imports nothing of ours but the socket, so that workers, forked from it at a roll, load the code on disk by then.
Code that does not load is not rolled out. `python -m serving run` becomes this program with its settings as arguments.
Start reading at `main`.
"""

import argparse
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from granian.constants import Interfaces

from serving.listener import SharedListener

ROLL_SECONDS = 2.5  # old and new worker both answer this long: kept connections move over meanwhile
KILL_SECONDS = 3  # a worker that does not leave by itself
BOOT_SECONDS = 2.0  # a worker that lived this long did not die of its own code

log = logging.getLogger("_granian")  # the server's own, which is set up already


class Server(SharedListener):
    """Granian that refuses to roll onto broken code, and does not take two kills for a crash loop."""

    def _reload(self, *args: Any, **kwargs: Any) -> None:
        loads = [sys.executable, "-c", "from serving.wsgi import check; check()"]
        checked = subprocess.run(loads, stdout=sys.stderr, check=False)
        if checked.returncode == 0:
            return super()._reload(*args, **kwargs)  # type: ignore[no-any-return,no-untyped-call]
        log.error("the code on disk does not load (see above): the workers stay as they are")
        self.reload_signal = False
        return self.main_loop_interrupt.clear()

    def _respawn_workers(self, *args: Any, **kwargs: Any) -> None:
        super()._respawn_workers(*args, **kwargs)
        forgive = threading.Timer(BOOT_SECONDS, self.respawned_wrks.clear)
        forgive.daemon = True
        forgive.start()


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--roll-file", type=Path, required=True)
    chosen = parser.parse_args()
    serve(chosen.host, chosen.port, chosen.workers, chosen.roll_file)


def serve(host: str, port: int, workers: int, roll_file: Path) -> None:
    """Run the workers; a roll touches `roll_file`, which tells the old workers that they are leaving."""
    server = Server(
        "serving.wsgi:build",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=1,
        respawn_failed_workers=True,
        respawn_interval=ROLL_SECONDS,
        workers_kill_timeout=KILL_SECONDS,
    )
    server.on_reload(roll_file.touch)
    server.serve()


if __name__ == "__main__":
    main()
