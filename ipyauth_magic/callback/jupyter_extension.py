"""The extension of the Jupyter server: serves the callback to the logged-in user, and passes responses to kernels.

It does not validate responses. The page posts the response to its own address, under Jupyter's login and XSRF check.
`state` identifies the kernel that waits for it, and that kernel makes all other checks.
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
from .jupyter_handoff import HANDOVER_PATH, QUERY_HEADER, SEAL, HandOff, lookup, publish_server
from .receiver import FORM, SEALED
from .server import BODY_LIMIT, COMPLETION_LIMIT

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

ANSWER_LIMIT = 64 * 1024
"""Largest answer of a kernel in bytes. It has two sentences."""

NO_KERNEL_WAITS = pages.not_ours("No notebook of this server is waiting for it. Run the cell again.")
NO_ANSWER = pages.failed("The notebook did not report how the sign-in ended. Check the notebook.")


class CallbackHandler(JupyterHandler):
    """`GET` and `POST` of `{base_url}callback/`."""

    @web.authenticated
    def get(self) -> None:
        """Serve the page that posts the response, from its fragment or its query, to this same address."""
        for name, value in pages.headers("relay.js"):
            self.set_header(name, value)
        # Jupyter checks the sender of the POST by this token, in a cookie and in a header.
        self.finish(pages.page(pages.RELAY, "relay.js", xsrf_token=to_unicode(self.xsrf_token)))

    @web.authenticated
    async def post(self) -> None:
        """Pass the response in the body to the kernel that waits for it, and answer with the outcome."""
        for name, value in pages.COMMON_HEADERS:
            self.set_header(name, value)
        outcome, status = await self._outcome()
        self.set_status(status)
        self.finish(asdict(outcome))

    async def _outcome(self) -> tuple[pages.Outcome, int]:
        content_type = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return pages.not_ours("It comes from another site."), 403
        if content_type != FORM or len(self.request.body) > BODY_LIMIT - SEAL:
            return pages.not_ours("It is malformed."), 400
        try:
            state = parse_response(self.request.body.decode("ascii")).get("state", "")
        except (MalformedResponse, UnicodeDecodeError):
            return pages.not_ours("It is malformed."), 400
        # In a thread: on a hub, the home folder may be on a slow network.
        hand_off = await asyncio.to_thread(lookup, state)
        if hand_off is None:
            return NO_KERNEL_WAITS, 404
        return await self._hand_over(hand_off)

    async def _hand_over(self, hand_off: HandOff) -> tuple[pages.Outcome, int]:
        where = "query" if self.request.headers.get(QUERY_HEADER) == "query" else "fragment"
        sealed = hand_off.sealed(self.request.body, where.encode())
        request = HTTPRequest(
            f"http://127.0.0.1:{hand_off.port}{HANDOVER_PATH}",
            method="POST",
            headers={"Content-Type": SEALED, QUERY_HEADER: where},
            body=sealed,
            follow_redirects=False,
            connect_timeout=5,
            request_timeout=COMPLETION_LIMIT + 5,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
            outcome = _read(hand_off.opened(answer.body[:ANSWER_LIMIT], about=sealed))
            return outcome, 200 if outcome.outcome == pages.DONE.outcome else 400
        except (OSError, HTTPClientError, ValueError, TypeError, KeyError):
            return NO_ANSWER, 502


def _read(answer: bytes | None) -> pages.Outcome:
    """Return the outcome in a kernel's answer, opened; None means that another program sent it.

    Raises:
        ValueError, TypeError, KeyError: *answer* is not an outcome.
    """
    document = json.loads(answer or b"null")
    return pages.Outcome(*(str(document[name])[:2000] for name in ("outcome", "title", "message")))


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add the callback to *server*. Jupyter calls this for each enabled extension."""
    base_url = str(server.web_app.settings["base_url"])
    server.web_app.add_handlers(".*$", [(url_path_join(base_url, "callback/"), CallbackHandler)])
    try:
        publish_server(Path(jupyter_runtime_dir()))
    except OSError as error:
        server.log.warning("ipyauth_magic: kernels will not use this extension, its file cannot be written: %s", error)
