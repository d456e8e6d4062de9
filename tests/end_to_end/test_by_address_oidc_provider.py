"""The fruit service as an API of an authorization server that nobody here wrote: its address is enough."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from ipyauth_magic import login
from ipyauth_magic.store import memory, registrations
from tests.service.running import running_service
from tests.support.auths import end_tokens, tokens_of
from tests.support.provider import OidcProvider
from tests.support.provider_browser import ProviderBrowser
from tests.support.scripted_browser import query_of


def test_api_of_oidc_provider(
    redirect_uri: str, alice: ProviderBrowser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider registers the client once; the token is for that API, and so is the next one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with OidcProvider([]) as provider, running_service(provider.issuer, leeway=0) as api:
        url = f"{api}/api/fruit"
        # This provider gives a refresh token only after a consent (OpenID Connect Core, 11).
        auth = login(url, redirect_uri=redirect_uri, store="memory", prompt="consent")
        asked = query_of(alice.opened[0])
        assert asked["resource"] == url
        assert asked["client_id"] not in ("", "ipyauth-demo")
        assert auth.logged_as == "alice"
        added = requests.post(url, json={"exotic": ["rambutan"]}, auth=auth, timeout=30).json()
        assert added["fruits_added"] == {"exotic": ["rambutan"]}

        tokens = tokens_of(auth)
        end_tokens(auth)
        renewed = requests.get(url, auth=auth, timeout=30)
        assert (renewed.status_code, renewed.json()["token_info"]["sub"]) == (200, "alice")
        assert auth.access_token != tokens.access_token

        # As in the next kernel.
        memory.SHARED.forget_all()
        registrations._made.clear()
        login(url, redirect_uri=redirect_uri, store="memory", prompt="consent")
        assert query_of(alice.opened[1])["client_id"] == asked["client_id"]
