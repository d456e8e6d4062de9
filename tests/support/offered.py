"""A sign-in whose link a browser may follow, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.callback import receiver
from ipyauth_magic.protocol.messages import parse_response
from tests.support.attempts import Attempt

from .auths import params_for


@contextmanager
def offered(issuer: LocalIssuer, redirect_uri: str, **more: str) -> Iterator[Attempt]:
    """Give a sign-in at *issuer* whose link is known, with *more* parameters; end it after the block."""
    attempt = Attempt(params_for(issuer, redirect_uri=redirect_uri, **more), 120)
    attempt.wait_for_url(30)
    yield attempt
    attempt.stop("the test is over")
    attempt.join()


def arrivals(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return a list that will hold what listeners are sent, taken or refused."""
    arrived: list[dict[str, str]] = []

    def parse(text: str) -> dict[str, str]:
        arrived.append(parse_response(text))
        return dict(arrived[-1])

    monkeypatch.setattr(receiver, "parse_response", parse)
    return arrived
