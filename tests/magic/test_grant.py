"""Which flow, which scopes, which prompt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.protocol.grant import Grant
from tests.support.scripted_browser import ScriptedBrowser, query_of

MakeParams = Callable[..., ParamsAuth0]


@pytest.mark.parametrize(
    ("response_type", "flow", "renewable", "grant"),
    [
        ("token id_token", None, True, Grant("implicit", renewable=False)),
        ("code", None, True, Grant("code", renewable=True)),
        ("code", None, False, Grant("code", renewable=False)),
        ("token id_token", "device", True, Grant("device", renewable=True)),
    ],
)
def test_the_grant(response_type: str, flow: str | None, renewable: bool, grant: Grant) -> None:
    """The flow goes before the response type; implicit has no refresh token (RFC 6749, 4.2.2)."""
    assert Grant.of(response_type, flow, renewable) == grant


def test_offline_access_is_asked_for_once() -> None:
    """OpenID Connect Core, section 11."""
    assert Grant("code").scope("openid a") == "openid a offline_access"
    assert Grant("code").scope("openid offline_access") == "openid offline_access"
    assert Grant("code", renewable=False).scope("openid") == "openid"


@pytest.mark.parametrize(
    ("grant", "needs_consent", "own", "prompt"),
    [
        (Grant("code"), True, None, "consent"),
        (Grant("code"), False, None, None),
        (Grant("code"), True, "login", "login"),
        (Grant("code", renewable=False), True, None, None),
        (Grant("implicit", renewable=False, silent=True), False, None, "none"),
        (Grant("code", silent=True), True, "login", "none"),
    ],
)
def test_the_prompt(grant: Grant, needs_consent: bool, own: str | None, prompt: str | None) -> None:
    """The user's own goes first, unless nobody is to be asked."""
    passed_on = (("login_hint", "a"), *([("prompt", own)] if own else []))
    assert dict(grant.passed_on(passed_on, needs_consent)).get("prompt") == prompt


def test_flow_overrides_the_response_type(params: MakeParams) -> None:
    """With the response mode that suits; `explain()` tells where it comes from."""
    auth = Auth(params(), flow="code")
    assert (auth.params.response_type, auth.params.response_mode) == ("code", "query")
    assert ("response_type", "code", "flow") in auth.params.explain()
    back = Auth(params(response_type="code", response_mode="query"), flow="implicit")
    assert (back.params.response_type, back.params.response_mode) == ("token id_token", "fragment")
    kept = Auth(params(response_mode="form_post"), flow="code")
    assert kept.params.response_mode == "form_post"
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
    from ipyauth_magic.flows import session as sign_ins

    sign_ins._advised = None
    first, second = Auth(params()).sign_in(), Auth(params(scope="write:usual-fruit")).sign_in()
    notes = [auth.card().note for auth in (first, second, first)]
    assert ["--flow code" in note for note in notes] == [True, False, True]
