"""The trouble that can be injected, by name: what it does, what its rate means, and how much of it is usual.

Rates of line damage are those measured on real streams of the course. A scenario is data; what carries it out is named
by its family: `damage.py` for lines, `intrusion.py` for lines that nobody's viewing made, `changes.py` for what users
do, `manners.py` and `changed_records.py` for the API, `visitors.py` for requests to the service, `run.py` for the
provider.
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["damage", "intrusion", "world", "api", "records", "requests", "provider"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of trouble."""

    name: str
    family: Family
    rate: float  # the usual one
    unit: str  # of the rate
    does: str
    most: float = 1.0  # the highest rate that is allowed


GROUPS = ("F", "M", "under-18", "18-24", "25-34", "35-49", "50-up")  # of users, that a change may be about
_SHARE, _RATINGS, _WATCHES = "share of lines", "share of rating lines", "share of watch lines"
_RECORDS, _REQUESTS = "share of records", "share of requests"

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("corrupt-line", "damage", 0.0006, _SHARE, "one random character is inserted anywhere in a line"),
        Scenario("random-movie", "damage", 0.00042, _WATCHES, "the movie becomes random letters and digits"),
        Scenario("damaged-date", "damage", 0.0004, _SHARE, "a blank or a digit too many in the date or time"),
        Scenario("bad-rating", "damage", 0.02, _RATINGS, "the score is off the term's scale, or no number"),
        Scenario("duplicates", "damage", 0.01, _SHARE, "a line is written twice"),
        Scenario("missing-lines", "damage", 0.05, _SHARE, "a line is not written"),
        Scenario("late-lines", "damage", 0.01, _SHARE, "a line is written one to ten minutes later than its time"),
        Scenario("reordering", "damage", 0.02, _SHARE, "a line is written up to twenty lines late"),
        Scenario("stream-stop", "damage", 1.0, _SHARE, "nothing is written"),
        Scenario(
            "scale-change", "damage", 1.0, _RATINGS, "scores of 1 to 10 come as 1 to 5, scores of 1 to 5 as 2 to 10"
        ),
        Scenario("taste-shift", "world", 0.5, "share of users", "users turn to one genre (--target)"),
        Scenario("new-hit", "world", 0.1, "share of attention", "one movie is on everybody's mind"),
        Scenario(
            "takedown", "world", 1.0, "always 1", "a movie is gone: nobody can watch it, the API does not know it"
        ),
        Scenario(
            "demographic-mix", "world", 5.0, "times as often", "a group (--target F, M, 18-24 ...) asks more", 100
        ),
        Scenario("minors-asking", "world", 20.0, "times as often", "users under 18 ask more", 1_000),
        Scenario("bias", "world", 1.0, "deviations of liking", "a group (--target) is served worse films", 5),
        Scenario("rating-burst", "intrusion", 30, "ratings a stream minute", "many rate one movie at once", 6_000),
        Scenario("shilling-push", "intrusion", 5, "profiles a stream minute", "best scores for one movie", 600),
        Scenario("shilling-nuke", "intrusion", 5, "profiles a stream minute", "worst scores for one movie", 600),
        Scenario("bots", "intrusion", 3, "bots", "users who watch twenty movies at once, for ever", 100),
        Scenario("api-nulls", "api", 0.05, _RECORDS, "a field is null"),
        Scenario("api-missing-fields", "api", 0.05, _RECORDS, "a field is not there"),
        Scenario("api-wrong-types", "api", 0.05, _RECORDS, "a field has another type"),
        Scenario("api-too-many", "api", 0.3, _REQUESTS, "429, try again later"),
        Scenario("api-errors", "api", 0.3, _REQUESTS, "500"),
        Scenario("api-pages", "api", 0.3, _REQUESTS, "200 with an HTML page"),
        Scenario("api-slow", "api", 2.0, "seconds before each answer", "late answers", 60),
        Scenario("api-down", "api", 1.0, _REQUESTS, "connections are cut"),
        Scenario("price-jump", "records", 5.0, "times the price", "license costs rise, of all or of --target", 1_000),
        Scenario("provider-down", "provider", 1.0, "always 1", "the language model's stand-in answers 503"),
        Scenario("hostile-requests", "requests", 1.0, "requests a second", "ids that are none, or dangerous", 50),
        Scenario("scraping", "requests", 5.0, "requests a second", "one client asks for user after user", 50),
        Scenario("request-flood", "requests", 50.0, "requests a second", "one client asks far too often", 200),
    )
}


def scenario_of(name: str) -> Scenario:
    """The scenario of that name. Raises ValueError listing all."""
    if name not in SCENARIOS:
        raise ValueError(f"expected one of {', '.join(SCENARIOS)}; got {name}")
    return SCENARIOS[name]
