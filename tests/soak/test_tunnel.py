"""The tunnel with a real sshd and a real broker behind it: lines come through, and it comes back whenever it closes."""

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from consumers import send, some_lines

from houses import free_ports, house
from infra import pids
from infra.conf import MARK, Layout, configuration
from infra.deploy import Deployment
from infra.health import judge
from infra.kafka.broker import Broker as Configured
from infra.kafka.fetch import DEFAULT_LIBS, ensure_jars
from infra.processes import Settings, programs
from infra.settings import environment_without, runtime_socket
from infra.settings_table import setting_names
from infra.setup import CHECKOUT
from infra.supervisor import Supervisor, launch
from infra.takedown import take_down
from infra.watch import read_mark
from stream.store.info import info
from stream.topics import ensure_topic
from waiting import until

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not (SSHD and shutil.which("ssh")), reason="not run: OpenSSH's server or client is not here"),
]


@dataclass(frozen=True, slots=True)
class Remote(Configured):
    """A broker on another address, which tells its clients to go on to localhost, as the course's does."""

    def _configuration(self):
        text = Configured._configuration(self)
        own = f"PLAINTEXT://127.0.0.1:{self.port}"
        return text.replace(f"\nlisteners={own}", f"\nlisteners=PLAINTEXT://127.0.0.2:{self.port}").replace(
            f"advertised.listeners={own}", f"advertised.listeners=PLAINTEXT://localhost:{self.port}"
        )


@dataclass
class Sshd:
    """A server of our own on a loopback port, with keys of its own, for the user who runs the test."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    options: str = field(default="", init=False)

    def __post_init__(self):
        for key in ("host", "user", "stranger"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / key)]
            subprocess.run(make, check=True)
        host = (self.folder / "host.pub").read_text()
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {host}")
        (self.folder / "allowed").write_text((self.folder / "user.pub").read_text())
        (self.folder / "conf").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.folder}/allowed\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        self.options = self.with_key("user")

    def with_key(self, key):
        known = f"-o UserKnownHostsFile={self.folder}/known -o StrictHostKeyChecking=yes"
        return f"-p {self.port} -i {self.folder}/{key} -o IdentitiesOnly=yes -F none {known}"

    def start(self):
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it when root runs it
        with (self.folder / "sshd.log").open("ab") as log:
            command = [SSHD, "-f", f"{self.folder}/conf", "-D", "-e"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def end(self):
        """End the server and the connections it holds."""
        process, self.process = self.process, None
        if process is not None:
            held = pids_below(process.pid)
            process.kill()
            process.wait(10)
            for pid in held:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def pids_below(parent):
    """Every process that descends from `parent`."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found, ahead = [], [parent]
    while ahead:
        above = ahead.pop()
        below = [pid for pid, its_parent in children if its_parent == above]
        found += below
        ahead += below
    return found


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """Port of a broker that can be reached by a tunnel with the same port only."""
    port, controller = free_ports(2)
    folder = tmp_path_factory.mktemp("remote")
    made = Remote(folder, port, controller, 256, ensure_jars(DEFAULT_LIBS))
    command = made.prepare()
    with (folder / "broker.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        yield port
        running.terminate()


@pytest.fixture
def sshd(tmp_path):
    folder = tmp_path / "ssh"
    folder.mkdir()
    made = Sshd(folder, free_ports(1)[0])
    made.start()
    yield made
    made.end()


@pytest.fixture
def tunnel(tmp_path, monkeypatch, sshd, remote):
    """Call it to have a tunnel, and the watch, under a supervisor; returns the deployment."""
    made = []

    def dig(**more):
        settings = {
            "SOURCE": "course", "API_URL": "http://127.0.0.1:9", "VAR_DIR": str(tmp_path / "var"),
            "TUNNEL": f"{getpass.getuser()}@127.0.0.1", "TUNNEL_OPTIONS": sshd.options,
            "TUNNEL_TARGET": f"127.0.0.2:{remote}", "KAFKA_BOOTSTRAP": f"localhost:{remote}",
        } | more  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        run, log = tmp_path / "var/run", tmp_path / "var/log"
        for folder in (run, log):
            folder.mkdir(parents=True)
        layout = Layout(CHECKOUT, run, log, runtime_socket(run))
        table = tuple(p for p in programs(Settings.read()) if p.name in ("tunnel", "watch"))
        layout.conf.write_text(configuration(table, layout, settings))
        launch(layout.conf, layout.socket, environment_without(setting_names()) | {MARK: str(run)})
        deployment = Deployment(Supervisor(layout.socket), layout, table)
        made.append(deployment)
        for program in ("watch", "tunnel"):
            deployment.supervisor.start(program)
        return deployment

    yield dig
    for deployment in made:
        take_down(deployment.supervisor, deployment.layout, deployment.table)
        assert pids.started_for(deployment.layout.run) == set()


def verdict(deployment):
    program = next(one for one in deployment.table if one.name == "tunnel")
    state = deployment.supervisor.states().get("tunnel")
    return judge(program, state, deployment.layout.run, deployment.log(program))


def opens(deployment, seconds=60):
    until(lambda: verdict(deployment).healthy, seconds, "the broker answers through the tunnel")


def ssh_of(deployment):
    """Process id of the ssh below the tunnel's process."""
    below = pids_below(deployment.supervisor.states()["tunnel"].pid)
    return below[0] if below else 0


def consumed(tmp_path, topic):
    """Lines in the store after a consumer has read what there is."""
    environment = os.environ | {
        "TOPIC": topic, "FLUSH_SECONDS": "0.2", "KAFKA_PORT": str(free_ports(1)[0]),
        "CONSUMER_METRICS_PORT": str(free_ports(1)[0]),
    }  # fmt: skip
    command = [sys.executable, "-m", "stream", "consume", "--until-idle", "6"]
    subprocess.run(command, env=environment, cwd=CHECKOUT, check=True, timeout=120, capture_output=True)
    held = info(tmp_path / "var/store")
    return held["events"] + sum(held["quarantined"].values())


def test_lines_come_through_and_it_opens_again_when_ssh_is_killed(tunnel, remote, tmp_path):
    deployment, bootstrap = tunnel(), f"localhost:{remote}"
    opens(deployment)
    ensure_topic(bootstrap, "movielog1")
    send(bootstrap, "movielog1", some_lines(500))
    assert consumed(tmp_path, "movielog1") == 500
    first = ssh_of(deployment)
    for _ in range(6):  # more deaths than the watch allows a process
        killed = ssh_of(deployment)
        os.kill(killed, signal.SIGKILL)
        until(lambda gone=killed: ssh_of(deployment) not in (0, gone), 60, "another ssh")
        opens(deployment)
    assert ssh_of(deployment) != first
    assert read_mark(deployment.layout.run, "tunnel") is None
    send(bootstrap, "movielog1", some_lines(300, first=500))
    assert consumed(tmp_path, "movielog1") == 800


def test_it_waits_for_a_server_that_is_away(tunnel, sshd):
    deployment = tunnel()
    opens(deployment)
    sshd.end()
    until(lambda: "Connection refused" in verdict(deployment).why, 60, "its last words say why")
    time.sleep(5)
    assert read_mark(deployment.layout.run, "tunnel") is None
    sshd.start()
    opens(deployment, 90)


def test_a_tunnel_to_a_closed_port_is_not_healthy(tunnel):
    deployment = tunnel(TUNNEL_TARGET=f"127.0.0.2:{free_ports(1)[0]}")
    until(lambda: "open failed" in verdict(deployment).why, 60, "ssh's word that nobody is there")
    assert not verdict(deployment).healthy


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [("stranger", None, "Permission denied"), ("user", "known", "Host key verification failed")],
)
def test_what_a_person_must_mend_is_given_up_and_named(tunnel, sshd, key, change, words):
    if change:
        other = (sshd.folder / "stranger.pub").read_text()
        (sshd.folder / change).write_text(f"[127.0.0.1]:{sshd.port} {other}")
    deployment = tunnel(TUNNEL_OPTIONS=sshd.with_key(key))
    until(lambda: read_mark(deployment.layout.run, "tunnel"), 60, "it is given up")
    assert words in verdict(deployment).why
    assert "->" in verdict(deployment).why, "what mends it"


def test_a_deployed_course_is_read_through_its_tunnel(sshd, remote, tmp_path):
    course = {
        "SOURCE": "course", "API_URL": "http://127.0.0.1:9", "TUNNEL": f"{getpass.getuser()}@127.0.0.1",
        "TUNNEL_OPTIONS": sshd.options, "TUNNEL_TARGET": f"127.0.0.2:{remote}", "TOPIC": "movielog-deployed",
        "KAFKA_BOOTSTRAP": f"localhost:{remote}", "SERVE_HOST": "127.0.0.1",
    }  # fmt: skip
    folder = tmp_path / "house"
    folder.mkdir()
    with house(folder, **course) as student:
        assert "tunnel" in student.must("make", "deploy", timeout=300)
        ensure_topic(course["KAFKA_BOOTSTRAP"], course["TOPIC"])
        send(course["KAFKA_BOOTSTRAP"], course["TOPIC"], some_lines(400))
        stored = ["-m", "stream", "sql", "select count(*) as lines from watches"]
        until(lambda: int(student.python(*stored).split()[-1]) == 376, 60, "the lines in the store")
        found = student.run(".venv/bin/python", "-m", "stream", "doctor").stdout
        assert "ok    advertised address" in found
        assert f"ok    movielog broker: localhost:{remote}" in found
        sshd.end()
        until(lambda: "Connection refused" in student.run("make", "status").stdout, 60, "status names the cause")
        told = student.run(".venv/bin/python", "-m", "stream", "doctor")
        assert told.returncode == 1
        assert "make logs NAME=tunnel" in told.stdout
        sshd.start()
        until(lambda: student.run("make", "status").returncode == 0, 120, "all is well again")
