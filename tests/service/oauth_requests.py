"""Requests of a client to the local issuer, as a test sends them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import requests
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from joserfc import jwt
from joserfc.jwk import KeySet

from fruit_service.issuer.directory import CALLBACK_URLS
from fruit_service.issuer.server import LocalIssuer
from tests.support.form_browser import FormBrowser

CALLBACK = CALLBACK_URLS[0]
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
SCOPE = "openid profile email read:usual-fruit"
IMPLICIT = {"response_type": "token id_token", "nonce": "n-1", "state": "st 1", "audience": "api/fruit", "scope": SCOPE}
CODE = {
    "response_type": "code",
    "state": "st 1",
    "nonce": "n-1",
    "audience": "api/fruit",
    "scope": SCOPE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
OFFLINE = {**CODE, "scope": f"{SCOPE} offline_access"}


def authorize(issuer: LocalIssuer, parameters: dict[str, str], **changes: str) -> str:
    """Return the URL of an authorization request."""
    request = {"client_id": issuer.client_id, "redirect_uri": CALLBACK, **parameters, **changes}
    return f"{issuer.issuer}authorize?{urlencode(request)}"


def claims(issuer: LocalIssuer, token: str) -> dict[str, Any]:
    """Return the verified claims of a token of the issuer."""
    jwks = KeySet.import_key_set(requests.get(f"{issuer.issuer}.well-known/jwks.json", timeout=5).json())
    return dict(jwt.decode(token, jwks, algorithms=["RS256"]).claims)


def exchange(issuer: LocalIssuer, code: str, **changes: str) -> requests.Response:
    """Send a token request."""
    form = {
        "grant_type": "authorization_code",
        "client_id": issuer.client_id,
        "redirect_uri": CALLBACK,
        "code": code,
        "code_verifier": VERIFIER,
    }
    return requests.post(f"{issuer.issuer}oauth/token", {**form, **changes}, timeout=5)


def sign_in(issuer: LocalIssuer, **changes: str) -> dict[str, Any]:
    """Return the tokens of a sign-in with `offline_access` at an issuer that approves by itself."""
    code = FormBrowser(issuer.issuer).open(authorize(issuer, OFFLINE, **changes)).parameters["code"]
    response = exchange(issuer, code, client_id=changes.get("client_id", issuer.client_id))
    assert response.status_code == 200
    return dict(response.json())


def refresh(issuer: LocalIssuer, refresh_token: str, **changes: str) -> requests.Response:
    """Send a refresh request."""
    form = {"grant_type": "refresh_token", "client_id": issuer.client_id, "refresh_token": refresh_token}
    return requests.post(f"{issuer.issuer}oauth/token", {**form, **changes}, timeout=5)


def ask_for_codes(issuer: LocalIssuer, **changes: str) -> requests.Response:
    """Send a device authorization request."""
    form = {"client_id": issuer.client_id, "scope": OFFLINE["scope"], "audience": "api/fruit"}
    return requests.post(f"{issuer.issuer}oauth/device/code", {**form, **changes}, timeout=5)


def poll(issuer: LocalIssuer, device_code: str, **changes: str) -> requests.Response:
    """Ask for the tokens of a device."""
    form = {"grant_type": DEVICE_CODE_GRANT_TYPE, "client_id": issuer.client_id, "device_code": device_code}
    return requests.post(f"{issuer.issuer}oauth/token", {**form, **changes}, timeout=5)


def revoke(issuer: LocalIssuer, token: str, **changes: str) -> requests.Response:
    """Send a revocation request."""
    form = {"client_id": issuer.client_id, "token": token, **changes}
    return requests.post(f"{issuer.issuer}oauth/revoke", form, timeout=5)


def run_together(count: int, act: Callable[[], None]) -> None:
    """Run *act* in that many threads at once."""
    threads = [threading.Thread(target=act) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
