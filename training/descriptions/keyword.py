"""The keyword reader: titles, genres, decades and wishes, each with the side on which it was said.

Deterministic, without a network, in about a millisecond. Each sentence is read from left to right: a text begins on the
side that its heading says, "not", "except" or "but" turn it, and whatever is named then counts for the side that is
up. A sentence that gives orders to its reader says nothing of taste and is dropped. Start at `KeywordExtractor.read`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from training.descriptions.taste import Description, Reading, Taste, without_repeats
from training.descriptions.titles import TitleIndex
from training.descriptions.words import (
    BAD_VERDICT,
    CUES,
    DECADE,
    DECADE_NAMES,
    GENRE_NAMES,
    GENRE_PATTERN,
    MILD_VERDICT,
    OPPOSITE,
    ORDER,
    WISHES,
)

_SENTENCE_END = re.compile(
    r"(?<!\bdr)(?<!\bmr)(?<!\bmrs)(?<!\bvol)(?<!\be\.g)(?<!\b\w)[.!?;\n]+(?=\s|$)", re.IGNORECASE
)
_WISHES = {name: re.compile(pattern) for name, pattern in WISHES.items()}
_CLAUSE = re.compile(r"[,;:()]|\s-\s|\band\b")
READER = "keywords"
LIKED, NEITHER, DISLIKED = 1, 0, -1


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing that a sentence names: what kind of thing, which, where, on which side."""

    kind: str
    value: str | int
    side: int


class KeywordExtractor:
    """Reads by words alone."""

    def __init__(self, titles: TitleIndex) -> None:
        self._titles = titles

    def read(self, user_id: int, said: Description) -> Reading:
        """See `Extractor.read`; the same text always gives the same taste, whoever says it."""
        found: list[_Said] = []
        for text, side in ((said.likes, LIKED), (said.dislikes, DISLIKED)):
            for sentence in sentences(without_orders(text)):
                found += self._sentence(sentence, side)
        return Reading(_sorted(found), READER)

    def _sentence(self, sentence: str, side: int) -> Iterator[_Said]:
        mentions = self._titles.mentions(sentence)
        rest = sentence.lower().replace("’", "'")
        for mention in mentions:  # a title's own words are neither genres nor negations
            rest = rest[: mention.start] + "\0" * (mention.end - mention.start) + rest[mention.end :]
        turns = _turns(rest, side)
        for mention in mentions:
            yield _Said("titles", mention.movie_id, _judged(rest, mention.start, mention.end, turns, side))
        for found in GENRE_PATTERN.finditer(rest):
            genre = GENRE_NAMES[int((found.lastgroup or "g0")[1:])]
            yield _Said("genres", genre, _judged(rest, found.start(), found.end(), turns, side))
        for found in DECADE.finditer(rest):
            yield _Said("decades", _decade(found), _side_at(turns, found.start()))
        for name, pattern in _WISHES.items():
            if wish := pattern.search(rest):
                now = _side_at(turns, wish.start())
                yield _Said("wishes", name if now > 0 else OPPOSITE[name], LIKED)


def without_orders(text: str) -> str:
    """A text without the orders that it gives to whoever reads it; each goes to the end of its sentence."""
    kept = []
    for sentence in sentences(text):
        order = ORDER.search(sentence)
        kept.append(sentence[: order.start()] if order else sentence)
    return "\n".join(kept)


def sentences(text: str) -> list[str]:
    """Sentences of a text, with their marks; an abbreviation's dot ends none."""
    parts, begin = [], 0
    for end in _SENTENCE_END.finditer(text):
        parts.append(text[begin : end.end()])
        begin = end.end()
    return [part for part in [*parts, text[begin:]] if part.strip()]


def _turns(sentence: str, side: int) -> list[tuple[int, int]]:
    """(place, side that is up from there on), in order of place."""
    cues: dict[int, tuple[str, int]] = {}
    taken = 0
    found = sorted(
        (hit.start(), rank, what, hit.end()) for rank, (what, p) in enumerate(CUES) for hit in p.finditer(sentence)
    )
    for start, _, what, end in found:
        if start >= taken:
            cues[start], taken = (what, end), end
    turns, now = [(0, side)], side
    for start, (what, _) in sorted(cues.items()):
        now = _after(what, now, side)
        turns.append((start, now))
    return turns


def _after(cue: str, now: int, side: int) -> int:
    if cue == "against":
        return DISLIKED
    if cue in ("double", "for"):
        return LIKED if cue == "double" or side == LIKED else now
    return -now if cue == "flip" else side


def _side_at(turns: list[tuple[int, int]], place: int) -> int:
    return [side for start, side in turns if start <= place][-1]


def _judged(sentence: str, start: int, end: int, turns: list[tuple[int, int]], side: int) -> int:
    """The side that is up there, unless the clause ends in a verdict of its own ("... was a waste", "... was fine")."""
    now = _side_at(turns, start)
    behind = _CLAUSE.search(sentence, end)
    clause = sentence[end : behind.start() if behind else len(sentence)]
    if side == LIKED and BAD_VERDICT.search(clause):
        return DISLIKED
    if side == DISLIKED and now == DISLIKED and MILD_VERDICT.search(clause) and not BAD_VERDICT.search(clause):
        return NEITHER
    return now


def _decade(found: re.Match[str]) -> int:
    if name := found.group("name"):
        return DECADE_NAMES[name]
    tens = int(found.group("tens"))
    century = found.group("century") or ("20" if tens < 2 else "19")
    return int(century) * 100 + tens * 10


def _sorted(found: list[_Said]) -> Taste:
    """What was named by side; what was named on both sides counts where it was named last."""
    last = {(one.kind, one.value): one.side for one in found}
    sides = {
        f"{side}_{kind}": without_repeats([v for (k, v), where in last.items() if k == kind and where == sign])
        for side, sign in (("liked", LIKED), ("disliked", DISLIKED))
        for kind in ("titles", "genres", "decades")
    }
    wishes = without_repeats([str(one.value) for one in found if one.kind == "wishes"])
    return Taste(**sides, wishes=tuple(wish for wish in wishes if OPPOSITE[wish] not in wishes))
