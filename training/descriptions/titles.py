"""Titles of the catalogue found in free text, a little misspelt or not. Start at `TitleIndex.mentions`.

A title is compared by how it sounds: letters that one does not hear are dropped ("fite" is "fight"), words are run
together, and one letter may then be missing, too many or wrong (a table of all keys with one letter left out, so that a
text costs look-ups, not comparisons with 27,000 titles). Candidates are held against the letters themselves.
Titles of one word are mostly ordinary words too (Big, Heat, Signs), so that they count only where a title may stand.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from training.descriptions.taste import Film
from training.descriptions.words import GENRE_PATTERN, NO_TITLES, TITLE_AFTER, TITLE_BEFORE

FUZZY_LETTERS = 6  # a shorter name must be spelt right
ALIKE = 0.8  # least similarity of the letters of a misspelt name and the real one
LONG_WORD = 9  # a title of one word this long is hardly ever an ordinary word
_WORD = re.compile(r"[a-z0-9]+")
_JOINT = re.compile(r"\W*(?:\b(?:and|or|n|then|also)\b)?\W*")  # between titles of one list
_ARTICLES = frozenset({"the", "a", "an"})
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8"}
_SOUNDS = (
    (re.compile(r"ght"), "t"), (re.compile(r"ph"), "f"), (re.compile(r"c(?=[eiy])"), "s"), (re.compile(r"ck|c|q"), "k"),
    (re.compile(r"z"), "s"), (re.compile(r"y"), "i"), (re.compile(r"(?<=\w\w)e$"), ""), (re.compile(r"(.)\1+"), r"\1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: plain (small ASCII letters), and where it stands."""

    plain: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A title that a text names, and where."""

    movie_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Name:
    """One way to call a film."""

    letters: str  # words run together
    words: int  # without the article
    film: Film
    whole: bool  # the full title, not a part of it


class TitleIndex:
    """All names of a catalogue's films."""

    def __init__(self, films: Iterable[Film]) -> None:
        self.films = {film.movie_id: film for film in films}
        self._exact: dict[str, list[_Name]] = {}
        self._near: dict[str, list[_Name]] = {}
        self._sizes: set[int] = set()
        for film in self.films.values():
            for letters, count, whole in _names(film.title):
                name = _Name(letters, count, film, whole)
                self._exact.setdefault(letters, []).append(name)
                self._sizes |= {count - 1, count, count + 1, count + 2}  # "star wars", "starwars", "the star wars"
                if len(letters) >= FUZZY_LETTERS:
                    for key in _one_out(sound(letters)):
                        self._near.setdefault(key, []).append(name)

    def find(self, title: str) -> str | None:
        """The movie that a title alone stands for; None if none is called so."""
        words = words_of(title)
        name = self._best(words, title) if words else None
        return name.film.movie_id if name else None

    def mentions(self, text: str, anywhere: bool = False) -> list[Mention]:
        """Titles in the order of the text, longer names before shorter ones.

        anywhere: also ordinary words that happen to be titles, wherever they stand.
        """
        words, found, at = words_of(text), list[Mention](), 0
        while at < len(words):
            goes_on = bool(found) and _JOINT.fullmatch(text, found[-1].end, words[at].start) is not None
            size, name = self._longest(words[at : at + max(self._sizes, default=0)], text, anywhere or goes_on)
            if name:
                found.append(Mention(name.film.movie_id, words[at].start, words[at + size - 1].end))
            at += size
        return found

    def _longest(self, words: Sequence[Word], text: str, anywhere: bool) -> tuple[int, _Name | None]:
        for size in sorted(self._sizes & set(range(1, len(words) + 1)), reverse=True):
            window = words[:size]
            if words[0].plain in NO_TITLES and size == 1:
                break
            name = self._best(window, text)
            if name and (anywhere or name.words > 1 or _may_be_title(window, text, name)):
                return size, name
        return 1, None

    def _best(self, window: Sequence[Word], text: str) -> _Name | None:
        letters = "".join(word.plain for word in window)
        year = _year_behind(window, text)
        if (exact := self._exact.get(letters)) and _holds_together(window, text):
            return max(exact, key=lambda name: _rank(name, year))
        if len(letters) < FUZZY_LETTERS or _crosses_mark(window, text):
            return None
        near = {id(name): name for key in _one_out(sound(letters)) for name in self._near.get(key, ())}
        alike = [(_alike(window, text, name), name) for name in near.values()]
        good = [(ratio, *_rank(name, year), name.letters, name) for ratio, name in alike if ratio >= ALIKE]
        return max(good, key=lambda one: one[:-1])[-1] if good else None


def words_of(text: str) -> list[Word]:
    """Words of a text with their places; accents, apostrophes and case do not matter, II is 2."""
    words = []
    for found in re.finditer(r"[^\W_]+(?:['’`][^\W_]+)*|&", text):
        plain = "".join(_WORD.findall(_plain(found.group().replace("&", "and"))))
        if plain:
            words.append(Word(_ROMAN.get(plain, plain), found.start(), found.end()))
    return words


def sound(letters: str) -> str:
    """How letters sound, roughly: what differs here differs to the ear."""
    for pattern, by in _SOUNDS:
        letters = pattern.sub(by, letters)
    return letters


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text.lower())


def _names(title: str) -> Iterator[tuple[str, int, bool]]:
    """(letters, words, whether it is all) of each way to call a film: whole, without article, parts at a colon."""
    head, colon, tail = title.partition(":")
    head = re.sub(r"\s+or$", "", head)
    seen: set[str] = set()
    for part, whole in ((title, True), (head, not colon), (tail, not colon)):
        words = [word.plain for word in words_of(part)]
        bare = words[1:] if words[:1] and words[0] in _ARTICLES else words
        if not bare or (part is tail and len(bare) < 3):
            continue
        for form in (words, bare):
            letters = "".join(form)
            if letters not in seen and not (form is bare and len(bare) == 1 and words != bare and len(letters) < 6):
                seen.add(letters)
                yield letters, len(bare), whole


def _one_out(key: str) -> set[str]:
    return {key, *(key[:at] + key[at + 1 :] for at in range(len(key)))}


def _alike(window: Sequence[Word], text: str, name: _Name) -> float:
    """Similarity in [0, 1]; 0 where two names differ by what tells films apart, or the window is plain speech."""
    letters, theirs = "".join(word.plain for word in window), name.letters
    first, last = window[0].plain, window[-1].plain
    if re.findall(r"\d", letters) != re.findall(r"\d", theirs):
        return 0.0
    if letters.rstrip("s") == theirs.rstrip("s") and min(name.words, len(window)) == 1:
        return 0.0
    if (first in NO_TITLES - _ARTICLES and not theirs.startswith(first)) or (
        last in NO_TITLES and not theirs.endswith(last)
    ):
        return 0.0
    if any(GENRE_PATTERN.fullmatch(word.plain) and word.plain not in theirs for word in window):
        return 0.0
    if text[window[0].start : window[-1].end].count(",") > name.film.title.count(","):
        return 0.0
    return difflib.SequenceMatcher(None, letters, theirs, autojunk=False).ratio()


def _rank(name: _Name, year: int | None) -> tuple[bool, bool, float, float, str]:
    """Of films with one name: the year said, the full title, the most watched, the oldest."""
    film = name.film
    return year is not None and film.year == year, name.whole, film.watched, -(film.year or 9_999), film.movie_id


def _year_behind(window: Sequence[Word], text: str) -> int | None:
    found = re.match(r"\W{1,3}((?:19|20)\d\d)\b", text[window[-1].end : window[-1].end + 8])
    return int(found.group(1)) if found else None


def _crosses_mark(window: Sequence[Word], text: str) -> bool:
    return bool(re.search(r"[.!?;\n]\s", text[window[0].start : window[-1].end]))


def _holds_together(window: Sequence[Word], text: str) -> bool:
    """Sentence ends inside a name need an abbreviation before them: "Dr. No", not "old. Boy"."""
    inside = text[window[0].start : window[-1].end]
    return not re.search(r"(?<!\bdr)(?<!\bmr)(?<!\bmrs)(?<!\bvol)(?<!\b\w)[.!?;\n]+\s", inside, re.IGNORECASE)


def _may_be_title(window: Sequence[Word], text: str, name: _Name) -> bool:
    """Whether one word stands where a title may: quoted, alone in a list, behind "loved", as a proper noun."""
    before, after = text[: window[0].start], text[window[-1].end :]
    said = text[window[0].start : window[-1].end]
    if GENRE_PATTERN.fullmatch(said.lower().strip()):
        return False
    if len(name.letters) >= LONG_WORD or re.search(r"[\"“‘']$", before):
        return True
    begins = re.search(r"(?:^|[.!?;:,(/\n+>&-]|\b(?:and|or|n|then|also|omg|wow|honestly))\s*$", before, re.IGNORECASE)
    ends = re.match(r"\s*(?:$|[.!?;:,)/\n+<>&-]|(?:and|or|n|then)\b)", after, re.IGNORECASE)
    if (begins and ends) or TITLE_BEFORE.search(before) or (begins and TITLE_AFTER.match(after)):
        return True
    proper = said[:1].isupper() and not said.isupper() and not re.search(r"(?:^|[.!?:\n])\s*$", before)
    return proper and not text.istitle()
