"""An API wants more than the token allows: a line under the cell says what to run, and that signs in for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from fruit_service.sign_in import MULTI_FACTOR
from ipyauth_magic import Auth
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import (
    InvalidParams,
    SignInCancelled,
    SignInFailed,
    SignInTimeout,
)
from ipyauth_magic.protocol.refusal import refusal_of
from ipyauth_magic.protocol.step_up import StepUp
from tests.magic.test_magics import failure, run
from tests.magic.test_renewal import end_tokens
from tests.support.auths import is_good, sign_in_of, tokens_of
from tests.support.scripted_browser import ScriptedBrowser, TooLate, query_of
from tests.support.web import Web, serving

Cell = Callable[..., str]
NARROW, WIDE = "read:usual-fruit", "write:exotic-fruit"


def scope_refusal(scope: str) -> tuple[int, dict[str, str], bytes]:
    """Return the answer of an API that wants *scope* (RFC 6750, 3.1)."""
    return 403, {"WWW-Authenticate": f'Bearer realm="x", error="insufficient_scope", scope="{scope}"'}, b"{}"


def user_refusal(rest: str) -> tuple[int, dict[str, str], bytes]:
    """Return the answer of an API that wants another authentication (RFC 9470, 3)."""
    return 401, {"WWW-Authenticate": f'Bearer error="insufficient_user_authentication"{rest}'}, b"{}"


@pytest.fixture
def api(shell: InteractiveShell) -> Iterator[Web]:
    """A server that plays the API; its address and the libraries are variables of the shell."""
    with serving() as running:
        running.answers["/"] = scope_refusal(WIDE)
        shell.user_ns.update(url=running.url + "/", requests=requests, httpx=httpx, asyncio=asyncio)
        yield running


@pytest.fixture
def signed_in(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> Auth:
    """The `Auth` of a cell."""
    assert run(shell, cell("--flow code"))[0].success
    auth: Auth = shell.user_ns["auth"]
    return auth


def line_after(shell: InteractiveShell, code: str) -> str:
    """Run *code* in a cell, and return what stands on standard error after it."""
    return run(shell, code)[2].strip()


# What an API says

REFUSALS: dict[tuple[int, str], Any] = {
    (200, 'Bearer error="insufficient_scope", scope="a"'): None,
    (403, ""): None,
    (403, 'Basic error="insufficient_scope", scope="a"'): None,
    (403, 'Bearer error="invalid_token", scope="a"'): None,
    (403, 'Bearer error="insufficient_scope", scope="a:b c a:b"'): StepUp("a:b c"),
    (403, 'Basic realm="x", bearer Error=insufficient_scope, Scope="https://api.example/x.y"'): StepUp(
        "https://api.example/x.y"
    ),
    (401, 'Bearer error="insufficient_user_authentication", acr_values="urn:mfa phr", max_age="60"'): StepUp(
        acr_values="urn:mfa phr", max_age="60"
    ),
    # Nothing that a magic's line, Python or a shell would take for more than a word.
    (403, "Bearer error=\"insufficient_scope\", scope=\"{__import__('os').system('id')}\""): StepUp(),
    (403, 'Bearer error="insufficient_scope", scope="a $HOME"'): StepUp(),
    (403, 'Bearer error="insufficient_scope", scope="a`b"'): StepUp(),
    (403, 'Bearer error="insufficient_scope", scope="a?"'): StepUp(),
    (403, 'Bearer error="insufficient_scope", scope="\u202ea"'): StepUp(),
    (403, f'Bearer error="insufficient_scope", scope="{"a" * 300}"'): StepUp(),
    (403, f'Bearer error="insufficient_scope", scope="{" ".join(map(str, range(99)))}"'): StepUp(),
    (401, 'Bearer error="insufficient_user_authentication", acr_values="a;b", max_age="-1"'): StepUp(),
    (401, f'Bearer error="insufficient_user_authentication", max_age="{"9" * 5000}"'): StepUp(),
}


@pytest.mark.parametrize(("status", "header"), REFUSALS)
def test_a_refusal_says_what_it_wants(status: int, header: str) -> None:
    """As far as it can stand in a line to be copied; an API is a stranger."""
    refusal = refusal_of(status, header)
    assert (refusal and refusal.wants) == REFUSALS[status, header]


# The line under the cell

CALLS = {
    "auth": "requests.get(url, auth=auth)",
    "session": "auth.session().get(url)",
    "httpx": "httpx.Client(auth=auth.httpx(), trust_env=False).get(url)",
    "async": "asyncio.run(httpx.AsyncClient(auth=auth.httpx(), trust_env=False).get(url))",
    "a stream": "requests.post(url, data=__import__('io').BytesIO(b'x'), auth=auth)",
    "a stream of httpx": "httpx.Client(auth=auth.httpx(), trust_env=False).post(url, content=iter([b'x']), "
    "headers={'Content-Length': '1'})",
    "threads": "import threading; [t.start() or t.join() for t in [threading.Thread("
    "target=requests.get, args=(url,), kwargs={'auth': auth})]]",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_one_line_says_what_to_run(
    shell: InteractiveShell, signed_in: Auth, api: Web, user_browser: ScriptedBrowser, call: str
) -> None:
    """After a 403, once for a cell, however often the API says it; no browser is opened."""
    said = line_after(shell, f"for _ in range(3):\n    {call}")
    assert said == f"This needs {WIDE}. Run: `%login +{WIDE}`"
    assert len(user_browser.opened) == 1
    assert line_after(shell, "1 + 1") == ""


def test_the_line_stands_below_the_error_of_the_cell(shell: InteractiveShell, signed_in: Auth, api: Web) -> None:
    """A traceback is long."""
    _, printed, said, _ = run(shell, "requests.get(url, auth=auth).raise_for_status()")
    assert "403" in printed + said
    assert said.strip().endswith(f"Run: `%login +{WIDE}`")


def test_the_line_names_the_variable(
    shell: InteractiveShell, cell: Cell, api: Web, user_browser: ScriptedBrowser
) -> None:
    """Where it is not `auth`; one sentence for all scopes; and the line does what it says."""
    run(shell, cell("--flow code -a fruit -t fruit_token"))
    api.answers["/more"] = scope_refusal("read:exotic-fruit")
    said = line_after(shell, "requests.get(url, auth=fruit); requests.get(url + 'more', auth=fruit)")
    command = f"%login +{WIDE} +read:exotic-fruit -a fruit"
    assert said == f"This needs {WIDE} and read:exotic-fruit.\n  Run: `{command}`"
    assert run(shell, command)[0].success
    granted = shell.user_ns["fruit"].scope.split()
    assert {NARROW, WIDE, "read:exotic-fruit"} <= set(granted)
    assert shell.user_ns["fruit_token"] == shell.user_ns["fruit"].access_token
    assert "token" not in shell.user_ns


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (', acr_values="urn:mfa"', "This needs a sign-in by urn:mfa. Run: `%login acr_values=urn:mfa`"),
        (', acr_values="a b"', 'This needs a sign-in by a or b. Run: `%login acr_values="a b"`'),
        (', max_age="60"', "This needs a sign-in at most 60 seconds ago. Run: `%login max_age=60`"),
        ("", "This needs a stronger sign-in. The API does not say which `acr_values` it takes."),
    ],
)
def test_another_authentication(shell: InteractiveShell, signed_in: Auth, api: Web, said: str, line: str) -> None:
    """A 401 `insufficient_user_authentication` is told in the same way (RFC 9470)."""
    api.answers["/"] = user_refusal(said)
    assert line_after(shell, "requests.get(url, auth=auth)") == line


def test_an_answer_after_a_renewal_counts(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], shell: InteractiveShell, api: Web
) -> None:
    """The first answer says `invalid_token`, the second one that the scope is not enough."""
    shell.user_ns["auth"] = make_auth(renewable=True).sign_in()
    second = scope_refusal(WIDE)
    api.answers["/"] = (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b"{}")
    own_issuer.switches.watch = lambda path: api.answers.update({"/": second})
    assert WIDE in line_after(shell, "requests.get(url, auth=auth)")
    api.answers["/"] = (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b"{}")
    assert WIDE in line_after(shell, "httpx.Client(auth=auth.httpx(), trust_env=False).get(url)")
    assert own_issuer.switches.token_requests["refresh_token"] == 2


def test_an_api_that_names_nothing(shell: InteractiveShell, signed_in: Auth, api: Web) -> None:
    """Or nothing that may stand in a line to be run."""
    api.answers["/"] = scope_refusal("{1/0}")
    said = line_after(shell, "requests.get(url, auth=auth)")
    assert said == "This needs a further scope. The API does not say which. Run: `%login +SCOPE`"


def test_a_program_gets_the_answer_and_no_line(
    make_auth: Callable[..., Auth], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without IPython."""
    monkeypatch.setattr("ipyauth_magic.display.step_up.current_shell", lambda: None)
    auth = make_auth().sign_in()
    capfd.readouterr()
    with serving() as api:
        api.answers["/"] = scope_refusal(WIDE)
        assert requests.get(api.url + "/", auth=auth, timeout=10).status_code == 403
    assert capfd.readouterr() == ("", "")


def test_without_the_magic_the_line_is_python(shell: InteractiveShell, signed_in: Auth, api: Web) -> None:
    """`Auth` serves without `%load_ext`."""
    del shell.magics_manager.magics["line"]["login"]
    said = line_after(shell, "requests.get(url, auth=auth)")
    assert said.replace("\n  ", " ") == f'This needs {WIDE}. Run: `auth.sign_in(add_scope="{WIDE}")`'
    shell.run_line_magic("reload_ext", "ipyauth_magic")


# Signing in for more


@pytest.mark.parametrize("magic", ["%login", "%auth0"])
def test_a_plus_asks_for_the_union(
    shell: InteractiveShell, signed_in: Auth, api: Web, user_browser: ScriptedBrowser, magic: str
) -> None:
    """With the parameters of before; all variables and sessions go on with the new token."""
    before, session = str(signed_in.access_token), signed_in.session()
    assert run(shell, f"{magic} +{WIDE}")[0].success
    asked = query_of(user_browser.opened[-1])
    assert {NARROW, WIDE} <= set(asked["scope"].split())
    assert asked["audience"] == "api/fruit"
    assert shell.user_ns["auth"] is signed_in
    assert {NARROW, WIDE} <= set(signed_in.scope.split())
    assert shell.user_ns["token"] == signed_in.access_token != before
    session.get(api.url)
    assert api.headers[-1]["Authorization"] == f"Bearer {signed_in.access_token}"
    assert run(shell, f"{magic} +{WIDE}")[0].success
    assert len(user_browser.opened) == 2  # the token is for that already


@pytest.mark.parametrize("flow", ["implicit", "code"])
def test_add_scope_in_python(make_auth: Callable[..., Auth], user_browser: ScriptedBrowser, flow: str) -> None:
    """`sign_in(add_scope=...)` and the same awaited; a later sign-in asks for all of it, until a `clear`."""
    auth = make_auth(flow)
    assert auth.sign_in(add_scope=WIDE) is auth
    assert {NARROW, WIDE} <= set(auth.scope.split())
    asyncio.run(auth.sign_in_async(add_scope=f"{WIDE} read:exotic-fruit"))
    assert {NARROW, WIDE, "read:exotic-fruit"} <= set(auth.scope.split())
    assert len(user_browser.opened) == 2
    auth.sign_in(force=True)
    assert "read:exotic-fruit" in auth.scope
    auth.clear()
    auth.sign_in()
    assert WIDE not in auth.scope
    with pytest.raises(InvalidParams, match="add_scope"):
        auth.sign_in(add_scope="a,b c,")


def test_a_renewal_keeps_what_was_added(own_issuer: LocalIssuer, make_auth: Callable[..., Auth]) -> None:
    """But another `Auth`, which asks for less, does not find it: it has what it asked for."""
    auth = make_auth(renewable=True).sign_in().sign_in(add_scope=WIDE)
    end_tokens(auth)
    assert auth.access_token
    assert WIDE in auth.scope
    other = make_auth(renewable=True).sign_in()
    assert WIDE not in other.scope
    auth.clear()
    assert WIDE not in make_auth(renewable=True).sign_in().scope


def test_a_second_step_keeps_the_scopes_of_the_first(
    make_auth: Callable[..., Auth], user_browser: ScriptedBrowser
) -> None:
    """They are asked for again; what a clear leaves in the store is nothing."""
    auth = make_auth().sign_in(add_scope=WIDE)
    auth.sign_in(add_scope="read:exotic-fruit")
    assert {NARROW, WIDE, "read:exotic-fruit"} <= set(auth.scope.split())
    auth.clear()
    asked = len(user_browser.opened)
    assert set(make_auth().sign_in().scope.split()) & {WIDE, "read:exotic-fruit"} == set()
    assert len(user_browser.opened) == asked + 1


CHANGES: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "refused": lambda said: {"error": "access_denied", "state": said["state"]},
    "broken": lambda said: {**said, "id_token": "x.y.z"},
    "nothing more": lambda said: {**said, "scope": f"openid profile {NARROW}"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_earlier_token_is_kept(
    make_auth: Callable[..., Auth], user_browser: ScriptedBrowser, change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    """Where the step-up is refused, fails, or brings no more than before."""
    auth = make_auth("implicit").sign_in()
    before = tokens_of(auth)
    user_browser.change = change
    with pytest.raises(SignInFailed):
        auth.sign_in(add_scope=WIDE)
    assert tokens_of(auth) is before
    assert is_good(auth)
    user_browser.change = lambda said: said
    auth.sign_in()
    assert tokens_of(auth) is before
    assert auth.sign_in(add_scope=WIDE).scope.split()[-1] == WIDE


def test_it_is_kept_after_a_time_out_and_an_interrupt(
    shell: InteractiveShell, make_auth: Callable[..., Auth], user_browser: ScriptedBrowser
) -> None:
    """The port is free again."""
    shell.user_ns["auth"] = auth = make_auth().sign_in()
    before = tokens_of(auth)

    def close_tab(url: str) -> None:
        raise TooLate

    def interrupt(url: str) -> None:
        sign_in_of(auth).cancel(SignInCancelled("it was interrupted"))
        raise TooLate

    user_browser.before = close_tab
    with pytest.raises(SignInTimeout):
        auth.sign_in(timeout=0.3, add_scope=WIDE)
    user_browser.before = interrupt
    with pytest.raises(SignInCancelled):
        auth.sign_in(add_scope=WIDE)
    user_browser.before = lambda url: None
    assert tokens_of(auth) is before
    assert WIDE in auth.sign_in(add_scope=WIDE).scope


def test_no_loop(shell: InteractiveShell, cell: Cell, api: Web, user_browser: ScriptedBrowser) -> None:
    """What the provider did not grant, or the API refuses all the same, is told, and not to be run again."""
    assert run(shell, cell("--flow implicit"))[0].success
    user_browser.change = CHANGES["nothing more"]
    said = failure(shell, f"%login +{WIDE}")
    assert said.startswith(f"You signed in, and the provider did not grant `{WIDE}`. Your earlier token is kept.")
    assert shell.user_ns["token"] == shell.user_ns["auth"].access_token
    said = line_after(shell, "requests.get(url, auth=auth)")
    assert f"This needs {WIDE}, which the provider did not grant." in said
    assert "Run" not in said
    user_browser.change = lambda said: said
    assert run(shell, f"%login +{WIDE}")[0].success  # the user may try again
    said = line_after(shell, "requests.get(url, auth=auth)")
    assert said == f"This needs {WIDE}, and your token has that. The API refuses it all the same."


def test_a_part_is_taken(make_auth: Callable[..., Auth], user_browser: ScriptedBrowser) -> None:
    """The provider granted one of two."""
    auth = make_auth("implicit").sign_in()
    user_browser.change = lambda said: {**said, "scope": f"openid profile {NARROW} {WIDE}"}
    auth.sign_in(add_scope=f"{WIDE} read:exotic-fruit")
    assert auth.scope.split()[-1] == WIDE
    assert authenticator_of(auth).not_granted == {"read:exotic-fruit"}


def test_a_sign_in_within_the_cell_takes_the_line_away(shell: InteractiveShell, signed_in: Auth, api: Web) -> None:
    """A program may answer the 403 itself."""
    said = line_after(shell, f"requests.get(url, auth=auth); _ = auth.sign_in(add_scope='{WIDE}')")
    assert "This needs" not in said


def test_an_offered_sign_in_gives_way(make_auth: Callable[..., Auth], user_browser: ScriptedBrowser) -> None:
    """A card's link asks for less."""
    auth = make_auth()
    offered = authenticator_of(auth).offer()
    assert WIDE in auth.sign_in(add_scope=WIDE).scope
    assert isinstance(offered.progress.error, SignInCancelled)


# %login acr_values=..., and words that cannot be used


def test_another_class_of_authentication_is_asked_for(
    shell: InteractiveShell, signed_in: Auth, user_browser: ScriptedBrowser
) -> None:
    """With the parameters of before; an ID token of another class is refused, and the earlier token kept."""
    before = str(signed_in.access_token)
    said = failure(shell, '%login acr_values="urn:a urn:b" max_age=60')
    assert "acr" in said
    asked = query_of(user_browser.opened[-1])
    assert (asked["acr_values"], asked["max_age"]) == ("urn:a urn:b", "60")
    assert NARROW in asked["scope"]
    assert signed_in.access_token == shell.user_ns["token"] == before
    assert run(shell, "%login max_age=60")[0].success
    assert len(user_browser.opened) == 3
    assert "acr_values" not in query_of(user_browser.opened[-1])


def test_a_second_factor_serves(
    shell: InteractiveShell, signed_in: Auth, api: Web, user_browser: ScriptedBrowser
) -> None:
    """The line is run as it stands; an API that refuses that too is told of, without a line to run."""
    api.answers["/"] = user_refusal(f', acr_values="{MULTI_FACTOR}"')
    said = line_after(shell, "requests.get(url, auth=auth)").replace("\n  ", " ")
    command = f"%login acr_values={MULTI_FACTOR}"
    assert said == f"This needs a sign-in by {MULTI_FACTOR}. Run: `{command}`"
    assert run(shell, command)[0].success
    assert signed_in.claims["acr"] == MULTI_FACTOR
    assert NARROW in signed_in.scope
    assert shell.user_ns["token"] == signed_in.access_token
    said = line_after(shell, "requests.get(url, auth=auth)").replace("\n  ", " ")
    assert said == f"This needs a sign-in by {MULTI_FACTOR}, and yours was. The API refuses it all the same."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("+", "`+` needs a scope right behind it, as `+read:items`"),
        ("+a,b, +c", "commas"),
        ("+a -a nothing", "`nothing` is not a variable of a sign-in. Add `-a auth` to the line."),
        ("+a --timeout 0", "`timeout` must be a whole number of seconds"),
        ("max_age=x", "`max_age` must be a whole number of seconds"),
        ("--check +a issuer=https://x.example", "adds to a sign-in in a notebook"),
        ("+é", "scopes have ASCII letters"),
    ],
)
def test_words_that_cannot_be_used(shell: InteractiveShell, signed_in: Auth, line: str, said: str) -> None:
    """Each is told, and nothing is opened."""
    assert said in failure(shell, f"%login {line}")


def test_a_plus_beside_parameters(shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser) -> None:
    """The cell signs in for both; without a sign-in and without parameters, there are the lines to fill in."""
    assert "domain" in run(shell, f"%login +{WIDE}")[2]
    assert run(shell, cell(f"--flow code +{WIDE}"))[0].success
    assert {NARROW, WIDE} <= set(shell.user_ns["auth"].scope.split())
    assert run(shell, cell("--flow code"))[0].success
    assert len(user_browser.opened) == 1
