"""The tunnel of the Kafka lab as a process: ssh forwards the broker's port, and is started again whenever it ends.

The broker tells clients to go on to localhost:9092, so the port here is the one it advertises. A network that is away
may come back after an hour, so that is waited for; what a person has to mend (a key, a host's key, a word in the
settings) ends this process with a sentence, and the supervisor's watch gives it up. `python -m infra.tunnel`.
"""

import shlex
import shutil
import signal
import subprocess
import sys
import time
from types import FrameType

from stream.settings import StreamSettings, read_settings

_REST_S = 1.0, 30.0  # before ssh is started again: doubled from the first to the second while it keeps ending
_STEADY_S = 60.0  # ssh that ran so long was a tunnel
_MEND = {
    "Permission denied": "put your key into ssh-agent, or its path into TUNNEL_OPTIONS: -i PATH",
    "Host key verification failed": "run `ssh {login}` once and compare the host's key",
    "Bad configuration option": "mend TUNNEL_OPTIONS",
    "unknown option": "mend TUNNEL_OPTIONS",
    "illegal option": "mend TUNNEL_OPTIONS",
    "Load key": "put the path of a private key into TUNNEL_OPTIONS: -i PATH, mode 600",
}


def command(settings: StreamSettings) -> list[str]:
    """The ssh command of these settings. Ends rather than asks, and ends when the other side is silent for 45 s."""
    port = settings.tunnel_port
    target = settings.tunnel_target or f"localhost:{port}"
    options = ("ExitOnForwardFailure=yes", "ServerAliveInterval=15", "ServerAliveCountMax=3", "BatchMode=yes")
    words = [word for option in (*options, "ConnectTimeout=10") for word in ("-o", option)]
    forward = ["-L", f"127.0.0.1:{port}:{target}"]
    return ["ssh", "-N", *words, *shlex.split(settings.tunnel_options), *forward, settings.tunnel]


def for_a_person(last: str, login: str) -> str:
    """What somebody has to do about ssh's last words; empty if time may mend it."""
    return next((mend.format(login=login) for words, mend in _MEND.items() if words in last), "")


def keep_open(settings: StreamSettings) -> None:
    """Run ssh for ever. SystemExit names what only a person can mend."""
    if not shutil.which("ssh"):
        raise SystemExit("no ssh on PATH: install OpenSSH's client (apt-get install openssh-client)")
    rest_s, words = _REST_S[0], command(settings)
    _say(f"opening: {shlex.join(words)}")
    while True:
        started = time.monotonic()
        last = _run(words)
        if mend := for_a_person(last, settings.tunnel):
            raise SystemExit(f"{last} -> {mend}")
        rest_s = _REST_S[0] if time.monotonic() - started > _STEADY_S else rest_s
        _say(f"ssh ended: {last}; again in {rest_s:.0f} s")
        time.sleep(rest_s)
        rest_s = min(2 * rest_s, _REST_S[1])


def _run(words: list[str]) -> str:
    """Run ssh until it ends, saying what it says; its last words."""
    last = "it said nothing"
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace") as ssh:

        def stop(number: int, frame: FrameType | None) -> None:
            ssh.terminate()
            raise SystemExit(0)

        signal.signal(signal.SIGTERM, stop)
        assert ssh.stderr is not None
        for line in ssh.stderr:
            last = line.strip() or last
            _say(last)
    return f"{last} (status {ssh.returncode})"


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    keep_open(read_settings(StreamSettings))
