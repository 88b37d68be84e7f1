"""The course's user and movie API: single records, and up to 200 at once separated by commas.

`GET /user/<id>`, `GET /movie/<id>`; unknown ids answer 404 with a message, the root says what this is. Ids are taken
as they are: a raw `+` and `%2B` mean the same, and a plus never means a blank.
"""

import json
import threading
from collections.abc import Callable

from flask import Flask, Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from stream.platform.records import Record, Records

MAX_BULK = 200


def create_app(records: Records) -> Flask:
    """The API over `records`."""
    app = Flask("platform")

    @app.get("/")
    def root() -> Response:
        """What this is, for programs that look whether it is there."""
        return Response("Movie API Service", mimetype="text/plain")

    @app.get("/movie/<path:keys>")
    def movie(keys: str) -> Response:
        """One movie, or a list of those asked for."""
        return _found(keys, records.movie, "movieID")

    @app.get("/user/<keys>")
    def user(keys: str) -> Response:
        """One user, or a list of those asked for."""
        return _found(keys, records.user, "userID")

    return app


def _found(keys: str, find: Callable[[str], Record | None], what: str) -> Response:
    wanted = keys.split(",")
    if len(wanted) > MAX_BULK:
        return _json({"message": f"at most {MAX_BULK} ids at once, got {len(wanted)}"}, 400)
    found = [find(key.strip()) for key in wanted]
    if len(wanted) > 1:
        return _json(
            [record or {"message": f"invalid {what} {key}"} for key, record in zip(wanted, found, strict=True)]
        )
    return _json(found[0]) if found[0] else _json({"message": f"invalid {what}"}, 404)


def _json(body: Record | list[Record], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")


class _Quiet(WSGIRequestHandler):
    """Keeps connections open, and the log free of a line per request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: requests are counted where they matter."""


def serve(records: Records, port: int) -> BaseWSGIServer:
    """Answer on loopback from a thread of its own until `shutdown()`. Raises SystemExit if the port is taken."""
    server = make_server("127.0.0.1", port, create_app(records), threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, name="api", daemon=True).start()
    return server
