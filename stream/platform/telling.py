"""Leads a world through the steps of its live stream and tells each as lines, the same every time."""

from stream.events import Requested, WallClock, parse_line
from stream.platform.columns import ACCOUNT, RATE, WATCH
from stream.platform.lines import LineWriter
from stream.platform.population import FIRST_ID
from stream.platform.simulation import Simulation
from stream.platform.state import Step
from stream.platform.trouble import Line
from stream.terms import Term

KINDS = {WATCH: "watch", RATE: "rate", ACCOUNT: "account"}


class Telling:
    """The steps of one world, told as lines."""

    def __init__(self, world: Simulation, term: Term) -> None:
        self.world = world
        self.clock = WallClock(term.zone)
        self.counts = {"watch": 0, "rate": 0, "account": 0, "request": 0}  # lines told so far
        self._writer = LineWriter(world.catalogue.ids, term.zone, term.watch_digits)

    def lines_of(self, step: Step) -> list[Line]:
        """Carry out a step, its answers shown to their users; its lines."""
        events = self.world.take(step.until_ms)
        told = [
            (at_ms * 1_000_000, row + FIRST_ID, line)
            for at_ms, row, line in zip(
                events.at_ms.tolist(), events.user.tolist(), self._writer.lines(events), strict=True
            )
        ]
        for kind, name in KINDS.items():
            self.counts[name] += int((events.kind == kind).sum())
        return told + [self._answered(number, text) for number, text in step.answers]

    def _answered(self, number: int, text: str) -> Line:
        event = parse_line(text, self.clock)
        if isinstance(event, Requested):
            self.world.show(number, event.movies)
        self.counts["request"] += 1
        return event.at_ns, event.user_id, text.encode()
