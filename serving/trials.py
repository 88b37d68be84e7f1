"""The experiments that run, kept up with their folder by calls of `look`; a wrong file changes nothing but the log.

Start reading at `Trials.look`.
"""

import logging
import os
from pathlib import Path

from stream.experiments import Experiment, WrongExperiment, load_all

log = logging.getLogger(__name__)


class Trials:
    """Experiments as last read without error."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: frozenset[tuple[str, int, int]] | None = None
        self.running: tuple[Experiment, ...] = ()

    def look(self) -> None:
        """Read the folder again if a file in it changed. Never raises."""
        files = self._files()
        if files == self._seen:
            return
        self._seen = files
        try:
            self.running = load_all(self._directory)
        except WrongExperiment as error:
            log.error("experiments stay as they were: %s", error)
        else:
            log.info("experiments: %s", ", ".join(e.name for e in self.running) or "none")

    def _files(self) -> frozenset[tuple[str, int, int]]:
        try:
            with os.scandir(self._directory) as entries:
                files = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".toml")]
        except OSError:
            return frozenset()
        return frozenset((name, facts.st_mtime_ns, facts.st_size) for name, facts in files)
