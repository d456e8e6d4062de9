"""Which flow, which scopes, which prompt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.flows.authorization import authorization_request
from ipyauth_magic.protocol.flow import CODE, DEVICE, IMPLICIT, Grant
from tests.support.auths import card_of, params_of
from tests.support.scripted_browser import ScriptedBrowser, query_of

MakeParams = Callable[..., ParamsAuth0]


@pytest.mark.parametrize(
    ("response_type", "flow", "renewable", "grant"),
    [
        ("token id_token", None, True, Grant(IMPLICIT, renewable=False)),
        ("code", None, True, Grant(CODE, renewable=True)),
        ("code", None, False, Grant(CODE, renewable=False)),
        ("token id_token", "device", True, Grant(DEVICE, renewable=True)),
    ],
)
def test_the_grant(response_type: str, flow: str | None, renewable: bool, grant: Grant) -> None:
    """The flow goes before the response type; implicit has no refresh token (RFC 6749, 4.2.2)."""
    assert Grant.of(response_type, flow, renewable) == grant


def test_offline_access_is_asked_for_once() -> None:
    """OpenID Connect Core, section 11."""
    assert Grant(CODE).scope("openid a") == "openid a offline_access"
    assert Grant(CODE).scope("openid offline_access") == "openid offline_access"
    assert Grant(CODE, renewable=False).scope("openid") == "openid"


@pytest.mark.parametrize(
    ("grant", "named_by", "own", "is_repeated", "prompt"),
    [
        (Grant(CODE), "issuer", None, False, "consent"),
        (Grant(CODE), "domain", None, False, None),
        (Grant(CODE), "issuer", "login", False, "login"),
        (Grant(CODE), "issuer", None, True, None),
        (Grant(CODE), "issuer", "login", True, "login"),
        (Grant(CODE, renewable=False), "issuer", None, False, None),
        (Grant(IMPLICIT, renewable=False), "issuer", None, False, None),
    ],
)
def test_the_prompt(grant: Grant, named_by: str, own: str | None, is_repeated: bool, prompt: str | None) -> None:
    """Consent for a refresh token, unless Auth0 gives one without; the user's own prompt goes first.

    A repeated sign-in is a plain request: a provider that knows the user still answers it at once.
    """
    where = {"issuer": "https://idp.example/"} if named_by == "issuer" else {"domain": "idp.example"}
    params = ParamsAuth0(**where, client_id="c", response_type=str(grant.flow.response_type), prompt=own)
    request = authorization_request(params, grant, "http://127.0.0.1:8765/", grant.flow.response_mode, is_repeated)
    assert dict(request.passed_on).get("prompt") == prompt


def test_flow_overrides_the_response_type(params: MakeParams) -> None:
    """With the response mode that suits; `explain()` tells where it comes from."""
    auth = Auth(params(), flow="code")
    assert (params_of(auth).response_type, params_of(auth).response_mode) == ("code", "query")
    assert ("response_type", "code", "flow") in params_of(auth).explain()
    back = Auth(params(response_type="code", response_mode="query"), flow="implicit")
    assert (params_of(back).response_type, params_of(back).response_mode) == ("token id_token", "fragment")
    kept = Auth(params(response_mode="form_post"), flow="code")
    assert params_of(kept).response_mode == "form_post"
    with pytest.raises(ValueError, match="device"):
        Auth(params(), flow="password")


def test_the_magic_takes_the_flow(shell: object, cell: Callable[..., str], user_browser: ScriptedBrowser) -> None:
    """`--flow code` in a cell whose parameters say nothing; the card says that it renews."""
    result = shell.run_cell(cell("--flow code --no-renewable"))  # type: ignore[attr-defined]
    assert result.success
    assert query_of(user_browser.opened[0])["response_type"] == "code"
    assert "offline_access" not in query_of(user_browser.opened[0])["scope"]


def test_implicit_is_advised_against_once(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """One card of a session says in one line why `--flow code` is better; it goes on saying it."""
    SESSION._advised = None
    first, second = Auth(params()).sign_in(), Auth(params(scope="write:usual-fruit")).sign_in()
    notes = [card_of(auth).note for auth in (first, second, first)]
    assert ["--flow code" in note for note in notes] == [True, False, True]
