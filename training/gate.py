"""May this model go live? Rules with reasons, so that a refusal can be read and argued with.

Two kinds of rule: sanity rules that any list must keep, and a comparison with what is live. Recipes are compared on one
split, user by user: the champion's recipe is fitted anew on the same training part, because the live model has already
seen the test part. Start at `judge`.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluation.statistics import paired_lower_bound
from training.scoring import K, Scored
from training.servable import Histories

MARGIN = 0.01  # how much worse than the champion a model may be, as a share of the champion's NDCG@20
MIN_MOVIES = K  # distinct movies over all lists
MAX_BYTES = 2 * 10**9  # arrays, beside which serving and refresh must still fit
MIN_LISTS_PER_S = 100.0  # computed; a slower model could not keep up with the stream between two refreshes
UNKNOWN_USER = -1


@dataclass(frozen=True)
class Verdict:
    """Whether a model may go live, and one sentence for each rule that was tried."""

    passed: bool
    reasons: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """As kept in manifest and registry."""
        return {"verdict": "pass" if self.passed else "fail", "reasons": list(self.reasons)}

    def noting(self, sentence: str) -> "Verdict":
        """The same verdict with a remark that decides nothing."""
        return replace(self, reasons=(*self.reasons, sentence))


def judge(candidate: Scored, champion: Scored | None, popularity: Scored) -> Verdict:
    """The verdict on a candidate; the first champion needs the sanity rules only, nothing better being live."""
    broken = broken_rules(candidate)
    if broken:
        return Verdict(False, tuple(broken))
    if champion is None:
        return Verdict(True, ("lists are sane", "nothing is live to compare with"))
    if champion.recipe == candidate.recipe:
        return Verdict(True, ("lists are sane", "the recipe is the champion's, on newer data"))
    passed, reason = _compare(candidate, champion, "the champion", margin=MARGIN)
    if not passed or not candidate.servable.personal:
        return Verdict(passed, ("lists are sane", reason))
    above, second = _compare(candidate, popularity, "popularity", margin=0.0)
    return Verdict(above, ("lists are sane", reason, second))


def broken_rules(candidate: Scored) -> list[str]:
    """Sanity rules that the lists break, in words; none if all is well."""
    servable, shown = candidate.servable, np.unique(candidate.lists[candidate.lists >= 0])
    stranger = servable.top(np.array([UNKNOWN_USER]), Histories.none(1), K)
    speed = candidate.metrics.get("recommend_per_second") or math.inf  # inf where there was nobody to compute for
    arrays = servable.arrays().values()
    size, floor = sum(array.nbytes for array in arrays), min(MIN_MOVIES, len(servable.movies))
    rules = {
        "the model knows no movie": len(servable.movies) > 0,
        "a score is not finite": all(np.isfinite(a).all() for a in arrays if a.dtype.kind == "f"),
        "an unknown user gets a short list": (stranger >= 0).sum() == floor,
        "somebody gets an empty list": bool((candidate.lists[:, :1] >= 0).all()),
        f"all lists together show {len(shown)} movies, fewer than {floor}": not len(candidate.lists)
        or len(shown) >= floor,
        f"{speed:.0f} lists a second are computed, fewer than {MIN_LISTS_PER_S:.0f}": speed >= MIN_LISTS_PER_S,
        f"the arrays take {size} bytes, more than {MAX_BYTES}": size <= MAX_BYTES,
    }
    return [rule for rule, kept in rules.items() if not kept]


def _compare(candidate: Scored, rival: Scored, name: str, margin: float) -> tuple[bool, str]:
    bound, least = paired_lower_bound(candidate.ndcg, rival.ndcg), -margin * max(rival.quality, 0.0)
    who = name if name == rival.recipe.name else f"{name} ({rival.recipe.name})"
    means = f"NDCG@20 {candidate.quality:.4f} against {rival.quality:.4f} of {who}"
    if not len(candidate.ndcg):
        return False, f"nobody to compare on with {name}"
    return bound > least, f"{means}; the gain is above {bound:+.4f} with 95 % confidence, needed is {least:+.4f}"
