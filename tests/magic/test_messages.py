"""Authorization request and response, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from ipyauth_magic.errors import InvalidResponse, ProviderRefused
from ipyauth_magic.protocol.messages import AuthorizationRequest, MalformedResponse, parse_response
from tests.support.scripted_browser import query_of

ISSUER = "https://issuer.test/"


def request(**changes: Any) -> AuthorizationRequest:
    """Return a request with these changes."""
    values = {
        "response_type": "token id_token",
        "response_mode": "fragment",
        "client_id": "client",
        "redirect_uri": "http://127.0.0.1:8765/callback/",
        "scope": "openid profile read:x",
        "issuer": ISSUER,
    }
    return AuthorizationRequest(**(values | changes))


GOOD = {"access_token": "at", "id_token": "it", "token_type": "Bearer", "expires_in": "60"}


def test_the_url_carries_what_the_standard_asks_for() -> None:
    """RFC 6749, 4.2.1, and OpenID Connect Core, 3.2.2.1; `audience` and what is passed on beside it."""
    asked = request(audience="api/fruit", passed_on=(("prompt", "login"), ("connection", "a&b=c")))
    assert query_of(asked.url("https://issuer.test/authorize")) == {
        "response_type": "token id_token",
        "response_mode": "fragment",
        "client_id": "client",
        "redirect_uri": "http://127.0.0.1:8765/callback/",
        "scope": "openid profile read:x",
        "state": asked.state,
        "nonce": asked.nonce,
        "audience": "api/fruit",
        "prompt": "login",
        "connection": "a&b=c",
    }


def test_without_openid_there_is_no_nonce() -> None:
    """OpenID Connect Core, 3.1.2.1: it is for the ID token."""
    assert "nonce" not in query_of(request(scope="read:x").url("https://issuer.test/authorize"))


def test_an_endpoint_may_have_a_query() -> None:
    """RFC 6749, 3.1: it must be retained."""
    assert request().url("https://issuer.test/authorize?tenant=1").count("?") == 1


def test_state_and_nonce_are_fresh_and_long() -> None:
    """At least 128 bits each, never twice, never in a repr."""
    made = [request() for _ in range(100)]
    values = {each.state for each in made} | {each.nonce for each in made}
    assert len(values) == 200
    assert min(len(value) for value in values) * 6 >= 128
    assert not any(each.state in repr(each) or each.nonce in repr(each) for each in made)


def test_a_good_response() -> None:
    """Its scope is the requested one where it is silent (RFC 6749, 3.3)."""
    response = request().validate(GOOD)
    assert (response.access_token, response.id_token, response.expires_in) == ("at", "it", 60)
    assert response.scope == "openid profile read:x"
    assert "at" not in repr(response).replace("access_token", "").replace("state", "").replace("at 0x", "")


def test_a_reduced_scope_is_the_granted_one() -> None:
    """What the provider says counts."""
    assert request().validate(GOOD | {"scope": "openid"}).scope == "openid"


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_the_token_type_is_compared_without_case(token_type: str) -> None:
    """RFC 6749, 5.1."""
    assert request().validate(GOOD | {"token_type": token_type}).access_token == "at"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"access_token": None}, "access_token"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": "a\r\nX: 1"}, "access_token"),
        ({"access_token": "a b"}, "access_token"),
        ({"access_token": "ä"}, "access_token"),
        ({"id_token": None}, "id_token"),
        ({"id_token": "\x00"}, "id_token"),
        ({"token_type": None}, "token_type"),
        ({"token_type": "mac"}, "token_type"),
        ({"expires_in": "-5"}, "expires_in"),
        ({"expires_in": "soon"}, "expires_in"),
        ({"expires_in": "1e3"}, "expires_in"),
        ({"expires_in": ""}, "expires_in"),
        ({"expires_in": "0"}, "expires_in"),
        ({"expires_in": "60.5"}, "expires_in"),
        ({"iss": "https://evil.test/"}, "iss"),
        ({"iss": ISSUER.rstrip("/")}, "iss"),
    ],
)
def test_a_response_that_breaks_its_standard(change: dict[str, str | None], check: str) -> None:
    """Each is refused, and the error names the parameter without its value."""
    parameters = {name: value for name, value in (GOOD | change).items() if value is not None}
    with pytest.raises(InvalidResponse) as caught:
        request().validate(parameters)
    assert caught.value.check == check


def test_a_lifetime_with_a_point() -> None:
    """Some providers write `60.0`, in the fragment too."""
    assert request().validate({**GOOD, "expires_in": "60.0"}).expires_in == 60


def test_an_absent_expires_in_is_not_an_error() -> None:
    """RFC 6749, 4.2.2: it is recommended only."""
    assert request().validate({k: v for k, v in GOOD.items() if k != "expires_in"}).expires_in is None


def test_a_promised_iss_must_be_there() -> None:
    """RFC 9207, 2.4; an ID token in the response is another way to name the issuer (section 4)."""
    assert request().validate(GOOD | {"iss": ISSUER}, iss_promised=True).access_token == "at"
    assert request().validate(GOOD, iss_promised=True).access_token == "at"
    with pytest.raises(InvalidResponse, match="does not name its issuer"):
        request().validate_code({"code": "x"}, iss_promised=True)


def test_an_error_without_the_promised_iss_tells_both() -> None:
    """It may be another provider's, so it is not believed; but the user needs it to find the cause."""
    with pytest.raises(
        InvalidResponse, match=r"does not name its issuer.*refused the sign-in \(access_denied: not you\)"
    ):
        request().validate({"error": "access_denied", "error_description": "not you"}, iss_promised=True)


def test_an_error_wins_over_tokens_and_is_made_plain() -> None:
    """Control characters and reversed text are gone, and at most 300 characters stay."""
    with pytest.raises(ProviderRefused) as caught:
        request().validate(GOOD | {"error": "access_denied", "error_description": "no\x1b[31m\u202e way\n" + "x" * 999})
    assert caught.value.error == "access_denied"
    assert caught.value.error_description is not None
    assert caught.value.error_description.startswith("no [31m way xxx")
    assert len(caught.value.error_description) == 300
    assert "allow the request" in str(caught.value)


@pytest.mark.parametrize(
    "encoded",
    ["", "abc", "a=1&a=1", "state=1&state=2", "a=%ff", "&".join(f"p{i}=1" for i in range(101)), "a=1&&", "\x00"],
)
def test_what_is_no_response_at_all(encoded: str) -> None:
    """Empty, not a form, a parameter twice, not UTF-8, too many parameters."""
    with pytest.raises(MalformedResponse):
        parse_response(encoded)


def test_a_response_is_decoded_as_a_form() -> None:
    """RFC 6749, appendix B: a plus is a space."""
    assert parse_response("error_description=not+now%21&error=x") == {"error_description": "not now!", "error": "x"}
