"""What the use of a language model cost: one record a call, kept as evidence of kind `llm`.

Training writes it, evaluation adds it up. A call that failed or was answered from the cache is recorded too, since
tokens may have been paid for and savings want to be seen. The format is final: later versions only add keys.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from stream import evidence

KIND = "llm"
Outcome = Literal["ok", "cached", "refused", "timeout", "error"]


@dataclass(frozen=True, slots=True)
class Use:
    """One call. at_ns: real UTC. price_usd: of this call, 0 from the cache."""

    at_ns: int
    user_id: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    price_usd: float
    outcome: Outcome

    def __post_init__(self) -> None:
        if min(self.prompt_tokens, self.completion_tokens, self.price_usd) < 0:
            raise ValueError(f"tokens and price are at least 0, got {self}")
        if self.outcome not in get_args(Outcome):
            raise ValueError(f"outcome is one of {', '.join(get_args(Outcome))}, got {self.outcome!r}")


def record(var_dir: Path, use: Use) -> None:
    """Add one use to the ledger; safe for several writers at once."""
    evidence.leave(var_dir, KIND, asdict(use))


def uses(var_dir: Path) -> Iterator[Use]:
    """The ledger, oldest first; a record that is none of ours is left out."""
    for found in evidence.read(var_dir, KIND):
        if (use := _use(found)) is not None:
            yield use


def _use(found: dict[str, Any]) -> Use | None:
    try:
        return Use(**{field.name: found[field.name] for field in fields(Use)})
    except (KeyError, TypeError, ValueError):
        return None
