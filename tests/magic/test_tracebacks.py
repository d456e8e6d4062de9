"""In IPython an error of ours is one sentence at the user's own line, in every `%xmode`, and no secret stands in it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import urllib3.util.connection
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.display.traceback_masking import guard_tracebacks, unguard_tracebacks
from ipyauth_magic.errors import NotSignedIn
from ipyauth_magic.protocol.tokens import RefreshToken, TokenSet
from ipyauth_magic.store.memory import MemoryStore
from tests.magic.test_leaks import assert_silent
from tests.magic.test_magics import run
from tests.magic.test_renewal import end_tokens
from tests.support.auths import tokens_of
from tests.support.scripted_browser import ScriptedBrowser

MODES = ("Plain", "Context", "Verbose", "Minimal")
HIDDEN = ("ipyauth_magic/", "requests/", "contextlib.py", "urllib3/", "httpx/", "httpx2/", "threading.py")
"""Parts of paths of frames that are not the user's."""


@pytest.fixture
def guarded(shell: InteractiveShell, make_auth: Callable[..., Auth]) -> InteractiveShell:
    """A shell with an `auth` that is not signed in."""
    shell.user_ns["auth"] = make_auth()
    shell.run_cell("import requests, httpx, httpx2, sys\nfrom ipyauth_magic import ParamsAuth0, IpyauthError")
    return shell


def shown(shell: InteractiveShell, cell: str, mode: str = "Context") -> str:
    """Return what the shell prints of a cell that fails."""
    run(shell, f"%xmode {mode}")
    result, printed, said, _ = run(shell, cell)
    assert not result.success
    return printed + said


ERRORS = {
    "ParamsAuth0(scope='a b')  # mine": "is missing",
    "def called():\n    return auth.access_token  # mine\ncalled()": "You are not signed in",
    "requests.get('http://127.0.0.1:1/', auth=auth)  # mine": "You are not signed in",
    "auth.session('http://127.0.0.1:1/').get('/')  # mine": "You are not signed in",
    "httpx.get('http://127.0.0.1:1/', auth=auth.httpx(), trust_env=False)  # mine": "You are not signed in",
    "httpx2.get('http://127.0.0.1:1/', auth=auth.httpx(), trust_env=False)  # mine": "You are not signed in",
    "httpx2.get('http://127.0.0.1:1/', auth=auth, trust_env=False)  # mine": "You are not signed in",
    "auth.userinfo()  # mine": "You are not signed in",
    "list(map(lambda _: auth.access_token, [1]))  # mine": "You are not signed in",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", ERRORS)
def test_error_of_ours_is_its_sentence_at_the_users_line(cell: str, mode: str, guarded: InteractiveShell) -> None:
    """Without a frame of ours, or of a library between."""
    text = shown(guarded, cell, mode)
    assert ERRORS[cell] in text
    assert ("# mine" in text) is (mode != "Minimal")
    assert [part for part in HIDDEN if part in text] == []


CHAINED = {
    "cause": ("try:\n    auth.access_token\nexcept IpyauthError as e:\n    raise KeyError('other') from e", "direct"),
    "context": ("try:\n    auth.access_token\nexcept IpyauthError:\n    raise KeyError('other')", "During"),
    "before": ("try:\n    {}['other']\nexcept KeyError:\n    auth.access_token", "During"),
}


@pytest.mark.parametrize("mode", MODES[:3])
@pytest.mark.parametrize("how", CHAINED)
def test_chain_of_errors(how: str, mode: str, guarded: InteractiveShell) -> None:
    """The user's own error is there too, with the words that chain it."""
    cell, words = CHAINED[how]
    text = shown(guarded, cell, mode)
    assert "You are not signed in" in text
    assert "KeyError: 'other'" in text
    assert words in text
    assert [part for part in HIDDEN if part in text] == []


GROUP = """
def failed(work):
    try:
        work()
    except IpyauthError as error:
        return error
errors = [failed(lambda: auth.access_token), ExceptionGroup('inner', [failed(auth.userinfo)])]
raise ExceptionGroup('outer', errors)  # mine
"""


@pytest.mark.parametrize("mode", MODES[:3])
def test_group_of_errors(mode: str, guarded: InteractiveShell) -> None:
    """Python prints its members, or IPython leaves them out; in neither is a frame of ours."""
    text = shown(guarded, GROUP, mode)
    assert "outer" in text
    assert "# mine" in text
    assert [part for part in HIDDEN if part in text] == []


def test_group_that_holds_itself(guarded: InteractiveShell) -> None:
    """It is shown once, and the shell goes on."""
    cell = "inner = ValueError(1)\ngroup = ExceptionGroup('outer', [inner])\ninner.__context__ = group\nraise group"
    assert "outer" in shown(guarded, cell)


class RefusingStore(MemoryStore):
    """A user's store that fails, once it is to refuse."""

    refuses = False

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep the tokens, or fail."""
        return self.refuse() if self.refuses else super().save(key, tokens)

    def forget(self, key: str) -> None:
        """Forget the tokens, or fail."""
        self.refuse() if self.refuses else super().forget(key)

    def refuse(self) -> NoReturn:
        """Raise an error of ours, at a line of the user's."""
        raise NotSignedIn  # the store's own line


@pytest.mark.parametrize("call", ["auth.sign_in(force=True)", "auth.renew()", "auth.clear()"])
def test_users_frames_within_ours(call: str, guarded: InteractiveShell, make_auth: Callable[..., Auth]) -> None:
    """A class of the user's that we call, in whichever thread, is shown where it fails."""
    store = RefusingStore()
    guarded.user_ns["auth"] = make_auth(store=store).sign_in()
    store.refuses = True
    text = shown(guarded, f"{call}  # mine", "Verbose")
    assert "# mine" in text
    assert "# the store's own line" in text
    assert [part for part in HIDDEN if part in text] == []


@pytest.mark.parametrize("mode", MODES[:3])
def test_error_of_another_kind(mode: str, guarded: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect shows where it is, so that it can be reported; but for the mode that prints the variables there."""
    monkeypatch.setattr(authenticator_of(guarded.user_ns["auth"]), "source", None)
    text = shown(guarded, "auth.access_token  # mine", mode)
    assert "AttributeError" in text
    assert "# mine" in text
    assert ("ipyauth_magic/" in text) is (mode != "Verbose")


def test_error_is_itself_again_once_it_was_shown(guarded: InteractiveShell) -> None:
    """The user's own handling, `%debug` of other tools and logs find its cause and each frame."""
    guarded.run_cell("try:\n    auth.access_token\nexcept IpyauthError as error:\n    kept = error")
    kept = guarded.user_ns["kept"]
    kept.__cause__ = OSError("the cause")
    before = (kept.__traceback__, kept.__cause__, kept.__context__, kept.__suppress_context__)
    shown(guarded, "raise kept")
    assert (kept.__cause__, kept.__context__, kept.__suppress_context__) == before[1:]
    assert any("ipyauth_magic" in frame.filename for frame in traceback.extract_tb(kept.__traceback__))


def test_error_is_shown_again(guarded: InteractiveShell) -> None:
    """By `%tb`, by a raise of what was kept, and where it has no traceback at all."""
    shown(guarded, "auth.access_token  # mine")
    _, printed, said, _ = run(guarded, "%tb Verbose")
    guarded.user_ns["kept"] = guarded.user_ns["sys"].last_value
    texts = [printed + said, shown(guarded, "raise kept", "Verbose")]
    assert all("You are not signed in" in text and "# mine" in text for text in texts)
    assert [part for part in HIDDEN for text in texts if part in text] == []
    for mode in MODES:
        run(guarded, f"%xmode {mode}")
        bare = NotSignedIn()
        assert "You are not signed in" in "\n".join(guarded.InteractiveTB.structured_traceback(NotSignedIn, bare, None))


@dataclass(frozen=True)
class FrozenError(Exception):
    """An error that refuses to be changed."""

    code: int


def test_error_that_cannot_be_changed(guarded: InteractiveShell) -> None:
    """A user's frozen dataclass is shown as ever."""
    guarded.user_ns["FrozenError"] = FrozenError
    text = shown(guarded, "try:\n    auth.access_token\nexcept IpyauthError as e:\n    raise FrozenError(3) from e")
    assert "FrozenError" in text
    assert "You are not signed in" in text


def test_display_that_fails(guarded: InteractiveShell) -> None:
    """An object of the user's asks for a token in its `repr`; IPython calls that, and shows the error."""
    run(guarded, "%xmode Verbose")
    cell = "class Mine:\n    def __repr__(self):\n        return auth.access_token  # mine\nMine()"
    _, printed, said, _ = run(guarded, cell)
    assert "You are not signed in" in printed + said
    assert "# mine" in printed + said
    assert [part for part in HIDDEN if part in printed + said] == []


def test_error_in_a_script(guarded: InteractiveShell, tmp_path: Path) -> None:
    """`%run` takes more frames of its own off than a cell."""
    script = tmp_path / "script.py"
    script.write_text("def called():\n    return auth.access_token  # mine\ncalled()\n")
    run(guarded, "%xmode Verbose")
    _, printed, said, _ = run(guarded, f"%run -i {script}")
    text = printed + said
    assert "# mine" in text
    assert "You are not signed in" in text
    assert [part for part in HIDDEN if part in text] == []


# The header of a request


@pytest.fixture
def signed_in(guarded: InteractiveShell, make_auth: Callable[..., Auth], user_browser: ScriptedBrowser) -> Auth:
    """The `auth` of the shell, signed in; the browser is done."""
    auth = guarded.user_ns["auth"] = make_auth().sign_in()
    user_browser.join()
    return auth


@pytest.fixture
def interrupted_writes(signed_in: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt comes as a request is written, when its bytes stand in the frames."""
    import http.client

    import httpcore._backends.anyio
    import httpcore._backends.sync
    import httpcore2._backends.anyio
    import httpcore2._backends.sync

    def interrupt(self: object, *sent: object, **options: object) -> None:
        raise KeyboardInterrupt

    async def interrupt_async(self: object, *sent: object, **options: object) -> None:
        raise ZeroDivisionError  # an event loop lets no interrupt through

    monkeypatch.setattr(http.client.HTTPConnection, "send", interrupt)
    for core in (httpcore, httpcore2):
        monkeypatch.setattr(core._backends.sync.SyncStream, "write", interrupt)
        monkeypatch.setattr(core._backends.anyio.AnyIOStream, "write", interrupt_async)


ASYNC = (
    "async def main():\n    async with {}.AsyncClient(auth=auth.httpx(), trust_env=False) as client:\n"
    "        await client.get(url)  # mine\nimport asyncio\nasyncio.run(main())"
)
REQUESTS = {
    "requests": "requests.get(url, auth=auth)  # mine",
    "session": "auth.session(url).get('/')  # mine",
    "httpx": "httpx.get(url, auth=auth.httpx(), trust_env=False)  # mine",
    "httpx async": ASYNC.format("httpx"),
    "httpx2": "httpx2.get(url, auth=auth.httpx(), trust_env=False)  # mine",
    "httpx2 with auth": "httpx2.get(url, auth=auth, trust_env=False)  # mine",
    "httpx2 async": ASYNC.format("httpx2"),
}


@pytest.mark.parametrize("mode", MODES[:3])
@pytest.mark.parametrize("client", REQUESTS)
@pytest.mark.usefixtures("interrupted_writes")
def test_request_that_is_interrupted(
    client: str, mode: str, guarded: InteractiveShell, signed_in: Auth, own_issuer: LocalIssuer
) -> None:
    """The frames in which the request is bytes are not there; the client's own and the user's are."""
    guarded.user_ns["url"] = own_issuer.issuer
    text = shown(guarded, REQUESTS[client], mode)
    assert "KeyboardInterrupt" in text or "ZeroDivisionError" in text
    assert "# mine" in text
    assert "sessions.py" in text or "_client.py" in text
    assert "h11" not in text
    assert "http/client.py" not in text
    assert_silent(text.encode(), {str(signed_in.access_token)}, client)


def test_errors_of_the_network_below_the_users_own(guarded: InteractiveShell, signed_in: Auth) -> None:
    """Whichever link of the chain the user raises again."""
    for picked in ("e", "e.__context__", "e.__context__.__context__", "e.args[0].reason"):
        cell = (
            "try:\n    requests.get('http://127.0.0.1:1/', auth=auth)\nexcept requests.RequestException as e:\n"
            f"    raise KeyError('other') from {picked}"
        )
        text = shown(guarded, cell, "Verbose")
        assert "KeyError: 'other'" in text
        assert_silent(text.encode(), {str(signed_in.access_token)}, picked)


def test_users_function_where_the_request_is_bytes(
    guarded: InteractiveShell, signed_in: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frame is not there either: the bytes may stand in its variables."""

    def connect(*args: object, **options: object) -> None:
        header = str(signed_in.access_token)
        raise OSError(len(header))  # the user's own function

    monkeypatch.setattr(urllib3.util.connection, "create_connection", connect)
    text = shown(guarded, "requests.get('http://127.0.0.1:1/', auth=auth)  # mine", "Verbose")
    assert "# mine" in text
    assert "# the user's own function" not in text


CATCHING = {
    "connect": "urllib3.util.connection.create_connection",
    "send": "http.client.HTTPConnection.send",
}


@pytest.mark.parametrize("mode", ["Context", "Verbose"])
@pytest.mark.parametrize("call", ["requests.get(url, auth=auth)", "auth.session(url).get('/')"])
@pytest.mark.parametrize("where", CATCHING)
def test_users_function_that_catches_where_the_request_is_bytes(
    where: str, call: str, mode: str, guarded: InteractiveShell, signed_in: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error that it caught is not shown: its first frame, the user's, has the bytes. Nor is it by `%tb`, later."""

    def caught(*args: object, **options: object) -> None:
        sent = f"a request with {signed_in.access_token}"
        try:
            raise OSError("no connection")  # the user's own function
        except OSError:
            raise KeyboardInterrupt(len(sent))  # noqa: B904  # of the error in whose handling it comes

    monkeypatch.setattr(CATCHING[where], caught)
    guarded.user_ns["url"] = "http://127.0.0.1:1/"
    texts = [shown(guarded, f"{call}  # mine", mode)]
    for again in ("%tb", "%tb Verbose", "%tb Context", "%tb Verbose"):
        _, printed, said, _ = run(guarded, again)
        texts.append(printed + said)
    for text in texts:
        assert "KeyboardInterrupt" in text
        assert "# mine" in text
        assert "# the user's own function" not in text
        assert_silent(text.encode(), {str(signed_in.access_token)}, where)


# The token request


@pytest.fixture(params=["cut", "text", "half a JSON object", "not UTF-8", "busy"])
def broken_token_endpoint(request: pytest.FixtureRequest, own_issuer: LocalIssuer) -> str:
    """The provider answers the next token request in a way that cannot be used."""
    switches, secret = own_issuer.switches, b"secretsecretsecretsecret"
    if request.param == "cut":
        switches.drop("/oauth/token", times=5)
    elif request.param == "busy":
        switches.answer("/oauth/token", 503, {"access_token": secret.decode()}, times=5)
    else:
        bodies = {"half a JSON object": b'{"access_token": "' + secret, "not UTF-8": b"\xff" + secret}
        switches.answer("/oauth/token", 200, bodies.get(request.param, secret), times=5)
    return str(request.param)


def test_token_request_that_fails(guarded: InteractiveShell, signed_in: Auth, broken_token_endpoint: str) -> None:
    """Neither the refresh token that was sent nor the answer is shown, in a traceback, a log, or what was kept."""
    secrets = {str(tokens_of(signed_in).refresh_token), str(signed_in.access_token), "secretsecretsecretsecret"}
    end_tokens(signed_in)
    cells = (
        "auth.access_token  # mine",
        "requests.get('http://127.0.0.1:1/', auth=auth)  # mine",
        "import logging\ntry:\n    auth.access_token\nexcept IpyauthError as e:\n    kept = e\n"
        "    logging.getLogger('mine').exception('%r', e)\n    raise KeyError('other') from e",
        "kept, vars(kept), kept.__cause__, kept.__context__, kept.args",
        "raise kept",
        "import traceback\nprint(*traceback.format_exception(kept))",
        "%tb",
    )
    run(guarded, "%xmode Verbose")
    for cell in cells:
        result, printed, said, _ = run(guarded, cell)
        text = printed + said + repr(result.result)
        assert_silent(text.encode(), secrets, cell)
        if "# mine" in cell:
            assert "# mine" in text
            assert [part for part in HIDDEN if part in text] == []


def test_causes_of_a_token_request_that_fails(guarded: InteractiveShell) -> None:
    """They hold the request, whose body is masked; each may be raised again."""
    guarded.user_ns["form"] = {"grant_type": "refresh_token", "refresh_token": RefreshToken("secretsecretsecret")}
    run(guarded, "%xmode Verbose")
    cell = "from ipyauth_magic.provider.http import ask\ntry:\n    ask('POST', 'http://127.0.0.1:1/token', form)\n"
    run(guarded, cell + "except IpyauthError as e:\n    kept = e")
    cells = (
        "kept, vars(kept), kept.__cause__, vars(kept.__cause__), vars(kept.__cause__.request)",
        "raise kept.__cause__",
        "raise kept.__cause__.__context__",
        "raise kept.__cause__.args[0].reason",
        "raise KeyError('other') from kept.__cause__.__context__",
    )
    for cell in cells:
        result, printed, said, _ = run(guarded, cell)
        assert "refused" in printed + said + repr(result.result), cell
        assert "secretsecretsecret" not in printed + said + repr(result.result), cell


# Putting the guard there and away


def test_guard_goes_with_the_extension(guarded: InteractiveShell) -> None:
    """The shell's own methods are back; the frames too."""
    guarded.run_line_magic("unload_ext", "ipyauth_magic")
    assert "structured_traceback" not in vars(guarded.InteractiveTB)
    assert "showtraceback" not in vars(guarded)
    assert "ipyauth_magic/" in shown(guarded, "auth.access_token")
    guarded.run_line_magic("load_ext", "ipyauth_magic")
    assert "ipyauth_magic/" not in shown(guarded, "auth.access_token")


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_another_extension_that_shows_tracebacks(first: str, guarded: InteractiveShell) -> None:
    """Its functions stay when ours go, whichever came first."""
    unguard_tracebacks(guarded)
    seen: list[object] = []

    def theirs(*args: Any, **options: Any) -> None:
        seen.append(args)

    if first == "ours":
        guard_tracebacks(guarded)
    guarded.showtraceback = theirs
    guard_tracebacks(guarded)
    run(guarded, "auth.access_token")
    unguard_tracebacks(guarded)
    assert guarded.showtraceback is theirs
    run(guarded, "auth.access_token")
    assert len(seen) == 2
    del guarded.showtraceback


def test_shell_of_another_program() -> None:
    """`get_ipython` may give something that shows no tracebacks; nothing happens."""
    guard_tracebacks(object())
