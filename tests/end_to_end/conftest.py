"""The two providers, each with a fruit API that takes its tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.service.running import running_service
from tests.support.ports import free_port
from tests.support.provider import OidcProvider
from tests.support.site import Site

LIFETIME = 900
"""Seconds of an access token: no test comes near it, however slow the machine is."""


@pytest.fixture(scope="module")
def redirect_uri() -> str:
    """A redirect URI whose port was free a moment ago."""
    return f"http://127.0.0.1:{free_port()}/callback/"


@pytest.fixture(scope="module")
def local_site(redirect_uri: str) -> Iterator[Site]:
    """The local issuer, which asks people who they are and what they allow."""
    with LocalIssuer(0, [redirect_uri], LIFETIME) as local, running_service(local.issuer) as api:
        yield Site(f"domain={local.issuer.rstrip('/')}", local.issuer, redirect_uri, api)


@pytest.fixture(scope="module")
def prompt_site(redirect_uri: str) -> Iterator[Site]:
    """A local issuer where Alice has allowed everything, for browsers without eyes."""
    with LocalIssuer(0, [redirect_uri], LIFETIME, auto_approve="alice") as local:
        yield Site(f"domain={local.issuer.rstrip('/')}", local.issuer, redirect_uri, "")


@pytest.fixture(scope="module")
def oidc_site(redirect_uri: str) -> Iterator[Site]:
    """The provider that nobody here wrote."""
    with OidcProvider([redirect_uri], lifetime=LIFETIME) as provider, running_service(provider.issuer) as api:
        yield Site(f"issuer={provider.issuer}", provider.issuer, redirect_uri, api)


@pytest.fixture(params=["local issuer", "oidc-provider"])
def site(request: pytest.FixtureRequest) -> Site:
    """One provider after the other."""
    found: Site = request.getfixturevalue("local_site" if request.param == "local issuer" else "oidc_site")
    return found
