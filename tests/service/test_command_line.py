"""The two commands, as processes: what they print, how they fail, how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.support.ports import is_free

ROOT = Path(__file__).parents[2]


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without settings of the service, and with *variables*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRUIT_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables}


def run(module: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is to end by itself."""
    command = [sys.executable, "-m", module, *options]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def started(
    module: str, *options: str, lines: int = 1, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a command and yield it with the first *lines* that it prints."""
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(
        command, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, "".join(process.stdout.readline() for _ in range(lines))
    finally:
        process.kill()
        process.communicate()


def address(printed: str) -> str:
    """Return the last address that a command printed."""
    return str(re.findall(r"http://[^\s]+/", printed)[-1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_issuer_says_where_it_is_and_ends_quietly(number: signal.Signals) -> None:
    """One line when it is ready; on a signal status 0, no traceback, and the port is free."""
    with started("fruit_service.issuer", "--port", "0") as (process, printed):
        url = address(printed)
        assert requests.get(f"{url}.well-known/openid-configuration", timeout=5).json()["issuer"] == url
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")
        assert is_free(int(url.rstrip("/").rpartition(":")[2]))


def test_issuer_takes_callback_urls_and_lifetime() -> None:
    """Its own page says which URLs are allowed, one after another or each with its option, and which APIs there are."""
    options = [
        "--port",
        "0",
        "--callback-url",
        "http://a.test/cb",
        "--callback-url",
        "http://b.test/cb",
        "http://c.test/cb",
        "--lifetime",
        "5",
        "--api",
        "api/market=10",
    ]
    with started("fruit_service.issuer", *options) as (_, printed):
        page = requests.get(address(printed), timeout=5).text
    assert "http://a.test/cb" in page
    assert "http://b.test/cb" in page
    assert "http://c.test/cb" in page
    assert "8765" not in page
    assert "api/market" in page


@pytest.mark.parametrize("module", ["fruit_service.issuer", "fruit_service"])
def test_taken_port_is_one_sentence(module: str) -> None:
    """Status 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(module, "--port", port, FRUIT_ISSUER="https://tenant.test/", FRUIT_DATABASE="sqlite://")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Port {port} of 127.0.0.1 is in use")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("fruit_service.issuer", ["--port", "x"]),
        ("fruit_service.issuer", ["--lifetime", "0"]),
        ("fruit_service.issuer", ["--api", "api/market"]),
        ("fruit_service.issuer", ["--api", "api/market=0"]),
        ("fruit_service.issuer", ["--resource", "api/market"]),
        ("fruit_service.issuer", ["--resource", "api/market=http://127.0.0.1:5001/"]),
        ("fruit_service.issuer", ["--resource", "api/fruit=127.0.0.1"]),
        ("fruit_service", []),
        ("fruit_service", ["--issuer", "http://tenant.test/"]),
        ("fruit_service", ["--issuer", "https://tenant.test/", "--leeway", "x"]),
        ("fruit_service", ["--issuer", "https://tenant.test/", "--with-issuer"]),
        (
            "fruit_service",
            ["--issuer", "https://tenant.test/", "--host", "no-such-host.invalid", "--database", "sqlite://"],
        ),
        ("fruit_service", ["--issuer", "https://tenant.test/", "--dotenv-file", "no-such-file.env"]),
        ("fruit_service", ["--metrics"]),
        ("fruit_service", ["--rel"]),
    ],
)
def test_bad_usage_is_status_2(module: str, options: list[str]) -> None:
    """With a sentence, and no traceback."""
    ended = run(module, *options)
    assert ended.returncode == 2
    assert ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_issuer_is_said_so() -> None:
    """And what to give."""
    sentence = run("fruit_service").stderr
    assert "--issuer" in sentence
    assert "--with-issuer" in sentence
    assert sentence.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_service_runs_from_a_dotenv_file_and_ends_quietly(tmp_path: Path, number: signal.Signals) -> None:
    """It prints where the fruits are kept and where it is; its database is in the user's data directory."""
    (tmp_path / "fruit.env").write_text("FRUIT_ISSUER=https://tenant.test/\nFRUIT_PORT=1\n")
    options = ["--dotenv-file", str(tmp_path / "fruit.env"), "--port", "0"]
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "LOCALAPPDATA": str(tmp_path / "data")}
    with started("fruit_service", *options, lines=2, **home) as (process, printed):
        assert requests.get(f"{address(printed)}healthz", timeout=5).status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (out, process.returncode) == ("", 0)
        assert [json.loads(line)["route"] for line in err.splitlines()] == ["/healthz"]
    [database] = tmp_path.rglob("fruits.sqlite")
    assert str(database) in printed


@pytest.mark.parametrize("zone", ["AHEAD-14", "BEHIND+12"])
def test_the_time_zone_changes_nothing(zone: str) -> None:
    """A service in another zone than its issuer's counts the same seconds, and its log tells UTC."""
    with LocalIssuer(port=0) as issuer:
        options = ["--issuer", issuer.issuer, "--port", "0", "--database", "sqlite://", "--leeway", "60"]
        with started("fruit_service", *options, lines=2, TZ=zone) as (process, printed):
            began = time.time()
            statuses = [status(address(printed), token_that_ended(issuer, ago)) for ago in (-60, 30, 120)]
            process.terminate()
            _, err = process.communicate(timeout=30)
            told = [datetime.fromisoformat(json.loads(line)["time"]).timestamp() for line in err.splitlines()]
    assert statuses == [200, 200, 401]
    assert len(told) == 3
    assert all(began - 1 <= moment <= time.time() for moment in told)


def token_that_ended(issuer: LocalIssuer, ago: int) -> str:
    """Return an access token that ended so many seconds ago."""
    now = int(time.time())
    claims = {"iss": issuer.issuer, "sub": "auth0|alice", "aud": issuer.audience, "scope": "read:usual-fruit"}
    return issuer.sign({**claims, "azp": issuer.client_id, "iat": now - 600, "exp": now - ago})


def status(service: str, token: str) -> int:
    """Return how the service answers to *token*."""
    return requests.get(f"{service}api/fruit", headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code


def test_wsgi_application_is_configured_by_the_environment() -> None:
    """`fruit_service.wsgi:app` for any server; without an issuer it says what is missing."""
    program = "from fruit_service.wsgi import app, config; print(callable(app), config.audience)"
    settings = {"FRUIT_ISSUER": "https://tenant.test/", "FRUIT_DATABASE": "sqlite://", "FRUIT_AUDIENCE": "mine"}
    assert python(program, settings).stdout == "True mine\n"
    assert "FRUIT_ISSUER" in python(program, {}).stderr


def test_missing_sqlalchemy_is_named_with_the_line_to_run() -> None:
    """The service says it in one sentence; the issuer does without."""
    hidden = "import sys; sys.modules['sqlalchemy'] = None\n"
    service = hidden + "from fruit_service.__main__ import main; sys.exit(main(['--issuer', 'https://tenant.test/']))"
    ended = python(service, {})
    assert ended.returncode == 2
    assert "pip install 'ipyauth-magic[service]'" in ended.stderr
    assert ended.stderr.count("\n") == 1
    issuer = hidden + "from fruit_service.issuer.server import LocalIssuer\nwith LocalIssuer(port=0): print('runs')"
    assert python(issuer, {}).stdout == "runs\n"


def python(program: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run *program*."""
    command = [sys.executable, "-c", program]
    settings = environment(**variables)
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
