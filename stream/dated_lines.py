"""A recording's lines with their place in time, robust against lines whose time is damaged.

About one line in 2,000 of a course's log is damaged, in its time too, and neighbours step back by up to a second. A
replay that believed every time would wait for months or hurry through an hour. Start reading at `dated`.
"""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from stream.recording import NotARecording
from stream.wall_clock import WallClock

SECOND_NS = 1_000_000_000
FAR_NS = 60 * SECOND_NS  # a step in time that needs the next line to confirm it
BEYOND_NS = 3_600 * SECOND_NS  # a recording is in order of time to within this
PATIENCE_LINES = 10_000


_Timed = tuple[bytes, int | None, int | None]  # a line, its own time and user


class Line(NamedTuple):
    """A recorded line and when and to whom it belongs."""

    text: bytes
    at_ns: int  # UTC; its neighbours' if its own cannot be read or lies far from theirs; 0 if none can be read
    due_ns: int  # never falls from line to line: at_ns, or what came before if that is later
    user_id: int  # its predecessor's if it names none


def dated(texts: Iterable[bytes], clock: WallClock) -> Iterator[Line]:
    """Each line with its place in time, in the same order.

    A time far from the line before counts only if the next line is nearer to it than to that. A step far back that
    counts (another recording begins) goes on from where the lines before were due.
    Raises NotARecording if none of the first 10,000 lines has a time.
    """
    timed = map(functools.partial(_read, clock), texts)
    head = _head(timed)
    at = high = _start([own for _, own, _ in head if own is not None])
    back = user = 0
    for (text, own, who), (_, ahead, _) in itertools.pairwise(itertools.chain(head, timed, [(b"", None, None)])):
        user = user if who is None else who
        if own is not None and (-FAR_NS < own - at < FAR_NS or _confirmed(own, at, ahead)):
            at = own
            if (due := at + back) > high:
                high = due
            elif due < high - FAR_NS:
                back = high - at
        yield Line(text, at, high, user)


def undated(texts: Iterable[bytes], clock: WallClock) -> Iterator[Line]:
    """The same lines with their users and no place in time, for whoever sends them at once: half the work."""
    texts, user = iter(texts), 0
    head = [text for text, *_ in _head(map(functools.partial(_read, clock), texts))]
    for text in itertools.chain(head, texts):
        parts = text.split(b",", 2)
        if len(parts) > 1 and parts[1].isdigit() and len(parts[1]) <= 18:
            user = int(parts[1])
        yield Line(text, 0, 0, user)


def within(lines: Iterable[Line], from_ns: int | None, to_ns: int | None) -> Iterator[Line]:
    """Lines from `from_ns` up to, not including, `to_ns`; stops reading an hour behind it."""
    for line in lines:
        if to_ns is not None and line.at_ns >= to_ns:
            if line.at_ns > to_ns + BEYOND_NS:
                return
        elif from_ns is None or line.at_ns >= from_ns:
            yield line


def passes(lines: Callable[[], Iterator[Line]], clock: WallClock, shift_ns: int, loop: bool) -> Iterator[Line]:
    """Lines with their times moved by `shift_ns`; with `loop` again and again, each time later by what a pass takes.

    What a pass takes is rounded up to whole seconds, so that times keep their digits. Ends if a pass has no lines.
    """
    while True:
        first = last = None
        for line in lines():
            first = line if first is None else first
            last = line
            yield _moved(line, shift_ns, clock) if shift_ns else line
        if first is None or last is None or not loop:
            return
        shift_ns += (last.due_ns - first.due_ns) // SECOND_NS * SECOND_NS + SECOND_NS


def own_ns(text: bytes, clock: WallClock) -> int | None:
    """The time at the start of a line, UTC; None if there is none."""
    return _read(clock, text)[1]


def _read(clock: WallClock, text: bytes) -> _Timed:
    """A line with its time and user, as far as it has them."""
    time, user, *_ = text.split(b",", 2) if b"," in text else (text, b"")
    try:
        at_ns = clock.read(time.decode("ascii"))
    except ValueError:
        at_ns = None
    return text, at_ns, int(user) if user.isdigit() and len(user) <= 18 else None


def _confirmed(own: int, at: int, ahead: int | None) -> bool:
    return abs(own - at) < BEYOND_NS if ahead is None else abs(ahead - own) <= abs(ahead - at)


def _head(timed: Iterator[_Timed]) -> list[_Timed]:
    """The first lines, up to five in a row that have a time."""
    head: list[_Timed] = []
    for line in timed:
        head.append(line)
        if len([own for _, own, _ in head[-5:] if own is not None]) == 5 or len(head) >= PATIENCE_LINES:
            break
    if len(head) >= PATIENCE_LINES and not any(own for _, own, _ in head):
        raise NotARecording(
            f"expected lines that begin with a local time such as 2026-09-12T09:15:02, as the log's do; "
            f"none of the first {PATIENCE_LINES} does, the first is {head[0][0][:80]!r}"
        )
    return head


def _start(times: list[int]) -> int:
    """The first of some times that lies near their median, so that a damaged one does not begin a recording."""
    middle = sorted(times)[(len(times) - 1) // 2] if times else 0
    return next((at for at in times if abs(at - middle) < BEYOND_NS), 0)


def _moved(line: Line, shift_ns: int, clock: WallClock) -> Line:
    own, text = own_ns(line.text, clock), line.text
    if own is not None:
        with contextlib.suppress(ValueError):  # a damaged time of the far future stays where it is
            _, comma, rest = text.partition(b",")
            text = clock.show(own + shift_ns).encode() + comma + rest
    return Line(text, line.at_ns + shift_ns, line.due_ns + shift_ns, line.user_id)
