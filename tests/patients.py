"""What the doctor meets in tests: an API that may be slow or live in another time, something that only listens."""

import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def by_name(findings):
    """Findings by their names."""
    return {finding.name: finding for finding in findings}


@contextmanager
def movie_api(slow_s=0.0, clock_s=0.0, status=200):
    """An API that knows every movie; it may be slow to tell of one, or live in another time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            keys = self.path.removeprefix("/movie/").split(",")
            time.sleep(slow_s if len(keys) == 1 and keys != ["/"] else 0)
            body = json.dumps([{"id": key} for key in keys] if len(keys) > 1 else {"id": keys[0]}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp=None):
            return formatdate(time.time() + clock_s, usegmt=True)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def listener(answer):
    """Something that listens and, if `answer` is not None, says that to whoever connects."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve():
            while True:
                try:
                    connection = stack.enter_context(server.accept()[0])
                except OSError:
                    return
                if answer is not None:
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
