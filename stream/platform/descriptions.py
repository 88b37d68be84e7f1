"""What users say about themselves: likes and dislikes in their own words, true to their hidden taste.

Voices differ: terse, chatty, formal, careless. Texts name genres and well-known titles, some misspelt, and some say
little; some users say nothing. The same user always says the same.
"""

import random
from collections.abc import Callable, Sequence

_GENRE_WORDS = {
    "Science Fiction": ("sci-fi", "science fiction", "scifi"), "Romance": ("romance", "love stories"),
    "Family": ("family movies", "stuff for the whole family"), "Animation": ("animation", "cartoons", "animated films"),
    "Documentary": ("documentaries", "docs"), "Horror": ("horror", "scary movies"), "Comedy": ("comedy", "comedies"),
    "Thriller": ("thrillers", "suspense"), "Drama": ("drama", "dramas"), "Action": ("action", "action movies"),
    "Crime": ("crime", "gangster films", "crime stories"), "Adventure": ("adventure", "adventures"),
    "Mystery": ("mysteries", "whodunits"), "Fantasy": ("fantasy",), "Foreign": ("foreign films", "world cinema"),
    "Music": ("musicals", "music films"), "History": ("historical films",), "War": ("war movies", "war films"),
    "Western": ("westerns", "cowboy movies"),
}  # fmt: skip
_LIKES: tuple[str, ...] = (
    "I love {g}. {t} is my all-time favourite, I also liked {u}.",
    "{g}, {h}",
    "Mostly {g} and {h}. Seen {t} way too many times!!",
    "I would describe myself as an admirer of {g}; works such as {t} and {u} I hold in high regard.",
    "big fan of {t} n {u}, anything {g} really",
    "Me like {g} very much, also film {t} is good",
    "Give me {g} on a Friday night. Something well made, like {t}.",
    "{t}! {u}! and {g} in general :)",
    "Not picky. {g} if I have to choose, popular stuff is fine.",
    "grew up with {t}, still watch {g} and {h} all the time",
)
_DISLIKES: tuple[str, ...] = (
    "Can't stand {g}. {t} was a waste of my evening.",
    "{g}, {h}",
    "no {g} please",
    "I do not care for {g}, and I never understood the fuss about {t}.",
    "boring stuff. {g} mostly, {t} put me to sleep",
    "I don't like {g} or {h}, not even {t}.",
    "anything too slow, and {g}",
    "not a fan of {t}",
)
_SILENT = 0.18  # share of users who say nothing of one kind


def describe(
    user_id: int, seed: int, loved: Sequence[str], avoided: Sequence[str], liked: Sequence[str], disliked: Sequence[str]
) -> tuple[str | None, str | None]:
    """Self-descriptions (likes, dislikes) of a user.

    loved, avoided: genres, strongest first, at least two each. liked, disliked: titles, at least two each.
    """
    draw = random.Random(f"words {seed} {user_id}")
    careless = draw.random() < 0.25
    return (
        _text(draw, _LIKES, loved, liked, careless),
        _text(draw, _DISLIKES, avoided, disliked, careless),
    )


def _text(
    draw: random.Random, forms: Sequence[str], genres: Sequence[str], titles: Sequence[str], careless: bool
) -> str | None:
    form, silent = draw.choice(forms), draw.random() < _SILENT
    g, h = (draw.choice(_GENRE_WORDS[genre]) for genre in genres[:2])
    t, u = draw.sample(list(titles), 2)
    spell: Callable[[str], str] = (lambda title: _misspelt(title.lower(), draw)) if careless else str
    text = form.format(g=g, h=h, t=spell(t), u=spell(u))
    if silent:
        return None
    return text.lower() if careless else text[0].upper() + text[1:]


def _misspelt(title: str, draw: random.Random) -> str:
    """One slip of the fingers in a title, if it is long enough to stay readable."""
    if len(title) < 6 or draw.random() < 0.4:
        return title
    at = draw.randrange(1, len(title) - 2)
    swapped = title[:at] + title[at + 1] + title[at] + title[at + 2 :]
    return draw.choice((swapped, title[:at] + title[at + 1 :], title[:at] + title[at] + title[at:]))
