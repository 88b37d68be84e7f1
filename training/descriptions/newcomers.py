"""Users who signed up: from the stream's `create_account` line to their own words, a taste and a list.

The catalogue's process looks the user up; here their record is awaited, never fetched. The keyword reader's taste is
there at once. With a language model its reading follows from a thread, so that a slow provider delays no list, and the
list is then made anew. Start at `Newcomers.step`.
"""

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from stream.catalog.files import RecordFile
from stream.catalog.records import MOVIES, USERS, Kind, User, user_of, wrong_fields
from training.descriptions.chat import Chat
from training.descriptions.keyword import KeywordExtractor
from training.descriptions.language_model import LanguageModelExtractor
from training.descriptions.lists import DescriptionLists, films_of
from training.descriptions.taste import Description, Extractor, Film, Reading
from training.descriptions.titles import TitleIndex
from training.settings import TrainingSettings
from training.suitability import OF_AGE

Array = npt.NDArray[Any]
ENOUGH_MOVIES = 5  # seen by a user whose history then says more than their words
CALLS_AT_ONCE = 4
GROWN = 1.02  # the films are read again once the catalogue has grown by so much


@dataclass(frozen=True, slots=True)
class Described:
    """A newcomer who said something of use."""

    user_id: int
    age: float
    reading: Reading


class Newcomers:
    """Tastes of those who signed up, for one table of movies."""

    def __init__(self, settings: TrainingSettings, movies: Array, watched: Array) -> None:
        """movies: (n,) ids as in the live model. watched: (n,) by how many users."""
        self._settings, self._movies, self._watched = settings, [str(one) for one in movies], watched
        self._users = record_file(settings, USERS)
        self._awaited: set[int] = set()
        self._described: dict[int, Described] = {}
        self._asked: dict[Future[Reading], Described] = {}
        self._stop, self._pool = threading.Event(), ThreadPoolExecutor(CALLS_AT_ONCE, "descriptions")
        self._n_records = -1
        self._learn_films()

    def signed_up(self, user_ids: Iterable[int]) -> None:
        """Note sign-ups; repeats do no harm."""
        self._awaited |= {int(user) for user in user_ids} - self._described.keys()

    def step(self) -> set[int]:
        """Read what came in since the last step; returns users whose list is to be made (anew)."""
        changed = self._answers()
        if self._awaited:
            self._users.index()
            records = self._users.get_all([str(user) for user in self._awaited])
            self._learn_films()
            for key, record in records.items():
                self._awaited.discard(int(key))
                if not wrong_fields(USERS, record):
                    user = user_of(record)
                    if self._read(user) or user.age < OF_AGE:  # to a minor even what is popular is not all offered
                        changed.add(int(key))
        return changed

    def described(self, user_id: int, n_movies: int) -> bool:
        """Whether a user's words are the best that is known of them; n_movies: seen by them."""
        return user_id in self._described and n_movies < ENOUGH_MOVIES

    def top(self, user_id: int, seen: Array, k: int) -> Array:
        """(k,) int32 places in the movie table, best first, -1 where nothing is left."""
        one = self._described[user_id]
        return self._lists.top(one.reading.taste, seen, k, one.age)

    def facts(self) -> dict[str, int]:
        """What to say in the heartbeat."""
        return {"newcomers_described": len(self._described), "newcomers_awaited": len(self._awaited)}

    def settle(self, timeout_s: float) -> bool:
        """Wait for the provider's answers that are under way; whether any came."""
        waited = [future for future in self._asked if _done_within(future, timeout_s)]
        return bool(waited)

    def close(self) -> None:
        """Ask nothing more; calls under way end with their time-out."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, user: User) -> bool:
        said = Description.of(user.likes, user.dislikes)
        reading = self._keyword.read(user.user_id, said)
        one = Described(user.user_id, user.age, reading)
        if self._model and said.said:
            self._asked[self._pool.submit(self._model.read, user.user_id, said)] = one
        if reading.taste:
            self._described[user.user_id] = one
        return bool(reading.taste)

    def _answers(self) -> set[int]:
        """Users whose taste the language model reads differently."""
        changed = set()
        for future in [future for future in self._asked if future.done()]:
            one = self._asked.pop(future)
            reading = future.result()
            if reading.taste and reading.taste != one.reading.taste:
                self._described[one.user_id] = Described(one.user_id, one.age, reading)
                changed.add(one.user_id)
        return changed

    def _learn_films(self) -> None:
        file = record_file(self._settings, MOVIES)
        count = len(file.index().numbers)
        if self._n_records >= 0 and count <= self._n_records * GROWN:
            return
        self._n_records = count
        films = films_of(self._movies, self._watched, usable(file, self._movies))
        titles = TitleIndex(films)
        self._lists, self._keyword = DescriptionLists(films), KeywordExtractor(titles)
        self._model = language_model(self._settings, titles, self._stop)


def language_model(
    settings: TrainingSettings, titles: TitleIndex, stop: threading.Event | None = None
) -> LanguageModelExtractor | None:
    """The reader that the settings ask for; None without LLM_URL."""
    if not settings.llm_url:
        return None
    chat = Chat(
        settings.llm_url, settings.llm_model, settings.llm_key, settings.llm_timeout_seconds,
        settings.llm_usd_per_million_in, settings.llm_usd_per_million_out,
    )  # fmt: skip
    return LanguageModelExtractor(chat, titles, settings.var_dir, settings.llm_daily_usd, stop)


def extractor(settings: TrainingSettings, films: Iterable[Film]) -> Extractor:
    """The reader that the settings ask for: a language model with LLM_URL, else keywords."""
    titles = TitleIndex(films)
    return language_model(settings, titles) or KeywordExtractor(titles)


def record_file(settings: TrainingSettings, kind: Kind) -> RecordFile:
    """Records of a kind as the catalogue's process keeps them; the file need not be there yet."""
    return RecordFile(settings.store_dir / "catalog" / kind.file, kind)


def usable(file: RecordFile, movie_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Records of those movies that have all that is needed."""
    file.index()
    return {key: one for key, one in file.get_all(movie_ids).items() if not wrong_fields(MOVIES, one)}


def _done_within(future: "Future[Reading]", timeout_s: float) -> bool:
    try:
        future.result(timeout_s)
    except TimeoutError:
        return False
    return True
