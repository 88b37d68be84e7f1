"""The server: granian's parent process, which starts workers, replaces dead ones and rolls them at SIGHUP.

It imports nothing of ours but the socket, so that workers, forked from it at a roll, load the code on disk by then.
A roll replaces one worker at a time, and stops an old one only when its successor answers; code that does not load is
not rolled out at all. `python -m serving run` becomes this program with its settings as arguments.
Start reading at `main`, then `Server`.
"""

import argparse
import gc
import importlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from granian.constants import Interfaces

from serving.listener import SharedListener

BOOT_SECONDS = 30.0  # a new worker that does not answer by then is given up
DRAIN_SECONDS = (
    2.0  # old workers notice within half a second that they are leaving; kept connections move over meanwhile
)
KILL_SECONDS = 3  # a worker that does not leave by itself

Worker = Any  # granian's process of one worker; its methods are not annotated

log = logging.getLogger("_granian")  # the server's own, which is set up already


class Server(SharedListener):
    """Granian that waits for a new worker to be ready before it stops the old one.

    ready_file: touched by each worker when it is ready.
    """

    def __init__(self, *args: Any, ready_file: Path, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ready_file = ready_file

    def _reload(self, *args: Any, **kwargs: Any) -> None:
        if self._code_loads():
            super()._reload(*args, **kwargs)  # type: ignore[no-untyped-call]
        else:
            log.error("the code on disk does not load (see above): the workers stay as they are")
            self.reload_signal = False
            self.main_loop_interrupt.clear()
        if self.interrupt_children or self.interrupt_signal:  # came meanwhile, and may just have been cleared
            self.main_loop_interrupt.set()

    def _code_loads(self) -> bool:
        with subprocess.Popen([sys.executable, "-c", "from serving.wsgi import check; check()"]) as trial:
            self._wait(BOOT_SECONDS, lambda: trial.poll() is not None)
            trial.kill()
        return trial.returncode == 0

    def _respawn_workers(self, workers: Sequence[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        """Replace these workers by number in a roll (which comes with a delay), else all that died.

        Of two that die in the same moment granian may name one.
        """
        for number in workers if delay else range(len(self.wrks)):
            old: Worker = self.wrks[number]
            if not self.interrupt_signal and (delay or not old.is_alive()):
                fresh = self._spawn_worker(idx=number, target=spawn_target, callback_loader=target_loader)
                self._replace(number, old, fresh)

    def _replace(self, number: int, old: Worker, fresh: Worker) -> None:
        began_ns = time.time_ns()
        fresh.start()
        if not old.is_alive():
            self.wrks[number] = fresh
        self._wait(BOOT_SECONDS, lambda: self._ready_since(began_ns) or not fresh.is_alive())
        ready = self._ready_since(began_ns)
        if not old.is_alive():
            if not ready:  # granian exits if it dies within seconds of this: a crash loop, unlike one killed when ready
                self.respawned_wrks[number] = time.monotonic()
        elif ready:  # the old one is leaving; should its successor die, it is replaced like any other
            self._wait(DRAIN_SECONDS, lambda: not fresh.is_alive())
            self.wrks[number] = fresh
            _stop(old)
        else:
            log.error("a new worker died or did not answer within %g s: the old one stays", BOOT_SECONDS)
            _stop(fresh)

    def _ready_since(self, since_ns: int) -> bool:
        try:
            return self._ready_file.stat().st_mtime_ns > since_ns
        except OSError:
            return False

    def _wait(self, seconds: float, over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not (over() or self.interrupt_signal or time.monotonic() > deadline):
            time.sleep(0.05)


def _stop(worker: Worker) -> None:
    worker.terminate()
    worker.join(KILL_SECONDS)
    if worker.is_alive():
        worker.kill()
        worker.join()


def share_libraries() -> None:
    """Import what every worker needs of other people's code, so that forked workers share its memory and start sooner.

    Never ours, which a roll must read anew; nor prometheus_client, which looks at its environment when imported.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # noqa: TID251 - before numpy: no thread may exist at a fork
    for name in (
        "flask.testing",
        "numpy.typing",
        "pydantic_settings",
        "tomllib",
        "urllib.request",
        "wsgiref.simple_server",
    ):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else a worker's first collection would write to, and so copy, all of it


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--roll-file", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    chosen = parser.parse_args()
    share_libraries()
    serve(chosen.host, chosen.port, chosen.workers, chosen.roll_file, chosen.ready_file)


def serve(host: str, port: int, workers: int, roll_file: Path, ready_file: Path) -> None:
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
        workers_kill_timeout=KILL_SECONDS,
        ready_file=ready_file,
    )
    server.on_reload(roll_file.touch)
    server.serve()


if __name__ == "__main__":
    main()
