"""Words to the person at the terminal: sentences, and one line of progress that rewrites itself.

In a log there is no line to rewrite, so progress is a sentence every now and then. Standard library only.
"""

import sys
import time
from collections.abc import Sequence

_QUIET_S = 15.0  # in a log, the same kind of progress is said at most this often


def say(text: str) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Progress:
    """What is going on right now, with the seconds it has taken."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._said, self._said_at = "", -_QUIET_S
        self._live = sys.stdout.isatty()

    def show(self, text: str) -> None:
        """Replace the line on a terminal; in a log say it when it is new and the last one is a while ago."""
        now = time.monotonic()
        if self._live:
            sys.stdout.write(f"\r\x1b[K  {text} ({now - self._started:.0f} s)")
        elif text != self._said and now - self._said_at >= _QUIET_S:
            sys.stdout.write(f"  {text} ({now - self._started:.0f} s)\n")
            self._said, self._said_at = text, now
        sys.stdout.flush()

    def done(self, text: str) -> None:
        """Replace the line for good."""
        lead = "\r\x1b[K" if self._live else ""
        say(f"{lead}  {text} ({time.monotonic() - self._started:.0f} s)")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one is left ragged."""
    lines = [head, *rows]
    wide = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(f"{cell:{w}}" for cell, w in zip(line, wide, strict=True)).rstrip() for line in lines)
