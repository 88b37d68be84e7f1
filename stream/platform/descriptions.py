"""What users say about themselves: likes and dislikes in their own words, true to their hidden taste.

Voices differ: terse, chatty, formal, careless, in a second language. Texts name genres, well-known titles (some
misspelt), what they do not mean, and wishes that no genre holds ("older films", "what everybody watches"); some say
little, some users say nothing, and a few texts give orders to whoever reads them. The same user always says the same.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from stream.platform.voices import DISLIKES, GENRE_WORDS, LIKES, ORDERS, WISHES

_SILENT = 0.18  # share of users who say nothing of one kind
_CARELESS = 0.25  # ... who write in small letters, with slips
_ORDERS = 0.03  # ... of texts that end in an order to the reader
_WISHES = 0.5  # ... that tell of a leaning, if there is a strong one


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a user and might be said; strongest first, at least four genres and two titles of each kind."""

    loved: Sequence[str]
    avoided: Sequence[str]
    liked_titles: Sequence[str]
    disliked_titles: Sequence[str]
    wishes: Sequence[str]  # leanings, keys of `voices.WISHES`; may be empty


def describe(user_id: int, seed: int, facts: Facts) -> tuple[str | None, str | None]:
    """Self-descriptions (likes, dislikes) of a user; None where they say nothing."""
    said = named(user_id, seed, facts)
    return said.likes, said.dislikes


@dataclass(frozen=True, slots=True)
class Said:
    """A self-description, and which genres and titles it speaks of; orders to the reader name nothing."""

    likes: str | None
    dislikes: str | None
    spoken: frozenset[str]

    def genres(self, some: Sequence[str]) -> list[str]:
        """Those of some genres that the words name."""
        return [genre for genre in some if f"genre {genre}" in self.spoken]

    def titles(self, some: Sequence[str]) -> list[str]:
        """Those of some titles that the words name, misspelt or not."""
        return [title for title in some if f"title {title}" in self.spoken]


def named(user_id: int, seed: int, facts: Facts) -> Said:
    """The words of `describe`, with what they name."""
    draw = random.Random(f"words {seed} {user_id}")
    speaker = _Speaker(draw, careless=draw.random() < _CARELESS)
    likes = speaker.text(LIKES, facts.loved, facts.liked_titles, facts.avoided[0], facts.wishes)
    dislikes = speaker.text(DISLIKES, facts.avoided, facts.disliked_titles, facts.loved[0], ())
    return Said(likes, dislikes, frozenset(speaker.spoken))


class _Speaker:
    """One user's way of writing."""

    def __init__(self, draw: random.Random, *, careless: bool) -> None:
        self._draw, self._careless = draw, careless
        self.spoken: set[str] = set()  # what the texts name, as "genre Drama" or "title Heat"

    def text(
        self, forms: Sequence[str], genres: Sequence[str], titles: Sequence[str], opposite: str, wishes: Sequence[str]
    ) -> str | None:
        """One text; opposite: a genre of the other kind, for negations."""
        draw = self._draw
        form, silent, order = draw.choice(forms), draw.random() < _SILENT, draw.random() < _ORDERS
        g, h, i, j = (draw.choice(GENRE_WORDS[genre]) for genre in genres[:4])
        chosen = draw.sample(list(titles), 2)
        t, u = (self._spelt(title) for title in chosen)
        said = form.format(g=g, h=h, i=i, j=j, t=t, u=u, o=draw.choice(GENRE_WORDS[opposite]))
        if wishes and draw.random() < _WISHES:
            said = f"{said.rstrip('.')}. {draw.choice(WISHES[draw.choice(list(wishes))])}"
        if order:
            said = f"{said} {draw.choice(ORDERS).format(t=draw.choice(list(titles)))}"
        if silent:
            return None
        genre_of = dict(zip("ghijo", [*genres[:4], opposite], strict=True))
        self.spoken |= {f"genre {genre}" for letter, genre in genre_of.items() if f"{{{letter}}}" in form}
        self.spoken |= {f"title {title}" for letter, title in zip("tu", chosen, strict=True) if f"{{{letter}}}" in form}
        return said.lower() if self._careless and not order else said[0].upper() + said[1:]

    def _spelt(self, title: str) -> str:
        return _misspelt(title.lower(), self._draw) if self._careless else title


def _misspelt(title: str, draw: random.Random) -> str:
    """One slip of the fingers in a title, if it is long enough to stay readable."""
    if len(title) < 6 or draw.random() < 0.4:
        return title
    at = draw.randrange(1, len(title) - 2)
    swapped = title[:at] + title[at + 1] + title[at] + title[at + 2 :]
    by_ear = title.replace("ght", "te", 1) if "ght" in title else swapped
    return draw.choice((swapped, by_ear, title[:at] + title[at + 1 :], title[:at] + title[at] + title[at:]))
