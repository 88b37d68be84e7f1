"""The course's user and movie API: single records, and up to 200 at once separated by commas.

`GET /user/<id>`, `GET /movie/<id>`; unknown ids answer 404 with a message, the root says what this is: to programs as
the course's does, to a browser as a page about the running platform. Ids are taken as they are: a raw `+` and `%2B`
mean the same, and a plus never means a blank. Habits and faults are those of `stream/platform/manners.py`.
"""

import json
import math
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from stream.platform.manners import Limiter, Manners, Trouble
from stream.platform.records import Record, Records
from stream.platform.status_page import status_page

Find = Callable[[str], Record | None]
_SCENARIOS = {"too_many": "api-too-many", "error": "api-errors", "page": "api-pages"}
_PAGE = "<!doctype html><title>Service unavailable</title><h1>Please try again later</h1>"


def _unnoted(*_: str) -> None:
    """Nobody keeps a key."""


@dataclass
class Desk:
    """What answers: records, habits, today's trouble, and what the status page shows."""

    records: Records
    manners: Manners = field(default_factory=Manners)
    facts: Callable[[], Mapping[str, object]] = dict
    sleep: Callable[[float], object] = time.sleep
    trouble: Trouble = field(default_factory=Trouble)
    asked: int = 0  # requests so far
    noted: Callable[[str, str], object] = _unnoted  # told scenario and what of everything that trouble does


def create_app(desk: Desk) -> Flask:
    """The API of a desk."""
    app = Flask("platform")
    limiter = Limiter(desk.manners)

    @app.get("/")
    def root() -> Response:
        """What this is: a line for programs, a page for people."""
        if request.accept_mimetypes.best_match(("text/plain", "text/html")) == "text/html":
            return Response(status_page(desk.facts(), asdict(desk.trouble), desk.asked), mimetype="text/html")
        return Response("Movie API Service", mimetype="text/plain")

    @app.get("/movie/<path:keys>")
    def movie(keys: str) -> Response:
        """One movie, or a list of those asked for."""
        return _answer(desk, limiter, keys, desk.records.movie, "movieID")

    @app.get("/user/<keys>")
    def user(keys: str) -> Response:
        """One user, or a list of those asked for."""
        return _answer(desk, limiter, keys, desk.records.user, "userID")

    return app


def _answer(desk: Desk, limiter: Limiter, keys: str, find: Find, what: str) -> Response:
    desk.asked += 1
    trouble, draw = desk.trouble, random.Random(f"{desk.asked} {keys}")
    name = f"{what.removesuffix('ID')}/{keys}"
    if trouble.slow_s:
        desk.noted("api-slow", name)
    desk.sleep(trouble.slow_s)
    if trouble.down:
        desk.noted("api-down", name)
        return _cut()
    fault, wait_s = trouble.fault(draw), limiter.wait_s()
    if fault:
        desk.noted(_SCENARIOS[fault], name)
    if wait_s or fault == "too_many":
        return _refused(desk.manners, wait_s or 1.0)
    if fault == "error":
        return _json({"message": "internal error"}, 500)
    if fault == "page":
        return Response(_PAGE, mimetype="text/html")
    return _found(
        desk.manners, keys, lambda key: _damaged(desk, find(key), draw, f"{what.removesuffix('ID')}/{key}"), what
    )


def _damaged(desk: Desk, record: Record | None, draw: random.Random, name: str) -> Record | None:
    if record is None:
        return None
    damaged = desk.trouble.damaged(record, draw)
    for field_ in record if damaged is not record else ():
        if field_ not in damaged:
            desk.noted("api-missing-fields", f"{name}: {field_}")
        elif damaged[field_] is None and record[field_] is not None:
            desk.noted("api-nulls", f"{name}: {field_}")
        elif type(damaged[field_]) is not type(record[field_]):
            desk.noted("api-wrong-types", f"{name}: {field_}")
    return damaged


def _found(manners: Manners, keys: str, find: Find, what: str) -> Response:
    wanted = keys.split(",") if manners.max_bulk > 1 else [keys]
    if len(wanted) > manners.max_bulk:
        return _json({"message": f"at most {manners.max_bulk} ids at once, got {len(wanted)}"}, 400)
    found = [find(key.strip()) for key in wanted]
    if len(wanted) > 1:
        return _json(
            [record or {"message": f"invalid {what} {key}"} for key, record in zip(wanted, found, strict=True)]
        )
    return _json(found[0]) if found[0] else _json({"message": f"invalid {what}"}, manners.unknown_status)


def _refused(manners: Manners, wait_s: float) -> Response:
    answer = _json({"message": "too many requests"}, 429)
    if manners.retry_after:
        answer.headers["Retry-After"] = str(math.ceil(wait_s))
    return answer


def _cut() -> Response:
    """Close the connection under the client, as a machine that goes down does."""
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=503)


def _json(body: Record | list[Record], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")


class _Quiet(WSGIRequestHandler):
    """Keeps connections open, and the log free of a line per request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: requests are counted where they matter."""


def serve(desk: Desk, port: int) -> BaseWSGIServer:
    """Answer on loopback from a thread of its own until `shutdown()`. Raises SystemExit if the port is taken."""
    server = make_server("127.0.0.1", port, create_app(desk), threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, name="api", daemon=True).start()
    return server
