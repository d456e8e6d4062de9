"""No message of a real kernel has a live token in it, whoever printed it; the user's objects stay as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.support.ports import free_port
from tests.support.real_kernel import RealKernel
from tests.support.scripted_tab import browser_command

SETUP = """
import asyncio, json, logging, os, subprocess, sys, threading
from IPython.display import HTML, JSON, Markdown, display
from ipyauth_magic.auth import authenticator_of
"""

KNOWN = """
tokens = authenticator_of(auth).source.current
T, I, R = str(tokens.access_token), str(tokens.id_token), str(tokens.refresh_token)
with open("tokens.json", "w") as file:
    json.dump([T, I, R], file)
headers = {"Authorization": f"Bearer {T}"}
os.environ["SOME_HEADER"] = T
"""

LEAKS = {
    "print": "print(T, I, R)",
    "the repr of a header": "headers",
    "a result": "T",
    "bytes": "headers['Authorization'].encode()",
    "standard error": "print(T, file=sys.stderr)",
    "two writes in one flush": "_ = sys.stdout.write(T[:50]), sys.stdout.write(T[50:])",
    "two flushes": "print(T[:300], end='', flush=True); print(T[300:], flush=True)",
    "three flushes, with few characters first": (
        "for part in (T[:5], T[5:200], T[200:]):\n    print(part, end='', flush=True)"
    ),
    "!echo": "!echo $SOME_HEADER",
    "the list that !echo gives": "got = !echo $SOME_HEADER\ngot",
    "%env": "%env",
    "one of %env": "%env SOME_HEADER",
    "a subprocess": "_ = subprocess.run(['echo', T])",
    "what a subprocess has printed": "subprocess.run(['echo', T], capture_output=True)",
    "a write of C's": "import ctypes\nlibrary = ctypes.CDLL(None)\n_ = library.puts(T.encode()), library.fflush(None)",
    "writes beside Python": "_ = os.write(2, T[:300].encode()), os.write(2, T[300:].encode() + b'\\n')",
    "the original standard output": "_ = print(T, file=sys.__stdout__, flush=True)",
    "an output that is cleared": "from IPython.display import clear_output\nprint(T)\nclear_output()\nprint(I)",
    "a widget that shows outputs": (
        "import ipywidgets\nwith ipywidgets.Output() as shown:\n    print(T)\n    display(HTML(I))\nshown"
    ),
    "a warning": "import warnings\nwarnings.warn(T)",
    "an error that Python cannot raise": (
        "class Dropped:\n    def __del__(self):\n        raise ValueError(T)\nit = Dropped(); del it"
    ),
    "a note of an error": (
        "import traceback\nerror = ValueError('x')\nerror.add_note(T)\ntraceback.print_exception(error)"
    ),
    "an URL in an URL": "from urllib.parse import quote\nprint(quote(quote(T, safe=''), safe=''))",
    "a shell cell": "%%sh\necho $SOME_HEADER >&2; echo $SOME_HEADER",
    "HTML": "HTML(f'<b title=\"{T}\">{T}</b>')",
    "Markdown": "Markdown(f'*{T}*')",
    "JSON": "JSON({'token': T, T: [T, {'id': I}]})",
    "a display of several types": "display({'text/plain': T, 'application/json': {T: T}, 'text/html': T}, raw=True)",
    "metadata": "display({'text/plain': 'x'}, metadata={'token': T}, raw=True)",
    "an update of a display": "shown = display('before', display_id=True); shown.update(T)",
    "a traceback": "raise ValueError(f'bad header: {headers}')",
    "the variables of a traceback": "%xmode Verbose\ndef send(sent):\n    1 / 0\nsend(headers)",
    "a group of errors": "raise ExceptionGroup('many', [ValueError(T), KeyError(I)])",
    "an error that its library words": (
        "def scan(url, headers):\n    raise ValueError(f\"invalid value for 'headers': '{headers}'\")\n"
        "scan('http://127.0.0.1', headers)"
    ),
    "logging": "logging.getLogger('some.library').warning('sending %s', headers)",
    "a thread": "thread = threading.Thread(target=print, args=(T,)); thread.start(); thread.join()",
    "after an await": "await asyncio.sleep(0)\nprint(T)",
    "a task in the background": "task = asyncio.ensure_future(asyncio.to_thread(print, T)); await task",
    "a forked child": (
        "import multiprocessing, warnings\nwarnings.simplefilter('ignore')\n"
        "child = multiprocessing.get_context('fork').Process(target=print, args=(T,), kwargs={'flush': True})\n"
        "child.start(); child.join()"
    ),
    "a widget": "import ipywidgets\nbox = ipywidgets.Text(value=T); box.value = I; box",
    "a message of a widget": (
        "from ipykernel.comm import Comm\nsent = Comm(target_name='x', data={'t': T})\nsent.send({T: [T]})"
    ),
    "a pager": "get_ipython().run_line_magic('page', '-r T')",
    "the next cell's text": "get_ipython().set_next_input(f'x = {T!r}')",
    "text in a URL": "import requests\nrequests.Request('GET', 'http://127.0.0.1/', params={'t': T}).prepare().url",
    "JSON in a string": "print(json.dumps(json.dumps(headers)))",
    "lines into which it is wrapped": "import textwrap\nprint(textwrap.fill(str(headers), 80))",
    "what rich prints": "import rich\nrich.print(headers, [I])",
    "what rich logs": (
        "import io, rich.console\nrich.console.Console(width=100, file=sys.stdout).log(headers, log_locals=True)"
    ),
    "its parts": "T.split('.')",
    "coloured code": "from IPython.display import Code\nCode(f'token = {T!r}')",
    "a name that is not defined": "exec(f'x = {T}')",
    "a widget that cuts its text": "import ipywidgets\nipywidgets.HTML(value=f'<b>{T}</b>')",
    "a slice of it": "print(T[:200], I[100:300])",
    "a slice with all of it": "print('-' * 20_000 + T + '-' * 20_000)",
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKernel]:
    """A kernel in which alice has signed in by a cell, for a renewable sign-in."""
    folder = tmp_path_factory.mktemp("kernel")
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), lifetime=900, auto_approve="alice") as issuer:
        (folder / "demo.env").write_text(
            f"domain={issuer.issuer.rstrip('/')}\nclient_id={issuer.client_id}\nredirect_uri={redirect_uri}\n"
            f"audience={issuer.audience}\nscope=read:usual-fruit\n"
        )
        with RealKernel(folder, {"BROWSER": browser_command(folder)}) as running:
            assert running.run(SETUP + "%load_ext ipyauth_magic")["status"] == "ok"
            assert running.run("%auth0 -f demo.env --flow code")["status"] == "ok", running.text()
            assert running.run(KNOWN)["status"] == "ok", running.text()
            yield running


@pytest.fixture
def secrets(kernel: RealKernel) -> list[str]:
    """The tokens of the sign-in: access, ID and refresh token."""
    found: list[str] = json.loads((kernel._folder / "tokens.json").read_text())
    assert len(set(found)) == 3
    return found


def assert_silent(kernel: RealKernel, secrets: list[str]) -> None:
    """Check that no message of the last cell has a token in it, nor the larger part of one."""
    text = kernel.text()
    for secret in secrets:
        for part in (secret, secret[-40:], secret[len(secret) // 2 :][:40]):
            assert part not in text


@pytest.mark.parametrize("name", LEAKS)
def test_no_message_has_a_token(name: str, kernel: RealKernel, secrets: list[str]) -> None:
    """Neither what the cell printed or showed, nor how it failed; a mask is there in its place."""
    kernel.run(LEAKS[name])
    assert_silent(kernel, secrets)
    kernel.wait_for("Token, hidden")
    assert_silent(kernel, secrets)


def test_replies_have_none(kernel: RealKernel, secrets: list[str]) -> None:
    """Of an expression beside a cell, of Shift-Tab, Tab and the history; what the user typed is no exception."""
    reply = kernel.run("x = 1", user_expressions={"it": "T", "all": "headers"})
    assert "AccessToken, hidden" in reply["user_expressions"]["it"]["data"]["text/plain"]
    kernel.run(f"typed = {{{secrets[0]!r}: 1}}")
    client = kernel.client
    for name in ("T", "typed", "headers"):
        assert kernel.ask(lambda name=name: client.inspect(name))["found"]
    assert kernel.ask(lambda: client.complete("typed["))["matches"]
    history = kernel.ask(lambda: client.history(hist_access_type="tail", n=5, output=True))["history"]
    assert any("typed = " in str(line) for line in history)
    assert_silent(kernel, secrets)


def test_a_question_has_none(kernel: RealKernel, secrets: list[str]) -> None:
    """`input` asks the front end by a message of its own."""
    client = kernel.client
    kernel.run("pass")
    asked = client.execute("answer = input(T)", allow_stdin=True)
    question = client.get_stdin_msg(timeout=60)
    assert question["content"]["prompt"] == "<AccessToken, hidden>"
    client.input("yes")
    kernel.ask(lambda: asked)
    assert_silent(kernel, secrets)


def test_the_objects_of_the_user_stay_as_they_are(kernel: RealKernel, secrets: list[str]) -> None:
    """What was displayed or sent is masked in a copy, and buffers go out untouched."""
    kernel.run(
        "shown = {'text/plain': T, 'application/json': {T: [T]}}; display(shown, raw=True)\n"
        "from ipykernel.comm import Comm\nsent = {T: [T]}; comm = Comm(target_name='x', data=sent)\n"
        "comm.send(sent, buffers=[b'\\x00\\xff' + T.encode()])\n"
        "whole = shown == {'text/plain': T, 'application/json': {T: [T]}} and sent == {T: [T]}"
    )
    buffers = [bytes(each) for message in kernel.of_last_cell() for each in message["buffers"]]
    assert b"\x00\xff" + secrets[0].encode() in buffers
    kernel.run("whole")
    assert "'text/plain': 'True'" in str(kernel.of_last_cell())


def test_what_no_front_end_gets_stays_as_it_is(kernel: RealKernel) -> None:
    """A file, an output that is captured or redirected, and a pipe."""
    kernel.run("%%capture captured\nprint(T)")
    kernel.run(
        "import contextlib, io\nfrom pathlib import Path\n"
        "with open('printed.txt', 'w') as file:\n    print(T, file=file)\n"
        "get_ipython().run_cell_magic('writefile', 'written.txt', T + '\\n')\n"
        "with contextlib.redirect_stdout(io.StringIO()) as redirected:\n    print(T)\n"
        "piped = subprocess.run(['echo', T], capture_output=True, text=True).stdout\n"
        "found = Path('printed.txt').read_text(), Path('written.txt').read_text(), redirected.getvalue(), piped\n"
        "{*found, captured.stdout} == {T + '\\n'}"
    )
    assert "'text/plain': 'True'" in str(kernel.of_last_cell())


def test_a_mask_in_markup_is_seen(kernel: RealKernel) -> None:
    """Else a browser would take `<AccessToken, hidden>` for a tag."""
    kernel.run("HTML(f'<b>{T}</b>')")
    [data] = [each["content"]["data"] for each in kernel.of_last_cell() if each["msg_type"] == "execute_result"]
    assert data["text/html"] == "<b>&lt;AccessToken, hidden&gt;</b>"


def test_raw_shows_the_token_alone(kernel: RealKernel, secrets: list[str]) -> None:
    """`%token --raw` prints it, in a cell of other outputs too, and in one that captures its output."""
    kernel.run("print('before'); get_ipython().run_line_magic('token', '--raw'); print(T)")
    streams = [each["content"]["text"] for each in kernel.of_last_cell() if each["msg_type"] == "stream"]
    assert "".join(streams) == f"before\n{secrets[0]}\n<AccessToken, hidden>\n"
    kernel.run("%%capture captured\n%token --raw")
    kernel.run("captured.stdout.strip() == T")
    assert "'text/plain': 'True'" in str(kernel.of_last_cell())


def test_it_can_be_turned_off(kernel: RealKernel, secrets: list[str]) -> None:
    """And on again, by `%config`; the parameters of a sign-in know nothing of it."""
    kernel.run("%config Auth0Magics.guard_outputs = False")
    kernel.run("print(T); display(JSON([I]))")
    assert [secret for secret in secrets[:2] if secret in kernel.text()] == secrets[:2]
    kernel.run("%config Auth0Magics.guard_outputs = True")
    kernel.run("print(T); display(JSON([I]))")
    assert_silent(kernel, secrets)


def test_a_renewed_token_takes_the_old_one_along(kernel: RealKernel, secrets: list[str]) -> None:
    """Both live, so both are hidden."""
    kernel.run("old, new = T, str(auth.renew().access_token)\nprint(old, new)\nprint(old != new)")
    streams = [each["content"]["text"] for each in kernel.of_last_cell() if each["msg_type"] == "stream"]
    assert "".join(streams) == "<AccessToken, hidden> <AccessToken, hidden>\nTrue\n"
    assert_silent(kernel, secrets)
    kernel.run("%token old --raw")
    assert secrets[0] in kernel.text()


def test_a_subshell_too(kernel: RealKernel, secrets: list[str]) -> None:
    """A thread of ipykernel 7 that runs cells beside the main one."""
    features = kernel.ask(kernel.client.kernel_info).get("supported_features", [])
    if "kernel subshells" not in features:
        kernel.run("import ipykernel; ipykernel.version_info[0] < 7")
        assert "'text/plain': 'True'" in str(kernel.of_last_cell())
        return
    client = kernel.client
    client.control_channel.send(client.session.msg("create_subshell_request"))
    subshell = client.get_control_msg(timeout=60)["content"]["subshell_id"]
    content = {"code": "print(T)", "silent": False, "user_expressions": {"it": "T"}, "allow_stdin": False}
    request = client.session.msg("execute_request", content)
    request["header"]["subshell_id"] = subshell

    def execute() -> str:
        client.shell_channel.send(request)
        return str(request["header"]["msg_id"])

    kernel.run("pass")
    assert "hidden" in str(kernel.ask(execute)["user_expressions"])
    assert_silent(kernel, secrets)


def test_without_the_magics(kernel: RealKernel, tmp_path: Path) -> None:
    """An `Auth` in Python is enough: the guard comes with it, and the configuration turns it off."""
    environ = {"BROWSER": browser_command(tmp_path)}
    program = (
        "from ipyauth_magic import Auth, ParamsAuth0\n"
        f"auth = Auth(ParamsAuth0(dotenv_folder={str(kernel._folder)!r}, dotenv_file='demo.env'), flow='code')\n"
        "before = type(get_ipython().kernel.session.pack).__name__\n"
        "T = str(auth.sign_in().access_token)\n_ = open('token.txt', 'w').write(T)"
    )
    with RealKernel(tmp_path, environ) as other:
        assert other.run(program)["status"] == "ok", other.text()
        secret = (tmp_path / "token.txt").read_text()
        other.run("print(T)")
        assert "<AccessToken, hidden>" in other.text()
        assert secret not in other.text()
        other.run("get_ipython().config.Auth0Magics.guard_outputs = False")
        other.run("print(T)")
        assert secret in other.text()
        other.run("get_ipython().config.Auth0Magics.guard_outputs = True")
        other.run("%load_ext ipyauth_magic\n%unload_ext ipyauth_magic")
        other.run("print(T, type(get_ipython().kernel.session.pack).__name__)")
        assert secret in other.text()
        assert "OutputGuard" not in other.text()


def test_nothing_is_installed_before_there_is_an_auth(tmp_path: Path) -> None:
    """`%load_ext` alone leaves the messages of the kernel alone."""
    with RealKernel(tmp_path) as fresh:
        fresh.run("%load_ext ipyauth_magic\nprint(type(get_ipython().kernel.session.pack).__name__)")
        assert "OutputGuard" not in fresh.text()
