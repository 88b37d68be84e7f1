"""A stand-in for a language-model provider: chat completions over HTTP, priced, tokens counted, never the network.

It takes the request that OpenAI-compatible clients send and answers from the text alone (`persona.py`), as the JSON
object that the request's schema asks for: a property whose name speaks of titles or genres is filled with them, on the
side (likes or dislikes) that its name speaks of. It can be late, wrong, busy or down, so that time-outs, checks,
budgets and fallbacks have something to stop. `PUT /behaviour` changes its habits while it runs. Start at `create_app`.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_type_hints

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, make_server

from stream.platform.persona import Habits, Persona, Taste, Understood

MODEL = "matinee-stand-in"
_BYTES_PER_TOKEN = 4
_DISLIKES = re.compile(r"(?im)^\W*(?:self_description_)?dislikes?\W*[:=]\s*")
_LIKES = re.compile(r"(?im)^\W*(?:self_description_)?likes?\W*[:=]\s*")
_AGAINST = re.compile(r"dis|avoid|hate|negative|unwanted|never", re.I)
_TITLES, _GENRES = re.compile(r"title|movie|film", re.I), re.compile(r"genre|categor", re.I)

_PLAIN = ("liked_titles", "liked_genres", "disliked_titles", "disliked_genres")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the provider is today; shares in [0, 1], seconds, US dollars per million tokens."""

    drop: float = 0.10
    invent: float = 0.05
    obey: bool = False
    slow_s: float = 0.0
    wrong: float = 0.0  # share of answers that are no valid JSON, or lack what was asked for
    busy: float = 0.0  # share of requests refused with 429
    down: bool = False
    price_in: float = 0.15
    price_out: float = 0.60
    seed: int = 0

    def __post_init__(self) -> None:
        kinds = get_type_hints(Behaviour)
        for name, value in asdict(self).items():
            if not isinstance(value, bool if kinds[name] is bool else int | float) or not value >= 0:
                raise ValueError(f"{name}: expected {kinds[name].__name__} of at least 0, got {value!r}")
            if name in ("drop", "invent", "wrong", "busy") and value > 1:
                raise ValueError(f"{name}: expected a share from 0 to 1, got {value}")

    def changed(self, wishes: Json) -> "Behaviour":
        """The same with some habits changed. Raises ValueError naming a wrong name or value."""
        names = [field.name for field in fields(self)]
        if unknown := sorted(set(wishes) - set(names)):
            raise ValueError(f"expected some of {', '.join(names)}; got {', '.join(unknown)}")
        return replace(self, **wishes)


class Provider:
    """The model behind the API. `sleep` waits some seconds, or less when the provider is stopped."""

    def __init__(self, persona: Persona, behaviour: Behaviour, sleep: Callable[[float], object] = time.sleep) -> None:
        self._persona, self._sleep, self.behaviour = persona, sleep, behaviour
        self.calls = 0
        self.injected_down = False  # an injection took it down, whatever its behaviour says

    def complete(self, body: Json) -> tuple[Json, int]:
        """Answer to a chat-completions request, and its HTTP status."""
        today, self.calls = self.behaviour, self.calls + 1
        self._sleep(today.slow_s)
        if today.down or self.injected_down:
            return _error("the model is overloaded", "server_error"), 503
        if _chance(self.calls, today.seed) < today.busy:
            return _error("rate limit reached, try again later", "rate_limit_exceeded"), 429
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
            return _error("messages: expected a list of {role, content}", "invalid_request_error"), 400
        said = str(messages[-1].get("content", ""))
        text = self._content(said, _schema(body), today)
        if _chance(self.calls, today.seed + 1) < today.wrong:
            text = text[: len(text) // 2] if self.calls % 2 else json.dumps({"answer": "Sure! Here you go."})
        return self._answer(body, messages, text, today), 200

    def _content(self, said: str, schema: Json, today: Behaviour) -> str:
        likes, dislikes = sides(said)
        habits = Habits(today.drop, today.invent, today.obey, today.seed)
        return json.dumps(filled(schema, self._persona.understand(likes, dislikes, habits)), ensure_ascii=False)

    def _answer(self, body: Json, messages: list[Json], text: str, today: Behaviour) -> Json:
        read = sum(tokens(str(each.get("content", ""))) for each in messages)
        written, limit = tokens(text), body.get("max_tokens")
        cut = False
        if isinstance(limit, int) and written > limit:
            text, written, cut = text[: limit * _BYTES_PER_TOKEN], limit, True
        cost = (read * today.price_in + written * today.price_out) / 1e6
        return {
            "id": f"chatcmpl-{self.calls:08d}", "object": "chat.completion", "created": int(time.time()),
            "model": str(body.get("model") or MODEL),
            "choices": [{
                "index": 0, "message": {"role": "assistant", "content": text},
                "finish_reason": "length" if cut else "stop",
            }],
            "usage": {
                "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
                "cost": round(cost, 9),
            },
        }  # fmt: skip


def tokens(text: str) -> int:
    """Tokens of a text, about four bytes each; at least 1 unless it is empty."""
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)


def sides(said: str) -> tuple[str, str]:
    """(likes, dislikes) in a prompt: a JSON object with such keys, lines that begin so, or all of it as likes."""
    found = re.search(r"\{.*\}", said, re.S)
    if found:
        try:
            record = json.loads(found.group())
            likes = [str(v) for k, v in record.items() if "like" in k.lower() and not _AGAINST.search(k) and v]
            dislikes = [str(v) for k, v in record.items() if "like" in k.lower() and _AGAINST.search(k) and v]
            if likes or dislikes:
                return " ".join(likes), " ".join(dislikes)
        except (ValueError, AttributeError):
            pass
    liked, _, disliked = _cut(said, _DISLIKES)
    _, _, only = _cut(liked, _LIKES)
    return only or liked, disliked


def _cut(text: str, heading: re.Pattern[str]) -> tuple[str, str, str]:
    found = heading.search(text)
    return (text[: found.start()], found.group(), text[found.end() :]) if found else (text, "", "")


def filled(schema: Json, understood: Understood) -> Json:
    """An object of the schema's properties with what was understood; without properties, four plain lists."""
    properties = schema.get("properties") or {name: {"type": "array"} for name in _PLAIN}
    return {name: _value(name, what if isinstance(what, dict) else {}, understood) for name, what in properties.items()}


def _value(name: str, what: Json, understood: Understood, side: Taste | None = None) -> Any:
    if _AGAINST.search(name):
        side = understood.dislikes
    elif side is None or "like" in name.lower():
        side = understood.likes
    if what.get("type") == "object":
        return {key: _value(key, inner, understood, side) for key, inner in what.get("properties", {}).items()}
    found = side.titles if _TITLES.search(name) else side.genres if _GENRES.search(name) else []
    kind = what.get("type", "array")
    return {"array": found, "string": ", ".join(found), "boolean": False, "number": 0, "integer": 0}.get(str(kind))


def _schema(body: Json) -> Json:
    """The JSON schema that a request asks for; {} if none."""
    wanted = body.get("response_format")
    inner = wanted.get("json_schema") if isinstance(wanted, dict) else None
    schema = inner.get("schema", inner) if isinstance(inner, dict) else None
    return schema if isinstance(schema, dict) else {}


def _chance(number: int, seed: int) -> float:
    return ((number * 2_654_435_761 + seed * 40_503) % 2**32) / 2**32


def _error(message: str, kind: str) -> Json:
    return {"error": {"message": message, "type": kind, "code": None, "param": None}}


def create_app(provider: Provider, key: str = "") -> Flask:
    """The API over a provider; with a `key`, only for those who show it as a bearer token."""
    app = Flask("provider")

    def reply(body: Json, status: int = 200) -> Response:
        headers = {"Retry-After": "1"} if status == 429 else {}
        return Response(json.dumps(body, ensure_ascii=False), status, headers, mimetype="application/json")

    @app.get("/v1/models")
    def models() -> Response:
        """What can be asked."""
        return reply({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "matinee"}]})

    @app.post("/v1/chat/completions")
    def complete() -> Response:
        """One completion."""
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return reply(_error("expected Authorization: Bearer <key>", "invalid_api_key"), 401)
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, dict):
            return reply(_error("expected a JSON object", "invalid_request_error"), 400)
        return reply(*provider.complete(body))

    @app.get("/behaviour")
    def behaviour() -> Response:
        """How the provider is now."""
        return reply(asdict(provider.behaviour))

    @app.put("/behaviour")
    def behave() -> Response:
        """Change some habits, for a drill."""
        wishes = request.get_json(force=True, silent=True)
        try:
            provider.behaviour = provider.behaviour.changed(wishes if isinstance(wishes, dict) else {"body": wishes})
        except (ValueError, TypeError) as error:
            return reply(_error(str(error), "invalid_request_error"), 400)
        return reply(asdict(provider.behaviour))

    return app


def serve(provider: Provider, port: int, key: str = "") -> BaseWSGIServer:
    """Answer on loopback from a thread of its own until `shutdown()`. Raises SystemExit if the port is taken."""
    server = make_server("127.0.0.1", port, create_app(provider, key), threaded=True)
    threading.Thread(target=server.serve_forever, name="provider", daemon=True).start()
    return server
