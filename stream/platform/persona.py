"""What the stand-in for a language model understands of a text, and the mistakes it makes.

It reads self-descriptions the way a language model does: it knows well-known films by heart, forgives a slip of the
pen, sees a negation, and now and then forgets a title or names one that nobody said. On request it obeys orders that
a text plants. Everything follows from the text and a seed. Start reading at `Persona.understand`.
"""

import difflib
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_SENTENCE = re.compile(r"[^.!?;\n]+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|hate|dislike|can'?t stand|cannot stand|avoid|don'?t|do not|boring|waste|overrated|except)\b"
)
_ORDER = re.compile(
    r"(?:ignore|disregard|forget)\b[^.!?\n]*?(?:instruction|prompt|rule|above|previous|everything)[^.!?\n]*[.!?\n]?"
    r"|(?:\b(?:only|always|just)\s+(?:recommend|answer|output|list|say|return)\b[^.!?\n]*)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“'‘]([^\"”'’]{2,60})[\"”'’]")
_COMMANDED = re.compile(
    r"\b(?:recommend|list|add|say|return|output|answer(?: with)?)\s+(?:only\s+)?([^.!?\n,;]{2,60})", re.I
)
_CLOSE = 0.82  # how alike a misspelt title and the real one are
_GENRES = {
    "sci-fi": "Science Fiction", "scifi": "Science Fiction", "science fiction": "Science Fiction",
    "rom-com": "Romance", "romcom": "Romance", "love story": "Romance", "love stories": "Romance",
    "romance": "Romance", "romantic": "Romance", "cartoon": "Animation", "animated": "Animation",
    "animation": "Animation", "documentary": "Documentary", "documentaries": "Documentary", "docs": "Documentary",
    "horror": "Horror", "scary": "Horror", "comedy": "Comedy", "comedies": "Comedy", "funny": "Comedy",
    "thriller": "Thriller", "suspense": "Thriller", "drama": "Drama", "action": "Action", "crime": "Crime",
    "gangster": "Crime", "mafia": "Crime", "adventure": "Adventure", "mystery": "Mystery", "mysteries": "Mystery",
    "whodunit": "Mystery", "fantasy": "Fantasy", "foreign": "Foreign", "world cinema": "Foreign", "musical": "Music",
    "music": "Music", "history": "History", "historical": "History", "war": "War", "western": "Western",
    "cowboy": "Western", "family": "Family", "kids": "Family",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Habits:
    """How good the model is today."""

    drop: float = 0.10  # share of the titles it read that it forgets
    invent: float = 0.05  # share of additional titles that nobody named
    obey: bool = False  # does what a text orders
    seed: int = 0


@dataclass(slots=True)
class Taste:
    """What a text says its writer likes, or does not."""

    titles: list[str] = field(default_factory=list)
    genres: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Understood:
    """Both sides of a self-description."""

    likes: Taste
    dislikes: Taste


class Persona:
    """A reader of self-descriptions that knows `titles` by heart."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._titles = {" ".join(_words(title)): title for title in titles}
        longest = max((len(_words(title)) for title in self._titles), default=0)
        self._sizes = range(longest, 0, -1)
        self._by_size: dict[int, list[str]] = {}
        for key in self._titles:
            self._by_size.setdefault(len(key.split()), []).append(key)

    def understand(self, likes: str, dislikes: str, habits: Habits) -> Understood:
        """Titles and genres of both texts, mistakes included; a negated sentence counts for the other side."""
        draw = random.Random(f"{habits.seed} {likes}\n{dislikes}")
        sides = {True: Taste(), False: Taste()}
        for text, liked in ((likes, True), (dislikes, False)):
            plain = _ORDER.sub(" ", text)
            for sentence in _SENTENCE.findall(plain):
                # among dislikes a "no" or "hate" only repeats what the heading says
                side = sides[liked and not _NEGATION.search(sentence.lower())]
                side.titles += [title for title in self.named(sentence) if title not in side.titles]
                side.genres += [genre for genre in _genres(sentence) if genre not in side.genres]
            if habits.obey:
                sides[True].titles += _ordered(text)
        for side in sides.values():
            side.titles = self._mistaken(side.titles, habits, draw)
        return Understood(sides[True], sides[False])

    def named(self, text: str) -> list[str]:
        """Known titles in the order in which the text names them, a little misspelt or not; longer ones first."""
        words, found, at = _words(text), [], 0
        while at < len(words):
            size, title = self._at(words, at)
            found += [title] if title else []
            at += size
        return found

    def _at(self, words: Sequence[str], at: int) -> tuple[int, str | None]:
        for size in self._sizes:
            phrase = " ".join(words[at : at + size])
            if at + size <= len(words) and (title := self._known(phrase, size)):
                return size, title
        return 1, None

    def _known(self, phrase: str, size: int) -> str | None:
        if title := self._titles.get(phrase):
            return title if size > 1 or len(phrase) > 4 else None  # "up", "jaws": too often mere words
        if len(phrase) < 8:
            return None
        near = difflib.get_close_matches(phrase, self._by_size.get(size, ()), 1, _CLOSE)
        return self._titles[near[0]] if near else None

    def _mistaken(self, titles: list[str], habits: Habits, draw: random.Random) -> list[str]:
        kept = [title for title in titles if draw.random() >= habits.drop]
        known = list(self._titles.values())
        invented = sum(draw.random() < habits.invent for _ in titles) if known else 0
        return kept + [
            f"{draw.choice(known)} {draw.choice(('Returns', 'II', 'Begins', 'Reloaded'))}" for _ in range(invented)
        ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def _genres(sentence: str) -> Iterator[str]:
    lower = sentence.lower()
    for word, genre in _GENRES.items():
        if re.search(rf"\b{re.escape(word)}s?\b", lower):
            yield genre


def _ordered(text: str) -> list[str]:
    """What the orders in a text want to see named."""
    if not _ORDER.search(text):
        return []
    quoted = _QUOTED.findall(text)
    return [name.strip() for name in quoted or _COMMANDED.findall(text)]
