"""The independent provider issues what the rest of the tests count on."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.provider import OidcProvider
from tests.support.provider_browser import ProviderVisitor, hidden_fields

pytestmark = pytest.mark.harness

CALLBACK = "http://127.0.0.1:8765/callback/"
SCOPE = "openid profile read:exotic-fruit write:usual-fruit"


@pytest.fixture(scope="module", params=["", "/tenant1"], ids=["issuer without a path", "issuer with a path"])
def provider(request: pytest.FixtureRequest) -> Iterator[OidcProvider]:
    """Run the provider once for all tests of a kind of issuer."""
    with OidcProvider([CALLBACK], path=request.param) as provider:
        yield provider


def test_a_start_that_fails_tells_what_the_provider_said() -> None:
    """At once, with its exit status."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        provider = OidcProvider([CALLBACK], port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match=r"it ended with status 1\. It said:\n[\s\S]*EADDRINUSE"):
            provider.__enter__()


def visitor(login: str) -> ProviderVisitor:
    """Sit down in front of a browser as *login*."""
    return ProviderVisitor(login, CALLBACK)


def authorization_url(provider: OidcProvider, **parameters: str) -> str:
    """Return the authorization request of our client for the fruit API."""
    common = {"client_id": "ipyauth-demo", "redirect_uri": CALLBACK, "audience": "api/fruit", "scope": SCOPE}
    return f"{provider.metadata['authorization_endpoint']}?{urlencode({**common, **parameters})}"


def checked_claims(provider: OidcProvider, response: dict[str, str], nonce: str) -> dict[str, object]:
    """Check that both tokens are signed and shaped as an Auth0 tenant's; return the ID token's claims."""
    keys = KeySet.import_key_set(requests.get(str(provider.metadata["jwks_uri"]), timeout=30).json())
    access = jwt.decode(response["access_token"], keys, algorithms=["RS256"])
    identity = jwt.decode(response["id_token"], keys, algorithms=["RS256"])
    assert access.header["alg"] == identity.header["alg"] == "RS256"
    assert access.claims["iss"] == identity.claims["iss"] == provider.issuer
    assert access.claims["aud"] == "api/fruit"
    assert access.claims["exp"] - access.claims["iat"] == 60
    assert set(access.claims["scope"].split()) == {"read:exotic-fruit", "write:usual-fruit"}
    assert identity.claims["aud"] == "ipyauth-demo"
    assert identity.claims["nonce"] == nonce
    assert identity.claims["nickname"] == access.claims["sub"] == identity.claims["sub"]
    return dict(identity.claims)


def at_hash(access_token: str) -> str:
    """Return the hash that ties an ID token to *access_token* (OpenID Connect Core, 3.2.2.9)."""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def test_issuer_has_no_trailing_slash_and_may_have_a_path(provider: OidcProvider) -> None:
    """Discovery names the issuer to the letter, and every endpoint lies under it."""
    assert provider.metadata["issuer"] == provider.issuer
    assert not provider.issuer.endswith("/")
    for endpoint in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        assert str(provider.metadata[endpoint]).startswith(provider.issuer + "/")


def test_implicit_flow_answers_in_the_fragment(provider: OidcProvider) -> None:
    """Signing in and consenting as Alice brings both tokens and the state in the callback's fragment."""
    state, nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    url = authorization_url(provider, response_type="id_token token", state=state, nonce=nonce)
    callback = visitor("alice").visit(url)
    assert isinstance(callback, str)
    response = dict(parse_qsl(urlsplit(callback).fragment))
    assert response["state"] == state
    assert response["token_type"] == "Bearer"
    assert response["expires_in"] == "60"
    claims = checked_claims(provider, response, nonce)
    assert claims["at_hash"] == at_hash(response["access_token"])


def test_implicit_flow_answers_by_form_post(provider: OidcProvider) -> None:
    """With `response_mode=form_post` the same comes as a form for the callback."""
    nonce = secrets.token_urlsafe(16)
    url = authorization_url(provider, response_type="id_token token", response_mode="form_post", state="s", nonce=nonce)
    page = visitor("bob").visit(url)
    assert isinstance(page, requests.Response)
    response = hidden_fields(page.text)
    assert response["state"] == "s"
    claims = checked_claims(provider, response, nonce)
    assert claims["at_hash"] == at_hash(response["access_token"])


def test_code_flow_with_pkce(provider: OidcProvider) -> None:
    """A code in the query is exchanged, with its verifier and without a secret, for tokens of the same shape."""
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    url = authorization_url(
        provider,
        response_type="code",
        state="s",
        nonce=nonce,
        code_challenge=challenge,
        code_challenge_method="S256",
    )
    callback = visitor("alice").visit(url)
    assert isinstance(callback, str)
    query = dict(parse_qsl(urlsplit(callback).query))
    assert query["state"] == "s"
    form = {
        "grant_type": "authorization_code",
        "client_id": "ipyauth-demo",
        "redirect_uri": CALLBACK,
        "code": query["code"],
        "code_verifier": verifier,
    }
    answer = requests.post(str(provider.metadata["token_endpoint"]), data=form, timeout=30)
    assert answer.status_code == 200, answer.text
    # No at_hash: from the token endpoint it is optional (OpenID Connect Core, 3.1.3.6).
    assert "at_hash" not in checked_claims(provider, answer.json(), nonce)


def test_unknown_audience_is_refused_in_the_fragment(provider: OidcProvider) -> None:
    """An audience that is no API of the provider comes back as `invalid_target`."""
    url = authorization_url(
        provider, response_type="id_token token", state="s", nonce=secrets.token_urlsafe(16), audience="api/nuts"
    )
    callback = visitor("alice").visit(url)
    assert isinstance(callback, str)
    assert dict(parse_qsl(urlsplit(callback).fragment))["error"] == "invalid_target"
