"""Chat completions over HTTP, as OpenAI-compatible providers have them: one question, one JSON answer, its price."""

import json
import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
MAX_BYTES = 200_000  # of an answer; a longer one is no answer to our question


class NoAnswer(Exception):
    """The provider gave nothing to go by. outcome: as in the ledger. again: whether asking again may help."""

    def __init__(self, why: str, outcome: Literal["refused", "timeout", "error"], *, again: bool) -> None:
        super().__init__(why)
        self.outcome: Literal["refused", "timeout", "error"] = outcome
        self.again = again


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back. price_usd: as the provider says, else by the prices that were set."""

    content: str
    prompt_tokens: int
    completion_tokens: int
    price_usd: float


@dataclass(frozen=True, slots=True)
class Chat:
    """A provider's address and terms. url: base, such as http://host/v1; prices: USD per million tokens."""

    url: str
    model: str
    key: str = ""
    timeout_s: float = 10.0
    price_in: float = 0.15
    price_out: float = 0.60
    max_tokens: int = 400

    def most_usd(self, system: str, said: str) -> float:
        """The most that a question can cost: two bytes a token are few."""
        read = len((system + said).encode(errors="replace")) / 2
        return (read * self.price_in + self.max_tokens * self.price_out) / 1e6

    def complete(self, system: str, said: str, schema: Json) -> Completion:
        """Ask once. Raises NoAnswer."""
        body = {
            "model": self.model, "temperature": 0, "max_tokens": self.max_tokens,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": said}],
            "response_format": {
                "type": "json_schema", "json_schema": {"name": "taste", "strict": True, "schema": schema},
            },
        }  # fmt: skip
        answer = self._post(json.dumps(body).encode())
        try:
            content = answer["choices"][0]["message"]["content"]
            usage = answer.get("usage") or {}
            read, written = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
            price = usage.get("cost")
            said_price = isinstance(price, int | float) and math.isfinite(price)
            cost = float(price or 0) if said_price else (read * self.price_in + written * self.price_out) / 1e6
            return Completion(str(content), max(0, read), max(0, written), max(0.0, cost))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise NoAnswer(
                f"{self.url}: expected choices[0].message.content; got {answer!r:.80}", "error", again=True
            ) from error

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                return json.loads(answer.read(MAX_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                busy = error.code == 429 or error.code >= 500
            raise NoAnswer(f"{self.url}: HTTP {error.code}", "error" if busy else "refused", again=busy) from None
        except TimeoutError:
            raise NoAnswer(f"{self.url}: no answer within {self.timeout_s:g} s", "timeout", again=True) from None
        except urllib.error.URLError as error:
            late = isinstance(error.reason, TimeoutError)
            raise NoAnswer(f"{self.url}: {error.reason}", "timeout" if late else "error", again=True) from None
        except (ValueError, OSError) as error:
            raise NoAnswer(f"{self.url}: expected JSON; {error}", "error", again=True) from None
