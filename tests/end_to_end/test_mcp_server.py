"""The Model Context Protocol's own Python SDK: its server is found by its address, and its client uses the token."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, login
from tests.support.mcp_server import mcp_server
from tests.support.strict_api import expiry
from tests.support.threads import until
from tests.support.user_browser import UserBrowser

LIFETIME = 10
"""Seconds of an access token. A renewal is due one second earlier."""


async def call(url: str, auth: Auth) -> str:
    """Return what the tool of the server at *url* answers."""
    async with (
        httpx2.AsyncClient(auth=auth.httpx(), timeout=30, trust_env=False) as http_client,
        Client(streamable_http_client(url, http_client=http_client)) as client,
    ):
        answer = await client.call_tool("fruits", {})
    [content] = answer.content
    return str(content.text)


def test_server_of_the_sdk(redirect_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is enough: a user signs in with Chromium, and the tool answers, after the token's end too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    browser = UserBrowser(tmp_path / "browser")
    monkeypatch.setenv("BROWSER", browser.command.removesuffix(" &"))  # a thread of ours waits for its end
    with LocalIssuer(0, [], LIFETIME) as issuer, mcp_server(issuer.issuer) as (url, verifier):
        auth = login(url, redirect_uri=redirect_uri, store="memory")
        assert browser.sign_in().outcome == "done"
        assert "read:usual-fruit" in auth.scope.split()
        assert asyncio.run(call(url, auth)) == "kiwi"
        first = verifier.tokens[-1]
        until(lambda: time.time() > expiry(first), 5 * LIFETIME)
        assert asyncio.run(call(url, auth)) == "kiwi"
    assert verifier.tokens[-1] != first
