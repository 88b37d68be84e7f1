"""The HTTP service: `/recommend/<userid>` for the course's requester, and what operators ask.

Built from objects that already run, so that a test can pass its own. Every answer is one line of plain text or JSON;
whatever a client sends, it learns nothing of our insides. Start reading at `_lists`.
"""

import re
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from serving.answerer import Answerer
from serving.telemetry import Telemetry

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_USER_ID = re.compile(r"-?[0-9]{1,18}", re.ASCII)  # what a signed 64-bit number holds, whatever its digits
_PLAIN_PATH = re.compile(r"/recommend/(-?[0-9]{1,18})", re.ASCII)
_PLAIN_TEXT = [("Content-Type", "text/plain; charset=utf-8")]
_NOT_A_USER_ID = "user id must be a whole number of at most 18 digits, e.g. /recommend/417\n"
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]

Headers = list[tuple[str, str]]
Lists = Callable[..., tuple[str, Headers]]  # user id, whether to hand the list out: body and headers


def create_app(answerer: Answerer, telemetry: Telemetry, commit: str = "unknown") -> Flask:
    """The service around running objects.

    commit: of the code that runs, for /version.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # `/recommend//42` is no user id; it must not be redirected to one
    app.json.sort_keys = False  # type: ignore[attr-defined]
    recommend = _lists(answerer, telemetry)
    _add_recommend(app, recommend)
    _add_operators_pages(app, answerer, telemetry, commit)
    app.register_error_handler(HTTPException, _one_line)
    app.wsgi_app = telemetry.metered(_hardened(_around_flask(app.wsgi_app, recommend)))  # type: ignore[assignment,method-assign]
    return app


def _lists(answerer: Answerer, telemetry: Telemetry) -> Lists:
    def recommend(user_id: int, hand_out: bool = True) -> tuple[str, Headers]:
        """Up to 20 movie ids, best first, comma-separated on one line; every list given comes from here."""
        started = time.perf_counter()
        offer = answerer.answer(user_id)  # never raises: falls back to the shipped list
        headers = [("X-Model", offer.model_version or "none"), ("X-Tier", offer.tier)]
        if hand_out:
            request_id = telemetry.record(user_id, offer, seconds=time.perf_counter() - started)
            headers.append(("X-Request-Id", request_id))
        return ",".join(offer.movies), headers

    return recommend


def _add_recommend(app: Flask, recommend: Lists) -> None:
    @app.get("/recommend", defaults={"user_id": ""}, strict_slashes=False)
    @app.get("/recommend/<path:user_id>")
    def requested(user_id: str) -> Response:
        """A list for whatever is a user's id, however it is written."""
        if not _USER_ID.fullmatch(user_id := user_id.removesuffix("/")):
            return Response(_NOT_A_USER_ID, status=400, mimetype="text/plain")
        body, headers = recommend(int(user_id), request.method == "GET")  # HEAD hands out no list
        return Response(body, headers=headers, mimetype="text/plain")


def _around_flask(app: "WSGIApplication", recommend: Lists) -> "WSGIApplication":
    """Answers a plain `GET /recommend/42` itself: Flask's routing and response cost more than the list (docs)."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        plain = _PLAIN_PATH.fullmatch(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "GET" else None
        if plain is None:
            return app(environ, start_response)
        body, headers = recommend(int(plain[1]))
        data = body.encode()
        start_response("200 OK", [*_PLAIN_TEXT, ("Content-Length", str(len(data))), *headers])
        return (data,)

    return answer


def _add_operators_pages(app: Flask, answerer: Answerer, telemetry: Telemetry, commit: str) -> None:
    @app.get("/health")
    def health() -> Response:
        """The process answers."""
        return jsonify(status="ok")

    @app.get("/ready")
    def ready() -> tuple[Response, int]:
        """Whether this worker knows what is live; `models` is empty while only the shipped list can be given."""
        live = answerer.live()
        facts: dict[str, Any] = {"ready": live.looked, "models": _versions(answerer), "problem": live.problem}
        return jsonify(facts), 200 if live.looked else 503

    @app.get("/version")
    def version() -> Response:
        """What runs here: package, commit, since when (UTC), and what each slot answers from."""
        facts = {"service": metadata.version("matinee"), "commit": commit, "started_ns": telemetry.start_ns}
        return jsonify(facts | {"slots": _slots(answerer)})

    @app.get("/metrics")
    def metrics() -> Response:
        """Prometheus text, exact over all workers."""
        return Response(telemetry.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _versions(answerer: Answerer) -> dict[str, str]:
    return {name: model.version for name, model in answerer.live().models.items()}


def _slots(answerer: Answerer) -> dict[str, dict[str, Any]]:
    return {
        name: {"version": model.version, "name": model.manifest.name, "overlay": model.overlay, "users": len(model)}
        for name, model in answerer.live().models.items()
    }


def _one_line(error: HTTPException) -> Response:
    """An error in one line of text; what went wrong inside stays in the log."""
    if error.code == 404 and request.path.startswith("/recommend/"):
        return Response(_NOT_A_USER_ID, status=400, mimetype="text/plain")
    response = Response(f"{error.code} {error.name.lower()}\n", status=error.code, mimetype="text/plain")
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _hardened(app: "WSGIApplication") -> "WSGIApplication":
    """`app` with our headers on each answer; here and not in Flask, where they cost more than the lookup."""

    def hardened(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *_HEADERS], exc_info)

        return app(environ, start)

    return hardened
