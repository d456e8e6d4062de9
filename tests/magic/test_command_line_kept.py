"""The command line finds what was signed in before: fewer parameters serve where only one sign-in is meant."""

from __future__ import annotations

import json
import re
import shlex

from fruit_service.issuer.server import LocalIssuer
from tests.support.command_line import Machine

JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
REAL_KEYRING = "tests.support.keyrings.FileKeyring"


def test_a_default_that_no_token_passes_through_the_browser_in(machine: Machine, own_issuer: LocalIssuer) -> None:
    """The default flow is `code`, and what the user chose prevails, by the option or in the file."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    assert own_issuer.switches.token_requests["authorization_code"] == 1
    assert machine.run("login", "-f", "demo.env", "--flow", "implicit").returncode == 0
    with (machine.folder / "demo.env").open("a") as file:
        file.write("response_type=token id_token\n")
    assert machine.run("login", "-f", "demo.env", "--force").returncode == 0
    assert own_issuer.switches.token_requests["authorization_code"] == 1


def test_the_default_flow_is_not_repeated(machine: Machine) -> None:
    """After `login --flow implicit -f F`, the same without `--flow` finds it: `status`, `token` and `logout`."""
    assert machine.run("login", "-f", "demo.env", "--flow", "implicit").returncode == 0
    assert "Signed in as alice" in machine.run("status", "-f", "demo.env").stderr
    assert JWT.fullmatch(machine.run("token", "-f", "demo.env").stdout.strip())
    assert machine.run("logout", "-f", "demo.env").returncode == 0
    assert not list(machine.folder.glob("data/**/*.json"))


def test_without_parameters_the_only_one_is_taken(machine: Machine, own_issuer: LocalIssuer) -> None:
    """Renewed, too, with the parameters that its record names; and signed out."""
    assert machine.run("login", "-f", "demo.env", "scope=read:exotic-fruit", "--flow", "code").returncode == 0
    (machine.folder / "demo.env").unlink()
    first = machine.run("token")
    assert (first.returncode, first.stderr) == (0, "")
    header = machine.run("token", "--format", "header")
    assert header.stdout == f"Authorization: Bearer {first.stdout}"
    status = machine.run("status")
    assert status.returncode == 0
    for said in ("Signed in as alice", own_issuer.issuer, "api/fruit", "read:exotic-fruit", "Expires", "Store"):
        assert said in status.stderr
    logout = machine.run("logout")
    assert (logout.returncode, own_issuer.switches.requests["/oauth/revoke"]) == (0, 1)
    for command in ("status", "token", "logout"):
        ran = machine.run(command)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith("No sign-in is kept here.\nSign in first: `python -m ipyauth_magic login` shows")
        assert len(ran.stderr.splitlines()) == 2
        assert "demo.env" not in ran.stderr, "the user gave no file"
    assert "Save one by `python -m ipyauth_magic login --save" in machine.run("token", "work").stderr


def test_status_and_login_say_the_same(machine: Machine) -> None:
    """Word for word, but for the time that is left."""
    login = machine.run("login", "-f", "demo.env").stderr.partition("Signed in as")[2]
    status = machine.run("status").stderr.partition("Signed in as")[2]
    assert login
    assert [without_time(line) for line in login.splitlines()] == [without_time(line) for line in status.splitlines()]


def without_time(line: str) -> str:
    """Return *line* without a time left, which passes."""
    return re.sub(r"\(in \d+ \w+\)", "", line)


def test_of_several_the_lines_to_run_are_told(machine: Machine) -> None:
    """Each works as it is told; a bare `status` shows all of them."""
    for audience in ("api/fruit", ""):
        assert machine.run("login", "-f", "demo.env", f"audience={audience}", "scope=email").returncode == 0
    assert machine.run("login", "-f", "demo.env", "--flow", "implicit").returncode == 0
    status = machine.run("status")
    assert status.returncode == 0
    assert status.stderr.count("Signed in as alice") == 3
    for command in ("token", "logout"):
        ran = machine.run(command)
        assert (ran.returncode, ran.stdout) == (2, "")
        first, *lines = ran.stderr.splitlines()
        assert first == "3 sign-ins are kept that this may mean. Run one of these lines:"
        assert len(lines) == 3
        assert not JWT.search(ran.stderr)
    told = [line.partition("python -m ipyauth_magic ")[2].rpartition("  (")[0] for line in lines]
    for line in told:
        assert machine.run(*shlex.split(line.replace("logout", "token", 1))).returncode == 0
    for line in told:
        assert machine.run(*shlex.split(line)).returncode == 0
    assert machine.run("status").returncode == 1


def test_another_value_is_another_sign_in(machine: Machine) -> None:
    """What is given must be what is kept: no token serves for another API, scope, provider or flow."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    for word in ("audience=api/other", "scope=read:exotic-fruit", "domain=other.example", "client_id=other"):
        ran = machine.run("token", word)
        assert (ran.returncode, ran.stdout) == (1, ""), word
        assert ran.stderr.startswith("No sign-in that is kept has these parameters.\n")
    assert machine.run("token", "--flow", "device").returncode == 1
    assert machine.run("token", AUTH0_CLIENT_ID="other").returncode == 1, "the environment gives parameters too"
    assert machine.run("status", AUTH0_CLIENT_ID="other").returncode == 0, "and `status` alone shows all"
    for word in ("audience=api/fruit", "scope=profile read:usual-fruit openid", "client_id=ipyauth-demo"):
        assert machine.run("token", word).returncode == 0, word


def test_what_is_wrong_in_the_words_is_told_alone(machine: Machine) -> None:
    """Not what only seems to be missing beside it."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    ran = machine.run("token", "scoop=a")
    assert ran.returncode == 2
    assert "scope" in ran.stderr
    assert "is missing" not in ran.stderr


def test_a_store_that_was_chosen_is_found(machine: Machine) -> None:
    """Among the files and in the keyring; `--store` looks in that one alone."""
    real = {"PYTHON_KEYRING_BACKEND": REAL_KEYRING, "TEST_KEYRING": str(machine.folder / "keyring")}
    assert machine.run("login", "-f", "demo.env", "--store", "file", **real).returncode == 0
    assert machine.run("login", "-f", "demo.env", "--store", "keyring", "audience=", **real).returncode == 0
    assert [path.suffix for path in sorted(machine.folder.glob("data/ipyauth_magic/*.j*"))].count(".jwe") == 1
    status = machine.run("status", **real)
    assert status.returncode == 0
    assert sorted(re.findall(r"Store +(\w+)", status.stderr)) == ["file", "keyring"]
    assert re.findall(r"Store +(\w+)", machine.run("status", "--store", "keyring", **real).stderr) == ["keyring"]
    assert machine.run("token", "audience=api/fruit", **real).returncode == 0
    assert machine.run("token", "--store", "keyring", **real).returncode == 0
    locked = machine.run("status", PYTHON_KEYRING_BACKEND="tests.support.keyrings.LockedKeyring")
    assert locked.returncode == 1
    assert "Choose `--store file`" in locked.stderr


def test_a_record_has_what_was_asked_for_and_no_secret(machine: Machine) -> None:
    """So that it can be listed; the application's secret is asked for again."""
    with (machine.folder / "demo.env").open("a") as file:
        file.write("client_secret=hush-hush\nlogin_hint=alice\n")
    assert machine.run("login", "-f", "demo.env", "extra.colour=red").returncode == 0
    [file] = machine.folder.glob("data/ipyauth_magic/*.json")
    assert "hush" not in file.read_text()
    asked_for = json.loads(file.read_text())["asked_for"]
    assert asked_for["login_hint"] == "alice"
    assert asked_for["extra.colour"] == "red"
    assert asked_for["flow"] == "code"
    assert machine.run("token").returncode == 0, "a good token needs no secret"
    record = json.loads(file.read_text())
    record["expires_at"] = record["obtained_at"]
    file.write_text(json.dumps(record))
    ran = machine.run("token")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(
        "This application has a secret, and no secret is kept with tokens.\nAdd the dotenv file"
    )
    assert machine.run("token", AUTH0_CLIENT_SECRET="hush-hush").returncode == 0


def test_a_record_that_says_it_is_for_something_else_is_not_taken(machine: Machine) -> None:
    """Its key is the digest of what it is for, so a changed one is left alone."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    [file] = machine.folder.glob("data/ipyauth_magic/*.json")
    for changed in ({"client_id": "other"}, {"issuer": "https://evil.example"}, {"flow": "none such"}, {}):
        record = json.loads(file.read_text())
        record["asked_for"] = {**record["asked_for"], **changed} if changed else {}
        text = file.read_text()
        file.write_text(json.dumps(record))
        assert machine.run("token").stderr.startswith("No sign-in is kept here.")
        assert machine.run("token", "-f", "demo.env").returncode == 0, "with all parameters it serves as before"
        file.write_text(text)


def test_the_line_to_run_has_what_only_the_record_knows(machine: Machine) -> None:
    """Where the token has ended and no person is there, the line signs in for the same, as it is."""
    assert machine.run("login", "-f", "demo.env", "--flow", "implicit").returncode == 0
    [file] = machine.folder.glob("data/ipyauth_magic/*.json")
    record = json.loads(file.read_text())
    record["expires_at"] = record["obtained_at"]
    file.write_text(json.dumps(record))
    (machine.folder / "demo.env").unlink()
    line = machine.run("token").stderr.partition("Run: python -m ipyauth_magic ")[2]
    assert line.startswith("login ")
    assert machine.run(*shlex.split(line)).returncode == 0
    assert machine.run("token").returncode == 0
    assert len(list(machine.folder.glob("data/ipyauth_magic/*.json"))) == 1


def test_not_signed_in_has_the_api(machine: Machine) -> None:
    """As the card of a sign-in has."""
    status = machine.run("status", "-f", "demo.env")
    assert status.returncode == 1
    assert re.search(r"API +api/fruit", status.stderr)
    assert re.search(r"Store +file", status.stderr)


def test_the_browser_is_not_sent_away_quietly(machine: Machine) -> None:
    """`logout -q` prints nothing, but for a link that the user has to follow."""
    assert machine.run("login", "-f", "demo.env", "-q").returncode == 0
    quiet = machine.run("logout", "-q")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert machine.run("login", "-f", "demo.env", "-q").returncode == 0
    assert "v2/logout" in machine.run("logout", "-q", "--no-browser").stderr
