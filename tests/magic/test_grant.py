"""Which flow, which scopes, which prompt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.flows.authorization import authorization_request
from ipyauth_magic.protocol.flow import CODE, DEVICE, IMPLICIT, Grant
from ipyauth_magic.protocol.messages import AuthorizationRequest
from ipyauth_magic.protocol.metadata import ProviderMetadata
from tests.support.auths import card_of, params_of
from tests.support.scripted_browser import ScriptedBrowser, query_of

MakeParams = Callable[..., ParamsAuth0]


@pytest.mark.parametrize(
    ("response_type", "flow", "renewable", "grant"),
    [
        ("token id_token", None, None, Grant(IMPLICIT, renewable=False)),
        ("token id_token", None, True, Grant(IMPLICIT, renewable=False)),
        ("code", None, None, Grant(CODE)),
        ("code", None, True, Grant(CODE, renewable=True)),
        ("code", None, False, Grant(CODE, renewable=False)),
        ("token id_token", "device", True, Grant(DEVICE, renewable=True)),
    ],
)
def test_the_grant(response_type: str, flow: str | None, renewable: bool | None, grant: Grant) -> None:
    """The flow goes before the response type; implicit has no refresh token (RFC 6749, 4.2.2)."""
    assert Grant.of(response_type, flow, renewable) == grant


KNOWN, UNKNOWN, SILENT = ("openid", "offline_access"), ("openid", "profile"), ()


@pytest.mark.parametrize(
    ("renewable", "announced", "scope", "asked"),
    [
        (None, KNOWN, "openid a", "openid a offline_access"),
        (None, UNKNOWN, "openid a", "openid a"),
        (None, SILENT, "openid a", "openid a offline_access"),
        (None, KNOWN, "a", "a offline_access"),
        (None, SILENT, "a", "a"),
        (True, UNKNOWN, "openid", "openid offline_access"),
        (True, SILENT, "a", "a offline_access"),
        (False, KNOWN, "openid", "openid"),
        (None, UNKNOWN, "openid offline_access", "openid offline_access"),
        (None, KNOWN, "openid offline_access", "openid offline_access"),
    ],
)
def test_offline_access_is_asked_for_where_it_cannot_fail_the_sign_in(
    renewable: bool | None, announced: tuple[str, ...], scope: str, asked: str
) -> None:
    """OpenID Connect Core, section 11: by default where the provider knows it, or says nothing; what is typed is sent.

    Without `openid` a provider that says nothing is not taken for one of OpenID Connect.
    """
    assert Grant(CODE, renewable).scope(scope, announced) == asked


def request_of(grant: Grant, metadata: ProviderMetadata | None = None, **given: str) -> AuthorizationRequest:
    """Return the authorization request to Auth0, or to the provider with this *metadata*."""
    where = {"domain": "idp.example"} if metadata is None else {"issuer": metadata.issuer}
    params = ParamsAuth0(**{"client_id": "c", "response_type": str(grant.flow.response_type)} | where | given)
    if not given.get("response_type"):
        params = params.with_response_type(str(grant.flow.response_type), "flow")
    return authorization_request(params, grant, "http://127.0.0.1:8765/", grant.flow.response_mode, metadata)


def metadata_of(**announced: tuple[str, ...]) -> ProviderMetadata:
    """Return what a provider says of itself."""
    issuer = "https://idp.example"
    return ProviderMetadata(issuer, f"{issuer}/authorize", f"{issuer}/jwks", **announced)


@pytest.mark.parametrize("grant", [Grant(CODE), Grant(CODE, renewable=True), Grant(IMPLICIT, renewable=False)])
@pytest.mark.parametrize("metadata", [None, metadata_of(), metadata_of(scopes_supported=KNOWN)])
def test_the_prompt_is_the_users(grant: Grant, metadata: ProviderMetadata | None) -> None:
    """`prompt=consent` shuts users out whose company alone may consent, so no prompt is sent by itself."""
    assert "prompt" not in dict(request_of(grant, metadata).passed_on)
    assert dict(request_of(grant, metadata, prompt="consent").passed_on)["prompt"] == "consent"


def test_auth0_is_known_to_know_offline_access() -> None:
    """Its link goes out before its document is there."""
    assert "offline_access" in request_of(Grant(CODE)).scope.split()
    assert "offline_access" not in request_of(Grant(CODE), metadata_of(scopes_supported=UNKNOWN)).scope.split()


@pytest.mark.parametrize(
    ("metadata", "typed", "sent"),
    [
        (None, "", "token id_token"),
        (None, "id_token token", "id_token token"),
        (metadata_of(), "", "id_token token"),
        (metadata_of(response_types_supported=("code", "token id_token")), "", "token id_token"),
        (metadata_of(response_types_supported=("code", "id_token token")), "", "id_token token"),
        (metadata_of(response_types_supported=("code", "id_token")), "", "id_token token"),
        (metadata_of(response_types_supported=("code", "id_token token")), "token  id_token", "token id_token"),
    ],
)
def test_the_response_type_is_spelled_as_the_provider_announces_it(
    metadata: ProviderMetadata | None, typed: str, sent: str
) -> None:
    """The order of its words means nothing (RFC 6749, 3.1.1), and some providers compare the text."""
    given = {"response_type": typed} if typed else {}
    assert request_of(Grant(IMPLICIT, renewable=False), metadata, **given).response_type == sent


def test_flow_overrides_the_response_type(params: MakeParams) -> None:
    """With the response mode that suits; `explain()` tells where it comes from."""
    auth = Auth(params(), flow="code")
    assert (params_of(auth).response_type, params_of(auth).response_mode) == ("code", "query")
    explained = params_of(auth).explain()
    assert {("response_type", "code", "keyword, by flow"), ("flow", "code", "keyword")} <= set(explained)
    back = Auth(params(response_type="code", response_mode="query"), flow="implicit")
    assert (params_of(back).response_type, params_of(back).response_mode) == ("token id_token", "fragment")
    kept = Auth(params(response_mode="form_post"), flow="code")
    assert params_of(kept).response_mode == "form_post"
    with pytest.raises(InvalidParams, match="device"):
        Auth(params(), flow="password")


def test_the_magic_takes_the_flow(shell: object, cell: Callable[..., str], user_browser: ScriptedBrowser) -> None:
    """`--flow code` in a cell whose parameters say nothing; the card says that it renews."""
    result = shell.run_cell(cell("--flow code --no-renewable"))
    assert result.success
    assert query_of(user_browser.opened[0])["response_type"] == "code"
    assert "offline_access" not in query_of(user_browser.opened[0])["scope"]


def test_implicit_is_advised_against_once(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """One card of a session says in one line why `--flow code` is better; it goes on saying it."""
    SESSION._advised = None
    first, second = Auth(params()).sign_in(), Auth(params(scope="write:usual-fruit")).sign_in()
    notes = [card_of(auth).note for auth in (first, second, first)]
    assert ["--flow code" in note for note in notes] == [True, False, True]
