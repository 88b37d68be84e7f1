"""What goes on in a worker beside the requests: housekeeping twice a second, and leaving without losing a request.

A worker leaves when the server rolls its workers (a marker newer than the worker says so) or when the server itself
died, which would leave it orphaned on the port. Either way it first answers with `Connection: close`, so that clients
which keep connections open move to another worker. Start reading at `Lifecycle.watch`.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Response

POLL_SECONDS = 0.5
ORPHAN_SECONDS = 2.0  # an orphan answers this long, so that a new server can take over without a gap ...
LAST_SECONDS = 2.0  # ... and has this long to finish what it holds

log = logging.getLogger(__name__)


class Lifecycle:
    """Knows whether this worker is leaving, and runs `chores` until it does.

    drain_file: marker of a roll; only one newer than `start_ns` concerns this worker. chores: must not raise OSError's
    siblings; an OSError is logged and tried again.
    """

    def __init__(self, drain_file: Path, start_ns: int, chores: Sequence[Callable[[], None]]) -> None:
        self._drain_file, self._start_ns, self._chores = drain_file, start_ns, chores
        self._parent = os.getppid()
        self.leaving = False

    def start(self) -> None:
        """Watch from a thread of its own."""
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

    def close_connection(self, response: Response) -> Response:
        """Tell a client that keeps its connection to open another one, if this worker is leaving."""
        if self.leaving:
            response.headers["Connection"] = "close"
        return response

    def _round(self) -> None:
        try:
            self.leaving = self._draining()
            for chore in self._chores:
                chore()
        except OSError:
            log.exception("housekeeping; tried again in %g s", POLL_SECONDS)

    def _draining(self) -> bool:
        try:
            return self._drain_file.stat().st_mtime_ns > self._start_ns
        except FileNotFoundError:
            return False
