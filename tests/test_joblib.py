"""An `Auth` and joblib, whose workers (loky) are processes that are started anew: what the documentation says holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.support.ports import free_port
from tests.support.real_kernel import RealKernel
from tests.support.scripted_tab import browser_command

SIGN_IN = """
from joblib import Parallel, delayed
from ipyauth_magic import Auth, ParamsAuth0
params = ParamsAuth0(dotenv_file="demo.env")
auth = Auth(params, flow="code", store="file").sign_in()
session, token = auth.session(), auth.access_token

def in_workers(work, *given, backend="loky"):
    return Parallel(n_jobs=2, backend=backend)(delayed(work)(*given) for _ in range(2))

def length(of):
    return len(str(of))

def length_of_the_notebooks():
    return length(auth.access_token)

def name(of):
    return of.logged_as

def token_of(params):
    return str(Auth(params, flow="code", store="file").sign_in().access_token)
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKernel]:
    """A kernel in which alice has signed in, with a store of files."""
    folder = tmp_path_factory.mktemp("kernel")
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), lifetime=900, auto_approve="alice") as issuer:
        (folder / "demo.env").write_text(
            f"domain={issuer.issuer.rstrip('/')}\nclient_id={issuer.client_id}\nredirect_uri={redirect_uri}\n"
            f"audience={issuer.audience}\nscope=read:usual-fruit\n"
        )
        environ = {"BROWSER": browser_command(folder), "XDG_DATA_HOME": str(folder), "JOBLIB_TEMP_FOLDER": str(folder)}
        with RealKernel(folder, environ) as running:
            assert running.run(SIGN_IN)["status"] == "ok", running.text()
            yield running


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("in_workers(name, auth)", "An `Auth` stays in the process that signed in, and is not pickled."),
        ("in_workers(length_of_the_notebooks)", "An `Auth` stays in the process that signed in, and is not pickled."),
        ("in_workers(length, session)", "A session that sends a token is not copied or pickled."),
        ("in_workers(length, token)", "AccessToken is a secret and is not pickled."),
    ],
)
def test_an_auth_is_given_to_no_worker(given: str, said: str, kernel: RealKernel) -> None:
    """Neither as an argument, nor as a variable of the notebook; joblib shows our sentence above its own."""
    error = kernel.run(given)
    assert error["evalue"] == "Could not pickle the task to send it to the workers."
    assert said in "".join(error["traceback"])


@pytest.mark.parametrize(
    "holds",
    [
        "in_workers(length, str(token)) == [len(token)] * 2",
        "in_workers(token_of, params) == [str(token)] * 2",
        "in_workers(name, auth, backend='threading') == ['alice'] * 2",
        "in_workers(length_of_the_notebooks, backend='multiprocessing') == [len(token)] * 2",
    ],
)
def test_what_serves_in_its_place(holds: str, kernel: RealKernel) -> None:
    """The text of the token, a store of files, threads, and the copy that a forked worker has."""
    kernel.run(holds)
    [result] = [each["content"]["data"] for each in kernel.of_last_cell() if each["msg_type"] == "execute_result"]
    assert result["text/plain"] == "True"
