"""No token, code, state or nonce is left anywhere: a whole session in a real kernel, searched for each secret."""

from __future__ import annotations

import importlib
import json
import logging
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
import urllib3.util.connection
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

from fruit_service.issuer.server import LocalIssuer
from tests.magic.test_magics import run
from tests.support.auths import source_of, tokens_of
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.scripted_tab import browser_command

FAILURES: dict[str, dict[str, Any]] = {
    "denied": {"error": "access_denied", "error_description": "no"},
    "another access token": {"access_token": "stolen.stolen.stolen"},
    "no access token": {"access_token": None},
    "no ID token": {"id_token": None},
    "forged ID token": {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."},
    "another token type": {"token_type": "mac"},
    "another issuer": {"iss": "https://evil.test/"},
    "bad lifetime": {"expires_in": "soon"},
    "bad characters": {"access_token": "a b\nc"},
    "another state": {"state": "forged"},
}

SETUP = """
import logging, os, requests
logging.basicConfig(level=logging.DEBUG, filename="debug.log")
%xmode Verbose
%load_ext ipyauth_magic
from ipyauth_magic.auth import authenticator_of
"""

USES = [
    "token",
    "[token], {'Authorization': token}",
    "auth",
    "inside = authenticator_of(auth)",
    "repr(auth), repr(vars(auth)), inside.source.current, auth.claims.get('sub')",
    "%token",
    "%token --json",
    "%token --list",
    "%token --config",
    "auth.show()",
    "inside.params.explain()",
    "%who\n%whos",
    "mine, my_id = auth.access_token, auth.id_token",
    "%who\n%whos\n%who_ls",
    "logging.getLogger().warning('%r %r', token, auth)",
    "raise ValueError(repr(token))",
    "def inner(secret):\n    header = {'Authorization': secret}\n    raise KeyError('x')\ninner(token)",
    "requests.get('http://127.0.0.1:1/', auth=auth)",
    "try:\n    requests.get('http://127.0.0.1:1', auth=auth)\nexcept Exception as e:\n    raise KeyError() from e",
    "auth.session('http://127.0.0.1:1').get('/')",
    "import httpx; httpx.get('http://127.0.0.1:1/', auth=auth.httpx(), trust_env=False)",
    "import httpx2; httpx2.get('http://127.0.0.1:1/', auth=auth, trust_env=False)",
    "%tb",
    "try:\n    auth.session('http://127.0.0.1:1').get('/')\nexcept Exception as e:\n    kept = e\n"
    "    logging.exception('It failed: %r', e)",
    "kept, vars(kept), kept.__cause__, kept.__context__, kept.request.headers",
    "raise kept",
    "import traceback; traceback.print_exception(kept)",
    "raise ExceptionGroup('many', [kept])",
    "import pickle; pickle.dumps(token)",
    "import copy; copy.copy(token), copy.deepcopy(inside.source.current.access_token)",
    "%history",
    "auth.claims",
    "auth.userinfo()",
    "[vars(each) for each in (auth, inside, inside.source, inside.sign_in, inside.sign_in.response_source)]",
    "locals().keys() and [v for k, v in globals().items() if k in ('token', 'auth')]",
]


@pytest.fixture
def notebook(tmp_path: Path, issuer: LocalIssuer, redirect_uri: str) -> tuple[Path, str]:
    """A folder with a dotenv file for the local issuer, and the `%%auth0` cell to run in it."""
    (tmp_path / "demo.env").write_text(
        f"domain={issuer.issuer.rstrip('/')}\nclient_id={issuer.client_id}\nredirect_uri={redirect_uri}\n"
        f"audience={issuer.audience}\nscope=read:usual-fruit\n"
    )
    return tmp_path, "%auth0 -f demo.env --force --timeout 3"


def test_a_whole_session_leaves_no_secret(notebook: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One sign-in, every use of it, ten failures; then the notebook, the history and the log are searched."""
    folder, sign_in = notebook
    monkeypatch.setenv("BROWSER", browser_command(folder))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cells = [SETUP, sign_in, *USES]
    for name, changes in FAILURES.items():
        cells += [f"_ = open('change.json', 'w').write({json.dumps(json.dumps(changes))})  # {name}", sign_in]
        if changes.get("state") is None:
            cells += ["auth.sign_in(force=True, timeout=3)"]
    cells += [f"%auth0 -f demo.env --force redirect_uri=http://127.0.0.1:{free_port()}/not-registered --timeout 1"]
    cells += ["auth.sign_out()", "auth.userinfo()"]
    cells += [
        "try:\n    auth.userinfo()\nexcept Exception as e:\n    logging.exception('%r', e)\n    raise KeyError() from e"
    ]
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(
        document,
        timeout=60,
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
        kernel_name="python3",
        ipython_hist_file=str(folder / "history.sqlite"),
    )
    client.execute()
    nbformat.write(document, folder / "saved.ipynb")

    secrets = secrets_in(folder)
    assert len(secrets) > 20, "the browser played, and told what must stay secret"
    for said in ("Signed in as alice", "Signed out", "You are not signed in."):
        assert said in (folder / "saved.ipynb").read_text()
    assert names_of_errors(document).isdisjoint({"NameError", "AttributeError", "ModuleNotFoundError", "SyntaxError"})
    assert failed_sign_ins(document) == len(FAILURES) + 1
    by_python = [cell for cell in document.cells if cell.source.startswith("auth.sign_in(")]
    assert [cell.outputs[-1].output_type for cell in by_python] == ["error"] * (len(FAILURES) - 1)
    for path in searched(folder):
        assert_silent(path.read_bytes(), secrets, str(path.name))


def secrets_in(folder: Path) -> set[str]:
    """Return what nobody may see: whole tokens, and each segment that is not common to all (the header is)."""
    found = set((folder / "secrets.txt").read_text().split())
    segments = {segment for secret in found for segment in secret.split(".")[1:] if len(segment) > 20}
    return {secret for secret in found | segments if not secret.startswith("eyJhbGciOiJub25l")}


def names_of_errors(document: Any) -> set[str]:
    """Return the classes of the errors that cells ended with."""
    outputs = [output for cell in document.cells for output in cell.outputs]
    return {output.ename for output in outputs if output.output_type == "error"}


def failed_sign_ins(document: Any) -> int:
    """Return how many sign-in cells failed, each by its sentence and no traceback."""
    failed = 0
    for cell in document.cells:
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if cell.source.startswith("%auth0") and errors:
            shown = [" ".join(" ".join(error.traceback).split()) for error in errors]
            assert shown == [" ".join(f"UsageError: {errors[0].evalue}".split())]
            failed += 1
    return failed


def searched(folder: Path) -> list[Path]:
    """Return every file that the session left, but for the browser's own notes."""
    own = {"secrets.txt"}
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in own]
    names = {path.name for path in files}
    assert {"saved.ipynb", "debug.log", "history.sqlite"} <= names
    return files


def assert_silent(content: bytes, secrets: set[str], where: str) -> None:
    """Check that no secret, and no run of 12 characters of one, stands in *content*."""
    for secret in secrets:
        for start in range(0, len(secret) - 12, 6):
            assert secret[start : start + 12].encode() not in content, f"{where} holds a piece of a secret"


@pytest.mark.parametrize("shell", ["with history"], indirect=True)
def test_history_is_clean(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser, tmp_path: Path
) -> None:
    """What a cell needs is no secret, so neither `%history` nor history.sqlite has one."""
    result = shell.run_cell(cell(), store_history=True)
    assert result.success
    shell.history_manager.writeout_cache()
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as database:
        rows = [row[0] for row in database.execute("select source || source_raw from history")]
    assert any("%%auth0" in row for row in rows)
    user_browser.join()
    assert_silent("\n".join(rows).encode(), {value for value in user_browser.seen if len(value) > 30}, "history")


def test_our_own_log_is_silent(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, urllib3's and ours."""
    caplog.set_level(logging.DEBUG)
    assert shell.run_cell(cell()).success
    user_browser.join()
    ours = [record for record in caplog.records if not record.name.startswith("authlib")]
    text = "\n".join(record.getMessage() for record in ours)
    assert_silent(text.encode(), {value for value in user_browser.seen if len(value) > 30}, "the log")


@pytest.mark.parametrize("mode", ["Context", "Verbose"])
def test_a_traceback_of_a_request_has_no_inner_frames(
    mode: str, shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """The user's own line is there, the error too; the frames that hold the header's bytes are not."""
    shell.run_cell(cell())
    shell.run_line_magic("xmode", mode)
    shell.run_cell("import requests")
    _, printed, said, _ = run(shell, "requests.get('http://127.0.0.1:1/', auth=auth)")
    assert "requests.get" in printed + said
    assert "ConnectionError" in printed + said
    assert "http/client.py" not in printed + said
    assert_silent((printed + said).encode(), {str(shell.user_ns["token"])}, "the traceback")


def test_inspecting_a_token_shows_no_part_of_it(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """`token?`, `token??`, and what Shift-Tab asks; other strings are shown as ever."""
    shell.run_cell(cell())
    shell.run_cell("mine = auth.access_token; other = 'a plain string'")
    token = {str(shell.user_ns["token"])}
    for name in ("token", "mine"):
        for told in (run(shell, f"{name}?"), run(shell, f"{name}??")):
            assert_silent((told[1] + told[2] + str([each.data for each in told[3]])).encode(), token, f"{name}?")
        assert_silent(str(shell.object_inspect(name, 1)).encode(), token, "Shift-Tab")
        assert_silent(str(shell.object_inspect_text(name, 1)).encode(), token, "Shift-Tab")
    assert "a plain string" in shell.object_inspect_text("other", 1)


def test_no_list_of_variables_shows_a_token(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """Under whatever name the user keeps it, however it got there; `%whos` shows the text of every other string."""
    shell.run_cell(cell())
    names = ("mine", "my_id", "copied", "looped", "quiet")
    shell.run_cell("mine, my_id, other = auth.access_token, auth.id_token, 'plain text'")
    shell.run_cell("for looped in [auth.access_token]: copied = looped\nraise ValueError")
    shell.run_cell("quiet = mine", silent=True)
    for magic in ("%who", "%whos", "%who_ls"):
        result, printed, said, _ = run(shell, magic)
        listed = f"{printed} {said} {result.result}"
        assert "other" in listed
        assert [name for name in (*names, "token", "auth") if name in re.findall(r"\w+", listed)] == []
        assert_silent(listed.encode(), {str(shell.user_ns["mine"]), str(shell.user_ns["my_id"])}, magic)
    shell.run_cell("mine = 'something else'")
    assert "something else" in run(shell, "%whos")[1]


def hooks_of(shell: InteractiveShell) -> str:
    """Return the modules of what runs around the cells of *shell*."""
    return " ".join(hook.__module__ for hooks in shell.events.callbacks.values() for hook in hooks)


def test_the_names_stay_out_after_a_reload_and_the_hook_goes_with_the_extension(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """An Auth that outlives the extension gives tokens still; nothing of ours runs after cells once it is unloaded."""
    shell.run_cell(cell())
    assert "ipyauth" in hooks_of(shell)
    kept = shell.user_ns["kept"] = shell.user_ns["auth"]
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    assert "ipyauth" not in hooks_of(shell)
    shell.run_line_magic("load_ext", "ipyauth_magic")
    kept.sign_in()
    shell.run_cell("mine = kept.access_token")
    for listed in (run(shell, "%whos")[1], str(shell.inspector.info(kept.access_token))):
        assert_silent(listed.encode(), {str(kept.access_token)}, "what is listed")


@pytest.mark.parametrize("cell_of_user", ["mine = auth.access_token\n%whos", "help(token)"])
def test_what_stays_open_is_named(
    cell_of_user: str, shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """The guide names these exceptions. If one of them is fixed, remove its sentence."""
    shell.run_cell(cell())
    _, printed, said, _ = run(shell, cell_of_user)
    assert str(shell.user_ns["token"])[:12] in printed + said
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "calling-apis.md").read_text(encoding="utf-8")
    section = guide.partition("## What shows a token")[2].partition("The token does appear")[2]
    assert f"`{cell_of_user.splitlines()[-1]}`" in section.partition("\n## ")[0]


def test_the_guard_comes_back_after_a_reload(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """An Auth that outlives the extension still guards what it sends; so does an interrupt within a request."""
    shell.run_cell(cell())
    kept = shell.user_ns["kept"] = shell.user_ns["auth"]
    shell.run_line_magic("reload_ext", "ipyauth_magic")
    kept.sign_in()
    shell.run_line_magic("xmode", "Verbose")
    shell.run_cell("import requests, urllib3.util.connection")
    shell.run_cell(
        "def interrupt(*a, **k): raise KeyboardInterrupt\nurllib3.util.connection.create_connection = interrupt"
    )
    try:
        for call in ("requests.get('http://127.0.0.1:1/', auth=kept)", "kept.session().get('http://127.0.0.1:1/')"):
            _, printed, said, _ = run(shell, call)
            assert "KeyboardInterrupt" in printed + said
            assert_silent((printed + said).encode(), {str(kept.access_token)}, "the traceback")
    finally:
        importlib.reload(urllib3.util.connection)


def test_other_tracebacks_are_left_alone(shell: InteractiveShell, cell: Callable[..., str]) -> None:
    """A request without our token keeps its frames; unloading takes the guard away."""
    shell.run_cell("import requests")
    _, printed, said, _ = run(shell, "requests.get('http://127.0.0.1:1/')")
    assert "client.py" in printed + said
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    assert "structured_traceback" not in vars(shell.InteractiveTB)
    shell.run_line_magic("load_ext", "ipyauth_magic")


BROKEN_TOKEN_RESPONSES: dict[str, dict[str, Any]] = {
    "another token type": {"token_type": "mac"},
    "bad lifetime": {"expires_in": "soon"},
    "bad ID token": {"id_token": "eyJhbGciOiJub25lIn0.secretsecretsecretsecret."},
    "bad refresh token": {"refresh_token": "secretsecretsecretsecret\n"},
    "no access token": {"access_token": None},
}


@pytest.mark.parametrize("what", BROKEN_TOKEN_RESPONSES)
def test_a_renewal_that_fails_shows_no_secret(
    what: str,
    shell: InteractiveShell,
    own_issuer: LocalIssuer,
    user_browser: ScriptedBrowser,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Code flow and refresh: neither tokens nor code nor verifier, in Verbose tracebacks, logs and outputs."""
    caplog.set_level(logging.DEBUG)
    own_issuer.switches.access_token_lifetime = 60
    shell.run_line_magic("xmode", "Verbose")
    shell.run_cell("import requests")
    _, *shown = run(
        shell,
        f"%auth0 --flow code domain={own_issuer.issuer.rstrip('/')} client_id={own_issuer.client_id} "
        f"redirect_uri={own_issuer.callback_urls[0]} audience=api/fruit",
    )
    source, tokens = source_of(shell.user_ns["auth"]), tokens_of(shell.user_ns["auth"])
    secrets = {str(tokens.access_token), str(tokens.refresh_token), "secretsecretsecretsecret"}
    secrets |= {value for value in user_browser.seen if len(value) > 30}
    answer = {"access_token": "secretsecretsecretsecret", "token_type": "Bearer", "expires_in": 60}
    for use in ("auth.access_token", "requests.get('http://127.0.0.1:1/', auth=auth)", "%token --renew", "%token"):
        own_issuer.switches.answer("/oauth/token", 200, answer | BROKEN_TOKEN_RESPONSES[what])
        source.save(replace(tokens, expires_at=tokens.obtained_at))
        result, *more = run(shell, use)
        assert result.success is (use.startswith("%token") and "renew" not in use), use
        shown += more
        own_issuer.switches.restore()
    text = "\n".join(
        str(getattr(each, "data", each)) for part in shown for each in ([part], part)[isinstance(part, list)]
    )
    assert "trusted" in text
    ours = [record for record in caplog.records if not record.name.startswith("authlib")]
    assert_silent((text + "\n".join(record.getMessage() for record in ours)).encode(), secrets, what)
