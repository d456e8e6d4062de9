"""The corpus of bad inputs against the real listener, verifier and parameters.

The issuer is a server that publishes what the case says; the response is sent as the case has it, byte for byte.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipyauth_magic import ParamsAuth0
from ipyauth_magic.errors import (
    InvalidIdToken,
    InvalidParams,
    InvalidResponse,
    IpyauthError,
    ProviderError,
    ProviderRefused,
)
from ipyauth_magic.flows.token_source import TokenSource
from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.store.memory import MemoryStore
from tests.support.attempts import Attempt
from tests.support.bad_inputs import Case, Fixtures, build_token, cases, jwks, substituted
from tests.support.ports import is_free
from tests.support.scripted_browser import FORM, query_of
from tests.support.stored import KEY, file_store, found, token_set
from tests.support.threads import joined
from tests.support.web import Web, serving

HYBRID = {"ID-067"}
"""INTERFACE.md, section 1: any other response_type is refused, so a hybrid response is never asked for."""

REFRESHED = {"ID-069", "ID-071"}
"""Cases of an ID token that comes by a refresh token only."""

ACCEPTED = {"outcome": "accept", "error": None, "http": [200], "flow": "succeeds"}
"""What is expected of a code's ID token without `at_hash`: it is optional there (OpenID Connect Core, 3.1.3.6)."""

GOOD_WHEN_REFRESHED = {
    "ID-025": "at_hash is optional, as with a code",
    "ID-051": "one of several keys fits: either answer is right, and ours is to try them",
    "ID-065": "max_age was asked of the sign-in, which is not repeated",
}
"""Cases that are none when the ID token comes by a refresh token, with their reasons (OpenID Connect Core, 12.2)."""

INTERFACE_HOLDS = {
    "CF-071": "`openid` and `profile` are added to the scope, so one without `openid` is no error",
}
"""Cases where the interface decides otherwise, with its reason."""

LEFT_OPEN = {
    "CF-015": "audience",  # names a variable that is not there: the value is not sent with a gap in it
}
"""Configurations that the corpus leaves open and we refuse, with the parameter at fault."""

KINDS: dict[str, tuple[type[IpyauthError], str | None]] = {
    "missing_param": (InvalidResponse, "access_token"),
    "id_token_missing": (InvalidResponse, "id_token"),
    "bad_token_type": (InvalidResponse, "token_type"),
    "bad_token_chars": (InvalidResponse, "access_token"),
    "aud_missing": (InvalidIdToken, "aud"),
    "aud_mismatch": (InvalidIdToken, "aud"),
    "aud_untrusted": (InvalidIdToken, "aud"),
    "azp_mismatch": (InvalidIdToken, "azp"),
    "iss_mismatch": (InvalidIdToken, "iss"),
    "sub_invalid": (InvalidIdToken, "sub"),
    "nonce_mismatch": (InvalidIdToken, "nonce"),
    "at_hash_missing": (InvalidIdToken, "at_hash"),
    "at_hash_mismatch": (InvalidIdToken, "at_hash"),
    "expired": (InvalidIdToken, "exp"),
    "exp_invalid": (InvalidIdToken, "exp"),
    "iat_too_old": (InvalidIdToken, "iat"),
    "iat_invalid": (InvalidIdToken, "iat"),
    "iss_missing": (InvalidResponse, "iss"),
    "sub_mismatch": (InvalidIdToken, "sub"),
    "auth_time_missing": (InvalidIdToken, "auth_time"),
    "bad_signature": (InvalidIdToken, "signature"),
    "alg_not_allowed": (InvalidIdToken, "alg"),
    "unknown_key": (InvalidIdToken, "key"),
    "malformed": (InvalidIdToken, "form"),
}
"""The corpus's kinds of error, as our classes and the check that they name."""

DEADLINE_FACTOR = 5
FLOWS = ("fragment", "form_post")


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """A server that plays the issuer."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def shared_keys() -> Fixtures:
    """Keys, made once."""
    return Fixtures()


class Run:
    """One case under way: an issuer that publishes its keys, an attempt that waits, and what to fill in."""

    def __init__(self, web: Web, keys: Fixtures, case: Case, mode: str) -> None:
        self.web = web
        self.case = case
        self._publish(jwks(case, keys), case.build.get("request", {}).get("metadata", {}))
        extra = {"max_age": case.build["params"]["max_age"]} if "max_age" in case.build.get("params", {}) else {}
        params = ParamsAuth0(
            domain=web.url,
            client_id="ipyauth-test-client",
            redirect_uri="http://127.0.0.1:0/callback",
            response_type="code" if mode == "query" else "token id_token",
            response_mode=mode,
            audience="api/fruit",
            **extra,
        )
        self.attempt = Attempt(params, timeout=60)
        self.attempt.wait_for_url(10)
        Provider.of(params.expected_issuer).metadata()  # what is asked from here on is asked because of the case
        web.asked.clear()
        asked = query_of(str(self.attempt.url))
        self.port = int(urlsplit(asked["redirect_uri"]).port or 0)
        self.fixtures = Fixtures(
            ISS=f"{web.url}/",
            ISS_NOSLASH=web.url,
            STATE=asked["state"],
            NONCE=asked["nonce"],
            PORT=str(self.port),
        )
        self.fixtures.__dict__["keys"] = keys.keys
        token = build_token(case, self.fixtures) if case.group == "id_token" else self._good_id_token()
        self.fixtures.constants["ID_TOKEN"] = str(token)
        publish_tokens(web, self.fixtures)

    def _publish(self, key_set: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        document = {
            "issuer": f"{self.web.url}/",
            "authorization_endpoint": f"{self.web.url}/authorize",
            "token_endpoint": f"{self.web.url}/token",
            "jwks_uri": f"{self.web.url}/jwks",
            "id_token_signing_alg_values_supported": ["HS256", "RS256"],
            **metadata,
        }
        for path, content in (("/.well-known/openid-configuration", document), ("/jwks", key_set)):
            self.web.answers[path] = (200, {}, json.dumps(content).encode())

    def _good_id_token(self) -> str:
        good = Case("", "id_token", "", {"kind": "jws"}, {}, "")
        return str(build_token(good, self.fixtures))

    def send(self, request: Mapping[str, Any], index: int = 0) -> tuple[int | str, Mapping[str, str], str]:
        """Send a request of the case; return status, headers and body, or `closed`."""
        if "raw" in request or "raw_template" in request:
            parts = request.get("raw_template") or [request["raw"]]
            return self.send_bytes("".join(substituted(part, self.fixtures) for part in parts).encode("latin-1"))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            self.put(connection, request, index)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
        except (ConnectionError, http.client.HTTPException):
            return "closed", {}, ""
        finally:
            connection.close()

    def put(self, connection: http.client.HTTPConnection, request: Mapping[str, Any], index: int = 0) -> None:
        """Write a request of the case."""
        body = self._body(request, index)
        connection.putrequest(
            request["method"], substituted(request["target"], self.fixtures), skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.get("headers", []):
            connection.putheader(name, substituted(value, self.fixtures))
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)

    def _body(self, request: Mapping[str, Any], index: int) -> bytes | None:
        if "body_b64" in request:
            return base64.b64decode(request["body_b64"])
        if "form" in request:
            fields = [
                (name.replace("{i}", str(i)), str(substituted(value, self.fixtures)).replace("{i}", str(index)))
                for i in range(request.get("form_repeat", 1))
                for name, value in request["form"]
            ]
            return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields).encode()
        return request["body"].encode() if "body" in request else None

    def send_bytes(self, data: bytes) -> tuple[int | str, Mapping[str, str], str]:
        """Send bytes and return what comes back, read to its end or for a while."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            try:
                connection.sendall(data)
                while chunk := connection.recv(65536):
                    received += chunk
                    if b"\r\n\r\n" in received:
                        break
            except ConnectionError:
                pass
        if not received:
            return "closed", {}, ""
        return int(received.split(b" ")[1]), {}, received.decode("utf-8", "replace")

    def check_flow(self, wanted: str, kind: str | None) -> None:
        """Check that the attempt waits, has succeeded, or has failed for the right reason."""
        if wanted == "waiting":
            assert not self.attempt.is_over
            return
        if wanted == "either":
            return
        if wanted == "succeeds":
            assert self.attempt.result().access_token == self.fixtures.constants["ACCESS_TOKEN"]
            return
        with pytest.raises(IpyauthError) as caught:
            self.attempt.result()
        assert self.attempt.tokens is None
        check_kind(caught.value, str(kind))

    def secrets(self) -> list[str]:
        """Return what no answer may repeat."""
        values = self.fixtures.constants
        return [values[name] for name in ("ACCESS_TOKEN", "STATE", "NONCE", "ID_TOKEN", "CODE")]

    def close(self) -> None:
        """End whatever is left."""
        self.attempt.stop("the test is over")
        self.attempt.join()
        assert is_free(self.port)


def publish_tokens(web: Web, fixtures: Fixtures) -> None:
    """Let the token endpoint give the tokens of *fixtures* for whatever it is asked."""
    names = ("access_token", "id_token")
    tokens = {name: fixtures.constants[name.upper()] for name in names}
    web.answers["/token"] = (200, {}, json.dumps({**tokens, "token_type": "Bearer", "expires_in": 7200}).encode())


def check_kind(error: IpyauthError, kind: str) -> None:
    """Check that *error* is the class, with the check, that the corpus's *kind* stands for."""
    if kind.startswith("oauth_error:"):
        assert isinstance(error, ProviderRefused)
        assert kind in ("oauth_error:*", f"oauth_error:{error.error}")
        return
    expected, check = KINDS[kind]
    assert isinstance(error, expected)
    assert getattr(error, "check", None) == check


def check_answer(run: Run, answer: tuple[int | str, Mapping[str, str], str], expect: Mapping[str, Any]) -> None:
    """Check status, headers and body of an answer, and that it repeats no secret."""
    status, headers, body = answer
    assert status in expect["http"]
    for name, value in expect.get("headers", {}).items():
        if value.startswith("~"):
            assert value[1:] in headers[name]
        else:
            assert headers[name] == value
    lowered = {name.lower() for name in headers}
    assert not any(name.lower() in lowered for name in expect.get("no_headers", []))
    assert not any(name.startswith("access-control") for name in lowered)
    assert not any(text in body for text in [*expect.get("no_body", []), *filter(None, run.secrets())])


def of(group: str, left_out: Mapping[str, str] | set[str]) -> list[Any]:
    """Return the cases of *group* but for those left out, as parameters of a test."""
    return [pytest.param(case, id=case.id) for case in cases(group) if case.id not in left_out]


@pytest.mark.parametrize("case", of("callback", set()))
def test_callback(case: Case, web: Web, shared_keys: Fixtures) -> None:
    """A request to the listener gets the answer that the standard asks for, and the wait ends only when it should."""
    run = Run(web, shared_keys, case, {"form_post": "form_post", "code": "query"}.get(case.build["flow"], "fragment"))
    started = time.monotonic()
    try:
        for answer in play(run, case):
            check_answer(run, answer, case.expect)
        run.check_flow(case.expect["flow"], case.expect["error"])
        assert time.monotonic() - started < DEADLINE_FACTOR * case.expect.get("max_seconds", 2.0)
    finally:
        run.close()


def play(run: Run, case: Case) -> Iterator[tuple[int | str, Mapping[str, str], str]]:
    """Do what the case describes and give the answers that count."""
    build = case.build
    if "socket" in build:
        yield from play_sockets(run, build)
    elif "steps" in build:
        yield from play_steps(run, build["steps"], case.expect)
    else:
        yield run.send(build["request"])


def play_steps(
    run: Run, steps: list[Any], expect: Mapping[str, Any]
) -> Iterator[tuple[int | str, Mapping[str, str], str]]:
    """Send several requests, one after the other or together; the last one's answer counts."""
    answers = []
    for step in steps:
        if "parallel" in step:
            answers = send_together(run, step)
            accepted = [answer for answer in answers if answer[0] == 200]
            assert len(accepted) == expect["accepted_exactly"]
            yield accepted[0]
            return
        answers = [send_or_refused(run, step["request"], i) for i in range(step.get("repeat", 1))]
    yield answers[-1]


def send_or_refused(run: Run, request: Mapping[str, Any], index: int) -> tuple[int | str, Mapping[str, str], str]:
    """Send a request; `refused` once the port is closed."""
    try:
        return run.send(request, index)
    except ConnectionRefusedError:
        return "refused", {}, ""


def send_together(run: Run, step: Mapping[str, Any]) -> list[tuple[int | str, Mapping[str, str], str]]:
    """Send the same request on several sockets at the same instant."""
    answers: list[tuple[int | str, Mapping[str, str], str]] = []
    together = threading.Barrier(step["parallel"])

    def send() -> None:
        together.wait(10)
        answers.append(send_or_refused(run, step["request"], 0))

    threads = [threading.Thread(target=send) for _ in range(step["parallel"])]
    for thread in threads:
        thread.start()
    joined(threads, 30)
    return answers


def play_sockets(run: Run, build: Mapping[str, Any]) -> Iterator[tuple[int | str, Mapping[str, str], str]]:
    """Hold, drip, or misuse sockets, then send what the case wants to get through."""
    how = build["socket"]
    if "connect_to" in how:
        yield connect_from_outside(run), {}, ""
    elif "send_b64" in how:
        yield run.send_bytes(base64.b64decode(how["send_b64"]))
    elif "send_request" in how:
        connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=20)
        run.put(connection, how["send_request"])
        connection.close()
        yield "closed", {}, ""
    else:
        held = [socket.create_connection(("127.0.0.1", run.port)) for _ in range(how.get("idle", how.get("drip", 0)))]
        over = threading.Event()
        dripping = threading.Thread(target=drip, args=(held, substituted(how.get("bytes", ""), run.fixtures), over))
        dripping.start()
        try:
            yield run.send(build["then"]["request"])
        finally:
            over.set()
            joined([dripping], 10)
            for connection in held:
                connection.close()


def drip(held: list[socket.socket], text: str, over: threading.Event) -> None:
    """Send one byte a second on each socket."""
    for byte in text.encode():
        for connection in held:
            try:
                connection.send(bytes([byte]))
            except OSError:
                return
        if over.wait(1):
            return


def connect_from_outside(run: Run) -> str:
    """Try the listener's port at every address of this machine that is not loopback."""
    addresses = [
        address.address
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    for address in addresses:
        with pytest.raises(OSError, match="refused|timed out|unreachable"):
            socket.create_connection((address, run.port), timeout=5)
    listening = [
        each.laddr.ip
        for each in psutil.net_connections("tcp")
        if each.status == "LISTEN" and each.laddr.port == run.port
    ]
    assert listening == ["127.0.0.1"]
    return "refused"


@pytest.mark.parametrize("mode", FLOWS)
@pytest.mark.parametrize("case", of("id_token", REFRESHED | HYBRID))
def test_id_token(case: Case, mode: str, web: Web, shared_keys: Fixtures) -> None:
    """An ID token is believed only if everything holds; what comes of it is the same by fragment and by form_post."""
    run = Run(web, shared_keys, case, mode)
    origin = f"http://127.0.0.1:{run.port}" if mode == "fragment" else web.url
    form = {
        "access_token": "{{ACCESS_TOKEN}}",
        "token_type": "Bearer",
        "expires_in": "7200",
        "state": "{{STATE}}",
        "id_token": "{{ID_TOKEN}}",
    }
    request = {
        "method": "POST",
        "target": "/callback",
        "headers": [["Host", "127.0.0.1:{{PORT}}"], ["Origin", origin], ["Content-Type", FORM]],
        "form": list(form.items()),
    }
    try:
        check_answer(run, run.send(request), case.expect)
        run.check_flow(case.expect["flow"], case.expect["error"])
        assert web.asked in ([], ["/jwks"])
        assert len(web.asked) < case.expect.get("jwks_fetches_max", 2)
    finally:
        run.close()


@pytest.mark.parametrize("case", of("id_token", REFRESHED | HYBRID))
def test_id_token_of_a_code(case: Case, web: Web, shared_keys: Fixtures) -> None:
    """The same holds of one that the token endpoint gives; but it need not vouch for the access token beside it."""
    run = Run(web, shared_keys, case, "query")
    request = {
        "method": "GET",
        "target": "/callback?code={{CODE}}&state={{STATE}}",
        "headers": [["Host", "127.0.0.1:{{PORT}}"]],
    }
    expect = case.expect | (ACCEPTED if case.expect["error"] == "at_hash_missing" else {})
    try:
        check_answer(run, run.send(request), expect)
        run.check_flow(expect["flow"], expect["error"])
        assert web.asked in (["/token"], ["/token", "/jwks"])
    finally:
        run.close()


@pytest.mark.parametrize("case", of("id_token", HYBRID))
def test_refreshed_id_token(case: Case, web: Web, shared_keys: Fixtures) -> None:
    """And of one that comes by a refresh token, which need not repeat the nonce (OpenID Connect Core, 12.2)."""
    run = Run(web, shared_keys, case, "query")
    now = datetime.now(UTC)
    claims = {"sub": "auth0|u1", "nonce": run.fixtures.constants["NONCE"]}
    ended = TokenSet(AccessToken("a"), IdToken("i"), "openid", now, now, claims, RefreshToken("r"))
    kept = TokenSource(run.attempt.params, run.attempt.grant, MemoryStore())
    kept.save(ended)
    try:
        if case.expect["outcome"] == "accept" or case.id in GOOD_WHEN_REFRESHED:
            assert kept.get().access_token == run.fixtures.constants["ACCESS_TOKEN"]
            assert kept.get().claims["sub"] == kept.current.claims["sub"]
        else:
            with pytest.raises(IpyauthError) as caught:
                kept.get()
            check_kind(caught.value, case.expect["error"])
            assert kept.current.access_token == "a"
        assert web.asked in (["/token"], ["/token", "/jwks"])
    finally:
        run.close()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases("id_token") if case.id in HYBRID])
def test_hybrid_is_no_response_type(case: Case) -> None:
    """What is never asked for needs no c_hash."""
    with pytest.raises(InvalidParams, match="response_type"):
        ParamsAuth0(domain="issuer.test", client_id="c", response_type=case.build["params"]["response_type"])


# Configuration: the corpus's logical names, and what they are with us.

BASE = {
    "domain": "issuer.test",
    "client_id": "client-1",
    "audience": "api/fruit",
    "scope": "openid profile read:usual-fruit",
    "response_type": "token id_token",
}
ADDRESS = {"redirect_host": "127.0.0.1", "port": "0", "callback_path": "/callback"}
MAGIC_OPTIONS = {"variable": "--token-name", "timeout": "--timeout"}
FIELDS = {
    "redirect_host": "redirect_uri",
    "port": "redirect_uri",
    "callback_path": "redirect_uri",
    "env_file": "dotenv_file",
}


def is_about(case: Case, *names: str) -> bool:
    """Tell whether the case builds on any of *names*."""
    return any(name in case.build or name in case.build.get("params", {}) for name in names)


def parameters(case: Case, folder: Path) -> dict[str, Any]:
    """Return the case's configuration under our names."""
    given = {key: substituted(value, Fixtures()) for key, value in case.build.get("params", {}).items()}
    address = ADDRESS | {name: given.pop(name) for name in ADDRESS if name in given}
    host = f"[{address['redirect_host']}]" if ":" in address["redirect_host"] else address["redirect_host"]
    given.pop("allow_insecure_loopback", None)
    if "domain" in given:
        given["domain"] = given["domain"].replace("{{ISSUER_PORT}}", "9400")
    in_file = "dotenv" in case.build or "dotenv_b64" in case.build or "env_file_kind" in case.build
    values = {} if in_file else dict(BASE)
    values |= {"redirect_uri": f"http://{host}:{address['port']}{address['callback_path']}"} | given
    if in_file:
        values |= {"dotenv_folder": str(folder), "dotenv_file": write_dotenv(case, folder)}
    return {name: value for name, value in values.items() if name not in case.build.get("drop", [])}


def write_dotenv(case: Case, folder: Path) -> str:
    """Write the case's dotenv file and return its name."""
    path = folder / "case.env"
    if case.build.get("env_file_kind") == "directory":
        path.mkdir()
    elif "dotenv_b64" in case.build:
        path.write_bytes(base64.b64decode(case.build["dotenv_b64"]))
    else:
        path.write_bytes(case.build["dotenv"].encode())
    path.chmod(int(case.build.get("env_file_mode", "700"), 8))
    return path.name


CONFIG = [case for case in cases("config") if case.id not in INTERFACE_HOLDS]
BY_MAGIC = [case for case in CONFIG if is_about(case, *MAGIC_OPTIONS, "params_raw")]
BY_DISCOVERY = [case for case in CONFIG if is_about(case, "discovery")]
BY_STORE = [case for case in CONFIG if is_about(case, "cache_symlink")]
BY_PARAMS = [case for case in CONFIG if case not in BY_MAGIC + BY_DISCOVERY + BY_STORE]


@pytest.mark.parametrize("case", BY_PARAMS, ids=str)
def test_config(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration is taken, or refused by an error that names the parameter to mend."""
    for name, value in case.build.get("env", {}).items():
        monkeypatch.setenv(name, value)
    keywords = parameters(case, tmp_path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if case.expect["outcome"] == "reject" or case.id in LEFT_OPEN:
            field = LEFT_OPEN.get(case.id) or FIELDS.get(case.expect["field"], case.expect["field"])
            with pytest.raises(InvalidParams) as caught:
                ParamsAuth0(**keywords)
            assert field in [problem.name for problem in caught.value.problems]
            return
        params = ParamsAuth0(**keywords)
    assert bool(said) is ("warning" in case.expect)
    for name, value in case.expect.get("effective", {}).items():
        if name == "port":
            assert urlsplit(params.redirect_uri).port == 0
        else:
            assert getattr(params, name) == value


@pytest.mark.parametrize("case", BY_MAGIC, ids=str)
def test_config_of_the_magic(case: Case, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad option is one line, opens nothing, and binds no variable."""
    before = dict(shell.user_ns)
    values = case.build.get("params", {})
    options = [f'{MAGIC_OPTIONS[name]}="{value}"' for name, value in values.items() if name in MAGIC_OPTIONS]
    if "params_raw" in case.build:
        options = ["client_id=a", "client_id=b"]
    result = shell.run_cell(f"%auth0 domain=issuer.test client_id=c {' '.join(options)}")
    said = capsys.readouterr()
    assert type(result.error_in_exec).__name__ == "UsageError"
    assert "Traceback" not in said.out + said.err
    option = "client_id" if "params_raw" in case.build else options[0].split("=")[0]
    assert option.lstrip("-") in said.err
    assert {name for name in shell.user_ns if not name.startswith("_")} == {
        name for name in before if not name.startswith("_")
    }


@pytest.mark.parametrize("case", BY_DISCOVERY, ids=str)
def test_config_of_discovery(case: Case, web: Web) -> None:
    """A discovery document that lies or breaks the standard is refused before anything is opened."""
    document = {
        "issuer": web.url,
        "authorization_endpoint": f"{web.url}/authorize",
        "jwks_uri": f"{web.url}/jwks",
    }
    changes = dict(case.build["discovery"])
    for name in changes.pop("$drop", []):
        del document[name]
    body = str(changes.pop("$body", None) or json.dumps(document | changes)).encode()
    web.answers["/.well-known/openid-configuration"] = (200, {}, body)
    params = ParamsAuth0(issuer=web.url, client_id="c", redirect_uri="http://127.0.0.1:0/")
    attempt = Attempt(params, timeout=30)
    with pytest.raises(ProviderError) as caught:
        attempt.result()
    attempt.join()
    assert attempt.url is None
    field = case.expect["field"]
    assert ("issuer" if field == "domain" else field) in str(caught.value)


@pytest.mark.parametrize("case", BY_STORE, ids=str)
@pytest.mark.parametrize("linked", ["file", "folder"])
def test_config_of_the_store(case: Case, linked: str, tmp_path: Path) -> None:
    """Nothing is written where a link in the place of the tokens leads; the sign-in itself goes on.

    A file store is named and not pointed to a path, so there is no field to name: the link is replaced, or costs a
    warning that names the folder.
    """
    folder, victim = tmp_path / "ipyauth_magic", tmp_path / "victim"
    path = folder if linked == "folder" else folder / f"{KEY}.json"
    if linked == "folder":
        victim.mkdir()
    else:
        folder.mkdir(mode=0o700)
        victim.write_text("precious")
    path.symlink_to(victim)
    said: list[str] = []
    store = file_store(folder, said.append)
    assert found(store) is None
    store.save(KEY, token_set())
    assert store.load(KEY) == token_set()
    if linked == "folder":
        assert list(victim.iterdir()) == []
        assert [str(folder) in sentence for sentence in said] == [True]
    else:
        assert victim.read_text() == "precious"
        assert not path.is_symlink()
        assert said == []


def test_every_case_runs_or_is_named_with_a_reason() -> None:
    """No case is lost on the way."""
    known = {case.id for group in ("callback", "id_token", "config") for case in cases(group)}
    assert HYBRID | REFRESHED | set(INTERFACE_HOLDS) <= known
    ran = BY_PARAMS + BY_MAGIC + BY_DISCOVERY + BY_STORE
    assert sorted(case.id for case in ran) == sorted({case.id for case in cases("config")} - set(INTERFACE_HOLDS))
