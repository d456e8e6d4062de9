"""`check`: what a provider's documents say that will work, as a table of rules and as a command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ipyauth_magic import cli
from ipyauth_magic.protocol.capabilities import Capability, can_sign_in, capabilities, client_to_register
from ipyauth_magic.protocol.flow import FLOWS
from ipyauth_magic.protocol.metadata import ProviderMetadata
from ipyauth_magic.provider import provider as provider_module
from tests.support.web import Web, serving

GOOD: dict[str, Any] = {
    "issuer": "https://issuer.example",
    "authorization_endpoint": "https://issuer.example/authorize",
    "jwks_uri": "https://issuer.example/keys",
    "response_types_supported": ["code", "id_token token"],
    "token_endpoint": "https://issuer.example/token",
    "code_challenge_methods_supported": ["S256"],
    "device_authorization_endpoint": "https://issuer.example/device",
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": ["openid", "offline_access"],
    "revocation_endpoint": "https://issuer.example/revoke",
    "end_session_endpoint": "https://issuer.example/logout",
    "userinfo_endpoint": "https://issuer.example/userinfo",
    "authorization_response_iss_parameter_supported": True,
}
SUBJECTS = ["code", "implicit", "device", "ID token", "renewal", "revocation", "sign-out", "userinfo", "issuer"]
JWK = {"kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}
METHODS = "token_endpoint_auth_methods_supported"
REDIRECT_URI = "http://127.0.0.1:8765/callback/"


def found_in(document: dict[str, Any]) -> dict[str, Capability]:
    """Return the capabilities by their subjects."""
    metadata = ProviderMetadata.from_document(document, "https://issuer.example")
    return {each.subject: each for each in capabilities(metadata)}


def test_a_provider_that_has_everything() -> None:
    """Every part works."""
    found = found_in(GOOD)
    assert [(name, each.works) for name, each in found.items()] == [(name, True) for name in SUBJECTS]
    assert can_sign_in(found.values())


@pytest.mark.parametrize("flow", FLOWS)
def test_each_flow_is_a_part(flow: str) -> None:
    """A new flow is listed too, and is enough by itself."""
    found = found_in(GOOD)
    others = {name: Capability(name, False, "") for name in FLOWS if name != flow}
    assert can_sign_in({**found, **others}.values())


def test_a_document_that_says_nothing() -> None:
    """What may be assumed is assumed by the standard only; all else is not said, or is not there."""
    required = {name: GOOD[name] for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")}
    said = {name: each.works for name, each in found_in(required).items()}
    works = {"code": True, "implicit": None, "device": False, "ID token": None, "renewal": None, "issuer": None}
    assert said == {**works, "revocation": False, "sign-out": False, "userinfo": False}


@pytest.mark.parametrize(
    ("subject", "change", "works", "words"),
    [
        ("code", {"response_types_supported": ["id_token"]}, False, "response type `code`"),
        ("code", {"token_endpoint": None}, False, "no token endpoint"),
        ("code", {"code_challenge_methods_supported": ["plain"]}, False, "S256 is not among them"),
        ("code", {"code_challenge_methods_supported": []}, True, "lists no PKCE methods"),
        ("implicit", {"response_types_supported": ["code", "token id_token"]}, True, "spelled `token id_token`"),
        ("implicit", {"response_types_supported": ["code", "token"]}, False, "`id_token token`"),
        ("ID token", {"id_token_signing_alg_values_supported": ["HS256"]}, False, "HS256"),
        ("ID token", {"id_token_signing_alg_values_supported": ["RS256", "HS256"]}, True, "set to HS256 is refused"),
        ("ID token", {"jwks_uri": None}, False, "no jwks_uri"),
        ("renewal", {"scopes_supported": ["openid"]}, None, "--renewable"),
        ("renewal", {"scopes_supported": None}, None, "--no-renewable"),
        ("sign-out", {"end_session_endpoint": None}, False, "own pages"),
        ("issuer", {"authorization_response_iss_parameter_supported": "true"}, None, "redirect URI of its own"),
    ],
)
def test_each_part_by_what_the_document_says(
    subject: str, change: dict[str, Any], works: bool | None, words: str
) -> None:
    """With the reason."""
    found = found_in({**GOOD, **change})[subject]
    assert found.works is works
    assert words in found.sentence


def test_which_client_to_register() -> None:
    """A public one; where the provider lists none, the place of the secret is named, and not its value."""
    sentences = [
        client_to_register(ProviderMetadata.from_document({**GOOD, **change}, "https://issuer.example"), REDIRECT_URI)
        for change in ({}, {METHODS: ["none"]}, {METHODS: ["client_secret_post"]})
    ]
    assert ["dotenv file" in sentence for sentence in sentences] == [False, False, True]
    assert all(REDIRECT_URI in sentence for sentence in sentences)


@pytest.fixture
def web() -> Iterator[Web]:
    """A provider that has a discovery document and a key that signs nothing."""
    provider_module._providers.clear()
    with serving() as running:
        document = {
            "issuer": running.url,
            "authorization_endpoint": f"{running.url}/authorize",
            "jwks_uri": f"{running.url}/keys",
            "token_endpoint": f"{running.url}/token",
            "response_types_supported": ["code"],
            "scopes_supported": ["openid\x1b[31m"],
        }
        running.answers["/.well-known/openid-configuration"] = (200, {}, json.dumps(document).encode())
        running.answers["/keys"] = (200, {}, json.dumps({"keys": [JWK]}).encode())
        yield running


def test_the_command(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks for the two documents and for nothing else, and prints all to standard error."""
    assert cli.main(["check", f"issuer={web.url}"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    first, *lines, last = shown.err.splitlines()
    assert first == web.url
    assert [line.split("  ")[1] for line in lines] == SUBJECTS
    assert "http://127.0.0.1:8765/callback/" in last
    assert "\x1b" not in shown.err
    assert web.asked == ["/.well-known/openid-configuration", "/keys"]


def test_a_provider_where_no_flow_works(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status says so."""
    status, headers, body = web.answers["/.well-known/openid-configuration"]
    assert isinstance(body, bytes)
    changed = {**json.loads(body), "id_token_signing_alg_values_supported": ["HS256"]}
    web.answers["/.well-known/openid-configuration"] = (status, headers, json.dumps(changed).encode())
    assert cli.main(["check", f"issuer={web.url}"]) == 1
    assert "HS256" in capsys.readouterr().err


def test_an_issuer_that_is_another(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    """The same words as at a sign-in."""
    web.answers["/other/.well-known/openid-configuration"] = web.answers["/.well-known/openid-configuration"]
    assert cli.main(["check", f"issuer={web.url}/other"]) == 1
    assert "names the issuer" in capsys.readouterr().err


def test_without_a_provider(capsys: pytest.CaptureFixture[str]) -> None:
    """Bad usage; a client ID is not missed."""
    assert cli.main(["check"]) == 2
    assert "client_id" not in capsys.readouterr().err
