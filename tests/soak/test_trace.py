"""The consumer's system calls: data is durable before its position moves, and that before the broker hears.

Where strace is not installed or not allowed this is skipped, by name.
"""

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from consumers import consumer_house, send, some_lines

from waiting import until

CALLS = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg"
OFFSET_COMMIT = b"\0\x08"  # the api key, behind four bytes of length


def traced():
    """Whether strace may look at a process here."""
    return shutil.which("strace") and not subprocess.run(["strace", "-o", os.devnull, "true"]).returncode


pytestmark = [pytest.mark.broker, pytest.mark.skipif(not traced(), reason="NOT RUN: strace is missing or not allowed")]


@dataclass(frozen=True)
class Call:
    """One system call that ended well: its name, the files it is about, the first bytes that it sent."""

    name: str
    paths: tuple[str, ...]
    bytes: bytes = b""


def test_data_then_its_folder_then_the_position_then_the_brokers_offset(tmp_path, broker, fresh_topic):
    trace = tmp_path / "trace"
    with consumer_house(tmp_path / "var", broker, fresh_topic) as house:
        strace = ("strace", "-f", "-y", "-xx", "-s", "400", "-e", f"trace={CALLS}", "-o", str(trace))
        house.start(under=strace)
        for start in range(0, 1_000, 100):
            send(broker, fresh_topic, some_lines(100, first=start))
            until(lambda start=start: house.lines() == start + 100, 90, "the lines in the store")
        os.kill(child_of(house.process.pid), signal.SIGTERM)
        house.process.wait(60)
        calls = read_trace(trace)
    files = appended(calls, house.store / "events")
    assert len(files) >= 20
    for file in files:
        assert_in_order(calls, file, house.store)
    commits = [n for n, call in enumerate(calls) if is_commit(call)]
    print(f"\n{len(calls):,} calls, {len(files)} files, {len(commits)} commits at the broker: each in order")


def appended(calls, folder):
    """Files that came by appending: the 50 lines of a partition, not what compaction made of several."""
    renamed = [Path(call.paths[1]) for call in calls if call.name.startswith("rename")]
    ranges = {file: [int(word) for word in file.stem.split("-")[2:]] for file in renamed if folder in file.parents}
    return [file for file, (first, last) in ranges.items() if last - first < 50]


def assert_in_order(calls, file, store):
    """write, fsync, rename, fsync of the folder; the same for the positions; only then a commit of offsets."""
    fresh = find(calls, 0, lambda c: c.name.startswith("rename") and c.paths[1] == str(file))
    temporary = calls[fresh].paths[0]
    assert any("write" in c.name and c.paths[0] == temporary for c in calls[:fresh])
    last_write = max(n for n, c in enumerate(calls[:fresh]) if "write" in c.name and c.paths[0] == temporary)
    assert find(calls, last_write, lambda c: "sync" in c.name and c.paths[0] == temporary) < fresh
    folder = find(calls, fresh, lambda c: "sync" in c.name and c.paths[0] == str(file.parent))
    moved = find(calls, fresh, lambda c: c.name.startswith("rename") and c.paths[1] == str(store / "positions.json"))
    known = calls[moved].paths[0]
    written = find(calls, folder, lambda c: "write" in c.name and c.paths[0] == known)
    assert folder < written < find(calls, written, lambda c: "sync" in c.name and c.paths[0] == known) < moved
    durable = find(calls, moved, lambda c: "sync" in c.name and c.paths[0] == str(store))
    assert fresh < moved < durable < find(calls, fresh, is_commit)


def find(calls, start, wanted):
    """Place of the first such call from `start` on."""
    return next(n for n, call in enumerate(calls[start:], start) if wanted(call))


def is_commit(call):
    return call.name.startswith("send") and call.bytes[4:6] == OFFSET_COMMIT


def read_trace(file):
    """The calls in the order in which they ended, but a send where it began."""
    begun, calls = {}, []
    for line in file.read_text().splitlines():
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>")
            if rest.startswith("send"):
                calls.append(as_call(begun.pop(thread)))
        elif found := re.match(r"<\.\.\. (\w+) resumed>(.*)", rest):
            if thread in begun:
                calls.append(as_call(begun.pop(thread) + found[2]))
        elif re.match(r"\w+\(", rest):
            calls.append(as_call(rest))
    return [call for call in calls if call]


def as_call(text):
    name, _, rest = text.partition("(")
    if re.search(r"= -1 E\w+", text):
        return None
    paths = re.findall(r"\d<([^>]*)>", rest) if not name.startswith("rename") else re.findall(r'"([^"]*)"', rest)
    sent = re.search(r'"([^"]*)"', rest)
    return Call(name, tuple(unescaped(path).decode() for path in paths), unescaped(sent[1]) if sent else b"")


def unescaped(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())


def child_of(pid):
    """The consumer under strace."""
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[0])
