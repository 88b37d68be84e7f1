"""A comparison in words and numbers: the table, the JSON object, and what each figure means.

The three parts of each meaning - metric, data, operationalisation - are those a milestone report asks for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.report import plain
from training.compare import Comparison, Contender
from training.servable import Array
from training.slices import Slice, slices_of

NOT_FOR_LISTS = "not for lists"  # predicts stars; a good guess for a movie nobody would start is worth nothing
HEAD = (
    "model", "NDCG@20", "95 % interval", "behind the best", "recall", "hit rate", "coverage", "RMSE", "MAE", "fit s",
    "lists/s", "ms a list", "MB",
)  # fmt: skip
MEANINGS = {
    "accuracy": (
        "NDCG@20: how many of the movies a user turned to stand in their list of 20, and how high; 1 is the best list "
        "possible. Beside it recall@20, hit rate (any of the 20) and coverage (share of all movies in any list).",
        "{data}",
        "The model is fitted on the training part and makes a list of 20 unseen movies for each test user. A movie "
        "turned to at rank r counts 1/log2(r+1), divided by the best sum possible, averaged over users with a history. "
        "Intervals: 1,000 bootstrap draws of users; differences to the best are paired, user by user.",
    ),
    "rating accuracy": (
        "RMSE and MAE in stars, of models that predict ratings. They say nothing about lists, so such models are "
        "marked '" + NOT_FOR_LISTS + "'.",
        "Ratings in the test part.",
        "Predicted minus given stars, squared and averaged, then the root; MAE without the square.",
    ),
    "training cost": (
        "Seconds to fit, on this machine.",
        "The training part of the last cut, already in memory.",
        "Clock before and after the fit, everything that the model tunes by itself included.",
    ),
    "inference cost": (
        "Milliseconds of one user's list, and lists a second when all are made at once.",
        "The test users of the last cut, with their histories.",
        "Median over 20 users asked for one at a time; number of users through the seconds for all.",
    ),
    "model size": (
        "Megabytes that the fitted model takes, in memory and on disk.",
        "The fitted arrays.",
        "Sum of their bytes, without compression.",
    ),
}


def meanings(comparison: Comparison) -> dict[str, dict[str, str]]:
    """Metric, data and operationalisation of each quality."""
    parts = ("metric", "data", "operationalisation")
    return {
        name: dict(zip(parts, (part.format(data=data_of(comparison)) for part in said), strict=True))
        for name, said in MEANINGS.items()
    }


def data_of(comparison: Comparison) -> str:
    """What the figures of accuracy were measured on."""
    best = comparison.best
    users, warm = len(best.user), int((best.seen > 0).sum())
    if comparison.split == "random":
        how = "A random 80/20 split of each user's sessions and ratings"
    else:
        cuts = ", ".join(f"{cut:.0%}" for cut in comparison.cuts)
        how = f"Sessions and ratings split in time where {cuts} lie before; users of all cuts together"
    return f"{how}: {warm} test users with a history, {users - warm} without."


def record(comparison: Comparison, groups: Mapping[str, Array]) -> dict[str, Any]:
    """The JSON object of `training compare`; keys are fixed, later versions only add."""
    return dict(plain({
        "split": comparison.split,
        "models": [_model(one, comparison.best, groups) for one in comparison.contenders],
        "cuts": list(comparison.cuts) if comparison.split == "time" else [],
        "leakage": comparison.leakage,
        "short_capture": comparison.short or None,
        "meanings": meanings(comparison),
    }))  # fmt: skip


def _model(one: Contender, best: Contender, groups: Mapping[str, Array]) -> dict[str, Any]:
    ndcg, behind = one.mean(one.ndcg), one.mean(one.ndcg - best.ndcg)
    return {
        "name": one.recipe.label,
        "for_lists": not one.rates,
        "ndcg@20": ndcg.value, "ndcg@20_low": ndcg.low, "ndcg@20_high": ndcg.high,
        "recall@20": one.mean(one.recall).value,
        "hit_rate@20": one.mean(one.hit).value,
        "coverage": one.coverage,
        "rmse": one.rmse, "mae": one.mae,
        "behind_best": {"value": behind.value, "low": behind.low, "high": behind.high},
        "users": ndcg.count,
        "fit_seconds": one.fit_seconds,
        "recommend_per_second": one.recommend_per_second, "recommend_ms": one.recommend_ms,
        "bytes": one.bytes,
        "parameters": one.recipe.parameters,
        "slices": [each.record() for each in slices_of(one, groups)],
    }  # fmt: skip


def rows(comparison: Comparison) -> list[list[str]]:
    """The table's rows, under HEAD."""
    return [_row(one, comparison.best) for one in comparison.contenders]


def _row(one: Contender, best: Contender) -> list[str]:
    ndcg, behind = one.mean(one.ndcg), one.mean(one.ndcg - best.ndcg)
    name = f"{one.recipe.label} ({NOT_FOR_LISTS})" if one.rates else one.recipe.label
    difference = "-" if one is best else f"{behind.value:+.4f} ({behind.low:+.4f} to {behind.high:+.4f})"
    return [
        name, _number(ndcg.value, 4), f"{_number(ndcg.low, 3)}-{_number(ndcg.high, 3)}", difference,
        _number(one.mean(one.recall).value, 3), _number(one.mean(one.hit).value, 3), _number(one.coverage, 3),
        _number(one.rmse, 3), _number(one.mae, 3), _number(one.fit_seconds, 2), f"{one.recommend_per_second:,.0f}",
        _number(one.recommend_ms, 2), f"{one.bytes / 1e6:.1f}",
    ]  # fmt: skip


def text(comparison: Comparison, groups: Mapping[str, Array]) -> str:
    """As a person reads it on a terminal."""
    lines = [
        data_of(comparison),
        *([comparison.short] if comparison.short else []),
        "",
        *_aligned([HEAD, *rows(comparison)]),
    ]
    lines += ["", f"Parts of the users, of the best ({comparison.best.recipe.label}):"]
    lines += _aligned([slice_row(each) for each in slices_of(comparison.best, groups)])
    lines += ["", leakage_text(comparison)]
    for name, said in meanings(comparison).items():
        lines += ["", name, *(f"  {part}: {words}" for part, words in said.items())]
    return "\n".join(lines)


def slice_row(each: Slice) -> list[str]:
    """By, value, metric, result, interval and users."""
    found = each.estimate
    interval = f"{found.low:.3f}-{found.high:.3f}"
    return [each.by, each.value, each.metric, f"{found.value:.4f}", interval, f"{found.count} users"]


def leakage_text(comparison: Comparison) -> str:
    """What the split was checked for, in a sentence."""
    early = comparison.leakage["users_with_a_test_event_before_a_training_event"]
    shared = comparison.leakage["test_pairs_seen_in_training"]
    said = f"Leakage: {shared} test pairs are also in training; {early} users have a test event before a training event"
    if comparison.split == "random":
        return f"{said}, which a random split cannot avoid: its figures are kinder than use will be."
    return f"{said}. Models see the training part only; what they tune, they tune inside it."


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    if not table:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in table
    ]
