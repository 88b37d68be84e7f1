"""Titles of movies and the ids that the course makes of them.

Ids keep `a-z 0-9 + _ . - *`; commas become `_`, blanks `+`, everything else is dropped, so that two blanks around a
dropped `&` leave `++` and a title of foreign letters leaves almost nothing. The year follows; some movies have none.
"""

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
    "Lantern|Shadow|Empire|Detective|Bride|Soldier|Circus|Ghost|Machine|Wedding|Winter|Captain|Desert|Piano|Neighbor|"
    "Outlaw|Planet|Teacher|Doctor|Rain|Crown|Tiger|Fox|Ship|Road|House|Bridge|Moon|Queen|Father|Daughter|Sheriff|Hotel|"
    "Holiday|Heist|Murder|Song|Dream"
)
_PLACES = _words(
    "Manhattan|Paris|the North|Lisbon|Montana|Shanghai|Laredo|the Valley|Nowhere|Cairo|Vienna|the Sea|Oslo|Texas|"
    "Bombay|Eden|the Border|Harlem|Mars|Main Street"
)
_NAMES = _words("Anna|Frank|Mary|Jack|Sophie|Walter|Lena|Tom|Clara|Max|Ruby|Oscar|Elsa|Henry|Zoë|José|Amélie|Jürgen")
_FORMS = (
    "The {a} {n}", "{a} {n}", "{n} of {p}", "The {n} and the {m}", "{x}'s {n}", "{n} in {p}", "A {n} for {x}",
    "{x} & {y}", "{a} {n}: The {m}", "{n}, {m} & {o}", "Return to {p}", "The {n}s", "No {n}", "{x}", "Dr. {x}",
    "{a}-{n}", "Last {n} from {p}", "The {a} {n} Part II", "Beyond the {n}", "{n}!", "Who Killed {x}?", "20,000 {n}s",
)  # fmt: skip
_FOREIGN = ("東京", "Москва", "Любовь", "七人", "春の雪", "Ночь")


def movie_id(title: str, year: int | None) -> str:
    """The course's id of a movie: ``Monsters, Inc.`` of 2001 is ``monsters_+inc.+2001``."""
    text = _DROPPED.sub("", title.lower().replace(",", "_").replace(" ", "+"))
    return f"{text}+{'' if year is None else year}"


def invented(draw: random.Random) -> Iterator[str]:
    """Titles without end, with the habits that make ids awkward: commas, dots, ampersands, foreign letters."""
    while True:
        if draw.random() < 0.002:
            yield " ".join(draw.choices(_FOREIGN, k=draw.randint(1, 4)))
            continue
        n, m, o = draw.sample(_NOUNS, 3)
        x, y = draw.sample(_NAMES, 2)
        form = draw.choice(_FORMS)
        title = form.format(a=draw.choice(_ADJECTIVES), n=n, m=m, o=o, p=draw.choice(_PLACES), x=x, y=y)
        yield f" {title}" if draw.random() < 0.001 else title
