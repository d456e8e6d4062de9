"""Auth0's own addresses, as its documentation gives them."""

from __future__ import annotations

import pytest

from ipyauth_magic.protocol import auth0


@pytest.mark.parametrize(
    ("domain", "issuer"),
    [
        ("tenant.eu.auth0.com", "https://tenant.eu.auth0.com/"),
        ("login.example.com", "https://login.example.com/"),
        ("http://localhost:5001", "http://localhost:5001/"),
    ],
)
def test_issuer_ends_with_a_slash(domain: str, issuer: str) -> None:
    """The `iss` of an ID token is compared with it to the letter (OpenID Connect Core, 3.1.3.7)."""
    assert auth0.issuer_of(domain) == issuer


def test_endpoints_stand_at_the_issuer() -> None:
    """No discovery document is needed to send the user there."""
    assert auth0.authorization_endpoint("https://tenant.eu.auth0.com/") == "https://tenant.eu.auth0.com/authorize"
    assert auth0.logout_endpoint("https://tenant.eu.auth0.com/") == "https://tenant.eu.auth0.com/v2/logout"
