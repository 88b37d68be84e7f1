"""A group of commands that tells in one sentence what is wrong with a file, a folder or the disk, without a traceback.

Commands let such errors pass: whoever raises them names what was expected, what came and where. Exit status 1.
"""

import errno
import traceback
import zlib
from pathlib import Path
from typing import Any

import click

_ADVICE = {
    errno.ENOSPC: "free some room, or set VAR_DIR to a larger disk",
    errno.EACCES: "give this user the right to it, or name another place",
    errno.EROFS: "name another place",
    errno.ENOENT: "is the path right?",
    errno.ENOTDIR: "is the path right?",
    errno.ECONNREFUSED: "python -m stream doctor looks what is away",
}


class PlainErrors(click.Group):
    """Turns errors of files and of what is in them into `Error: …`, whichever command below met them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read our output has enough; click ends quietly
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0)
            raise click.ClickException(f"{error}" + (f"; {advice}" if advice else "")) from error
        except (ValueError, EOFError, zlib.error) as error:
            raise click.ClickException(f"{error} (met in {_where(error)})") from error


def _where(error: BaseException) -> str:
    """File and line of ours that raised it, for whoever wonders whether it is our mistake."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/stream/" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "a library"
