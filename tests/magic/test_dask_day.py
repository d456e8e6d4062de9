"""A day's work on a cluster: many calls over several tokens, workers that die and come, and no token left anywhere."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth
from tests.service.running import running_service
from tests.support.machine import environment

ROOT = Path(__file__).parents[2]
LIFETIME = 15
"""Seconds of an access token. Its successor is sent to the workers when a tenth of that is left.

So a machine on which a request stands still for longer than a tenth makes the API see an ended token. With 5 seconds,
that was half a second, and a busy machine stands still for as long. A usual token has half a minute.
"""


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Keep files in a folder of the test's own, without a keyring; return the environment in which others do."""
    place = str(tmp_path / "store")
    changes = {"XDG_DATA_HOME": place, "LOCALAPPDATA": place, "HOME": place}
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    return {**changes, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.fixture
def renewed_at(own_issuer: LocalIssuer) -> list[float]:
    """Return when the issuer was asked for tokens, as it grows, in seconds of a clock that only goes on."""
    moments: list[float] = []

    def note(path: str) -> None:
        if path == "/oauth/token":
            moments.append(time.monotonic())

    own_issuer.switches.watch = note
    return moments


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_day_on_a_cluster(
    own_issuer: LocalIssuer,
    make_auth: Callable[..., Auth],
    stored: dict[str, str | None],
    renewed_at: list[float],
    tmp_path: Path,
    in_full: bool,
) -> None:
    """No 401 is seen by user code, one renewal is made for a lifetime, and what the cluster leaves holds no token.

    Three workers are killed and others added. The API has no leeway. The cluster's logs are those of DEBUG, with each
    message as it passes.
    """
    calls, lifetimes = (2000, 5) if in_full else (400, 2)
    own_issuer.switches.access_token_lifetime = LIFETIME
    auth = make_auth(store="file").sign_in()
    renewed_at.clear()
    params = {
        "domain": own_issuer.issuer.rstrip("/"),
        "client_id": own_issuer.client_id,
        "redirect_uri": own_issuer.callback_urls[0],
        "audience": own_issuer.audience,
        "scope": "read:usual-fruit",
    }
    left, log = tmp_path / "left", tmp_path / "log"
    left.mkdir()
    verbose = {"DASK_LOGGING__DISTRIBUTED": "debug", "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "100000"}
    answers: list[str] = []
    with running_service(own_issuer.issuer, leeway=0, write_log=answers.append) as service, log.open("wb") as stderr:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "tests.support.cluster_day"),
                *(f"{service}/api/fruit", str(calls), str(lifetimes * LIFETIME), str(left)),
            ],
            cwd=ROOT,
            env=environment({**stored, **verbose}),
            input=json.dumps(params).encode(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
            timeout=280,
        )
    assert run.returncode == 0, log.read_text(errors="replace")[-3000:]
    outcome = json.loads(run.stdout)
    assert outcome["killings"] == 3
    assert list(outcome["outcomes"]) == ["200"], outcome
    assert outcome["outcomes"]["200"] >= calls
    assert '"status": 401' not in "".join(answers)
    assert_one_renewal_for_each(renewed_at, lifetimes)
    assert_nothing_is_left(auth, left, log)


def assert_one_renewal_for_each(renewed_at: list[float], lifetimes: int) -> None:
    """There are enough, and never two for one lifetime."""
    assert len(renewed_at) >= lifetimes
    gaps = [later - earlier for earlier, later in itertools.pairwise(renewed_at)]
    assert min(gaps) > LIFETIME * 0.6, gaps


def assert_nothing_is_left(auth: Auth, left: Path, log: Path) -> None:
    """No token, nor what each begins with, is in the state, the events, the logs, or what was spilled."""
    header = auth.access_token.split(".")[0].encode()
    files = [log, *(path for path in left.rglob("*") if path.is_file())]
    spilled = [path for path in files if "spilled" in path.parent.name]
    assert sum(path.stat().st_size for path in spilled) > 1_000_000
    state = (left / "state.yaml").read_bytes()
    assert b"ipyauth-magic-" in state
    assert b"take_message" in log.read_bytes()
    assert [path.name for path in files if header in path.read_bytes()] == []
