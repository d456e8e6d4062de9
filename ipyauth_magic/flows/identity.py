"""Who signed in, where no ID token says it: what the userinfo endpoint tells (OpenID Connect Core, 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidResponse, ProviderError
from ..protocol.tokens import AccessToken
from ..provider.provider import Provider


def userinfo_of(provider: Provider, access_token: AccessToken) -> Mapping[str, Any]:
    """Return what *provider* says of the user of *access_token*; empty where it does not, or has no such endpoint.

    A token is good without a name: the sign-in does not fail.
    """
    try:
        return provider.userinfo(access_token, None)
    except (ProviderError, InvalidResponse):
        return {}
