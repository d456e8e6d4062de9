"""Forked processes: none uses up the refresh token of its parent, whose sign-in lives on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.support.machine import NO_BROWSER, environment
from tests.support.scripted_tab import browser_command
from tests.support.threads import wait_for

ROOT = Path(__file__).parents[2]
DEADLINE = 60

PROGRAM = """
import json, multiprocessing, os, sys, threading, time, warnings
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import IpyauthError
from tests.support.auths import end_tokens, source_of

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
values, store, reports = json.loads(sys.argv[1]), sys.argv[2], []
auth = Auth(ParamsAuth0(**values), flow="code", store=store).sign_in()

def attempt(*_):
    try:
        return str(auth.access_token)
    except IpyauthError as error:
        return f"{type(error).__name__}: {error}"

def forked(work):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, work().encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said

def report(**facts):
    print(json.dumps(facts))
"""


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(own_issuer: LocalIssuer, tmp_path: Path) -> Run:
    """Return what runs a program that is signed in, and gives its report."""
    parameters = {
        "domain": own_issuer.issuer.rstrip("/"),
        "client_id": own_issuer.client_id,
        "redirect_uri": own_issuer.callback_urls[0],
        "audience": own_issuer.audience,
        "scope": "read:usual-fruit",
    }
    own = {"BROWSER": browser_command(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}

    def start(text: str, store: str = "memory") -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM + text, json.dumps(parameters), store],
            env=environment(NO_BROWSER, own),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report

    return start


def test_a_pool_of_workers_leaves_the_parents_sign_in_alone(own_issuer: LocalIssuer, run: Run) -> None:
    """Good tokens serve in the workers; ended ones are refused with what to do, and the parent renews."""
    report = run(
        """
first = str(auth.access_token)
with multiprocessing.get_context("fork").Pool(3) as pool:
    good = pool.map(attempt, range(3))
end_tokens(auth)
with multiprocessing.get_context("fork").Pool(3) as pool:
    ended = pool.map(attempt, range(3))
report(first=first, good=good, ended=ended, parent=attempt(), again=attempt())
"""
    )
    assert set(report["good"]) == {report["first"]}
    assert len(set(report["ended"])) == 1
    said = report["ended"][0]
    assert said.startswith("SignInNeeded: ")
    assert "`str(auth.access_token)`" in said
    assert 'store="file"' in said
    assert report["parent"] == report["again"]
    assert report["parent"].startswith("eyJ")
    assert own_issuer.switches.token_requests["refresh_token"] == 1


def test_processes_that_share_files_renew_once(own_issuer: LocalIssuer, run: Run) -> None:
    """A child renews under the file's lock, and its siblings and its parent have its tokens."""
    report = run(
        """
end_tokens(auth)
with multiprocessing.get_context("fork").Pool(3) as pool:
    got = pool.map(attempt, range(3))
report(got=got, parent=attempt())
""",
        store="file",
    )
    assert {*report["got"], report["parent"]} == {report["parent"]}
    assert report["parent"].startswith("eyJ")
    assert own_issuer.switches.token_requests["refresh_token"] == 1


@pytest.mark.parametrize("store", ["none", "memory"])
def test_another_auth_in_the_child_has_no_refresh_token_either(store: str, own_issuer: LocalIssuer, run: Run) -> None:
    """Nor does a renewal that the child asks for, or a grandchild."""
    report = run(
        """
def child():
    other = Auth(ParamsAuth0(**values), flow="code", store=store)
    adopted = source_of(other).adopt()
    facts = [auth.is_renewable, adopted, other.is_renewable]
    try:
        auth.renew()
    except IpyauthError as error:
        facts.append(type(error).__name__)
    facts.append(forked(lambda: str(auth.is_renewable)))
    return json.dumps(facts)
facts = json.loads(forked(child))
auth.renew()
report(facts=facts, renewable=auth.is_renewable)
""",
        store,
    )
    assert report["facts"] == [False, store == "memory", False, "SignInNeeded", "False"]
    assert report["renewable"]
    assert own_issuer.switches.token_requests["refresh_token"] == 1


@pytest.fixture
def held(own_issuer: LocalIssuer) -> Iterator[threading.Event]:
    """Let the issuer answer no renewal before this event is set, or the test is over."""
    free = threading.Event()

    def wait(path: str) -> None:
        if path == "/oauth/token" and own_issuer.switches.requests[path] > 1:
            free.wait(DEADLINE)

    own_issuer.switches.watch = wait
    yield free
    free.set()


@pytest.mark.parametrize("store", ["memory", "file"])
def test_a_fork_while_the_parent_renews(
    store: str, own_issuer: LocalIssuer, run: Run, held: threading.Event, tmp_path: Path
) -> None:
    """The child waits for no lock that its parent's thread holds, and uses nothing up; the renewal ends well."""
    opener = threading.Thread(target=lambda: (wait_for((tmp_path / "forked").exists, DEADLINE), held.set()))
    opener.start()
    report = run(
        """
end_tokens(auth)
got = []
renewing = threading.Thread(target=lambda: got.append(attempt()))
renewing.start()
while not [each for each in threading.enumerate() if each.name == "ipyauth-renewal"]:
    time.sleep(0.005)
time.sleep(0.1)  # into the request; before it, the outcome is the same
def child():
    open("forked", "w").close()
    return attempt()
said = forked(child)
renewing.join()
report(said=said, got=got[0], parent=attempt())
""",
        store,
    )
    opener.join(DEADLINE)
    assert report["got"] == report["parent"]
    assert report["parent"].startswith("eyJ")
    assert report["said"].startswith("SignInNeeded: ") if store == "memory" else report["said"] == report["parent"]
    assert own_issuer.switches.token_requests["refresh_token"] == 1


def test_a_process_that_is_started_anew_takes_over_the_sign_in_of_a_file(own_issuer: LocalIssuer, run: Run) -> None:
    """As the error about pickling says: by the same parameters, without a browser."""
    first, second = (run("report(token=attempt())", store="file") for _ in range(2))
    assert first["token"].startswith("eyJ")
    assert first == second


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_an_auth_is_given_to_no_process(method: str, own_issuer: LocalIssuer, run: Run) -> None:
    """The error says what to give instead; a fork alone copies it."""
    report = run(
        f"""
try:
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        pool.map(str, [auth])
except TypeError as error:
    report(said=str(error))
"""
    )
    assert "`str(auth.access_token)`" in report["said"]
    assert '`Auth(params, flow="code", store="file").sign_in()`' in report["said"]
