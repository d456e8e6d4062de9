"""ParamsAuth0: what a user may give, from where, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.settings.nearest import looks_misspelt, nearest_name
from ipyauth_magic.settings.parameters import FIELDS, PASSED_ON
from ipyauth_magic.settings.params import IpyauthWarning
from ipyauth_magic.store.key import store_key

GOOD = {"domain": "tenant.eu.auth0.com", "client_id": "abc"}

OTHERS = (
    "DATABASE_URL DB_CONNECTION MAX_CONNECTIONS SCOPES_DIR AUDIENCE_SIZE CLIENT CLIENTS CLIENT_KEY GOOGLE_CLIENT_ID "
    "MY_CLIENT_ID HOST PORT ISSUER_NAME ISSUED SCORE COPSE DB_DOMAIN DOMAIN_NAME PROMPT_FILE RESOURCE_GROUP RECOURSE "
    "MAX_SIZE REDIS_URL CALLBACK_URL AUTH0_SECRET AUTH0_BASE_URL AUTH0_ISSUER_BASE_URL LOGIN RESPONSE DOTENV_PATH "
    "SECRET_KEY API_URL LOG_LEVEL DEBUG USER EMAIL PATH PYTHONPATH TOKEN TIMEOUT AWS_REGION COMPOSE_FILE"
)
"""Names that other programs have in a dotenv file."""


def problems(**keywords: Any) -> dict[str, str]:
    """Return the problems of these keywords by the parameter's name."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(**keywords)
    return {problem.name: str(problem) for problem in caught.value.problems}


def test_defaults_are_those_of_the_interface() -> None:
    """What is not given has its default."""
    params = ParamsAuth0(**GOOD)
    assert params.response_type == "token id_token"
    assert params.response_mode == "fragment"
    assert params.redirect_uri == "http://127.0.0.1:8765/callback/"
    assert params.scope == "openid profile"
    assert params.audience is None
    assert params.dotenv_folder == "."
    assert params.expected_issuer == "https://tenant.eu.auth0.com/"


def test_a_file_that_nobody_named_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that somebody else has filled decides nothing."""
    (tmp_path / ".env").write_text("domain=evil.test\nclient_id=evil\nAUTH0_DOMAIN=evil.test\nAUTH0_CLIENT_ID=evil\n")
    monkeypatch.chdir(tmp_path)
    assert set(problems()) == {"domain", "client_id"}


def test_the_guides_own_example(tmp_path: Path) -> None:
    """The file and the call of the guide work word for word."""
    (tmp_path / "ipyauth-Auth0-demo.env").write_text(
        "domain=tenant.eu.auth0.com\nclient_id=abc\nredirect_url=http://localhost:8888/callback/\n"
        "audience=from-file\nrequested_scopes=profile read:first\n"
    )
    params = ParamsAuth0(
        dotenv_folder=str(tmp_path),
        dotenv_file="ipyauth-Auth0-demo.env",
        audience="api/fruit",
        scope="write:usual-fruit read:exotic-fruit",
    )
    assert params.audience == "api/fruit"
    assert params.scope == "openid profile write:usual-fruit read:exotic-fruit"
    assert params.redirect_uri == "http://localhost:8888/callback/"
    origins = {row.name: row.origin for row in params.explain()}
    assert origins["client_id"] == "file ipyauth-Auth0-demo.env"
    assert origins["redirect_uri"] == "file ipyauth-Auth0-demo.env, as redirect_url"
    assert origins["audience"] == "keyword"
    assert origins["response_type"] == "default"


def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line before cell before file before environment before configuration, each seen where the higher are silent."""
    (tmp_path / "x.env").write_text("client_id=file\naudience=file\nlogin_hint=file\n")
    monkeypatch.setenv("AUTH0_DOMAIN", "environment.auth0.com")
    monkeypatch.setenv("AUTH0_CLIENT_ID", "environment")
    monkeypatch.setenv("AUTH0_CALLBACK_URL", "http://127.0.0.1:1234/cb")
    params = ParamsAuth0.from_magic(
        {"client_id": "line", "dotenv_file": "x.env", "dotenv_folder": str(tmp_path)},
        "client_id=cell\naudience=cell\n",
        {"scope": "configured", "domain": "configured.auth0.com"},
    )
    assert params.client_id == "line"
    assert params.audience == "cell"
    assert params.login_hint == "file"
    assert params.domain == "environment.auth0.com"
    assert params.redirect_uri == "http://127.0.0.1:1234/cb"
    assert params.scope == "openid profile configured"


def test_configuration_may_name_the_dotenv_file(tmp_path: Path) -> None:
    """What stands in the file goes before the rest of the configuration; a file that is missing is an error."""
    (tmp_path / "x.env").write_text("client_id=file\ndomain=file.auth0.com\n")
    named = {"dotenv_file": "x.env", "dotenv_folder": str(tmp_path), "client_id": "configured"}
    params = ParamsAuth0.from_magic({}, None, named)
    assert (params.client_id, params.domain) == ("file", "file.auth0.com")
    (tmp_path / "y.env").write_text("client_id=other\ndomain=file.auth0.com\n")
    assert ParamsAuth0.from_magic({"dotenv_file": "y.env"}, None, named).client_id == "other"
    with pytest.raises(InvalidParams, match=r"nope\.env"):
        ParamsAuth0.from_magic({}, "domain=a.auth0.com\nclient_id=x\n", {"dotenv_file": "nope.env"})


def test_every_problem_is_named_at_once() -> None:
    """One error names what is missing, unknown and bad, each with the place to mend it."""
    found = problems(domain="ftp://x", redirect_uri="http://evil.example/", scoope="x", max_age="soon")
    assert set(found) == {"domain", "client_id", "redirect_uri", "scoope", "max_age"}
    assert "Did you mean `scope`?" in found["scoope"]
    assert "(from keyword)" in found["domain"]
    assert "AUTH0_CLIENT_ID" in found["client_id"]


@pytest.mark.parametrize("value", ["token id_token", "id_token token", " id_token  token "])
def test_the_order_of_the_response_type_is_free(value: str) -> None:
    """`id_token token` is the implicit grant too."""
    assert ParamsAuth0(**GOOD, response_type=value).response_type == "token id_token"


@pytest.mark.parametrize("value", ["token", "id_token", "code id_token", "code token id_token", "banana", "none"])
def test_other_response_types_are_refused(value: str) -> None:
    """Hybrid, and a token without an ID token, are no choices."""
    assert "response_type" in problems(**GOOD, response_type=value)


@pytest.mark.parametrize(
    "domain",
    [
        "ftp://t.auth0.com",
        "http://t.auth0.com",
        "https://user@t.auth0.com",
        "https://t.auth0.com:444",
        "https://t.auth0.com/realms/x",
        "https://localhost:9400",
        "http://localhost:9400/path",
        "http://user@localhost:9400",
        "localhost:9400",
        "127.0.0.1",
        "javascript:alert(1)",
        "t.auth0.com/path",
        "t.auth0.com?x",
        "t.auth0.com#x",
        "t.auth0.com@evil.example",
        "t.auth0.com\nHost: evil",
        "t .auth0.com",
        "-t.auth0.com",
        "t..com",
        "[::1",
        "http://[::1",
        "http://localhost:99999",
        "tenänt.com",
        "a" * 64 + ".com",
        "10.0.0.1",
    ],
)
def test_what_is_no_domain(domain: str) -> None:
    """A domain is a bare host name; a scheme goes only with this machine."""
    assert "domain" in problems(client_id="c", domain=domain)


@pytest.mark.parametrize("domain", ["http://localhost:9400", "http://127.0.0.1:9400/", "http://[::1]:9400"])
def test_an_issuer_on_this_machine(domain: str) -> None:
    """A loopback domain has its scheme, and its issuer ends with a slash as Auth0's do."""
    params = ParamsAuth0(client_id="c", domain=domain)
    assert params.expected_issuer == domain.rstrip("/") + "/"


@pytest.mark.parametrize("issuer", ["https://idp.example/realms/one", "https://idp.example", "http://localhost:3000/t"])
def test_an_issuer_is_kept_to_the_letter(issuer: str) -> None:
    """With a path, without a slash: it is compared verbatim."""
    params = ParamsAuth0(client_id="c", issuer=issuer)
    assert params.expected_issuer == issuer
    assert params.domain is None


@pytest.mark.parametrize(
    "issuer", ["http://idp.example", "idp.example", "https://u@idp.example", "https://x/?a", "https://"]
)
def test_what_is_no_issuer(issuer: str) -> None:
    """An issuer is https, without user, query and fragment."""
    assert "issuer" in problems(client_id="c", issuer=issuer)


def test_domain_and_issuer_in_one_place_are_refused() -> None:
    """They say the same; one of them is enough."""
    assert "issuer" in problems(**GOOD, issuer="https://idp.example")


def test_a_higher_issuer_replaces_a_lower_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer in a keyword is not spoilt by AUTH0_DOMAIN in the environment."""
    monkeypatch.setenv("AUTH0_DOMAIN", "t.auth0.com")
    params = ParamsAuth0(client_id="c", issuer="https://idp.example")
    assert (params.issuer, params.domain) == ("https://idp.example", None)


@pytest.mark.parametrize(
    "uri",
    [
        "http://0.0.0.0:8765/",
        "http://192.0.2.1:8765/",
        "http://example.com:8765/",
        "http://localhost.evil.example:8765/",
        "https://127.0.0.1:8765/",
        "https://user@hub.example/callback/",
        "https://HUB.example/callback/",
        "https://hub.example:0/callback/",
        "https://hub.example/callback/?next=/",
        "https://hub..example/callback/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:abc/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:８０/",
        "http://::1:8765/",
        "http://user@127.0.0.1:8765/",
        "http://127.0.0.1:8765/cb?x=1",
        "http://127.0.0.1:8765/cb#x",
        "http://127.0.0.1:8765/../cb",
        "http://127.0.0.1:8765//cb",
        "http://127.0.0.1:8765/call back",
        "http://LOCALHOST:8765/",
        "/callback/",
        "http://127.0.0.1:8765/\\evil",
    ],
)
def test_what_is_no_redirect_uri(uri: str) -> None:
    """A redirect URI is a plain http address of this machine's loopback, or a plain https one of another."""
    assert "redirect_uri" in problems(**GOOD, redirect_uri=uri)


def test_a_redirect_uri_may_lead_here_from_afar() -> None:
    """By a JupyterHub, a proxy, or the user's own hands."""
    uri = "https://hub.example:8443/hub/user-redirect/callback/"
    assert ParamsAuth0(**GOOD, redirect_uri=uri).redirect_uris == (uri,)


def test_several_redirect_uris_keep_their_order() -> None:
    """They are tried in the order given, each once."""
    params = ParamsAuth0(**GOOD, redirect_uri="http://localhost:1/a http://[::1]:2 http://localhost:1/a")
    assert params.redirect_uris == ("http://localhost:1/a", "http://[::1]:2")


def test_scopes_may_be_a_list_and_are_named_once() -> None:
    """`openid` and `profile` come first, nothing twice."""
    params = ParamsAuth0(**GOOD, scope=["read:x", "openid", "read:x"])
    assert params.scope == "openid profile read:x"


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ({"default_scope": "openid"}, "openid"),
        ({"default_scope": "openid", "scope": "email openid"}, "openid email"),
        ({"default_scope": ["openid", "email"], "scope": "read:x"}, "openid email read:x"),
        ({"default_scope": "", "scope": "read:x repo"}, "read:x repo"),
        ({"default_scope": ""}, ""),
        ({"default_scope": "", "scope": "openid"}, "openid"),
        ({"default_scope": None, "scope": "read:x"}, "openid profile read:x"),
    ],
)
def test_default_scope_takes_the_place_of_openid_and_profile(given: dict[str, Any], scope: str) -> None:
    """Some providers refuse a scope that the application is not registered for; an empty one adds nothing."""
    params = ParamsAuth0(**GOOD, **given)
    assert params.scope == scope
    assert params.wants_id_token is ("openid" in scope.split())


def test_an_empty_default_scope_is_a_value(tmp_path: Path) -> None:
    """In a cell, too; it is shown with its origin, and the scope says what was added to it."""
    params = ParamsAuth0.from_magic({}, "domain=t.auth0.com\nclient_id=c\ndefault_scope=\nscope=a\n")
    rows = {row.name: (row.value, row.origin) for row in params.explain()}
    assert rows["default_scope"] == ("", "the cell")
    assert rows["scope"] == ("a", "the cell")
    assert "default_scope=''" in repr(params)
    added = ParamsAuth0(**GOOD, scope="a", default_scope="openid").explain()
    assert {row.name: row.origin for row in added}["scope"] == "keyword, openid added"


def test_without_openid_the_implicit_flow_is_refused() -> None:
    """Its access token is checked by the ID token; the others get theirs from the token endpoint."""
    params = ParamsAuth0(**GOOD, scope="a", default_scope="")
    with pytest.raises(InvalidParams, match=r"`default_scope` .* has no `openid`, and the implicit flow needs"):
        Auth(params)
    for flow in ("code", "device"):
        assert Auth(params, flow=flow)
    assert Auth(ParamsAuth0(**GOOD, scope="openid", default_scope=""))


@pytest.mark.parametrize("name", ["scope", "default_scope"])
@pytest.mark.parametrize("value", ["read:a, read:b", "read:a,read:b,", "read:a ,read:b", ["read:a,", "read:b"]])
def test_scopes_with_commas_between_them(name: str, value: Any) -> None:
    """The error shows the line without them; a comma within a scope is part of it (RFC 6749, 3.3)."""
    assert f"Write `{name}=read:a read:b`" in problems(**GOOD, **{name: value})[name]
    assert ParamsAuth0(**GOOD, **{name: "read:a,b"})


@pytest.mark.parametrize("scope", ['a"b', "a\\b", "ä", "a\x00b"])
def test_what_is_no_scope(scope: str) -> None:
    """RFC 6749, section 3.3."""
    assert "scope" in problems(**GOOD, scope=scope)


def test_query_is_refused_for_tokens() -> None:
    """A token never travels in a query; a code does."""
    assert "response_mode" in problems(**GOOD, response_mode="query")
    assert ParamsAuth0(**GOOD, response_type="code").response_mode == "query"


@pytest.mark.parametrize("name", ["client_secret", "AUTH0_CLIENT_SECRET", "client-secret", "CLIENT_SECRET"])
def test_a_client_secret_is_refused_and_not_repeated(name: str) -> None:
    """The sentence says what to do, and does not hold the secret."""
    message = problems(**GOOD, **{name: "hunter2hunter2"})[name]
    assert "Native or Single Page" in message
    assert "hunter2" not in message


def test_a_file_may_hold_other_things(tmp_path: Path) -> None:
    """Only what looks like a misspelt parameter gets a warning."""
    (tmp_path / "x.env").write_text("DATABASE_URL=x\nPATH_TO=y\nDEBUG\nclient-id=typo\nclient_id=abc\n")
    with pytest.warns(IpyauthWarning) as caught:
        ParamsAuth0(domain="t.auth0.com", dotenv_folder=str(tmp_path), dotenv_file="x.env")
    said = [str(warning.message) for warning in caught]
    assert [("client-id" in line, "line 3" in line) for line in said] == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("scpoe", "scope"),
        ("scoep", "scope"),
        ("domian", "domain"),
        ("DMOAIN", "domain"),
        ("isuser", "issuer"),
        ("promtp", "prompt"),
        ("scop", "scope"),
        ("audiance", "audience"),
        ("clientid", "client_id"),
        ("client-id", "client_id"),
        ("REDIRECT_URIS", "redirect_uri"),
        ("AUTH0_DOMIAN", "AUTH0_DOMAIN"),
    ],
)
def test_a_misspelt_name_in_a_file_is_noticed(given: str, meant: str) -> None:
    """A letter too many, too few or another one, and two neighbours swapped, also in a short name."""
    assert looks_misspelt(given)
    assert nearest_name(given) == meant


@pytest.mark.parametrize("name", OTHERS.split())
def test_another_name_in_a_file_is_no_misspelling(name: str) -> None:
    """Nor is a known one with a word more, or its letters in any other order."""
    assert not looks_misspelt(name)


SLIPS = {
    "misspelt": (
        "domain=t.auth0.com\ncleint_id=abc\n",
        "client_id",
        "`cleint_id` (from file x.env) is ignored. Did you mean `client_id`?",
    ),
    "with a hyphen": (
        "domain=t.auth0.com\nclient-id=abc\n",
        "client_id",
        "`client-id` (from file x.env) is ignored. Did you",
    ),
    "in capitals": (
        "DOMAIN=t.auth0.com\nclient_id=abc\n",
        "domain",
        "`DOMAIN` (from file x.env) is ignored. Did you mean `domain`?",
    ),
    "both in capitals": ("DOMAIN=t.auth0.com\nCLIENT_ID=abc\n", "client_id", "Did you mean `client_id`?"),
    "without a sign": ("domain t.auth0.com\nclient_id=abc\n", "domain", "in line 1. Write `domain=t.auth0.com`."),
    "of Auth0's own libraries": (
        "AUTH0_ISSUER_BASE_URL=https://t.auth0.com\nclient_id=abc\n",
        "domain",
        "`AUTH0_ISSUER_BASE_URL` (from file x.env) is a name of other libraries, so it is not read.",
    ),
    "with an invisible sign": ("domain=t.auth0.com\nclient\u200b_id=abc\n", "client_id", "ZERO WIDTH SPACE (U+200B"),
    "a secret": ("domain=t.auth0.com\nCLIENT_SECRET=hunter2hunter2\n", "client_id", "Did you mean `client_secret`?"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_file_is_told_with_the_parameter_that_is_missing(slip: str, tmp_path: Path) -> None:
    """By the keywords, by a magic and at the command line: one error has both, and no value."""
    text, missing, hint = SLIPS[slip]
    (tmp_path / "x.env").write_text(text, encoding="utf-8")
    named = {"dotenv_folder": str(tmp_path), "dotenv_file": "x.env"}
    for make in (lambda: ParamsAuth0(**named), lambda: ParamsAuth0.from_magic(named, None)):
        with pytest.raises(InvalidParams) as caught:
            make()
        said = " ".join(str(caught.value).split())
        assert f"`{missing}` is missing" in said
        assert said.count(hint) == 1
        assert "hunter2" not in said


def test_a_slip_in_the_environment_is_told_where_the_parameter_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it is another program's name."""
    monkeypatch.setenv("AUTH0_CLIENTID", "abc")
    monkeypatch.setenv("AUTH0_ISSUER_BASE_URL", "https://t.auth0.com")
    with pytest.raises(InvalidParams, match="Did you mean `AUTH0_CLIENT_ID`") as caught:
        ParamsAuth0(domain="t.auth0.com")
    assert len(caught.value.problems) == 1
    assert ParamsAuth0(**GOOD).warnings == ()
    with pytest.raises(InvalidParams, match="AUTH0_ISSUER_BASE_URL"):
        ParamsAuth0(client_id="abc")


@pytest.mark.parametrize(
    ("name", "value", "sign"),
    [
        ("audience", "api/\u200bfruit", "ZERO WIDTH SPACE (U+200B, at character 5)"),
        ("audience", "\ufeffapi/fruit", "ZERO WIDTH NO-BREAK SPACE (U+FEFF, at character 1)"),
        ("audience", "api\u00a0fruit", "NO-BREAK SPACE (U+00A0, at character 4)"),
        ("login_hint", "ad\u202ea", "RIGHT-TO-LEFT OVERRIDE (U+202E, at character 3)"),
        ("connection", "a\u0085b", "a control character (U+0085, at character 2)"),
        ("client_id", "ab\u00adc", "SOFT HYPHEN (U+00AD, at character 3)"),
        ("client_id", "\u0430bc", "CYRILLIC SMALL LETTER A (U+0430, at character 1)"),
        ("client_id", "a bc", "SPACE (U+0020, at character 2)"),
        ("domain", "t.auth0\u2060.com", "WORD JOINER (U+2060, at character 8)"),
        ("redirect_uri", "http://127.0.0.1:8765/callback/\u200b", "ZERO WIDTH SPACE (U+200B, at character 32)"),
        ("scope", "read:a\u200b read:b", "ZERO WIDTH SPACE (U+200B, at character 7)"),
        ("scope", "read:a “read:b”", "LEFT DOUBLE QUOTATION MARK (U+201C, at character 8)"),
    ],
)
def test_a_sign_that_is_not_seen_is_named(name: str, value: str, sign: str) -> None:
    """By its name in Unicode and its place: the value looks right to the eye."""
    assert sign in problems(**{**GOOD, name: value})[name]


def test_a_name_with_a_sign_that_is_not_seen() -> None:
    """In a cell it is an error that names the sign."""
    with pytest.raises(
        InvalidParams, match=r"(?s)ZERO WIDTH SPACE \(U\+200B, at character 9\).*Write it as `client_id`"
    ):
        ParamsAuth0.from_magic({"domain": "t.auth0.com"}, "client_i\u200bd=abc\n")


def test_the_name_of_a_file_may_hold_any_letter(tmp_path: Path) -> None:
    """It is compared by the file system, not by an eye."""
    (tmp_path / "a\u202fb.env").write_text("domain=t.auth0.com\nclient_id=c\n")
    assert ParamsAuth0(dotenv_folder=str(tmp_path), dotenv_file="a\u202fb.env").client_id == "c"


OF_THE_PROTOCOL = (
    "state nonce code_challenge code_challenge_method code_verifier redirect_uri response_type response_mode client_id "
    "client_secret scope request request_uri id_token_hint client_assertion dpop_jkt STATE Redirect_Uri"
)


@pytest.mark.parametrize("name", OF_THE_PROTOCOL.split())
def test_extra_takes_no_name_of_the_protocol(name: str) -> None:
    """Capitals do not help: some servers do not compare them. The value is not told."""
    for given in ({f"extra.{name}": "hunter2hunter2"}, {"extra": {name: "hunter2hunter2"}}):
        found = problems(**GOOD, **given)
        assert list(found) == [f"extra.{name}"]
        assert "protocol uses" in found[f"extra.{name}"] or "by its own name" in found[f"extra.{name}"]
        assert "hunter2" not in found[f"extra.{name}"]


@pytest.mark.parametrize("name", [*FIELDS, "redirect_url", "AUTH0_DOMAIN"])
def test_extra_takes_no_parameter_that_has_a_name_of_its_own(name: str) -> None:
    """The sentence says what to write, or that the name is the protocol's."""
    found = problems(**GOOD, extra={name: "x"})[f"extra.{name}"]
    assert f"Write `{name}=...`" in found or "protocol uses" in found


def test_extra_comes_from_each_place_and_is_passed_on(tmp_path: Path) -> None:
    """A name in a higher place replaces the same name only; an empty value takes it away."""
    (tmp_path / "x.env").write_text("extra.hd=file.test\nextra.access_type=offline\nextra.b=file\n")
    line = {"dotenv_file": "x.env", "dotenv_folder": str(tmp_path), "extra.hd": "line.test"}
    cell = "domain=t.auth0.com\nclient_id=c\nextra.hd=cell.test\nextra.claims='{\"a\": 1}'\nextra.b=\n"
    params = ParamsAuth0.from_magic(line, cell)
    assert params.extra == {"hd": "line.test", "claims": '{"a": 1}', "access_type": "offline"}
    assert set(params.passed_on) == set(params.extra.items())
    rows = {row.name: (row.value, row.origin) for row in params.explain()}
    assert rows["extra.hd"] == ("line.test", "the magic's line")
    assert rows["extra.access_type"] == ("offline", "file x.env")


def test_extra_is_part_of_the_value() -> None:
    """Equal, hashed, shown and compared with it; two sign-ins that differ by it are two."""
    one, other = (ParamsAuth0(**GOOD, extra={"kc_idp_hint": hint}) for hint in ("github", "gitlab"))
    assert one == ParamsAuth0(**GOOD, **{"extra.kc_idp_hint": "github"}) == copy.deepcopy(one) != other
    assert hash(one) == hash(copy.deepcopy(one))
    assert "extra={'kc_idp_hint': 'github'}" in repr(one)
    assert "extra" not in repr(ParamsAuth0(**GOOD))
    assert store_key(one) != store_key(other)
    assert one.extra == pickle.loads(pickle.dumps(one)).extra
    with pytest.raises(TypeError):
        one.extra["kc_idp_hint"] = "gitlab"


@pytest.mark.parametrize(
    ("given", "name", "sentence"),
    [
        ({"extra": "hd"}, "extra", "name of a parameter after a dot"),
        ({"extra.": "x"}, "extra.", "needs a name"),
        ({"extra.a b": "x"}, "extra.a b", "needs a name"),
        ({"extra": {"hd": ["a", 5]}}, "extra.hd", "must be text"),
        ({"extra": {"hd": "a\nb"}}, "extra.hd", "line breaks"),
        ({"extras.hd": "x"}, "extras.hd", "is not a parameter"),
        ({"scope.hd": "x"}, "scope.hd", "is not a parameter"),
    ],
)
def test_what_is_no_extra(given: dict[str, Any], name: str, sentence: str) -> None:
    """It needs a name, and a text for it."""
    assert sentence in problems(**GOOD, **given)[name]


def test_an_unknown_name_in_a_cell_is_an_error() -> None:
    """In a cell nothing else belongs."""
    with pytest.raises(InvalidParams, match="Did you mean `audience`"):
        ParamsAuth0.from_magic(GOOD, "audiance=x\n")


def test_a_line_of_a_cell_that_is_no_assignment_is_an_error() -> None:
    """It is named by its number."""
    with pytest.raises(InvalidParams, match="line 2"):
        ParamsAuth0.from_magic(GOOD, "audience=x\nscope read:x\n")


def test_two_names_of_one_parameter() -> None:
    """Equal values are no conflict, different ones are."""
    assert ParamsAuth0(**GOOD, scope="a", requested_scopes="a").scope == "openid profile a"
    assert "is given twice" in problems(**GOOD, scope="a", requested_scopes="b")["scope"]


def test_cell_text_is_dotenv_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, quotes, `export`, `${VAR}`."""
    monkeypatch.setenv("AUTH0_API_NAME", "fruit")
    cell = "# who\nexport client_id='abc'\ndomain=\"t.auth0.com\"  # tenant\naudience=api/${AUTH0_API_NAME}\n\n"
    params = ParamsAuth0.from_magic({}, cell)
    assert (params.client_id, params.domain, params.audience) == ("abc", "t.auth0.com", "api/fruit")


def test_only_auth0_names_count_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable called `domain` or AUTH0_SCOPE is somebody else's."""
    monkeypatch.setenv("domain", "evil.example")
    monkeypatch.setenv("AUTH0_SCOPE", "all")
    assert "domain" in problems(client_id="c")


def test_an_empty_keyword_takes_a_value_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """`audience=""` is no audience, whatever lower places say."""
    monkeypatch.setenv("AUTH0_AUDIENCE", "api")
    assert ParamsAuth0(**GOOD, audience="").audience is None


def test_it_is_a_frozen_value() -> None:
    """Equal by value, hashable, copied, not changed; its repr names what is set and no more."""
    params = ParamsAuth0(**GOOD, max_age=300)
    assert params == ParamsAuth0(**GOOD, max_age="300") == copy.deepcopy(params)
    assert hash(params) == hash(ParamsAuth0(**GOOD, max_age=300))
    assert params.passed_on == (("max_age", "300"),)
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.domain = "other"
    assert "domain='tenant.eu.auth0.com'" in repr(params)
    assert "None" not in repr(params)


def test_explain_prints_as_a_table() -> None:
    """A line for each value, with its origin."""
    lines = repr(ParamsAuth0(**GOOD).explain()).splitlines()
    assert any(line.split() == ["client_id", "abc", "(keyword)"] for line in lines)


def test_a_notebook_shows_a_table(tmp_path: Path) -> None:
    """Of the parameters, and of `explain()`: each value with its origin, escaped, and a secret hidden."""
    (tmp_path / "demo.env").write_text("client_secret=hunter2\nlogin_hint=<b>me</b>\n")
    (tmp_path / "demo.env").chmod(0o600)
    params = ParamsAuth0(**GOOD, dotenv_folder=str(tmp_path), dotenv_file="demo.env")
    page = params._repr_html_()
    assert page == params.explain()._repr_html_()
    assert "hunter2" not in page
    cells = [re.sub("<[^>]+>", "", row.replace("</t", " </t")).split() for row in page.split("</tr>")]
    assert cells[0] == ["Parameter", "Value", "From"]
    assert ["client_id", "abc", "keyword"] in cells
    assert ["client_secret", "hidden", "file", "demo.env"] in cells
    assert ["login_hint", "&lt;b&gt;me&lt;/b&gt;", "file", "demo.env"] in cells


def test_what_is_no_text_is_refused() -> None:
    """A parameter is text, a number, or a list of words."""
    assert "must be text" in problems(**GOOD, audience=3.5)["audience"]
    assert "must be text" in problems(**GOOD, prompt=True)["prompt"]
    assert ParamsAuth0(**GOOD, audience=None).audience is None


def test_the_names_stand_in_the_signature() -> None:
    """For `?`, Tab and type checkers: each parameter of the interface, and nothing else but aliases."""
    signature = inspect.signature(ParamsAuth0)
    assert [name for name in signature.parameters if name != "aliases"] == list(FIELDS)
    others = {"client_secret", "warnings", "_origins", "typed", "api", "is_registered_here"}
    assert {field.name for field in dataclasses.fields(ParamsAuth0)} - others == set(FIELDS)


def test_the_documentation_has_a_line_for_each_parameter() -> None:
    """For `ParamsAuth0?` and Shift-Tab, with the default in the signature."""
    documented = inspect.getdoc(ParamsAuth0) or ""
    assert [name for name in FIELDS if f"\n    {name}: " not in documented] == []
    assert inspect.signature(ParamsAuth0).parameters["scope"].default == "openid profile"


def test_a_name_twice_in_a_cell_is_an_error() -> None:
    """In a file the last one counts, as everywhere else that dotenv files are read."""
    with pytest.raises(InvalidParams, match="`client_id` .* is given twice"):
        ParamsAuth0.from_magic({"domain": "t.auth0.com"}, "client_id=a\nclient_id=b\n")


@pytest.mark.parametrize("name", [name for name in PASSED_ON if name != "max_age"])
def test_what_is_passed_on(name: str) -> None:
    """Each goes to the provider as it is."""
    assert ParamsAuth0(**GOOD, **{name: "a b"}).passed_on == ((name, "a b"),)
