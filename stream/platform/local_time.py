"""Local time of a zone for arrays of instants: what the log's lines print."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from stream.platform.draws import Ints
from stream.platform.world import HOUR_MS


class LocalTime:
    """Shifts instants (milliseconds UTC) to local milliseconds. Zones change on whole hours UTC."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._known: dict[int, int] = {}  # hour since 1970 -> offset in milliseconds

    def shift_ms(self, hour: int) -> int:
        """Offset of local time from UTC during an hour since 1970."""
        if hour not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(self._zone).utcoffset()
            self._known[hour] = int(offset.total_seconds() * 1000) if offset else 0
        return self._known[hour]

    def of(self, at_ms: Ints) -> Ints:
        """Local milliseconds since 1970 of sorted instants."""
        if not len(at_ms):
            return at_ms
        first, last = int(at_ms[0]) // HOUR_MS, int(at_ms[-1]) // HOUR_MS
        if self.shift_ms(first) == self.shift_ms(last) and last - first < 24:
            return at_ms + self.shift_ms(first)
        hours, row = np.unique(at_ms // HOUR_MS, return_inverse=True)
        return np.asarray(at_ms + np.array([self.shift_ms(int(hour)) for hour in hours])[row])

    def hour(self, at_ms: int) -> float:
        """Hour of the local day, 0 to 24."""
        return (at_ms + self.shift_ms(at_ms // HOUR_MS)) % (24 * HOUR_MS) / HOUR_MS

    def instant_ms(self, text: str) -> int:
        """Milliseconds UTC of a local time like 2026-09-01T00:00:00. Raises ValueError."""
        return int(datetime.fromisoformat(text).replace(tzinfo=self._zone).timestamp() * 1000)
