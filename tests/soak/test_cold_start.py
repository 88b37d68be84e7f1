"""Described newcomers of unseen worlds: how well their words are read, and what their lists are worth to them.

Worth = the share of a newcomer's starts that come from the list, by the platform's own rules of choice: users read down
a list so far, and take from it what they like better than the titles that they think of. The segment tier is the best
there can be, since it is computed from the truth.
"""

import numpy as np
import pytest
from descriptions import catalogue_of, of_platform, quality, world_of_seed

from stream.platform.taste import utility
from training.descriptions.keyword import KeywordExtractor
from training.descriptions.lists import DescriptionLists
from training.descriptions.titles import TitleIndex

USERS, K = 1_200, 20
BANDS = (18, 25, 35, 50)


class Truth:
    """Utilities of some users for all films, and what lists are worth to them."""

    def __init__(self, world, users):
        catalogue, rows = world.catalogue, np.array(users) - 1
        everything = np.tile(np.arange(len(catalogue)), (1, 1))
        taste = world.population.taste[rows]
        self.utility = np.vstack([utility(world.world, catalogue, one[None], everything) for one in taste])
        self._world, self._thought_of = world.world, np.log(catalogue.appeal @ np.exp(self.utility).T)
        people = world.population
        self.segment = 2 * np.searchsorted(BANDS, people.age[rows], side="right") + people.male[rows]
        weights = catalogue.appeal * np.exp(self.utility)
        self.chances = weights / weights.sum(axis=1, keepdims=True)

    def worth(self, lists):
        """(n,) for (n, K) lists."""
        read = np.arange(1, K + 1) ** -self._world.depth
        ends = read - np.append(read[1:], 0)
        shown = np.cumsum(np.exp(np.take_along_axis(self.utility, lists, axis=1) + self._world.shown), axis=1)
        others = self._world.considered * np.exp(self._thought_of)[:, None]
        return (shown / (shown + others) * ends).sum(axis=1)

    def best_segments(self):
        """(n, K) lists of each user's segment."""
        lists = np.empty((len(self.segment), K), int)
        for segment in np.unique(self.segment):
            members = self.segment == segment
            lists[members] = np.argsort(-self.chances[members].mean(axis=0), kind="stable")[:K]
        return lists


@pytest.mark.parametrize(("seed", "demographics"), [(31_337, 0.0), (31_338, 0.6)])
def test_lists_by_words_beat_the_best_segment_tier_there_can_be(tmp_path, capsys, seed, demographics):
    world = world_of_seed(tmp_path, seed, demographics=demographics)
    films = catalogue_of(world)
    reader, lists = KeywordExtractor(TitleIndex(films)), DescriptionLists(films)
    people = list(of_platform(world, range(1, USERS + 1)))
    found = quality(reader, people)
    tastes = {one.user_id: reader.read(one.user_id, one.said).taste for one in people}
    described = [user for user, taste in tastes.items() if taste]
    truth, nothing = Truth(world, described), np.array([], int)
    ours = truth.worth(np.stack([lists.top(tastes[user], nothing, K) for user in described]))
    segment = truth.worth(truth.best_segments())
    oracle = truth.worth(np.argsort(-truth.utility, axis=1)[:, :K]).mean()
    gain = ours - segment
    half = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    with capsys.disabled():
        print(f"\nseed {seed}, demographics {demographics}: precision {found.precision:.3f}, recall {found.recall:.3f}")
        print(f"described {len(described)} of {USERS}: by words {ours.mean():.3f}, segment {segment.mean():.3f}")
        print(f"oracle {oracle:.3f}, gain {gain.mean():.3f} [{gain.mean() - half:.3f}, {gain.mean() + half:.3f}]")
    assert found.precision >= 0.90
    assert found.recall >= 0.75
    assert gain.mean() - half > 0
