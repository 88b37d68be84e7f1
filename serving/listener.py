"""The listening socket, shared by all workers, so that no connection waiting on it is lost with one of them.

By default each granian worker on Linux listens on a socket of its own; connections that wait there are reset when the
worker goes. Here the parent holds one socket and the workers inherit it, as granian does on other systems. A worker
that is about to go stops taking connections first: what still arrives waits for the others.
Start reading at `SharedListener` (the parent's side) and `stop_accepting` (the worker's).
"""

import os
import select
import socket
from pathlib import Path

from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.mp import MPServer


class SharedListener(MPServer):
    """Granian with one listening socket for all workers."""

    def _init_shared_socket(self) -> None:
        holder = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._ssp, self._shd, self._sfd = None, holder, holder.get_fd()  # type: ignore[assignment]
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)
        self._sso.listen(self.backlog)  # clients wait from now on, instead of being refused until a worker is up


def stop_accepting() -> bool:
    """Take no further connection in this process; False where the system has no such way (it has epoll only on Linux).

    The runtime hears of waiting connections through epoll; it is made deaf to the listening socket alone.
    """
    fds = [int(name) for name in os.listdir("/proc/self/fd")] if hasattr(select, "epoll") else []
    listening = [fd for fd in fds if _is_listening(fd)]
    deaf = [_unregister(poll, fd) for poll in fds if _is_epoll(poll) for fd in listening]
    return any(deaf)


def _is_listening(fd: int) -> bool:
    try:
        copy = socket.socket(fileno=os.dup(fd))
    except OSError:  # closed meanwhile, or no socket
        return False
    with copy:
        return bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _is_epoll(fd: int) -> bool:
    try:
        return "eventpoll" in str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return False


def _unregister(poll: int, listening: int) -> bool:
    copy = select.epoll.fromfd(os.dup(poll))  # closing the copy leaves the runtime's own open
    try:
        copy.unregister(listening)
    except OSError:  # this one never watched it
        return False
    finally:
        copy.close()
    return True
