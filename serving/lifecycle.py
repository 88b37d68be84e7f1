"""What goes on in a worker beside the requests: housekeeping twice a second, and leaving without losing a request.

A roll (SIGHUP to the server) starts a new worker beside each old one. Once a new one is ready, the old ones take no
further connection and answer with `Connection: close`, so that clients which keep connections open move over; by the
time the server stops them they hold nothing. A worker whose server died does likewise for two seconds and goes, so
that a new server finds the port free of orphans. Start reading at `Lifecycle.watch`.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.listener import stop_accepting

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

POLL_SECONDS = 0.5
ORPHAN_SECONDS = 2.0  # an orphan answers this long, so that a new server can take over without a gap ...
LAST_SECONDS = 2.0  # ... and has this long to finish what it holds

log = logging.getLogger(__name__)


class Lifecycle:
    """Knows whether this worker is leaving, and runs `chores` until its process ends.

    roll_file: touched by the server when a roll begins. ready_file: touched by each worker when it is ready.
    chores: called twice a second; an OSError of theirs is logged and tried again.
    """

    def __init__(self, roll_file: Path, ready_file: Path, start_ns: int, chores: Sequence[Callable[[], None]]) -> None:
        self._roll_file, self._ready_file, self._start_ns, self._chores = roll_file, ready_file, start_ns, chores
        self._parent = os.getppid()
        self.leaving = False

    def start(self) -> None:
        """Tell the old workers of a roll that this one is ready, and watch from a thread of its own."""
        try:
            self._ready_file.touch()
        except OSError:
            log.exception("%s: old workers will not close their connections before they are stopped", self._ready_file)
        threading.Thread(target=self.watch, name="lifecycle", daemon=True).start()

    def watch(self) -> None:
        """Do the chores and look out for reasons to leave, for as long as the process lives."""
        while os.getppid() == self._parent:
            self._round()
            time.sleep(POLL_SECONDS)
        self.leaving = True
        log.warning("the server died; this worker leaves in %g s", ORPHAN_SECONDS)
        time.sleep(ORPHAN_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LAST_SECONDS)
        os._exit(1)  # it did not go by itself

    def closing(self, app: "WSGIApplication") -> "WSGIApplication":
        """`app`, telling clients that keep their connection to open another one once this worker is leaving."""

        def closed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                return start_response(status, [*headers, ("Connection", "close")], exc_info)

            return app(environ, start if self.leaving else start_response)

        return closed

    def _round(self) -> None:
        if not self.leaving and self._succeeded():
            self.leaving = True
            stop_accepting()
        try:
            for chore in self._chores:
                chore()
        except OSError:
            log.exception("housekeeping; tried again in %g s", POLL_SECONDS)

    def _succeeded(self) -> bool:
        """Whether a roll began after this worker, and a worker of it is ready."""
        return self._start_ns < _touched_ns(self._roll_file) < _touched_ns(self._ready_file)


def _touched_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
