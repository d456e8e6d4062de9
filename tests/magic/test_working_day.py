"""A working day with one sign-in: short tokens, many threads and processes, an API that forgives nothing."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keyring
import pytest
import requests
from keyring.backends.fail import Keyring as NoKeyring

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth
from ipyauth_magic.provider.provider import KEPT_FOR, Provider
from tests.support.machine import environment
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.strict_api import StrictApi, strict_api
from tests.support.threads import wait_for

ROOT = Path(__file__).parents[2]
LIFETIME, THREADS = 5, 8
DISCOVERY = "/.well-known/openid-configuration"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.fixture
def renewed_at(own_issuer: LocalIssuer) -> list[float]:
    """Return when the issuer was asked to renew, as it grows, in seconds of a clock that only goes on."""
    moments: list[float] = []

    def note(path: str) -> None:
        if path == "/oauth/token":
            moments.append(time.monotonic())

    own_issuer.switches.watch = note
    return moments


@pytest.fixture
def file_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Keep files in a folder of the test's own, without a keyring; return the environment in which others do."""
    changes = {"XDG_DATA_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path), "HOME": str(tmp_path)}
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    return {**changes, **NO_KEYRING}


class Caller:
    """Another process that calls the API from eight threads; see `tests/support/caller.py`."""

    def __init__(self, name: str, api: StrictApi, params: dict[str, str], changes: dict[str, str | None]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.caller", name, api.url, str(THREADS)],
            cwd=ROOT,
            env=environment(changes),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(params) + "\n")
        self._process.stdin.flush()

    def wait_until_calling(self) -> None:
        """Wait until its threads are at work."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "calling\n", self._process.stderr and self._process.stderr.read()

    def outcomes(self) -> dict[str, int]:
        """Let it end, and return how many of its calls came to what."""
        output, complaints = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, complaints
        outcomes: dict[str, int] = json.loads(output)
        return outcomes

    def kill(self) -> None:
        """End it, whatever happened."""
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def callers() -> Iterator[list[Caller]]:
    """Return a list of processes that are ended after the test."""
    started: list[Caller] = []
    yield started
    for each in started:
        each.kill()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_one_refresh_per_lifetime(
    own_issuer: LocalIssuer,
    make_auth: Callable[..., Auth],
    user_browser: ScriptedBrowser,
    renewed_at: list[float],
    file_store: dict[str, str | None],
    callers: list[Caller],
    in_full: bool,
) -> None:
    """Eight threads in each of two processes: no call with an ended token, one refresh for all of them, one sign-in."""
    lifetimes = 10 if in_full else 2
    own_issuer.switches.access_token_lifetime = LIFETIME
    auth = make_auth(store="file").sign_in()
    assert renewed_at.pop()
    params = {
        "domain": own_issuer.issuer.rstrip("/"),
        "client_id": own_issuer.client_id,
        "redirect_uri": own_issuer.callback_urls[0],
        "audience": own_issuer.audience,
        "scope": "read:usual-fruit",
    }
    with strict_api() as api:

        def sent_by(name: str) -> set[str]:
            return {each.token for each in list(api.arrivals) if each.caller == name}

        callers += [Caller(name, api, params, file_store) for name in ("first", "second")]
        for caller in callers:
            caller.wait_until_calling()
        already = len(renewed_at)
        wait_for(lambda: len(renewed_at) >= already + lifetimes, 2 * LIFETIME * (lifetimes + 2))
        wait_for(lambda: all(len(sent_by(name)) >= lifetimes for name in ("first", "second")))
        outcomes = [caller.outcomes() for caller in callers]
    assert [list(each) for each in outcomes] == [["200 0"], ["200 0"]]
    assert api.least_left > 0
    gaps = [later - earlier for earlier, later in itertools.pairwise(renewed_at)]
    assert len(renewed_at) == own_issuer.switches.token_requests["refresh_token"]
    assert len(renewed_at) >= lifetimes
    assert min(gaps) > LIFETIME * 0.6, gaps  # it was never renewed twice
    for name in ("first", "second"):
        assert len(sent_by(name)) >= lifetimes
    assert len(user_browser.opened) == 1
    assert auth.access_token in api.tokens  # this process finds what the others have kept


def test_an_hour_on_tokens_of_a_minute(
    own_issuer: LocalIssuer,
    make_auth: Callable[..., Auth],
    user_browser: ScriptedBrowser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never a failed call, never a second sign-in; meanwhile the machine sleeps, and the issuer changes its keys.

    When metadata and keys are to be fetched again, the discovery document is not to be had for a while.
    """
    switches = own_issuer.switches
    switches.access_token_lifetime = 60
    monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda: datetime.fromtimestamp(switches.now(), UTC))
    Provider.of(own_issuer.issuer)._clock = switches.elapsed
    hour, step = KEPT_FOR + 600, 7  # the change of keys has them fetched, and the hour begins anew
    with strict_api(switches.now) as api:
        auth = make_auth("code").sign_in()
        session = auth.session(api.url)
        gets: list[Callable[[], Any]] = [
            lambda: session.get(api.url, timeout=30),
            lambda: requests.get(api.url, auth=auth, timeout=30),
        ]
        begun = switches.now()
        discoveries = switches.requests[DISCOVERY]
        switches.answer(DISCOVERY, 503, times=2)
        for number in itertools.count():
            answer = gets[number % 2]()
            assert (answer.status_code, answer.history) == (200, [])
            if switches.now() - begun > hour:
                break
            if number == 20:
                own_issuer.keys.rotate()
            switches.advance(step if number != 30 else 200)
    assert api.least_left > 0
    assert len(user_browser.opened) == 1
    assert switches.requests[DISCOVERY] == discoveries + 3  # busy, busy a minute later, there again
    assert hour / 60 * 0.5 < switches.token_requests["refresh_token"] < hour / 60 * 1.3
