"""`%login https://...` and `login("https://...")`: the API's address is enough."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell

from ipyauth_magic import login
from ipyauth_magic.auth import Auth
from ipyauth_magic.display.cards import introduction_card
from ipyauth_magic.display.panel import TextPanel
from ipyauth_magic.errors import InvalidParams, IpyauthError, OtherOrigin, ProviderError, SignInTimeout
from ipyauth_magic.flows.sign_in import Progress
from ipyauth_magic.protocol import registration as rules
from ipyauth_magic.protocol.metadata import ProviderMetadata
from ipyauth_magic.protocol.registration import Registration, takes_document
from ipyauth_magic.provider import registration
from ipyauth_magic.settings import parameters
from ipyauth_magic.settings.params import Found, ParamsAuth0
from ipyauth_magic.store import registrations
from tests.magic.test_magics import failure, run
from tests.support.described_api import METADATA, SERVER, DescribedApi, as_json, serving_described
from tests.support.scripted_browser import ScriptedBrowser, query_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, where nothing is registered, and no document is published."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    registrations._made.clear()
    monkeypatch.setattr(registration, "_is_missing", [True])
    return tmp_path


@pytest.fixture
def api() -> Iterator[DescribedApi]:
    """An API that says where to sign in."""
    with serving_described() as running:
        yield running


def new_process() -> None:
    """Forget what this process knows of applications, as the next kernel does."""
    registrations._made.clear()


# The way to the token


def test_the_address_is_enough(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scope is that of the 401; `resource` goes to both endpoints; what opens is named before."""
    auth = login(api.url, redirect_uri=redirect_uri)
    host = api.origin.removeprefix("http://")
    said = " ".join(capsys.readouterr().err.split())
    assert f"{host} names {host} as its authorization server. Asks for read:items." in said
    link = query_of(user_browser.opened[0])
    assert (link["scope"], link["resource"], link["code_challenge_method"]) == (
        "read:items",
        f"{api.origin}/v1",
        "S256",
    )
    assert api.to("/token")[0].form["resource"] == f"{api.origin}/v1"
    assert requests.get(api.url, auth=auth, timeout=10).json() == {"scope": "read:items"}
    assert auth.session().get("").json() == {"scope": "read:items"}
    auth.renew()
    assert api.to("/token")[1].form["resource"] == f"{api.origin}/v1"


def test_the_magic_binds_three_variables(
    api: DescribedApi, shell: InteractiveShell, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """`-a` renames all three; `%logout` takes those away that give a token."""
    result, printed, _, _ = run(shell, f"%login {api.url} redirect_uri={redirect_uri}")
    assert result.success
    assert "names" in printed.splitlines()[0]
    assert f"API       {api.origin}/v1" in printed
    assert "`api` is ready, a session for this API" in " ".join(printed.split())
    assert shell.user_ns["api"].get("").json() == {"scope": "read:items"}
    assert shell.user_ns["token"] == shell.user_ns["auth"].access_token
    assert run(shell, f"%login -a work {api.url} redirect_uri={redirect_uri}")[0].success
    assert shell.user_ns["work_api"].get("/v1").json() == {"scope": "read:items"}
    assert shell.user_ns["work_token"] == shell.user_ns["work"].access_token
    assert len(user_browser.opened) == 1
    assert run(shell, "%logout work --no-browser")[0].success
    assert {"work_api", "work_token"}.isdisjoint(shell.user_ns)
    assert isinstance(shell.user_ns["work"], Auth)


def test_the_device_flow_has_the_address_too(api: DescribedApi) -> None:
    """`resource` goes with the code and with each poll; no browser opens."""
    api.server["device_authorization_endpoint"] = f"{api.origin}/device"
    auth = login(api.url, flow="device")
    assert auth.scope == "read:items"
    assert {each.form["resource"] for each in api.to("/device") + api.to("/token")} == {f"{api.origin}/v1"}
    [registered] = api.to("/register")
    assert "urn:ietf:params:oauth:grant-type:device_code" in json.loads(registered.body)["grant_types"]


def test_more_scopes_leave_the_session_where_it_is(
    api: DescribedApi, shell: InteractiveShell, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """The token alone is another one; the session sends it, and `resource` is asked for again."""
    assert run(shell, f"%login {api.url} redirect_uri={redirect_uri}")[0].success
    session = shell.user_ns["api"]
    assert run(shell, "%login +write:items")[0].success
    assert query_of(user_browser.opened[1])["resource"] == f"{api.origin}/v1"
    assert shell.user_ns["token"] == shell.user_ns["auth"].access_token
    assert shell.user_ns["api"] is session
    assert session.get("").json() == {"scope": "read:items write:items"}


def test_what_is_given_prevails(api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str) -> None:
    """Nothing is registered for a `client_id` of the user's; scope and server are the user's too."""
    api.clients["mine"] = None
    api.challenge["scope"] = "x" * 3000
    api.resource["authorization_servers"] = ["https://elsewhere.example"]
    login(api.url, redirect_uri=redirect_uri, client_id="mine", scope="write:items", issuer=api.origin)
    link = query_of(user_browser.opened[0])
    assert (link["client_id"], link["scope"]) == ("mine", "write:items")
    assert api.to("/register") == []


def test_a_profile_stands_beside_the_address(
    api: DescribedApi, shell: InteractiveShell, user_browser: ScriptedBrowser, redirect_uri: str, home: Path
) -> None:
    """Its client ID and its redirect URI; what a profile says goes before what the API says."""
    api.clients["mine"] = None
    folder = home / "XDG_CONFIG_HOME" / "ipyauth_magic"
    folder.mkdir(parents=True)
    (folder / "profiles.toml").write_text(f'[work]\nclient_id = "mine"\nredirect_uri = "{redirect_uri}"\n')
    assert run(shell, f"%login work {api.url}")[0].success
    assert query_of(user_browser.opened[0])["client_id"] == "mine"
    assert shell.user_ns["work"] is shell.user_ns["auth"]


def test_the_environment_is_about_another_provider(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its application nor its secret goes to the server that a stranger names; its redirect URI serves."""
    for name, value in [
        ("DOMAIN", "t.eu.auth0.com"),
        ("CLIENT_ID", "other"),
        ("CLIENT_SECRET", "hunter2"),
        ("AUDIENCE", "other-api"),
        ("CALLBACK_URL", redirect_uri),
    ]:
        monkeypatch.setenv(f"AUTH0_{name}", value)
    login(api.url)
    link = query_of(user_browser.opened[0])
    assert link["client_id"] == "client-1"
    assert "audience" not in link
    assert link["redirect_uri"] == redirect_uri
    assert "hunter2" not in str(api.sent)


@pytest.mark.parametrize(
    ("challenge", "supported", "asked"),
    [("a b", ["c"], "a b"), ("", ["c", "d"], "c d"), ("", [], None), ("", ["openid", "c"], "c")],
)
def test_the_scope(
    challenge: str,
    supported: list[str],
    asked: str | None,
    api: DescribedApi,
    user_browser: ScriptedBrowser,
    redirect_uri: str,
) -> None:
    """What the 401 names, else all that the API has, else none; `openid` only of an OpenID provider."""
    api.challenge = {**api.challenge, "scope": challenge}
    api.resource["scopes_supported"] = supported
    auth = login(api.url, redirect_uri=redirect_uri)
    assert query_of(user_browser.opened[0]).get("scope") == asked
    assert auth.id_token is None


@pytest.mark.parametrize("path", [METADATA.removesuffix("/v1") + "/v1/items", METADATA.removesuffix("/v1")])
def test_the_metadata_are_at_their_own_address(
    path: str, api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """Where no 401 names another: with the path, then without (RFC 9728, 3.1); a GET may even be refused."""
    api.answers["/v1/items"] = (405, {}, b"")
    api.answers[path] = as_json(200, api.resource)
    login(api.url, redirect_uri=redirect_uri)
    asked = [each.path for each in api.sent if "protected-resource" in each.path]
    assert asked[-1] == path
    assert len(asked) == (1 if path.endswith("items") else 2)


def test_a_challenge_of_the_caller_is_taken(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """For an API that answers POST only: nothing is asked of it but its metadata."""
    challenge = f'Bearer resource_metadata="{api.origin}{METADATA}", scope="write:items"'
    login(api.url, redirect_uri=redirect_uri, challenge=challenge)
    assert query_of(user_browser.opened[0])["scope"] == "write:items"
    assert api.to("/v1/items") == []


@pytest.mark.parametrize(
    ("issuer", "address"),
    [
        ("/a", "/a/.well-known/openid-configuration"),
        ("/a", "/.well-known/oauth-authorization-server/a"),
        ("/a", "/.well-known/openid-configuration/a"),
        ("", "/.well-known/openid-configuration"),
    ],
)
def test_where_the_servers_metadata_are(
    issuer: str, address: str, api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """By RFC 8414 and by OpenID Discovery."""
    api.answers[SERVER] = (404, {}, b"")
    api.server["issuer"] = api.origin + issuer
    api.resource["authorization_servers"] = [api.origin + issuer]
    api.answers[address] = as_json(200, api.server)
    assert login(api.url, redirect_uri=redirect_uri).scope == "read:items"


def test_the_first_server_that_can_be_used(api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str) -> None:
    """One with a slash too many is the same server; one that is not there is passed over."""
    api.resource["authorization_servers"] = ["http://other.example", f"{api.origin}/nothing", f"{api.origin}/"]
    assert login(api.url, redirect_uri=redirect_uri).scope == "read:items"


# The token goes to one origin


def test_the_token_goes_to_that_origin_only(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """With `requests`, httpx and a session; the sentence names both origins."""
    httpx = pytest.importorskip("httpx")
    auth = login(api.url, redirect_uri=redirect_uri)
    with serving_described() as other:
        for send in (
            lambda: requests.get(other.url, auth=auth, timeout=10),
            lambda: httpx.get(other.url, auth=auth.httpx()),
            lambda: auth.session(other.url),
            lambda: auth(requests.Request("GET", other.url).prepare()),
        ):
            with pytest.raises(OtherOrigin, match=f"{api.origin}, so it is not sent to {other.origin}"):
                send()
        assert auth.session().get(other.url, timeout=10).status_code == 401
        api.answers[urlsplit(api.url).path] = (302, {"Location": other.url}, b"")
        for get in (requests.get, auth.session().get):
            assert get(api.url, auth=auth, timeout=10).status_code == 401
        assert [each for each in other.sent if "Authorization" in each.headers] == []


# The application


def test_an_application_is_registered_once(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str, home: Path
) -> None:
    """A native one without a secret, with the exact redirect URI; the next kernel finds it in a private file."""
    for _ in range(2):
        login(api.url, redirect_uri=redirect_uri, force=True)
        new_process()
    [sent] = api.to("/register")
    asked = json.loads(sent.body)
    assert asked["redirect_uris"] == [redirect_uri]
    assert (asked["token_endpoint_auth_method"], asked["application_type"]) == ("none", "native")
    assert asked["grant_types"] == ["authorization_code", "refresh_token"]
    assert asked["scope"] == "read:items write:items"
    [file] = home.rglob("registrations")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "registration-secret" not in file.read_text()
    login(api.url, redirect_uri="http://127.0.0.1:0/callback/ " + redirect_uri, force=True)
    assert len(api.to("/register")) == 2


def test_a_server_may_register_no_application_with_scopes_of_its_apis(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """It is asked once more, without `scope`; the sign-in still asks for the scopes. Any other refusal is told."""
    api.refuses = "scope"
    auth = login(api.url, redirect_uri=redirect_uri)
    assert ["scope" in json.loads(sent.body) for sent in api.to("/register")] == [True, False]
    assert auth.scope == "read:items"
    new_process()
    api.refuses = "redirect_uris"
    with pytest.raises(ProviderError, match="invalid_client_metadata: not with redirect_uris"):
        login(api.url, redirect_uri=f"{redirect_uri}other/")


def test_the_store_none_leaves_no_file(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str, home: Path
) -> None:
    """What is registered is known in this process only."""
    for _ in range(2):
        login(api.url, redirect_uri=redirect_uri, store="none")
    assert len(api.to("/register")) == 1
    assert list(home.rglob("registrations")) == []


def test_a_server_that_does_not_name_itself_gets_a_redirect_uri_of_its_own(
    api: DescribedApi, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch, redirect_uri: str
) -> None:
    """So two such servers are no mix-up; a redirect URI that the user gives stays."""
    monkeypatch.setitem(parameters.DEFAULTS, "redirect_uri", redirect_uri)
    api.server["authorization_response_iss_parameter_supported"] = False
    with serving_described() as other:
        other.server["authorization_response_iss_parameter_supported"] = False
        for each in (api, other):
            login(each.url)
        used = [query_of(link)["redirect_uri"] for link in user_browser.opened]
        assert len(set(used)) == 2
        assert all(each.startswith(redirect_uri) and each != redirect_uri for each in used)


def test_check_takes_an_address(api: DescribedApi, shell: InteractiveShell) -> None:
    """It shows the parts at the server that the API names; nothing is registered."""
    result, _, _, [shown] = run(shell, f"%login --check {api.url}")
    assert result.success
    assert f"What works at {api.origin}" in shown.data["text/plain"]
    assert api.to("/register") == []
    assert "--save keeps parameters" in failure(shell, f"%login --save mine {api.url}")


def test_a_client_that_the_server_has_forgotten_is_registered_anew(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """Once: a server that refuses the new one too is told to the user."""
    login(api.url, redirect_uri=redirect_uri)
    del api.clients["client-1"]
    api.clients["client-1"] = "changed"  # the page takes it, and the token endpoint does not
    auth = login(api.url, redirect_uri=redirect_uri, force=True)
    assert [query_of(each)["client_id"] for each in user_browser.opened] == ["client-1", "client-1", "client-2"]
    assert requests.get(api.url, auth=auth, timeout=10).status_code == 200


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", None])
def test_a_secret_that_the_server_gives_is_sent_as_it_says(
    method: str | None, api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """Also by the next kernel, and with a refresh; it shows nowhere."""
    api.registered = {"client_secret": "given-secret", "token_endpoint_auth_method": method}
    for _ in range(2):
        auth = login(api.url, redirect_uri=redirect_uri, force=True)
        new_process()
    auth.renew()
    by_header = ["Authorization" in each.headers for each in api.to("/token")]
    assert by_header == [method != "client_secret_post"] * 3
    assert "given-secret" not in repr(auth) + repr(registrations._made) + str(auth)


def test_the_document_is_the_client_id_where_a_server_takes_it(
    api: DescribedApi, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch, redirect_uri: str
) -> None:
    """With its own redirect URIs, if it is published; else an application is registered."""
    api.server["client_id_metadata_document_supported"] = True
    monkeypatch.setattr("ipyauth_magic.protocol.registration.DOCUMENT_REDIRECT_URIS", (redirect_uri,))
    login(api.url, redirect_uri=redirect_uri)
    assert query_of(user_browser.opened[0])["client_id"] == "client-1"
    monkeypatch.setattr(registration, "_is_missing", [False])
    login(api.url, redirect_uri=redirect_uri)
    assert query_of(user_browser.opened[1])["client_id"].endswith("/client-metadata.json")
    login(api.url, redirect_uri=redirect_uri, client_id="https://me.example/client.json")
    assert query_of(user_browser.opened[2])["client_id"] == "https://me.example/client.json"


def test_the_document_is_what_a_registration_would_say() -> None:
    """The file of the documentation, at the address that is its client ID."""
    document = json.loads((Path(__file__).parents[2] / "docs" / "client-metadata.json").read_text())
    endpoints = dict.fromkeys(("device_authorization_endpoint", "registration_endpoint"), "")
    server = ProviderMetadata("", "", None, optional_endpoints=endpoints)
    asked = rules.registration_request(server, rules.DOCUMENT_REDIRECT_URIS)
    assert document == {"client_id": rules.DOCUMENT, **asked}


def test_where_none_can_be_registered_the_error_says_what_to_register(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """With every value."""
    del api.server["registration_endpoint"]
    with pytest.raises(InvalidParams) as raised:
        login(api.url, redirect_uri=redirect_uri)
    for value in (redirect_uri, api.origin, f"{api.origin}/v1", "read:items", "public", "PKCE", "client_id=..."):
        assert value in str(raised.value)
    assert user_browser.opened == []


# A hostile API

EVIL = "https://evil.example"


def spoil_challenge(**parameters: str) -> Callable[[DescribedApi], None]:
    """Return what makes the 401 say *parameters*."""
    return lambda api: api.challenge.update(parameters)


def spoil_resource(**members: object) -> Callable[[DescribedApi], None]:
    """Return what makes the API's metadata have *members*."""
    return lambda api: api.resource.update(members)


def spoil_server(**members: object) -> Callable[[DescribedApi], None]:
    """Return what makes the server's metadata have *members*."""
    return lambda api: api.server.update(members)


def spoil_answer(path: str, status: int, content: bytes = b"", **headers: str) -> Callable[[DescribedApi], None]:
    """Return what puts another answer at *path*."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda api: api.answers.update({path: (status, named, content)})


HOSTILE: dict[str, tuple[Callable[[DescribedApi], None], str]] = {
    "metadata of another origin": (spoil_challenge(resource_metadata=f"{EVIL}/m"), "of another origin"),
    "metadata of another port": (spoil_challenge(resource_metadata="http://127.0.0.1:9/m"), "of another origin"),
    "metadata that are no address": (spoil_challenge(resource_metadata="javascript:1"), "of another origin"),
    "resource of another host": (spoil_resource(resource=f"{EVIL}/v1"), "are of another API"),
    "resource of another path": (lambda api: api.resource.update(resource=f"{api.origin}/v2"), "are of another API"),
    "resource by letters": (lambda api: api.resource.update(resource=f"{api.origin}/v1/it"), "are of another API"),
    "no resource": (spoil_resource(resource=None), "are of another API"),
    "no server": (spoil_resource(authorization_servers=[]), "names no authorization server"),
    "server of the wrong kind": (spoil_resource(authorization_servers={"a": 1}), "names no authorization server"),
    "server over http": (spoil_resource(authorization_servers=["http://evil.example"]), "not an https address"),
    "server with a user": (spoil_resource(authorization_servers=["https://a@evil.example"]), "not an https address"),
    "another issuer": (spoil_server(issuer=EVIL), "names the issuer"),
    "endpoint over http": (spoil_server(authorization_endpoint="http://evil.example/a"), "not an https address"),
    "endless redirects": (spoil_answer("/v1/items", 302, Location="/v1/items"), ""),
    "redirected metadata": (spoil_answer(METADATA, 302, Location=METADATA), "has no metadata"),
    "metadata behind a 401": (spoil_answer(METADATA, 401, WWW_Authenticate="Bearer"), "has no metadata"),
    "a megabyte": (spoil_answer(METADATA, 200, b" " * 2_000_000, Content_Type="application/json"), "larger than 1 MiB"),
    "a page": (spoil_answer(METADATA, 200, b"<html>", Content_Type="text/html"), "is not JSON"),
    "a list": (spoil_answer(METADATA, 200, b"[]", Content_Type="application/json"), "not a JSON object"),
    "bytes": (spoil_answer(METADATA, 200, b"\xff\xfe", Content_Type="application/json"), "is not JSON"),
    "long scopes": (spoil_challenge(scope=" ".join(f"scope:{n}" for n in range(900))), "too many to ask for"),
    "many scopes": (spoil_resource(scopes_supported=["s" * 9 + str(n) for n in range(9000)]), "too many to ask for"),
    "busy": (spoil_answer(METADATA, 503), "has no metadata"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_api_is_refused(
    name: str, api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """In a sentence; nothing opens, and nothing is sent but requests for documents."""
    spoil, said = HOSTILE[name]
    if name == "many scopes":
        del api.challenge["scope"]
    spoil(api)
    if name == "endless redirects":
        del api.resource["resource"]
        said = "are of another API|has no metadata"
    with pytest.raises(ProviderError, match=said) as raised:
        login(api.url, redirect_uri=redirect_uri)
    assert len(str(raised.value)) < 1200
    assert str(raised.value).endswith(".")
    assert user_browser.opened == []
    assert [each.path for each in api.sent if each.method != "GET" or each.path in ("/authorize", "/token")] == []


def test_an_answer_that_drips_is_cut(
    api: DescribedApi, user_browser: ScriptedBrowser, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte at a time is no way to hold a kernel; the head of the first answer is enough for us."""
    monkeypatch.setattr("ipyauth_magic.provider.http.LIMIT", 1.0)

    pace = threading.Event()

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        for _ in range(600):  # half a minute
            pace.wait(0.05)
            yield b" "

    api.answers[METADATA] = drip
    with pytest.raises(ProviderError, match=r"The API's answer at .* (takes too long|is larger)"):
        login(api.url, redirect_uri=redirect_uri)
    pace.set()
    assert user_browser.opened == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.example.com", "begins with `http://`"),
        ("https://ada:hunter2@api.example.com", "has a user name or a password"),
        ("https://api.example.com/#x", "has a part behind `#`"),
        ("ftp://api.example.com", "is not an address of an API"),
        ("https://", "is not an address"),
        ("https://api.example.com:99999", "is not an address"),
    ],
)
def test_an_address_that_cannot_be_used(
    url: str, said: str, shell: InteractiveShell, user_browser: ScriptedBrowser
) -> None:
    """Before anything is asked; the password is not shown."""
    with pytest.raises(InvalidParams, match=said) as raised:
        login(url)
    text = str(raised.value) + failure(shell, f"%login {url}")
    assert said in text
    assert "hunter2" not in text


def test_mistakes_are_told_before_anything_is_asked(api: DescribedApi, shell: InteractiveShell) -> None:
    """All at once."""
    said = failure(shell, f"%login {api.url} colour=red --flow implicit -a lambda")
    assert "colour" in said
    assert "--auth-name" in said
    assert "must be `code` or `device` with the address of an API" in failure(shell, f"%login {api.url} flow=implicit")
    assert "is taken by `%login`" in failure(shell, f"%auth0 {api.url}")
    assert api.sent == []


def test_a_second_run_opens_nothing(
    api: DescribedApi, shell: InteractiveShell, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """The token is still good, so no card names hosts either."""
    for _ in range(2):
        assert run(shell, f"%login {api.url} redirect_uri={redirect_uri}")[0].success
    assert len(user_browser.opened) == 1


def test_what_no_metadata_means(api: DescribedApi, user_browser: ScriptedBrowser) -> None:
    """The sentence says what was tried."""
    api.resource.clear()
    api.answers[METADATA] = (404, {}, b"")
    api.challenge.clear()
    with pytest.raises(IpyauthError, match=r"does not say where to sign in: it answered 401"):
        login(api.url)


def test_a_dotenv_file_of_the_configuration_is_about_another_provider(tmp_path: Path) -> None:
    """Neither its application nor the secret of that goes to a server that an API names."""
    (tmp_path / "corp.env").write_text("client_id=corp\nclient_secret=hush\naudience=corp-api\n")
    configuration = {"dotenv_file": "corp.env", "dotenv_folder": str(tmp_path)}
    found = Found("https://api.test/", {"issuer": "https://as.test", "client_id": "registered"})
    params = ParamsAuth0.from_magic({}, None, configuration, found=found)
    assert (params.client_id, params.client_secret, params.audience) == ("registered", None, None)
    asked = {"dotenv_file": "corp.env", "dotenv_folder": str(tmp_path)}
    assert ParamsAuth0.from_magic(asked, None, found=found).client_id == "corp"


@pytest.mark.parametrize("names_itself", [True, False])
def test_the_document_serves_only_where_the_server_names_itself(names_itself: bool) -> None:
    """Its client ID and redirect URIs are the same everywhere, so a code could be of another (RFC 9700, 4.4.2)."""
    document = {
        "issuer": "https://as.test",
        "authorization_endpoint": "https://as.test/authorize",
        "token_endpoint": "https://as.test/token",
        "jwks_uri": "https://as.test/jwks",
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": names_itself,
    }
    metadata = ProviderMetadata.from_document(document, "https://as.test", "https://as.test/.well-known/x")
    assert takes_document(metadata, ["http://127.0.0.1:8765/callback/"]) is names_itself


def test_a_registration_without_end_costs_no_other() -> None:
    """It is known in this process, and what was kept before stays readable."""
    uris = ["http://127.0.0.1:8765/callback/"]
    kept = registrations.Registrations.beside()
    kept.keep("https://honest.test", uris, Registration("honest"))
    kept.keep("https://hostile.test", uris, Registration("hostile", scope="x " * 200_000))
    new_process()
    kept.keep("https://third.test", uris, Registration("third"))
    new_process()
    found = [kept.find(f"https://{name}.test", uris) for name in ("honest", "hostile", "third")]
    assert [each and each.client_id for each in found] == ["honest", None, "third"]


def test_the_card_names_the_whole_issuer_and_the_page() -> None:
    """Two tenants of one host are two servers; and the password is typed where the page is."""
    text = introduction_card("api.test", "as.test/mallory", "read:a", "login.test", True).text()
    assert "api.test names as.test/mallory as its authorization server" in text
    assert "Sign-in page at  login.test" in text
    assert "is used with as.test" in introduction_card("api.test", "as.test", "", "", False).text()


def test_a_card_by_address_has_nothing_to_register(
    api: DescribedApi, shell: InteractiveShell, no_browser: None, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package registered the application; after an interrupt it registers another where that one is forgotten."""

    def tick(panel: TextPanel, progress: Progress, own: Any = TextPanel.tick) -> None:
        own(panel, progress)
        if progress.url is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(TextPanel, "tick", tick)
    line = f"%login {api.url} redirect_uri={redirect_uri}"
    for _ in range(2):
        _, printed, said, _ = run(shell, line)
        for text in (printed, said):
            words = " ".join(text.split())
            assert "The application was registered there for you." in words
            assert "if the provider has forgotten the application, it is registered anew." in words
            assert "register this exact address" not in words
        assert "Interrupt, and run" not in said
    run(shell, line)
    assert len(api.to("/register")) == 2, "the second interrupt was of an application that had been kept"
    given = run(shell, f"{line} client_id=abc")[1]
    assert "register this exact address" in " ".join(given.split())


def test_a_time_out_by_address_has_nothing_to_register(api: DescribedApi, no_browser: None, redirect_uri: str) -> None:
    """As the card."""
    with pytest.raises(SignInTimeout) as caught:
        login(api.url, redirect_uri=redirect_uri, timeout=1)
    assert "Run the line again: if the provider has forgotten the application" in str(caught.value)
    assert "to register" not in str(caught.value)


@pytest.mark.parametrize(("options", "is_told"), [("", True), ("--no-renewable", False), ("--renewable", True)])
def test_the_introduction_names_every_scope_of_the_request(
    options: str,
    is_told: bool,
    api: DescribedApi,
    shell: InteractiveShell,
    user_browser: ScriptedBrowser,
    redirect_uri: str,
) -> None:
    """The one for a refresh token among them, where it is asked for."""
    api.server["scopes_supported"] = ["read:items", "offline_access"]
    _, printed, _, _ = run(shell, f"%login {api.url} redirect_uri={redirect_uri} {options}")
    introduction = " ".join(printed.partition("Sign in at")[0].split())
    assert ("offline_access" in introduction) == is_told
    [opened] = user_browser.opened
    assert f"Asks for {query_of(opened)['scope']}." in introduction
