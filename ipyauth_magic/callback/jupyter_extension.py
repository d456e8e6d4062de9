"""The Jupyter server's part: serves the callback to the signed-in user, and hands responses to the kernels that wait.

It knows no token and no provider. The page posts the response to its own address, under Jupyter's login and XSRF check;
which kernel waits for it is told by its `state`, and that kernel checks all the rest.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.escape import to_unicode
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from ..protocol.messages import MalformedResponse, parse_response
from . import pages
from .jupyter_handoff import HANDOVER_PATH, QUERY_HEADER, SECRET_HEADER, HandOff, lookup, mark
from .receiver import FORM
from .server import ANSWER_LIMIT as OUTCOME_TIMEOUT
from .server import BODY_LIMIT

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

ANSWER_LIMIT = 64 * 1024
"""Bytes; a kernel answers with two sentences."""

NOBODY_WAITS = pages.not_ours("No notebook of this server waits for it: that sign-in has ended. Run the cell again.")
NO_ANSWER = pages.failed("The notebook did not say how the sign-in ended. Look there.")


class CallbackHandler(JupyterHandler):
    """`GET` and `POST` of `{base_url}callback/`."""

    @web.authenticated
    def get(self) -> None:
        """Serve the page that posts the response in its address, fragment or query, back to this address."""
        for name, value in pages.headers("relay.js"):
            self.set_header(name, value)
        # The page's own check of who posts: Jupyter's, by cookie and header.
        self.finish(pages.page(pages.RELAY, "relay.js", xsrf_token=to_unicode(self.xsrf_token)))

    @web.authenticated
    async def post(self) -> None:
        """Hand the response in the body to the kernel that waits for it; tell the page how that ended."""
        for name, value in pages.COMMON_HEADERS:
            self.set_header(name, value)
        outcome, status = await self._outcome()
        self.set_status(status)
        self.finish(asdict(outcome))

    async def _outcome(self) -> tuple[pages.Outcome, int]:
        content_type = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return pages.not_ours("It comes from another site."), 403
        if content_type != FORM or len(self.request.body) > BODY_LIMIT:
            return pages.not_ours("It is malformed."), 400
        try:
            state = parse_response(self.request.body.decode("ascii")).get("state", "")
        except (MalformedResponse, UnicodeDecodeError):
            return pages.not_ours("It is malformed."), 400
        # Files may be slow: a home folder of a hub lies on a network.
        rendezvous = await asyncio.to_thread(lookup, state)
        if rendezvous is None:
            return NOBODY_WAITS, 404
        return await self._hand_over(rendezvous)

    async def _hand_over(self, rendezvous: HandOff) -> tuple[pages.Outcome, int]:
        where = "query" if self.request.headers.get(QUERY_HEADER) == "query" else "fragment"
        request = HTTPRequest(
            f"http://127.0.0.1:{rendezvous.port}{HANDOVER_PATH}",
            method="POST",
            headers={"Content-Type": FORM, SECRET_HEADER: rendezvous.secret, QUERY_HEADER: where},
            body=self.request.body,
            follow_redirects=False,
            connect_timeout=5,
            request_timeout=OUTCOME_TIMEOUT + 5,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
            return _read(answer.body), 200 if answer.code == 200 else 400
        except (OSError, HTTPClientError, ValueError, TypeError):
            return NO_ANSWER, 502


def _read(body: bytes) -> pages.Outcome:
    """Return the outcome in a kernel's answer.

    Raises:
        ValueError, TypeError: it is none.
    """
    document = json.loads(body[:ANSWER_LIMIT])
    return pages.Outcome(*(str(document[name])[:2000] for name in ("outcome", "title", "message")))


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add the callback to *server*; Jupyter calls this for each extension that is enabled."""
    base_url = str(server.web_app.settings["base_url"])
    server.web_app.add_handlers(".*$", [(url_path_join(base_url, "callback/"), CallbackHandler)])
    try:
        mark(Path(jupyter_runtime_dir()))
    except OSError as error:
        server.log.warning("ipyauth_magic: kernels cannot be told that responses are handed over: %s", error)
