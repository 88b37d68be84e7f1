"""Self-descriptions with what is truly in them: those labelled by hand, and the platform's from any seed."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from worlds import platform_settings

from stream.platform.catalogue import Catalogue, head_films
from stream.platform.history import empty_world
from stream.platform.records import WorldRecords
from stream.platform.simulation import Simulation
from stream.platform.titles import movie_id
from stream.platform.voices import ORDERS
from stream.platform.world import world_of
from training.descriptions.taste import Description, Extractor, Film, Taste

BY_HAND = Path(__file__).parent / "data" / "descriptions.jsonl"
WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Labelled:
    """A description, and the titles, as ids, that its writer says they like and dislike."""

    user_id: int
    said: Description
    truth: Taste


def head_catalogue() -> list[Film]:
    """The well-known films that the labels by hand speak of."""
    return [Film(movie_id(f.title, f.year), f.title, f.year, tuple(f.genres)) for f in head_films()]


def catalogue_of(world: Simulation) -> list[Film]:
    """All films of a world, well-known and invented ones."""
    found = world.catalogue
    return [
        Film(one, film.title, film.year, tuple(film.genres), float(watched))
        for one, film, watched in zip(found.ids, found.films, found.appeal, strict=True)
    ]


def by_hand() -> list[Labelled]:
    """The sixty of `tests/data/descriptions.jsonl`."""
    ids = {film.title: film.movie_id for film in head_catalogue()}
    lines = BY_HAND.read_text(encoding="utf-8").splitlines()
    return [_labelled(number, json.loads(line), ids) for number, line in enumerate(lines)]


def _labelled(number: int, record: dict, ids: dict[str, str]) -> Labelled:
    titles = {f"{side}_titles": [ids[title] for title in record.get(f"{side}_titles", ())] for side in SIDES}
    return Labelled(number, Description.of(record["likes"], record["dislikes"]), Taste.of_record(record | titles))


SIDES = ("liked", "disliked")


def world_of_seed(folder: Path, seed: int, demographics: float = 0.0) -> Simulation:
    """The demo world of a seed before its first event; demographics: what age and gender count in tastes."""
    settings = platform_settings(folder, world="demo", world_seed=seed)
    return empty_world(settings, world_of(settings.world, settings.term, demographics), 0)


def of_platform(world: Simulation, user_ids: Sequence[int]) -> Iterator[Labelled]:
    """What users of a world say, with the titles among those that they may name which really stand in their texts."""
    records = WorldRecords(world.term, world.seed, world.catalogue, lambda: world.population)
    for user_id in user_ids:
        record = records.user(str(user_id))
        likes, dislikes = record["self_description_likes"], record["self_description_dislikes"]
        liked, disliked = nameable(world.catalogue, world.population.taste[user_id - 1])
        truth = Taste(tuple(_named(likes, liked)), tuple(_named(dislikes, disliked)))
        yield Labelled(user_id, Description.of(likes, dislikes), truth)


def nameable(catalogue: Catalogue, taste: np.ndarray) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(id, title) of the six well-known films that a user likes best, and of the six they like least."""
    suits = catalogue.features[: catalogue.known] @ taste + 0.3 * catalogue.quality[: catalogue.known]
    order = np.argsort(-suits, kind="stable").tolist()
    return [(catalogue.ids[m], catalogue.films[m].title) for m in order[:6]], [
        (catalogue.ids[m], catalogue.films[m].title) for m in order[:-7:-1]
    ]


def _named(text: str | None, candidates: list[tuple[str, str]]) -> Iterator[str]:
    """Which of a few candidates a text names outside planted orders, by brute comparison; longer titles first."""
    words = WORD.findall(_plain_part(text or "").lower())
    for one, title in sorted(candidates, key=lambda found: -len(found[1])):
        wanted = WORD.findall(title.lower())
        for at in range(len(words) - len(wanted) + 1):
            window = words[at : at + len(wanted)]
            same = difflib.SequenceMatcher(None, " ".join(window), " ".join(wanted)).ratio()
            if same >= (0.8 if len(title) >= 6 else 1):  # the platform spells short titles right
                words[at : at + len(wanted)] = ["|"] * len(wanted)
                yield one
                break


def _plain_part(text: str) -> str:
    starts = [text.find(order.split("{t}")[0].replace("{{", "{")[:18]) for order in ORDERS]
    return text[: min([at for at in starts if at >= 0], default=len(text))]


@dataclass(frozen=True)
class Quality:
    """How well titles were read, liked and disliked ones together."""

    precision: float
    recall: float
    named: int  # titles that truly stand in the texts
    invented: int  # titles read that stand on neither side of the text, of all read


def quality(extractor: Extractor, texts: Sequence[Labelled], kind: str = "titles") -> Quality:
    """Precision and recall over all texts; a title on the wrong side is wrong."""
    right = read = named = invented = 0
    for one in texts:
        taste = extractor.read(one.user_id, one.said).taste
        said = [(side, value) for side in SIDES for value in getattr(one.truth, f"{side}_{kind}")]
        found = [(side, value) for side in SIDES for value in getattr(taste, f"{side}_{kind}")]
        right, read, named = right + len(set(found) & set(said)), read + len(found), named + len(said)
        invented += len({value for _, value in found} - {value for _, value in said})
    return Quality(right / max(1, read), right / max(1, named), named, invented)
