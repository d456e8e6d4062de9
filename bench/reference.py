"""The reference: a Bottle route that answers a fixed JSON of the same size, on the same server, with the same log."""

from __future__ import annotations

import sys

from bottle import Bottle, HTTPResponse

from fruit_service.answers import HEADERS
from fruit_service.open_files import allow_many_files
from fruit_service.request_log import RequestLog
from fruit_service.serving import Server, listen, until_signal, wait


def main() -> None:
    """Serve so many bytes on a port."""
    port, size = map(int, sys.argv[1:])
    body = '{"msg": "' + "x" * (size - 11) + '"}'
    app = Bottle()
    for method in (app.get, app.post):
        method("/api/fruit", callback=lambda: HTTPResponse(body, 200, dict(HEADERS)))
    allow_many_files()
    with until_signal(), Server(RequestLog(app), listen(["127.0.0.1"], port)):
        wait()


if __name__ == "__main__":
    main()
