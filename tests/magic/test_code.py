"""The authorization code grant with PKCE, against the local issuer and a scripted browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.auth import Auth, authenticator_of
from ipyauth_magic.display.view import view_of
from ipyauth_magic.errors import (
    InvalidIdToken,
    InvalidResponse,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    SignInTimeout,
)
from ipyauth_magic.protocol.added_scopes import advice_about
from ipyauth_magic.protocol.pkce import code_challenge, new_code_verifier
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.settings.params import ParamsAuth0
from tests.support.attempts import Attempt
from tests.support.auths import card_of, sign_in_of
from tests.support.scripted_browser import ScriptedBrowser, query_of

DISCOVERY = "/.well-known/openid-configuration"
MakeParams = Callable[..., ParamsAuth0]
SignIn = Callable[[ParamsAuth0, ScriptedBrowser], TokenSet]


@pytest.fixture
def in_code(params: MakeParams) -> MakeParams:
    """Return a maker of parameters for the code grant."""
    return lambda **changes: params(response_type="code", **changes)


def test_code_challenge_is_the_one_in_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_fresh_and_does_not_show() -> None:
    """RFC 7636, 4.1: 43 to 128 characters; no part of it in a `repr`."""
    first, second = new_code_verifier(), new_code_verifier()
    assert first != second
    assert len(first) == 43
    assert str(first) not in repr(first)


@pytest.mark.parametrize("response_mode", ["query", "fragment", "form_post"])
def test_signing_in_with_a_code(response_mode: str, in_code: MakeParams, sign_in: SignIn) -> None:
    """The code comes in every mode; the tokens never pass the browser."""
    browser = ScriptedBrowser()
    tokens = sign_in(in_code(response_mode=response_mode), browser)
    assert tokens.logged_as == "alice"
    assert tokens.refresh_token is None
    asked = query_of(browser.opened[0])
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert all(str(tokens.access_token) not in text for text in browser.seen + browser.opened)
    assert "offline_access" not in asked["scope"]


@pytest.fixture
def from_issuer(own_issuer: LocalIssuer, in_code: MakeParams) -> MakeParams:
    """Return a maker of parameters for an issuer of the test's own, given by `issuer`."""
    here = {"domain": None, "issuer": own_issuer.issuer, "redirect_uri": own_issuer.callback_urls[0]}
    return lambda **changes: in_code(**(here | changes))


def announcing(issuer: LocalIssuer, **members: Any) -> None:
    """Let the discovery document of *issuer* have other *members*."""
    document = requests.get(issuer.issuer.rstrip("/") + DISCOVERY, timeout=20).json()
    issuer.switches.answer(DISCOVERY, 200, document | members, times=99)


KNOWN, UNKNOWN = ["openid", "profile", "offline_access"], ["openid", "profile"]


@pytest.mark.parametrize(
    ("announced", "renewable", "is_asked"),
    [(KNOWN, None, True), (UNKNOWN, None, False), (UNKNOWN, True, True), (KNOWN, False, False)],
)
def test_offline_access_is_asked_for_where_the_provider_knows_it(
    announced: list[str],
    renewable: bool | None,
    is_asked: bool,
    own_issuer: LocalIssuer,
    from_issuer: MakeParams,
    user_browser: ScriptedBrowser,
) -> None:
    """By its document, which comes before the link; the card names what was asked for, and says if no token came."""
    announcing(own_issuer, scopes_supported=announced)
    auth = Auth(from_issuer(), flow="code", renewable=renewable).sign_in()
    assert ("offline_access" in query_of(user_browser.opened[0])["scope"].split()) is is_asked
    assert ("offline_access" in sign_in_of(auth).progress.scope.split()) is is_asked
    rows = dict(card_of(auth).rows)
    assert ("Renewal" in rows) is (not is_asked and renewable is None)
    if "Renewal" in rows:
        assert all(each in rows["Renewal"] for each in ("prompt=consent", "access_type=offline", "--renewable --force"))
        assert rows["Renewal"] in card_of(auth).text()
        assert view_of(authenticator_of(auth)).state()["renewal"] == rows["Renewal"]


def test_auth0s_own_settings_are_named_where_no_refresh_token_came(
    own_issuer: LocalIssuer, from_issuer: MakeParams, user_browser: ScriptedBrowser
) -> None:
    """With `domain`."""
    own_issuer.switches.allow_offline_access = False
    auth = Auth(from_issuer(issuer=None, domain=own_issuer.issuer.rstrip("/")), flow="code").sign_in()
    assert "Allow Offline Access" in dict(card_of(auth).rows)["Renewal"]


REFUSED = {"error": "invalid_scope", "error_description": "unsupported"}


@pytest.mark.parametrize(
    ("refused", "changes", "renewable", "named"),
    [
        (REFUSED, {}, None, {"--no-renewable", "default_scope"}),
        ({"error": "not_allowed"}, {}, None, {"--no-renewable", "default_scope"}),
        (REFUSED, {}, False, {"default_scope"}),
        (REFUSED, {"scope": "openid profile"}, False, set()),
        (REFUSED, {"default_scope": "openid"}, False, set()),
        (REFUSED, {"scope": "openid profile offline_access"}, None, set()),
        ({"error": "login_required"}, {}, None, set()),
    ],
)
def test_a_refusal_names_the_scopes_that_the_user_did_not_write(
    refused: dict[str, str],
    changes: dict[str, str],
    renewable: bool | None,
    named: set[str],
    own_issuer: LocalIssuer,
    from_issuer: MakeParams,
) -> None:
    """And which option leaves them out; a default of ours may be why."""

    def refuse(parameters: dict[str, str]) -> dict[str, str]:
        return refused | {name: parameters[name] for name in ("state", "iss")}

    attempt = Attempt(from_issuer(response_mode="fragment", **changes), 30, flow="code", renewable=renewable)
    attempt.wait_for_url(10)
    answer = ScriptedBrowser(change=refuse).open(str(attempt.url))
    with pytest.raises(ProviderRefused) as caught:
        attempt.result()
    attempt.join()
    assert {each for each in ("--no-renewable", "default_scope") if each in str(caught.value)} == named
    assert caught.value.error == refused["error"]
    assert json.loads(answer.text)["message"] == str(caught.value)


@pytest.mark.parametrize(
    ("description", "said"),
    [
        (None, "short"),
        ("Policy evaluation failed for this request", "short"),
        ("The resource owner or authorization server denied the request.", "short"),
        ("User is not assigned to the client application.", "short"),
        ("User did not authorize the request", ""),
        ("The user denied your request", ""),
        ("AADSTS65004: User declined to consent to access the app.", ""),
        ("Consent was not granted by the user", ""),
        ("The scope offline_access is not allowed", "long"),
    ],
)
def test_a_denial_is_hardly_laid_on_the_scopes(description: str | None, said: str) -> None:
    """Mostly the user pressed Deny. Then no advice follows, or a short one, last."""
    scopes = ("openid", "profile", "offline_access")
    advice = advice_about(scopes, "access_denied", description=description)
    told = str(ProviderRefused("access_denied", description).with_advice(advice))
    assert told.startswith("The provider refused the sign-in (access_denied")
    assert "You denied access there, or a rule of the provider did." in told
    kind = "long" if "The request had scopes" in advice else "short" if advice.startswith("If you did not") else advice
    assert kind == said
    assert told.endswith(advice)
    assert kind != "short" or ("`--no-renewable`" in advice and "`default_scope=`" in advice and len(advice) < 160)


def test_a_refused_code_is_not_laid_on_the_scopes(
    own_issuer: LocalIssuer, from_issuer: MakeParams, user_browser: ScriptedBrowser
) -> None:
    """The provider has accepted them with the request."""
    own_issuer.switches.answer("/oauth/token", 400, {"error": "invalid_request"})
    with pytest.raises(ProviderRefused) as caught:
        Auth(from_issuer(), flow="code").sign_in()
    assert "--no-renewable" not in str(caught.value)


def test_a_time_out_names_each_likely_cause(own_issuer: LocalIssuer, from_issuer: MakeParams) -> None:
    """The provider may have shown a page: for the redirect URI, the scope, the prompt or the client."""
    attempt = Attempt(from_issuer(), 1, flow="code", renewable=None)
    with pytest.raises(SignInTimeout) as caught:
        attempt.result()
    attempt.join()
    said = str(caught.value)
    assert all(each in said for each in ("client_id", "scope", "prompt", "--no-renewable", "default_scope"))
    assert said.endswith(f"\n    {own_issuer.callback_urls[0]}")
    assert len(said) < 600, "a card shows no more"
    attempt = Attempt(from_issuer(issuer=None, domain=own_issuer.issuer.rstrip("/")), 1, flow="code", renewable=None)
    with pytest.raises(SignInTimeout) as caught:
        attempt.result()
    attempt.join()
    assert "--no-renewable" not in str(caught.value), "Auth0 knows the scope"


def test_extra_stands_in_the_link(in_code: MakeParams, sign_in: SignIn) -> None:
    """Beside what the protocol puts there, and encoded."""
    browser = ScriptedBrowser()
    sign_in(in_code(extra={"kc_idp_hint": "git hub", "claims": '{"a": "&state=x"}'}), browser)
    asked = query_of(browser.opened[0])
    assert (asked["kc_idp_hint"], asked["claims"]) == ("git hub", '{"a": "&state=x"}')
    assert asked["state"] != "x"


def test_a_code_that_the_provider_does_not_know(in_code: MakeParams, sign_in: SignIn) -> None:
    """Tab and caller hear the provider's refusal of the token request."""
    browser = ScriptedBrowser(change=lambda parameters: parameters | {"code": "another"})
    with pytest.raises(ProviderRefused) as caught:
        sign_in(in_code(response_mode="fragment"), browser)
    assert caught.value.error == "invalid_grant"
    assert browser.answers[-1].status == 400


@pytest.mark.parametrize(
    ("change", "check"), [({"code": ""}, "code"), ({"code": "a\x00b"}, "code"), ({"iss": "https://evil.test/"}, "iss")]
)
def test_a_response_that_breaks_its_standard(
    change: dict[str, str], check: str, in_code: MakeParams, sign_in: SignIn
) -> None:
    """No code, one that is none, another issuer (RFC 9207): nothing is exchanged."""
    browser = ScriptedBrowser(change=lambda parameters: parameters | change)
    with pytest.raises(InvalidResponse) as caught:
        sign_in(in_code(response_mode="fragment"), browser)
    assert caught.value.check == check


def test_a_token_in_the_query_is_never_taken(params: MakeParams, sign_in: SignIn) -> None:
    """The implicit response belongs into the fragment (RFC 9700, 4.3.2)."""

    class InQuery(ScriptedBrowser):
        def arrive(self, location: str) -> Any:
            return super().arrive(location.replace("#", "?"))

    with pytest.raises(ProviderRefused, match="in the query"):
        sign_in(params(), InQuery())


def test_the_code_does_not_stay_in_the_address_bar(in_code: MakeParams, sign_in: SignIn) -> None:
    """The page that tells the outcome carries nothing of the query; its script wipes the address."""
    browser = ScriptedBrowser()
    sign_in(in_code(), browser)
    page = browser.answers[0]
    assert page.status == 200
    assert "code=" not in page.text
    assert "replaceState" in page.text
    assert urlsplit(browser.opened[0]).path == "/authorize"


@pytest.mark.parametrize("response_type", ["code", "token id_token"])
@pytest.mark.parametrize(
    ("asked", "claim"), [({"organization": "org_a"}, "org_id"), ({"acr_values": "urn:phr urn:mfa"}, "acr")]
)
def test_what_is_asked_of_the_sign_in_is_compared(
    response_type: str, asked: dict[str, str], claim: str, own_issuer: LocalIssuer, sign_in: SignIn
) -> None:
    """With the claims of the ID token: another one, or none, is refused."""
    own_issuer.switches.honours_acr_values = False
    params = params_of(own_issuer, issuer=own_issuer.issuer, response_type=response_type, **asked)
    for said in ({}, {claim: "org_b"}):
        own_issuer.switches.tamper = lambda draft, said=said: draft.claims.update(said)
        with pytest.raises(InvalidIdToken) as caught:
            sign_in(params, ScriptedBrowser())
        assert caught.value.check == claim
    [value] = asked.values()
    own_issuer.switches.tamper = lambda draft: draft.claims.update({claim: value.split()[-1]})
    assert sign_in(params, ScriptedBrowser()).logged_as == "alice"


def test_expiry_is_the_token_responses(issuer: LocalIssuer, in_code: MakeParams, sign_in: SignIn) -> None:
    """`expires_in` counts from when the response came."""
    tokens = sign_in(in_code(), ScriptedBrowser())
    assert timedelta(seconds=50) < tokens.expires_at - datetime.now(UTC) <= timedelta(seconds=60)


def test_a_provider_that_is_gone_when_the_code_is_sent(own_issuer: LocalIssuer, sign_in: SignIn) -> None:
    """The error names the address. The code may have been used, so it is not sent again."""
    own_issuer.switches.drop("/oauth/token", times=5)
    with pytest.raises(ProviderUnreachable, match=f"{own_issuer.issuer}oauth/token"):
        sign_in(params_of(own_issuer, domain=own_issuer.issuer, response_type="code"), ScriptedBrowser())
    assert own_issuer.switches.requests["/oauth/token"] == 1


@pytest.fixture
def without_s256(own_issuer: LocalIssuer) -> LocalIssuer:
    """An issuer that names another method of PKCE only."""
    document = requests.get(f"{own_issuer.issuer.rstrip('/')}{DISCOVERY}", timeout=30).json()
    own_issuer.switches.answer(DISCOVERY, 200, document | {"code_challenge_methods_supported": ["plain"]}, times=10)
    own_issuer.switches.requests.clear()
    return own_issuer


def params_of(running: LocalIssuer, **named: str) -> ParamsAuth0:
    """Return parameters for a running issuer, with what names it."""
    return ParamsAuth0(client_id=running.client_id, redirect_uri=running.callback_urls[0], scope="openid", **named)


@pytest.mark.parametrize("named_by", ["issuer", "domain"])
def test_without_s256_no_browser_opens_where_that_is_known(
    named_by: str, without_s256: LocalIssuer, user_browser: ScriptedBrowser
) -> None:
    """`issuer` has the metadata fetched first; `domain` does not, but an earlier sign-in may have (RFC 9700, 2.1.1)."""
    if named_by == "domain":
        Provider.of(without_s256.issuer).metadata()
    auth = Auth(params_of(without_s256, **{named_by: without_s256.issuer}), flow="code")
    with pytest.raises(ProviderError, match="S256"):
        auth.sign_in()
    assert user_browser.opened == []


def test_without_s256_the_wait_ends_at_once(without_s256: LocalIssuer) -> None:
    """Where it is learned while the tab is open already, nobody needs to sign in first."""
    params = params_of(without_s256, domain=without_s256.issuer, response_type="code")
    attempt = Attempt(params, 5, flow="code", renewable=True)
    with pytest.raises(ProviderError, match="S256"):
        attempt.result()
    attempt.join()
    assert without_s256.switches.requests == {DISCOVERY: 1, "/.well-known/jwks.json": 1}
