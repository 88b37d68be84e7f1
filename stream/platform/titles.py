"""Titles of movies and the ids that the course makes of them.

Ids keep `a-z 0-9 + _ . - *`; commas become `_`, blanks `+`, everything else is dropped, so that two blanks around a
dropped `&` leave `++` and a title of foreign letters leaves almost nothing. The year follows; some movies have none.
"""

import itertools
import random
import re
from collections.abc import Iterator

_DROPPED = re.compile(r"[^a-z0-9+_.*-]")


def _words(text: str) -> list[str]:
    return text.split("|")


_ADJECTIVES = _words(
    "Silent|Crimson|Broken|Golden|Last|Hidden|Burning|Lonely|Electric|Winter|Paper|Distant|Hollow|Velvet|Iron|Wild|"
    "Quiet|Blue|Savage|Midnight|Forgotten|Scarlet|Little|Big|Secret|Frozen|Perfect|Strange|Bitter|Dancing|Invisible|"
    "Endless|Wicked|Gentle|Restless|Painted|Rusty|Holy|Stolen|Second"
)
_NOUNS = _words(
    "River|Garden|Letter|Horizon|Mirror|Stranger|Summer|Kingdom|Station|Orchard|Harbor|Witness|Promise|Island|Highway|"
    "Lantern|Shadow|Empire|Detective|Bride|Soldier|Carnival|Ghost|Machine|Wedding|Winter|Captain|Desert|Piano|Neighbor|"
    "Outlaw|Planet|Teacher|Doctor|Rain|Crown|Tiger|Fox|Ship|Road|House|Bridge|Moon|Queen|Father|Daughter|Sheriff|Hotel|"
    "Holiday|Heist|Murder|Song|Dream"
)
_PLACES = _words(
    "Manhattan|Paris|the North|Lisbon|Montana|Shanghai|Laredo|the Valley|Nowhere|Cairo|Vienna|the Sea|Oslo|Texas|"
    "Bombay|Eden|the Border|Harlem|Mars|Main Street"
)
_NAMES = _words("Anna|Frank|Mary|Jack|Sophie|Walter|Lena|Tom|Clara|Max|Ruby|Oscar|Elsa|Henry|Zoë|José|Amélie|Jürgen")
_FORMS: dict[str, float] = {  # with weights that give ids the measured shares of "_", "++", ".", "-" and "*"
    "The {a} {n}": 9, "{a} {n}": 9, "{n} of {p}": 6, "The {n} and the {m}": 5, "{x}'s {n}": 6, "{n} in {p}": 6,
    "A {n} for {x}": 5, "{a} {n}: The {m}": 4, "Return to {p}": 1, "The {n}s": 3, "No {n}": 3, "{x}": 1,
    "Last {n} from {p}": 4, "The {a} {n} Part II": 2, "Beyond the {n}": 4, "{n}!": 2, "Who Killed {x}?": 2,
    "{x} and the {a} {n}": 5, "The {n} That Came to {p}": 4, "My {a} {n}": 4, "The {n}'s {m}": 5, "{p}": 0.4,
    "Once Upon a {n} in {p}": 3, "{a} {n} {k}": 2, "{x} & {y}": 1.0, "{n}, {m} & {o}": 0.5, "Dr. {x}": 1.0,
    "Mr. {n} Goes to {p}": 1.0, "{a}-{n}": 1.7, "{k}0,000 {n}s": 0.8, "The {n}, the {m} and {x}": 0.9, "...{n}": 0.02,
    "The {n}*": 0.03, "{k}": 0.02, "The Strange and Wonderful Story of {x}, Who Left {p} to Find the {a} {n} and Came "
    "Back with the {m}": 0.01,
}  # fmt: skip
_FOREIGN = ("東京", "Москва", "Любовь", "七人", "春の雪", "Ночь")


def movie_id(title: str, year: int | None) -> str:
    """The course's id of a movie: ``Monsters, Inc.`` of 2001 is ``monsters_+inc.+2001``."""
    text = _DROPPED.sub("", title.lower().replace(",", "_").replace(" ", "+"))
    return f"{text}+{'' if year is None else year}"


def invented(draw: random.Random) -> Iterator[str]:
    """Titles without end, with the habits that make ids awkward: commas, dots, ampersands, foreign letters."""
    forms, weights = list(_FORMS), list(itertools.accumulate(_FORMS.values()))
    while True:
        if draw.random() < 0.0008:
            yield " ".join(draw.choices(_FOREIGN, k=draw.randint(1, 4)))
            continue
        n, m, o = draw.sample(_NOUNS, 3)
        x, y = draw.sample(_NAMES, 2)
        form, k = draw.choices(forms, cum_weights=weights)[0], draw.randint(1, 9)
        title = form.format(a=draw.choice(_ADJECTIVES), n=n, m=m, o=o, p=draw.choice(_PLACES), x=x, y=y, k=k)
        yield f" {title}" if draw.random() < 0.0003 else title
