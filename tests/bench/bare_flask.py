"""The least that Flask can do: one constant view. `python bare_flask.py PORT` serves it as the shipped service is.

What /recommend costs beside it is what arms, tiers and records cost.
"""

import sys

from flask import Flask, Response
from granian.constants import Interfaces

from serving.listener import SharedListener

BODY = ",".join(f"some+film+of+that+year+{1980 + n}" for n in range(20))
app = Flask(__name__)


@app.get("/")
def constant() -> Response:
    """A list of the usual length."""
    return Response(BODY, mimetype="text/plain")


if __name__ == "__main__":
    SharedListener(
        "bare_flask:app", address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.WSGI, workers=1,
        blocking_threads=1,
    ).serve()  # fmt: skip
