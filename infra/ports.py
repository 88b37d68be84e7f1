"""Is a port free, and if not, who has it?"""

import contextlib
import errno
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path


def taken(port: int) -> bool:
    """Does something listen there on loopback? A port that lingers after its owner ended is free."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def holder(port: int) -> int:
    """Process that listens on a port; 0 if this user may not see it."""
    return _pid_by_proc(port) or _pid_by_tool(port)


def _pid_by_proc(port: int) -> int:
    """On Linux: the socket's inode in /proc/net/tcp*, then the process that has it open; 0 if not found."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(Path("/proc/net") / table, port)}
    if not inodes:
        return 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and inodes & _open_sockets(process):
            return int(process.name)
    return 0


def _listening(table: Path, port: int) -> set[str]:
    if not table.exists():
        return set()
    rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}


def _open_sockets(process: Path) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                if match := re.fullmatch(r"socket:\[(\d+)]", os.readlink(descriptor)):  # noqa: PTH115
                    found.add(match[1])
    return found


def _pid_by_tool(port: int) -> int:
    """Elsewhere: lsof or ss, where there is one; 0 if they do not know either."""
    for tool in (["lsof", "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"], ["ss", "-Hltnp", f"sport = :{port}"]):
        if not shutil.which(tool[0]):
            continue
        told = subprocess.run(tool, capture_output=True, text=True, check=False).stdout
        if match := re.search(r"pid=(\d+)", told) or re.match(r"(\d+)", told):
            return int(match[1])
    return 0
