"""The userinfo endpoint: asked with the access token, believed only about the user of the ID token."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import InvalidResponse, IpyauthError, NotSignedIn, ProviderError, ProviderUnreachable
from tests.support.auths import is_good
from tests.support.scripted_browser import ScriptedBrowser


@pytest.fixture
def auth(issuer: LocalIssuer, params: Callable[..., ParamsAuth0], user_browser: ScriptedBrowser) -> Iterator[Auth]:
    """A sign-in of alice; what a test has planned at the issuer ends with it."""
    yield Auth(params()).sign_in()
    issuer.switches.restore()


def test_the_claims_are_those_of_the_user(auth: Auth) -> None:
    """A plain dict, asked anew at each call."""
    claims = auth.userinfo()
    assert type(claims) is dict
    assert claims["sub"] == auth.claims["sub"]
    assert claims["nickname"] == "alice"


def test_nobody_signed_in(params: Callable[..., ParamsAuth0]) -> None:
    """Nothing is asked, and no browser opens."""
    with pytest.raises(NotSignedIn):
        Auth(params()).userinfo()


@pytest.mark.parametrize(
    "body", [{"sub": "auth0|bob", "nickname": "bob"}, {"nickname": "alice"}, {"sub": ["auth0|alice"]}]
)
def test_claims_about_somebody_else_are_dropped(body: object, auth: Auth, issuer: LocalIssuer) -> None:
    """OpenID Connect Core, 5.3.2: another `sub`, or none, must not be used."""
    issuer.switches.answer("/userinfo", 200, body)
    with pytest.raises(InvalidResponse, match="are not used") as caught:
        auth.userinfo()
    assert caught.value.check == "sub"


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "sentence"),
    [
        (401, b"", {}, ProviderError, "rejected the access token"),
        (403, b"", {}, ProviderError, "needs the scope `openid`"),
        (404, b"", {}, ProviderError, "answered 404"),
        (302, b"", {"Location": "https://evil.test/"}, ProviderError, "answered 302"),
        (503, b"", {}, ProviderUnreachable, "busy"),
        (429, b"", {}, ProviderUnreachable, "busy"),
        (200, b"eyJhbGciOiJSUzI1NiJ9.e30.c2ln", {"Content-Type": "application/jwt"}, ProviderError, "plain JSON"),
        (200, b"<html>", {"Content-Type": "text/html"}, ProviderError, "is not JSON"),
        (200, b"[]", {}, ProviderError, "is not a JSON object"),
        (200, b" " * (1024 * 1024 + 1), {}, ProviderError, "larger than 1 MiB"),
    ],
)
def test_other_answers_are_told_in_a_sentence(
    status: int,
    body: bytes,
    headers: dict[str, str],
    error: type[IpyauthError],
    sentence: str,
    auth: Auth,
    issuer: LocalIssuer,
) -> None:
    """And the sign-in stays as it is."""
    issuer.switches.answer("/userinfo", status, body, headers)
    with pytest.raises(error, match=sentence):
        auth.userinfo()
    assert is_good(auth)
    assert auth.userinfo()["nickname"] == "alice"


def test_no_error_carries_a_frame_with_the_token(auth: Auth, issuer: LocalIssuer) -> None:
    """`%xmode Verbose` prints every variable of every frame."""
    issuer.switches.drop("/userinfo")
    with pytest.raises(ProviderUnreachable) as caught:
        auth.userinfo()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert str(auth.access_token) not in "".join(told.format())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
