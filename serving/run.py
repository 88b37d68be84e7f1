"""The server: granian's parent process, which starts workers, replaces dead ones and rolls them at SIGHUP.

It imports nothing of ours but the socket, so that workers, forked from it at a roll, load the code on disk by then.
`python -m serving run` becomes this program with its settings as arguments. Start reading at `main`.
"""

import argparse
from pathlib import Path

from granian.constants import Interfaces

from serving.listener import SharedListener

ROLL_SECONDS = 2.5  # old and new worker both answer this long: kept connections move over meanwhile
KILL_SECONDS = 3  # a worker that does not leave by itself


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
    server = SharedListener(
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
