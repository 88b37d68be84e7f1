"""What happens in a world, as columns: log events on their way out, and requests on their way to a start.

Instants are milliseconds UTC here (`*_ms`): the platform's clock ticks in them, and the log of 2026 prints them.
Users are rows of the population, movies indices of the catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from stream.platform.draws import Indices, Ints

WATCH, RATE, ACCOUNT = range(3)  # kinds of log events that users cause by themselves
LIST_LENGTH: Final = 20
_USER_BITS: Final = 22  # time and user fit one 64-bit number, which sorts fast


@dataclass(frozen=True)
class Columns:
    """Arrays of one length, handled row-wise together."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Any) -> Self:
        """The rows that `rows` (mask, indices or slice) selects."""
        return type(self)(**{name: column[rows] for name, column in self.columns().items()})

    def columns(self) -> dict[str, NDArray[Any]]:
        """Arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All rows of `parts` (at least one), in order."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class Events(Columns):
    """Watched minutes, ratings and sign-ups."""

    at_ms: Ints
    user: Indices
    movie: Indices
    value: NDArray[np.int16]  # minute of the film, or score
    kind: NDArray[np.int8]

    @classmethod
    def none(cls) -> "Events":
        """No events."""
        return cls(
            np.empty(0, np.int64),
            np.empty(0, np.int32),
            np.empty(0, np.int32),
            np.empty(0, np.int16),
            np.empty(0, np.int8),
        )

    def in_order(self) -> "Events":
        """By time, then user: an order that does not depend on how the events were put together."""
        return self.take(np.argsort((self.at_ms << _USER_BITS) | self.user, kind="stable"))


@dataclass(frozen=True)
class Intents(Columns):
    """Users who ask for recommendations now and will start a movie later; in the order of `number`."""

    number: Ints
    user: Indices
    at_ms: Ints  # of the request
    start_ms: Ints
    shown: Indices  # (n, LIST_LENGTH) the answered list, -1 where there is none

    @classmethod
    def none(cls) -> "Intents":
        """No intents."""
        empty = np.empty(0, np.int64)
        return cls(empty, np.empty(0, np.int32), empty, empty, np.empty((0, LIST_LENGTH), np.int32))
