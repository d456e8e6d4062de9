"""Where a provider's metadata are found, and the words where they are not, or name another issuer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import InvalidParams, ProviderError, ProviderUnreachable
from ipyauth_magic.protocol.metadata import issuer_at, oauth_metadata_urls
from ipyauth_magic.provider.discovery import fetch_metadata
from ipyauth_magic.store.key import store_key
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.web import Web, serving

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


@pytest.fixture
def web() -> Iterator[Web]:
    """A server that plays the provider."""
    with serving() as running:
        yield running


def publish(web: Web, path: str, **members: Any) -> None:
    """Let *web* have a discovery document at *path*; a member that is None is left out."""
    base = str(members.get("issuer", web.url)).rstrip("/")
    document = {
        "issuer": web.url,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/keys",
    }
    document = {name: value for name, value in (document | members).items() if value is not None}
    web.answers[path] = (200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def problems(**keywords: Any) -> dict[str, str]:
    """Return the problems of these keywords by the parameter's name."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(client_id="c", **keywords)
    return {problem.name: str(problem) for problem in caught.value.problems}


# Parameters


@pytest.mark.parametrize(
    ("address", "issuer"),
    [
        (f"https://idp.test{OPENID}", "https://idp.test"),
        (f"https://idp.test/realms/a{OPENID}", "https://idp.test/realms/a"),
        (f"https://idp.test/realms/a{OPENID}/", "https://idp.test/realms/a"),
        (f"https://idp.test:8443{OAUTH}/realms/a", "https://idp.test:8443/realms/a"),
        (f"https://idp.test{OAUTH}", "https://idp.test"),
        (f"https://idp.test/t/v2.0{OPENID}?p=b2c_1_a", "https://idp.test/t/v2.0"),
        ("https://idp.test/realms/a", None),
        (f"https://idp.test/a{OPENID}/b", None),
        (f"https://idp.test{OPENID}-2", None),
    ],
)
def test_issuer_of_a_documents_address(address: str, issuer: str | None) -> None:
    """By Discovery (4.1) and by RFC 8414 (3.1)."""
    assert issuer_at(address) == issuer


@pytest.mark.parametrize(
    ("issuer", "urls"),
    [
        ("https://idp.test", [f"https://idp.test{OAUTH}"]),
        ("https://idp.test/", [f"https://idp.test{OAUTH}"]),
        ("https://idp.test/realms/a", [f"https://idp.test{each}/realms/a" for each in (OAUTH, OPENID)]),
        ("https://idp.test/realms/a/", [f"https://idp.test{each}/realms/a" for each in (OAUTH, OPENID)]),
    ],
)
def test_where_metadata_of_plain_oauth_are(issuer: str, urls: list[str]) -> None:
    """Between host and path (RFC 8414, 3.1), also those of OpenID (5)."""
    assert list(oauth_metadata_urls(issuer)) == urls


def test_a_pasted_address_is_taken_apart() -> None:
    """The issuer is what comes before it, and the document is read where the user says."""
    params = ParamsAuth0(client_id="c", issuer=f"https://idp.test/a{OPENID}")
    assert (params.issuer, params.discovery_url) == ("https://idp.test/a", f"https://idp.test/a{OPENID}")
    given = ParamsAuth0(client_id="c", issuer=f"https://idp.test/a{OPENID}", discovery_url="https://idp.test/d")
    assert given.discovery_url == "https://idp.test/d"


@pytest.mark.parametrize(
    "url", ["http://idp.test/d", "idp.test/d", "https://u@idp.test/d", "https://idp.test/d#x", "https://idp.test/a b"]
)
def test_what_is_no_discovery_url(url: str) -> None:
    """It is an https address."""
    assert (
        "https address of a discovery document"
        in problems(issuer="https://idp.test", discovery_url=url)["discovery_url"]
    )


def test_a_discovery_url_needs_the_issuer() -> None:
    """A domain has its own address."""
    assert "needs `issuer`" in problems(domain="t.auth0.com", discovery_url="https://idp.test/d")["discovery_url"]
    assert set(problems(discovery_url="https://idp.test/d")) == {"domain", "discovery_url"}


def test_a_discovery_url_does_not_go_with_another_issuer() -> None:
    """A line that names another provider than the cell replaces both."""
    cell = "client_id=c\nissuer=https://one.test\ndiscovery_url=https://one.test/d\n"
    assert ParamsAuth0.from_magic({}, cell).discovery_url == "https://one.test/d"
    assert ParamsAuth0.from_magic({"issuer": "https://one.test"}, cell).discovery_url == "https://one.test/d"
    assert ParamsAuth0.from_magic({"issuer": "https://two.test"}, cell).discovery_url is None
    assert ParamsAuth0.from_magic({"domain": "t.auth0.com"}, cell).discovery_url is None
    alone = ParamsAuth0.from_magic({"issuer": "https://two.test"}, "client_id=c\ndiscovery_url=https://two.test/d\n")
    assert alone.discovery_url == "https://two.test/d"


def test_a_kept_token_does_not_serve_for_another_document() -> None:
    """The document says where a refresh token is sent."""
    one, other, none = (
        ParamsAuth0(client_id="c", issuer="https://idp.test", discovery_url=url)
        for url in ("https://idp.test/d", "https://evil.test/d", None)
    )
    assert len({store_key(one), store_key(other), store_key(none)}) == 3


# The document


def test_a_document_elsewhere_names_the_issuer(web: Web) -> None:
    """The issuer stays what it must name, to the letter."""
    publish(web, "/user-flow/d", issuer="https://idp.test/guid/v2.0/")
    assert (
        fetch_metadata("https://idp.test/guid/v2.0/", f"{web.url}/user-flow/d").issuer == "https://idp.test/guid/v2.0/"
    )
    assert web.asked == ["/user-flow/d"]
    for issuer in ("https://idp.test/guid/v2.0", "https://idp.test"):
        with pytest.raises(ProviderError, match="names the issuer"):
            fetch_metadata(issuer, f"{web.url}/user-flow/d")


def test_a_pasted_address_leads_to_the_issuer_with_a_slash(web: Web) -> None:
    """Both have the same address (Discovery, 4.1); an issuer that was typed without it is refused."""
    publish(web, OPENID, issuer=f"{web.url}/")
    assert fetch_metadata(web.url, web.url + OPENID).issuer == f"{web.url}/"
    with pytest.raises(ProviderError, match=f"write `issuer={web.url}/`, to the last slash"):
        fetch_metadata(web.url)


def test_metadata_of_plain_oauth_serve_where_the_others_are_missing(web: Web) -> None:
    """RFC 8414; they need no keys, and an ID token is not asked for then."""
    publish(web, f"{OAUTH}/tenant", issuer=f"{web.url}/tenant", jwks_uri=None)
    metadata = fetch_metadata(f"{web.url}/tenant")
    assert metadata.endpoint("token_endpoint") == f"{web.url}/tenant/token"
    assert web.asked == [f"/tenant{OPENID}", f"{OAUTH}/tenant"]
    with pytest.raises(ProviderError, match="has no jwks_uri, so no ID token can be verified"):
        metadata.check_keys()
    publish(web, f"{OAUTH}/tenant", issuer=web.url)
    with pytest.raises(ProviderError, match="names the issuer"):
        fetch_metadata(f"{web.url}/tenant")


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_no_document_is_told_as_such(web: Web, status: int) -> None:
    """With the address that was asked, and the parameter for another one."""
    web.answers[OPENID] = (status, {}, b"nothing here")
    with pytest.raises(ProviderError, match=f"no OpenID discovery document: it answered {status} at.*`discovery_url`"):
        fetch_metadata(web.url)
    asked = len(web.asked)
    with pytest.raises(ProviderError, match=f"it answered 404 at {web.url}/d"):
        fetch_metadata(web.url, f"{web.url}/d")
    assert len(web.asked) == asked + 1
    web.answers[OPENID] = (503, {}, b"")
    with pytest.raises(ProviderUnreachable):
        fetch_metadata(web.url)


def test_an_issuer_for_any_tenant_is_refused(web: Web) -> None:
    """Nothing would say whose tenant signed the user in; the sentence names the word to replace."""
    publish(web, f"/common/v2.0{OPENID}", issuer=f"{web.url}/{{tenantid}}/v2.0")
    for address in (None, f"{web.url}/common/v2.0{OPENID}"):
        with pytest.raises(ProviderError, match=r"`\{tenantid\}` stands for any tenant.*in the place of `common`"):
            fetch_metadata(f"{web.url}/common/v2.0", address)


def test_another_issuer_is_told_with_the_lines_to_write(web: Web) -> None:
    """So that a user does not go round in a circle; an issuer that is no address is not recommended."""
    publish(web, f"/user-flow{OPENID}", issuer="https://idp.test/guid/")
    address = f"{web.url}/user-flow{OPENID}"
    with pytest.raises(ProviderError, match=f"write `issuer=https://idp.test/guid/` and `discovery_url={address}`"):
        fetch_metadata(f"{web.url}/user-flow")
    publish(web, OPENID, issuer="acme.com")
    with pytest.raises(ProviderError, match="names the issuer `acme.com`.*Check `domain` or `issuer`"):
        fetch_metadata(web.url)


# Sign-ins


@pytest.mark.parametrize("flow", ["code", "implicit"])
@pytest.mark.parametrize("is_pasted", [True, False])
def test_signing_in_with_a_document_elsewhere(
    web: Web, own_issuer: LocalIssuer, user_browser: ScriptedBrowser, is_pasted: bool, flow: str
) -> None:
    """The ID token must be the issuer's own; so must that of a renewal, and the sign-out finds its endpoint."""
    address = own_issuer.issuer.rstrip("/") + OPENID
    if not is_pasted:
        document = requests.get(address, timeout=10).content
        web.answers["/d"] = (200, {"Content-Type": "application/json"}, document)
    provider = {"issuer": address} if is_pasted else {"issuer": own_issuer.issuer, "discovery_url": f"{web.url}/d"}
    client = {"client_id": own_issuer.client_id, "redirect_uri": own_issuer.callback_urls[0]}
    auth = Auth(ParamsAuth0(**provider, **client), flow=flow).sign_in(timeout=30)
    assert auth.logged_as == "alice"
    if flow == "code":
        before = str(auth.access_token)
        assert str(auth.renew().access_token) != before
    assert auth.userinfo()["sub"] == auth.claims["sub"]
    auth.sign_out(open_browser=False)
    assert set(web.asked) == (set() if is_pasted else {"/d"})
