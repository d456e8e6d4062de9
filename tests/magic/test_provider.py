"""What we ask of a provider over HTTP, and what we do not take from it."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from joserfc.jwk import RSAKey

from ipyauth_magic.errors import InvalidIdToken, ProviderError, ProviderUnreachable
from ipyauth_magic.protocol.metadata import ProviderMetadata, discovery_url, is_safe_url
from ipyauth_magic.provider import http as http_module
from ipyauth_magic.provider import proxy as proxy_module
from ipyauth_magic.provider.http import fetch_json
from ipyauth_magic.provider.provider import KEPT_FOR, LONGEST_KEPT, RETRY_AFTER, Provider
from tests.magic.test_id_token import EXPECTED, RSA, claims, published, sign
from tests.support.authority import serving_tls
from tests.support.threads import joined
from tests.support.web import Web, serving


@pytest.fixture
def web() -> Iterator[Web]:
    """A server that plays the provider."""
    with serving() as running:
        yield running


def answer(web: Web, path: str, document: Any, status: int = 200) -> None:
    """Let *web* answer *path* with JSON."""
    web.answers[path] = (status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def publish(web: Web, *keys: Any, **changes: Any) -> str:
    """Let *web* be a provider with these keys, and return its issuer."""
    issuer = web.url + "/tenant"
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}//authorize",
        "jwks_uri": f"{web.url}/keys",
    }
    document = {name: value for name, value in (document | changes).items() if value is not None}
    answer(web, "/tenant/.well-known/openid-configuration", document)
    answer(web, "/keys", published(*keys))
    return issuer


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://t.auth0.com/", "https://t.auth0.com/.well-known/openid-configuration"),
        ("https://idp.test", "https://idp.test/.well-known/openid-configuration"),
        ("https://idp.test/realms/a", "https://idp.test/realms/a/.well-known/openid-configuration"),
        ("https://idp.test/realms/a/", "https://idp.test/realms/a/.well-known/openid-configuration"),
    ],
)
def test_where_metadata_is(issuer: str, url: str) -> None:
    """OpenID Connect Discovery, 4.1."""
    assert discovery_url(issuer) == url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://idp.test/a?b=c", True),
        ("HTTPS://idp.test/a", True),
        ("HTTP://idp.test/a", False),
        ("http://localhost:9400/a", True),
        ("http://[::1]:9400/a", True),
        ("http://idp.test/a", False),
        ("http://localhost:80@evil.test/a", False),
        ("http://localhost.evil.test/a", False),
        ("file:///etc/passwd", False),
        ("javascript:alert(1)", False),
        ("--incognito", False),
        ("http:$(touch PWNED)?x", False),
        ("https://idp.test/$(touch PWNED)", False),
        ("https://idp.test/a b", False),
        ("https://idp.test/a\nb", False),
        ("https://idp.test:port/", False),
        ("https://[::1/", False),
        ("https:///a", False),
        ("", False),
        (None, False),
        (5, False),
    ],
)
def test_which_urls_are_used(url: Any, safe: bool) -> None:
    """https, or http on this machine; with a host, without a user."""
    assert is_safe_url(url) is safe


def test_endpoints_are_taken_verbatim_and_once(web: Web) -> None:
    """A path, no trailing slash, a double slash: as the provider writes them. The second time asks nothing."""
    provider = Provider(publish(web, RSA))
    assert provider.metadata().authorization_endpoint == web.url + "/tenant//authorize"
    assert provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))["sub"] == "auth0|alice"
    assert web.asked == ["/tenant/.well-known/openid-configuration", "/keys"]


def test_metadata_is_fetched_again_after_an_hour(web: Web) -> None:
    """A provider that moves is noticed in a long session."""
    now = [0.0]
    provider = Provider(publish(web, RSA), clock=lambda: now[0])
    provider.metadata()
    now[0] = 3599
    provider.metadata()
    assert len(web.asked) == 2
    now[0] = 3600
    provider.metadata()
    assert len(web.asked) == 4


@pytest.mark.parametrize("path", ["/tenant/.well-known/openid-configuration", "/keys"])
@pytest.mark.parametrize("status", [503, 429])
def test_a_busy_provider_at_the_hour_is_served_by_what_it_said(web: Web, status: int, path: str) -> None:
    """Old metadata and keys verify for a minute more, without a request; then the provider is asked again."""
    now = [0.0]
    provider = Provider(publish(web, RSA), clock=lambda: now[0])
    metadata = provider.metadata()
    well = web.answers[path]
    answer(web, path, {}, status)
    for busy_at in (KEPT_FOR, KEPT_FOR + RETRY_AFTER):
        asked = len(web.asked)
        for now[0] in (busy_at, busy_at + RETRY_AFTER - 1):
            assert provider.metadata() == metadata
            assert provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
        assert web.asked[asked:].count(path) == 1
    web.answers[path] = well
    asked, well_at = len(web.asked), KEPT_FOR + 2 * RETRY_AFTER
    for now[0] in (well_at, well_at + KEPT_FOR - 1):
        assert provider.metadata() == metadata
    assert web.asked[asked:] == ["/tenant/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize("path", ["/tenant/.well-known/openid-configuration", "/keys"])
@pytest.mark.parametrize("status", [503, 429])
def test_a_provider_that_is_busy_at_first_is_an_error(web: Web, status: int, path: str) -> None:
    """There is nothing older to serve; the next call asks again."""
    provider = Provider(publish(web, RSA))
    well = web.answers[path]
    answer(web, path, {}, status)
    with pytest.raises(ProviderUnreachable, match=rf"busy \(it answered {status}"):
        provider.metadata()
    assert not provider.is_ready
    web.answers[path] = well
    assert provider.metadata()


def test_an_answer_that_is_no_matter_of_time_is_an_error_at_the_hour(web: Web) -> None:
    """A document that is gone, or another issuer's, is not waited out."""
    now = [0.0]
    provider = Provider(publish(web, RSA), clock=lambda: now[0])
    provider.metadata()
    now[0] = KEPT_FOR
    publish(web, RSA, issuer="https://evil.test/")
    with pytest.raises(ProviderError, match="names the issuer"):
        provider.metadata()
    answer(web, "/tenant/.well-known/openid-configuration", {}, 404)
    with pytest.raises(ProviderError, match="answered 404"):
        provider.metadata()


def test_an_unknown_key_is_asked_for_once(web: Web) -> None:
    """A rotation just before signing is found; a key that is never published costs two fetches in all."""
    provider = Provider(publish(web))
    provider.metadata()
    answer(web, "/keys", published(RSA))
    assert provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    asked = len(web.asked)
    with pytest.raises(InvalidIdToken, match="does not publish"):
        provider.verify(sign(claims(), kid="never"), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert web.asked[asked:] == ["/keys"]


def test_a_key_without_a_name_that_was_changed_is_asked_for_once(web: Web) -> None:
    """Nothing but the signature tells then; one that stays wrong is told as such, after one fetch."""
    before, after, never = (RSAKey.generate_key(2048) for _ in range(3))
    provider = Provider(publish(web, before))
    provider.metadata()
    answer(web, "/keys", published(after))
    asked = len(web.asked)
    assert provider.verify(sign(claims(), after), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert web.asked[asked:] == ["/keys"]
    assert provider.verify(sign(claims(), after), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert web.asked[asked:] == ["/keys"]
    with pytest.raises(InvalidIdToken) as caught:
        provider.verify(sign(claims(), never), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.check == "signature"
    assert web.asked[asked:] == ["/keys"] * 2


def test_a_key_that_was_replaced_under_its_name_is_asked_for_once(web: Web) -> None:
    """A demonstration server that comes back mostly has another key of the same name; then the refusal stands."""
    after = RSAKey.generate_key(2048, {"kid": RSA.kid})
    provider = Provider(publish(web, RSA))
    provider.metadata()
    answer(web, "/keys", published(after))
    asked = len(web.asked)
    assert provider.verify(sign(claims(), after), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert web.asked[asked:] == ["/keys"]
    with pytest.raises(InvalidIdToken, match="signature") as caught:
        provider.verify(sign(claims(), RSA), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert caught.value.check == "signature"
    assert web.asked[asked:] == ["/keys"] * 2


def test_keys_older_than_a_day_are_not_used(web: Web) -> None:
    """A provider that is away for so long may have withdrawn them; when it is back, it serves again."""
    now = [0.0]
    provider = Provider(publish(web, RSA), clock=lambda: now[0])
    provider.metadata()
    well = web.answers["/keys"]
    answer(web, "/keys", {}, 503)
    now[0] = LONGEST_KEPT - 1
    assert provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    now[0] = LONGEST_KEPT + RETRY_AFTER
    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    web.answers["/keys"] = well
    assert provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))


def test_after_a_refusal_nothing_is_asked(web: Web) -> None:
    """The conformance suite fails a client that goes on after a bad ID token."""
    provider = Provider(publish(web, RSA))
    provider.metadata()
    asked = len(web.asked)
    with pytest.raises(InvalidIdToken):
        provider.verify(sign(claims(nonce="other")), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert len(web.asked) == asked


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": "https://evil.test/"}, "names the issuer `https://evil.test/`"),
        ({"issuer": None}, "names the issuer"),
        ({"authorization_endpoint": None}, "has no authorization_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri is not an https address"),
        ({"jwks_uri": "http://idp.test/keys"}, "jwks_uri is not an https address"),
        ({"authorization_endpoint": "http:$(touch PWNED)?x"}, "authorization_endpoint is not an https address"),
        ({"authorization_endpoint": ["https://idp.test"]}, "authorization_endpoint is not an https address"),
    ],
)
def test_a_document_that_is_not_believed(web: Web, changes: dict[str, Any], said: str) -> None:
    """Another issuer, missing or unsafe endpoints."""
    with pytest.raises(ProviderError, match=said.replace("$", r"\$")):
        Provider(publish(web, RSA, **changes)).metadata()


@pytest.mark.parametrize(
    "host",
    [
        *["localhost", "LOCALHOST.", "idp.localhost", "127.0.0.1", "127.0.0.2", "127.1", "2130706433", "0x7f000001"],
        *["[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"],
        *["[fe80::1]", "[fe80::1%25eth0]", "[fd00::1]", "100.64.0.1", "010.1.2.3"],
    ],
)
@pytest.mark.parametrize("name", ["authorization_endpoint", "jwks_uri", "token_endpoint"])
def test_an_issuer_elsewhere_names_no_endpoint_in_here(name: str, host: str) -> None:
    """Else its document would have this machine ask itself, or its network, and send a code there."""
    issuer = "https://idp.test"
    document = {"issuer": issuer, "authorization_endpoint": f"{issuer}/a", "jwks_uri": f"{issuer}/k"}
    with pytest.raises(ProviderError, match=f"{name} is on this machine or in a private network"):
        ProviderMetadata.from_document(document | {name: f"https://{host}/x"}, issuer)


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("http://localhost:9400/", "http://127.0.0.1:9401/x"),
        ("https://10.0.0.5/", "https://10.0.0.5:8443/x"),
        ("https://idp.test/", "https://8.8.8.8/x"),
        ("https://idp.test/", "https://[2001:4860:4860::8888]/x"),
        ("https://idp.test/", "https://10.0.0.5.idp.test/x"),
        ("https://idp.test/", "https://localhost.test/x"),
    ],
)
def test_which_endpoints_are_let_be(issuer: str, url: str) -> None:
    """An issuer here may name others here, and any issuer its own host and servers of the internet."""
    document = {"issuer": issuer, "authorization_endpoint": url, "jwks_uri": url}
    assert ProviderMetadata.from_document(document, issuer).jwks_uri == url


def test_an_endpoint_by_http_of_an_issuer_elsewhere_is_refused() -> None:
    """Plain http is for an issuer on this machine only."""
    document = {
        "issuer": "https://idp.test",
        "authorization_endpoint": "http://localhost/a",
        "jwks_uri": "https://k.test",
    }
    with pytest.raises(ProviderError, match="on this machine"):
        ProviderMetadata.from_document(document, "https://idp.test")


def test_no_text_of_a_provider_but_a_scope_is_known() -> None:
    """RFC 6749, 3.3: Tab offers these, and a line break in one would become code of the cell."""
    document = {
        "issuer": "https://i.test",
        "authorization_endpoint": "https://i.test/a",
        "jwks_uri": "https://i.test/k",
        "scopes_supported": ["openid", "read:fruit", "x\n!id", "a b", 'a"b', "a\\b", "", "caf\u00e9", "\u202e", 5],
    }
    assert ProviderMetadata.from_document(document, "https://i.test").scopes_supported == ("openid", "read:fruit")


def test_metadata_of_any_shape_is_only_told() -> None:
    """Members of a wrong type are as good as absent."""
    document = {
        "issuer": "https://i.test",
        "authorization_endpoint": "https://i.test/a",
        "jwks_uri": "https://i.test/k",
        "id_token_signing_alg_values_supported": "RS256",
        "authorization_response_iss_parameter_supported": "yes",
    }
    metadata = ProviderMetadata.from_document(document, "https://i.test")
    assert metadata.id_token_signing_alg_values_supported == ()
    assert metadata.authorization_response_iss_parameter_supported is False


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (200, {}, b"<html>hi</html>", "is not JSON"),
        (200, {}, b"[]", "is not a JSON object"),
        (200, {}, b"\xff\xfe{}", "is not JSON"),
        (200, {}, b"[" * 100_000, "is not JSON"),
        (200, {}, b"{}" + b" " * 1024 * 1024, "larger than 1 MiB"),
        (500, {}, b"{}", "answered 500"),
        (302, {"Location": "/elsewhere"}, b"", "answered 302"),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(gzip.compress(b" " * 50_000_000)), "is not JSON"),
    ],
)
def test_answers_that_are_not_read(web: Web, status: int, headers: dict[str, str], body: bytes, said: str) -> None:
    """HTML, garbage, megabytes, redirects: one sentence, and no second request."""
    web.answers["/x"] = (status, headers, body)
    with pytest.raises(ProviderError, match=said):
        fetch_json(web.url + "/x")
    assert web.asked == ["/x"]


def test_a_dripping_answer_is_cut(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read timeout alone would never end while bytes come."""
    monkeypatch.setattr(http_module, "LIMIT", 0.5)
    over = threading.Event()

    def drip() -> Iterator[bytes]:
        while not over.wait(0.05):
            yield b" "

    web.answers["/x"] = (200, {}, drip)
    started = time.monotonic()
    with pytest.raises(ProviderError, match="takes too long"):
        fetch_json(web.url + "/x")
    over.set()
    assert time.monotonic() - started < 10


def test_dripping_headers_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come before any limit of requests' own."""
    monkeypatch.setattr(http_module, "LIMIT", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.05):
                    connection.sendall(b"x")

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        started = time.monotonic()
        with pytest.raises(ProviderError, match="takes too long"):
            fetch_json(f"http://127.0.0.1:{server.getsockname()[1]}/x")
        assert time.monotonic() - started < 10
        over.set()
        joined([dripping], 10)


def test_how_long_a_provider_is_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds for a connection, ten for each pause of the answer: what `requests` is told."""
    asked: list[Any] = []
    real = requests.Session.request

    def request(session: requests.Session, *args: Any, timeout: Any, **kwargs: Any) -> requests.Response:
        asked.append(timeout)
        return real(session, *args, timeout=timeout, **kwargs)

    monkeypatch.setattr(requests.Session, "request", request)
    answer(web, "/x", {})
    fetch_json(web.url + "/x")
    assert asked == [(5.0, 10.0)]


def test_nothing_listens() -> None:
    """The sentence names the address and what to check."""
    with pytest.raises(ProviderError, match=r"cannot be reached at http://127\.0\.0\.1:1/x\. Check `domain`"):
        fetch_json("http://127.0.0.1:1/x")


def test_loopback_never_goes_through_a_proxy(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says; and no password of .netrc is sent."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    answer(web, "/x", {"a": 1})
    assert fetch_json(web.url + "/x") == {"a": 1}


def test_no_password_of_netrc_is_sent(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests would, by itself."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    answer(web, "/x", {})
    fetch_json(web.url + "/x")
    assert "Authorization" not in web.headers[0]


def test_other_hosts_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is honoured, NO_PROXY too, and a dead proxy is named."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ProviderError, match="Check HTTPS_PROXY and NO_PROXY"):
        fetch_json("https://idp.test/x")
    monkeypatch.setenv("NO_PROXY", "idp.test")
    assert http_module._session("https://idp.test/x").proxies == {}


PROXY_VARIABLES = (
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
)


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a proxy."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value",
    [
        "\u201chttp://proxy.test:3128\u201d",
        '"http://proxy.test:3128"',
        "'proxy.test:3128'",
        "http://proxy.test:3128 ",
        " http://proxy.test:3128",
        "http://proxy\t.test:3128",
        "http://me:hunter2@pro xy.test:3128",
        "http://me:hunter2@proxy.test:port",
        "htp://me:hunter2@proxy.test:3128",
        "http://",
        "http://[::1",
    ],
)
def test_a_proxy_that_is_no_address_is_named_by_its_variable(
    name: str, value: str, no_proxy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the issuer is at fault; and the value, which may hold a password, is not repeated."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ProviderError, match=f"^{name} is not the address of a proxy") as caught:
        fetch_json("https://idp.test/x")
    assert "domain" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "idp.test")
    assert http_module._session("https://idp.test/x").proxies == {}


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS4"])
def test_a_socks_proxy_without_its_package(scheme: str, no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what to install."""
    monkeypatch.setattr(proxy_module, "find_spec", lambda name: None)
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:1080")
    with pytest.raises(ProviderError, match=r"ALL_PROXY names a SOCKS proxy.*pip install 'requests\[socks\]'"):
        fetch_json("https://idp.test/x")
    monkeypatch.setattr(proxy_module, "find_spec", lambda name: object())
    assert http_module._session("https://idp.test/x").proxies


@pytest.mark.parametrize(
    "value", ["proxy.test:3128", "http://me:p%40ss@proxy.test:3128/", "HTTPS://[2001:db8::1]:3128"]
)
def test_which_proxies_are_used(value: str, no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `requests` itself takes them."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert http_module._session("https://idp.test/x").proxies["https"] == value


def test_a_dead_proxy_is_named_by_its_variable(no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it is."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ProviderError, match="Check ALL_PROXY and NO_PROXY"):
        fetch_json("https://idp.test/x")


class Caching(requests.Session):
    """What a notebook may put under `requests`: for each URL the first answer, for ever."""

    kept: ClassVar[dict[str, requests.Response]] = {}

    def send(self, request: Any, **more: Any) -> requests.Response:
        """Answer from the cache."""
        if request.url not in self.kept:
            answer = super().send(request, **more | {"stream": False})
            answer.raw = io.BytesIO(answer.content)
            self.kept[request.url] = answer
        return self.kept[request.url]


def polite(*args: Any, **kwargs: Any) -> requests.Session:
    """Return such a session, which heeds `no-store` (RFC 9111, 5.2.1.5)."""
    session = Caching(*args, **kwargs)
    send = session.send

    def heed(request: Any, **more: Any) -> requests.Response:
        is_kept = "no-store" not in request.headers.get("Cache-Control", "")
        return send(request, **more) if is_kept else real_send(session, request, **more)

    session.send = heed
    return session


real_send = requests.Session.send


@pytest.mark.parametrize("replacement", [Caching, polite])
def test_a_cache_that_a_notebook_put_under_requests_is_asked_past(
    replacement: Any, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a key that was replaced would never be seen (OpenID Connect Core, 10.1.1), and userinfo would stay."""
    monkeypatch.setattr(Caching, "kept", {})
    monkeypatch.setattr(requests, "Session", replacement)
    monkeypatch.setattr(requests.sessions, "Session", replacement)
    before, after = RSA, RSAKey.generate_key(2048, {"kid": "r2"})
    provider = Provider(publish(web, before))
    assert provider.verify(sign(claims()), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    answer(web, "/keys", published(after))
    assert provider.verify(sign(claims(), after), EXPECTED, datetime(2026, 1, 1, tzinfo=UTC))
    assert Caching.kept == {}
    assert {headers["Cache-Control"] for headers in web.headers} == {"no-store"}


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_authority_of_ones_own_serves_on_this_machine_too(
    host: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that the error names is the one that helps."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with serving_tls(tmp_path, b'{"a": 1}') as (port, bundle):
        with pytest.raises(ProviderError, match="set REQUESTS_CA_BUNDLE"):
            fetch_json(f"https://{host}:{port}/x")
        monkeypatch.setenv(variable, str(bundle))
        assert fetch_json(f"https://{host}:{port}/x") == {"a": 1}


def test_a_certificate_that_cannot_be_verified_names_the_variable(tmp_path: Path) -> None:
    """It is never skipped; the error names REQUESTS_CA_BUNDLE, for a proxy that inspects TLS."""
    with serving_tls(tmp_path, b"{}") as (port, _), pytest.raises(ProviderError, match="REQUESTS_CA_BUNDLE"):
        fetch_json(f"https://127.0.0.1:{port}/x")


def test_the_ca_bundle_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE first, then CURL_CA_BUNDLE, as requests itself has it."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/curl.pem")
    assert http_module._session("https://idp.test").verify == "/curl.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/requests.pem")
    assert http_module._session("https://idp.test").verify == "/requests.pem"


def test_error_of_the_network_keeps_its_cause() -> None:
    """For a request with a form or a token too: a script can tell a refused connection from a name that is unknown."""
    for options in ({}, {"form": {"code": "secret"}}, {"authorization": "Bearer secret"}):
        with pytest.raises(ProviderUnreachable) as caught:
            http_module.ask("POST", "http://127.0.0.1:1/token", **options)
        assert isinstance(caught.value.__cause__, requests.ConnectionError)


@pytest.mark.parametrize(
    "answer", [b'{"access_token": "secretsecret"}\r\n\r\n', b"secretsecret", b"HTTP/secretsecret\r\n"]
)
def test_answer_without_a_status_line_is_quoted_by_no_error(answer: bytes) -> None:
    """`requests` puts the first line of it into its error, and that may be a token response."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        serving_thread = threading.Thread(target=serve, daemon=True)
        serving_thread.start()
        with pytest.raises(ProviderUnreachable) as caught:
            http_module.ask("POST", f"http://127.0.0.1:{server.getsockname()[1]}/token", {"code": "secret"})
        joined([serving_thread], 10)
    told = [*traceback.format_exception(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
    assert "secretsecret" not in "".join(told)
