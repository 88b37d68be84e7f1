"""Verdicts on stored events that need more than the line: made on reading, never written.

Events know no term; here a term's rules are applied to them. Lines with a verdict stay stored and are counted as
`flagged`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stream.store.query import query
from stream.terms import Term

_SQL = """
WITH bounds AS (
    SELECT greatest($n_users, coalesce(max(user_id) FILTER (kind = 'account'), 0)) AS highest FROM events
)
SELECT count(*) FILTER (kind = 'rate' AND score NOT BETWEEN $lowest AND $best) AS rating_scale,
       count(*) FILTER (user_id > highest) AS user_range
FROM events, bounds WHERE list_contains($sources, source)"""


def flagged(store_dir: Path, term: Term, sources: Sequence[str]) -> dict[str, int]:
    """Events of `sources` that the term does not allow, by reason.

    rating_scale: a score outside the term's scale. user_range: a user above the term's number of users and above every
    account created so far.
    """
    params: dict[str, Any] = {
        "lowest": term.rating_min,
        "best": term.rating_max,
        "n_users": term.n_users,
        "sources": list(sources),
    }
    return {name: int(column[0]) for name, column in query(store_dir, _SQL, **params).items()}
