"""Records of the API while an injection changes them: prices that jump, movies that were taken down."""

from collections.abc import Callable, Sequence

from stream.platform.catalogue import Catalogue
from stream.platform.changes import movie_of
from stream.platform.injections import Injection
from stream.platform.records import Record, Records


class ChangedRecords:
    """A world's records as they are today."""

    def __init__(
        self,
        records: Records,
        catalogue: Catalogue,
        on: Callable[[], Sequence[Injection]],
        note: Callable[[str, str, str], object],
    ) -> None:
        """on: what is on now. note: told scenario, what and movie of each record that is not as it was."""
        self._records, self._catalogue, self._on, self._note = records, catalogue, on, note

    def movie(self, key: str) -> Record | None:
        """A movie by its id or number; None if it was taken down."""
        record = self._records.movie(key)
        for each in self._on() if record else ():
            assert record is not None
            if each.scenario == "takedown" and record["id"] == self._catalogue.ids[movie_of(each, self._catalogue)]:
                self._note(each.scenario, f"movie/{record['id']}: unknown", record["id"])
                return None
            if each.scenario == "price-jump" and each.target in ("", record["id"]) and "license_cost" in record:
                record = record | {"license_cost": round(record["license_cost"] * each.rate, 2)}
                self._note(each.scenario, f"movie/{record['id']}: license_cost", record["id"])
        return record

    def user(self, key: str) -> Record | None:
        """A user by id."""
        return self._records.user(key)
