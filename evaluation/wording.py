"""What each number means, in three steps: what is measured, from which data, how it is worked out. And what to do next.

Reports for people print these sentences, so a number never stands alone.
"""

from dataclasses import dataclass

from evaluation.report import Report


@dataclass(frozen=True, slots=True)
class Wording:
    """How a measure is shown and explained."""

    title: str
    unit: str  # share, places, stars, bits, USD or gini
    measures: str
    data: str
    operation: str


WORDINGS = {
    "hit_rate": Wording(
        "hit rate", "share",
        "do people find something in their list?",
        "request lines with status 200, first minutes of films",
        "users who began a title of their last judged list within the window, of all users with a judged list",
    ),
    "record_accuracy": Wording(
        "record accuracy", "share",
        "how much of what is watched did we recommend?",
        "films begun, lists shown earlier to the same user",
        "plays whose title was in a list shown to that user within the window before, of all plays",
    ),
    "mrr": Wording(
        "reciprocal rank", "share",
        "how far up stands what people pick?",
        "last judged lists that were hit",
        "1 / place of the title that was begun first, averaged; 1 = always the top, 0.1 = the tenth",
    ),
    "precision_at_20": Wording(
        "precision at 20", "share",
        "how much of a list is used?",
        "last judged lists, films begun within the window",
        "titles begun, of 20 places a list; a person watches one or two films, so 0.05 is a lot",
    ),
    "watch_through": Wording(
        "watch-through", "share",
        "do people stay with what we recommended?",
        "recommended plays that are over, running times",
        "minutes watched / running time, averaged over plays",
    ),
    "mean_rating_recommended": Wording(
        "rating of recommended", "stars",
        "do people like what we recommended?",
        "ratings given after a recommended play began",
        "mean score on the term's scale",
    ),
    "coverage": Wording(
        "coverage", "share",
        "how much of the catalogue gets a chance?",
        "all lists of the stretch",
        "titles in at least one list, of all titles",
    ),
    "gini": Wording(
        "concentration (Gini)", "gini",
        "are a few titles shown to everybody?",
        "all lists of the stretch",
        "0 = every title shown equally often, near 1 = one title takes all places",
    ),
    "novelty": Wording(
        "novelty", "bits",
        "do lists hold more than the titles everybody watches anyway?",
        "titles shown, plays of every title",
        "-log2 of a title's share of plays, averaged over places; +1 = half as popular",
    ),
    "license_cost_per_play": Wording(
        "license cost per play", "USD",
        "what does a play cost?",
        "plays, license_cost of the catalogue",
        "mean over plays",
    ),
    "llm_cost_per_newcomer": Wording(
        "LLM cost per newcomer", "USD",
        "what does it cost to read a newcomer's self-description?",
        "ledger of language-model use",
        "money spent / newcomers",
    ),
}  # fmt: skip

UNITS = {
    "share": "{:.1%}",
    "gini": "{:.2f}",
    "bits": "{:.1f} bits",
    "stars": "{:.2f}",
    "USD": "${:.2f}",
}


def shown(value: float, name: str) -> str:
    """A measure's value with its unit, `-` where it is unknown."""
    return UNITS[WORDINGS[name].unit].format(value) if value == value else "-"


def next_steps(report: Report) -> list[str]:
    """What to do about these figures, the most urgent first; one sentence each."""
    facts = report.facts
    if not facts["requests"]:
        return ["No request line yet: is the service registered with the stream, and does `make status` show it ready?"]
    rules = [
        (
            facts["availability_by_request"] < 0.99,
            "Requests fail: read `make logs service`; --by hour tells since when.",
        ),
        (
            facts["personalised"]["not_modal"] < 0.10,
            "Nearly everybody gets the same list: is a model live (`make status`), or does --by tier show `static`?",
        ),
        (
            not facts["lists_judged"] or facts["lists_pending"] > facts["lists_judged"],
            f"Most lists are younger than the window of {facts['window_hours']:g} h: look again later.",
        ),
        (
            report.metric("hit_rate").count and report.metric("hit_rate").value < 0.05,
            "Few lists are used: compare --by model, and train a better one (docs/first-hour.md).",
        ),
        (
            report.metric("license_cost_per_play").count == 0,
            "Costs are unknown: `python -m stream catalog sync` fetches the catalogue.",
        ),
    ]
    return [said for holds, said in rules if holds] or [
        "All is well: --by model compares versions, --by tier the tiers."
    ]
