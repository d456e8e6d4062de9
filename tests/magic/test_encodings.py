"""Output in a legacy encoding: a name that it cannot write costs no sign-in, and each command shows what it has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.text import encodable
from tests.support.machine import NO_BROWSER, environment
from tests.support.scripted_tab import browser_command

ROOT = Path(__file__).parents[2]
NAME = "Zoë Łukasz"

SCRIPT = """
%load_ext ipyauth_magic
%auth0 -f demo.env
%auth0 -f demo.env
%token
%token --list
%token --config
auth.show()
auth
from ipyauth_magic import ParamsAuth0
params = ParamsAuth0(dotenv_file="demo.env")
params
params.explain()
auth.scope
"""


@pytest.mark.parametrize(
    ("encoding", "seen"),
    [
        ("ascii", "Zo\\xeb \\u0141ukasz"),
        ("cp1252", "Zoë \\u0141ukasz"),
        ("iso8859-2", "Zoë Łukasz"),
        ("utf-8", "Zoë Łukasz"),
    ],
)
def test_ipython_in_a_terminal(encoding: str, seen: str, own_issuer: LocalIssuer, tmp_path: Path) -> None:
    """The sign-in, the cards and the tables; a letter that is not there is an escape."""
    own_issuer.switches.tamper = lambda draft: draft.claims.update(nickname=NAME, name=NAME)
    (tmp_path / "demo.env").write_text(
        f"domain={own_issuer.issuer.rstrip('/')}\nclient_id={own_issuer.client_id}\n"
        f"redirect_uri={own_issuer.callback_urls[0]}\naudience={own_issuer.audience}\nlogin_hint={NAME}\n",
        encoding="utf-8",
    )
    (tmp_path / "script.ipy").write_text(SCRIPT)
    own = {
        "BROWSER": browser_command(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYTHONIOENCODING": encoding,
    }
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=nocolor", "script.ipy"],
        env=environment(NO_BROWSER, own),
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = done.stdout.decode(encoding)
    assert done.returncode == 0, said + done.stderr.decode(encoding)
    assert f"Signed in as {seen}" in said
    assert said.count(seen) >= 8, said
    assert "Traceback" not in said
    assert "openid" in said


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("ascii", "Zo\\xeb"), ("utf-16", "Zoë"), ("none such", "Zo\\xeb"), (None, "Zoë")],
)
def test_what_a_stream_can_print(encoding: str | None, text: str) -> None:
    """An encoding that is not known, or none at all, costs nothing either; a stream may be closed, and so None."""
    assert encodable("Zoë", SimpleNamespace(encoding=encoding)) == text
    assert encodable("Zoë", None) == "Zoë"
