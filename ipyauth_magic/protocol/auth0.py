"""What Auth0 does its own way, where `domain` is given; any other provider publishes it (OpenID Connect Discovery)."""

from __future__ import annotations

TOO_MANY_REQUESTS = "too_many_requests"
"""The error code of a token endpoint that is busy; RFC 6749 (5.2) has none."""


def issuer_of(domain: str) -> str:
    """Return the issuer at *domain*, which ends with a slash; a local one comes with its scheme."""
    return f"{domain}/" if domain.startswith("http") else f"https://{domain}/"


def authorization_endpoint(issuer: str) -> str:
    """Return the authorization endpoint, which is known before any document has been loaded."""
    return f"{issuer}authorize"


def logout_endpoint(issuer: str) -> str:
    """Return the endpoint that ends the user's session; the discovery document names it for some tenants only."""
    return f"{issuer}v2/logout"
