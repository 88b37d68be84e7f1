"""A little user and movie API over real HTTP, as good or as bad as a test plants it."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

HTML = "<html><body>502 from a proxy, with status 200</body></html>"


@dataclass
class Says:
    """One answer out of turn."""

    status: int = 200
    body: object = field(default_factory=lambda: {"message": "later"})
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FaultyApi:
    """Serves `records` by id; what else happens is up to the test."""

    records: dict[str, dict]
    longest: int = 200  # ids in one list
    unknown_status: int = 404
    first: list[Says] = field(default_factory=list)  # answers before anything else
    poisoned: dict[str, Says] = field(default_factory=dict)  # instead of any answer that this id is in
    bulk_refusal: Says = field(default_factory=lambda: Says(404, {"message": "invalid userID"}))
    plus_is_blank: bool = False
    edit: Callable[[list], list] = list  # of the answer to a list
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> Says:
        """What is said to GET `path`."""
        self.asked.append(path)
        if self.first:
            return self.first.pop(0)
        keys = [self._key(part) for part in path.split("/", 2)[2].split(",")]
        if bad := [self.poisoned[key] for key in keys if key in self.poisoned]:
            return bad[0]
        found = [self.records.get(key, {"message": f"invalid ID {key}"}) for key in keys]
        if len(keys) == 1:
            return Says(200 if keys[0] in self.records else self.unknown_status, found[0])
        return Says(200, self.edit(found)) if len(keys) <= self.longest else self.bulk_refusal

    def _key(self, part: str) -> str:
        return unquote(part.replace("+", " ") if self.plus_is_blank else part)

    def lengths(self) -> list[int]:
        """How many ids each request asked for."""
        return [path.count(",") + 1 for path in self.asked]


@contextlib.contextmanager
def api(*records: dict, **faults: object) -> Iterator[FaultyApi]:
    """A server with those records and faults, on a free port."""
    served = FaultyApi({str(record.get("user_id", record.get("id"))): record for record in records}, **faults)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet

        def do_GET(self):
            said = served.answer(self.path)
            body = said.body if isinstance(said.body, str) else json.dumps(said.body)
            self.send_response(said.status)
            for name, value in {"Content-Length": str(len(body.encode())), **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
