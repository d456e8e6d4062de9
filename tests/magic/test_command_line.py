"""The command line: the real command in a process of its own, and a browser that plays the user."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from configparser import ConfigParser

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.support.command_line import DEADLINE, ROOT, Machine
from tests.support.ports import is_free, wait_until_free

LIFETIME = 1
"""Seconds of a token that is to be over soon; its end is waited for."""

JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
HEAVY = {"IPython", "traitlets", "requests", "urllib3", "bottle", "waitress", "joserfc", "authlib", "http.client"}
ON_MAGICS_ONLY = {"--token-name", "--auth-name"}
ON_COMMANDS_ONLY = {"--raw", "--format"}


def test_a_day_at_the_command_line(machine: Machine, own_issuer: LocalIssuer) -> None:
    """Sign in, use the token, ask who it is, sign out; only the token goes to standard output."""
    login = machine.run("login", "-f", "demo.env")
    assert (login.returncode, login.stdout) == (0, "")
    assert "Signed in as alice" in login.stderr
    assert "You are signed in" in machine.page()

    token = machine.run("token", "-f", "demo.env")
    assert (token.returncode, token.stderr) == (0, "")
    assert JWT.fullmatch(token.stdout.removesuffix("\n"))

    status = machine.run("status", "-f", "demo.env")
    assert (status.returncode, status.stdout) == (0, "")
    for said in (
        "Signed in as alice",
        own_issuer.issuer,
        "api/fruit",
        "read:usual-fruit",
        "Expires",
        "file",
    ):
        assert said in status.stderr
    quiet = machine.run("status", "-q", "-f", "demo.env")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")

    logout = machine.run("logout", "-f", "demo.env")
    assert (logout.returncode, logout.stdout) == (0, "")
    assert "Signed out" in logout.stderr
    assert own_issuer.switches.requests["/oauth/revoke"] == 1
    assert "Signed out" in machine.page()
    assert machine.opened[1:] == [f"{own_issuer.issuer}v2/logout?client_id=ipyauth-demo"]
    assert not list(machine.folder.glob("data/**/*.json"))
    for ran in (login, status, logout):
        assert not JWT.search(ran.stdout + ran.stderr)


@pytest.mark.parametrize("flow", ["implicit", "code"])
def test_the_tab_is_told_before_the_command_is_gone(flow: str, machine: Machine) -> None:
    """However quickly it ends."""
    for _ in range(4):
        assert machine.run("login", "-f", "demo.env", "--flow", flow, "--force", "-q").returncode == 0
        assert "You are signed in" in machine.page()


def test_nobody_is_signed_in(machine: Machine) -> None:
    """Status 1 and one line; `token` names the line to run, and that line is right."""
    status = machine.run("status", "-f", "demo.env")
    assert (status.returncode, status.stdout) == (1, "")
    assert "Not signed in" in status.stderr
    logout = machine.run("logout", "-f", "demo.env")
    assert (logout.returncode, logout.stderr) == (1, "You are not signed in for this.\n")
    token = machine.run("token", "-f", "demo.env", "scope=read:usual-fruit read:exotic-fruit")
    assert (token.returncode, token.stdout) == (1, "")
    assert machine.opened == []
    line = token.stderr.removesuffix("\n").partition("Run: python ")[2]
    assert "\n" not in line
    assert machine.run(*shlex.split(line)[2:]).returncode == 0
    assert machine.run("token", "-f", "demo.env", "scope=read:exotic-fruit read:usual-fruit").returncode == 0
    assert machine.run("token", "-f", "demo.env").returncode == 1, "other scopes are another sign-in"


BAD_USAGE = {
    "no command": ([], "usage: python -m ipyauth_magic COMMAND"),
    "another command": (["dance"], "`dance` is not a command. They are login, token, status, logout and check."),
    "a command misspelt": (["lgoin", "-f", "demo.env"], "`lgoin` is not a command. Did you mean `login`?"),
    "an option before the command": (["-f", "demo.env", "login"], "The command comes first: "),
    "an option alone": (["--dance"], "`--dance` is not an option here. A command comes first: "),
    "an unknown option": (["login", "--dance"], "There is no option `--dance`. `--help` lists the options.\n"),
    "an option misspelt": (["login", "--flw=code"], "There is no option `--flw`. Did you mean `--flow`?"),
    "an option run together": (["login", "--nobrowser"], "Did you mean `--no-browser`?"),
    "an abbreviation": (["login", "--time", "5"], "Did you mean `--timeout`?"),
    "a variable's name": (["login", "-t", "token"], "There is no option `-t`."),
    "a parameter as an option": (["login", "--client-id", "c"], "Write `client_id=c`."),
    "another name of one": (["login", "--redirect-url=x"], "Write `redirect_uri=x`."),
    "a parameter misspelt": (["login", "--audiense", "x"], "Write `audience=x`."),
    "no value": (["login", "--flow"], "`--flow` has no value. Write `--flow FLOW`."),
    "a value too many": (["login", "--force=yes"], "`--force` takes no value."),
    "a secret as an option": (["login", "--client-secret", "hush"], "A secret goes into a dotenv file"),
    "a secret as an option's value": (["login", "--client_secret=hush"], "A secret goes into a dotenv file"),
    "flow": (["login", "--flow", "password"], "must be `implicit`, `code` or `device`."),
    "store": (["login", "--store", "cloud"], "must be `memory`, `keyring`, `file` or `none`."),
    "timeout": (["login", "--timeout", "0"], "must be a whole number of seconds from 1 to 3600."),
    "bind": (["login", "--bind", "here"], "`--bind` takes the address of a network interface"),
    "contradiction": (["login", "--renewable", "--no-renewable"], "contradict each other"),
    "raw": (["login", "--raw"], "--raw is an option of token."),
    "format of another command": (["login", "--format", "header"], "--format is an option of token."),
    "format": (["token", "--format", "json"], "--format takes token or header."),
    "a word": (["login", "demo.env"], "`demo.env`"),
    "two words": (["login", "work", "demo.env"], "`demo.env` is neither an option nor KEY=VALUE"),
    "a plus": (["login", "+a"], "`+a` adds to a sign-in in a notebook."),
    "twice": (["login", "scope=a", "scope=b"], "`scope` is given twice."),
    "an unknown parameter": (
        ["login", "scoop=a"],
        "`scoop` (from the command line) is not a parameter. Did you mean `scope`?",
    ),
    "a secret": (["login", "client_secret=hush"], "other users can read it in the list of processes"),
    "no parameters": (["login"], "    python -m ipyauth_magic login issuer=https://"),
    "a parameter missing": (["status", "domain=t.auth0.com"], "`client_id` is missing"),
    "no such file": (["token", "-f", "absent.env"], "absent.env"),
}


@pytest.mark.parametrize("name", BAD_USAGE)
def test_bad_usage(name: str, machine: Machine) -> None:
    """Status 2, a sentence, no traceback, and no browser."""
    words, sentence = BAD_USAGE[name]
    ran = machine.run(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "usage:" not in ran.stderr or not words, "the sentence is enough"
    assert "hush" not in ran.stderr
    assert machine.opened == []


def test_a_refusal_is_one_sentence(machine: Machine) -> None:
    """Status 1; the same words as in a notebook."""
    (machine.folder / "change.json").write_text(
        '{"error": "access_denied", "access_token": null, "id_token": null, "token_type": null, "expires_in": null}'
    )
    ran = machine.run("login", "-f", "demo.env", "--flow", "implicit")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith("The provider refused the sign-in (access_denied).")
    assert "Traceback" not in ran.stderr


def test_ctrl_c(machine: Machine) -> None:
    """Status 130 and a sentence; the port is free again."""
    command = [sys.executable, "-m", "ipyauth_magic", "login", "-f", "demo.env", "--no-browser"]
    with subprocess.Popen(command, cwd=machine.folder, env=machine.environ, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        lines = iter(child.stderr.readline, "")
        assert any("Waiting for the sign-in" in line for line in lines)
        assert not is_free(machine.port)
        child.send_signal(signal.SIGINT)
        said = child.stderr.read()
        assert child.wait(DEADLINE) == 130
    free, *hint = said.splitlines()
    assert free == "The sign-in was interrupted; the port is free again."
    assert hint[-1].endswith(f" http://127.0.0.1:{machine.port}/callback/")
    assert wait_until_free(machine.port)


SILENT = {"PYTHON_KEYRING_BACKEND": "tests.support.keyrings.SilentKeyring"}


@pytest.mark.parametrize("command", ["login", "token", "status"])
def test_ctrl_c_while_the_keyring_gives_no_answer(command: str, machine: Machine) -> None:
    """What is waited for is told; no port was held, so there is no word of it."""
    line = [sys.executable, "-m", "ipyauth_magic", command, "-f", "demo.env", "--store", "keyring"]
    environ = machine.environ | SILENT
    with subprocess.Popen(line, cwd=machine.folder, env=environ, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        told = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        said = child.stderr.read()
        assert child.wait(DEADLINE) == 130
    assert told.startswith("Warning: Waiting for the keyring to be unlocked.")
    assert "--store file" in told
    assert said == "Interrupted.\n"
    assert machine.opened == []


@pytest.mark.parametrize("command", ["login", "token", "status"])
def test_without_a_terminal_a_keyring_without_an_answer_ends_the_command(command: str, machine: Machine) -> None:
    """A script does not hang; the sentence says what to choose in its place."""
    program = (
        "import sys\nfrom ipyauth_magic.store import system_keyring\nsystem_keyring.UNATTENDED = 1.0\n"
        "from ipyauth_magic.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, command, "-f", "demo.env", "--store", "keyring"],
        cwd=machine.folder,
        env=machine.environ | SILENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "no answer within 1 second" in ran.stderr
    assert "Choose `--store file` or `--store memory`." in ran.stderr
    assert machine.opened == []


def test_an_ended_token_is_renewed_without_anybody(machine: Machine, own_issuer: LocalIssuer) -> None:
    """By the refresh token, also where no person is; `status` tells that it can be."""
    own_issuer.switches.access_token_lifetime = LIFETIME
    assert machine.run("login", "-f", "demo.env", "--flow", "code").returncode == 0
    status = machine.run("status", "-f", "demo.env", "--flow", "code")
    assert status.returncode == 0
    assert "renewed when it is next used" in status.stderr or "then renewed automatically" in status.stderr
    own_issuer.switches.access_token_lifetime = 60
    time.sleep(LIFETIME)  # then the token has ended
    token = machine.run("token", "-f", "demo.env", "--flow", "code")
    assert (token.returncode, token.stderr) == (0, "")
    assert own_issuer.switches.token_requests["refresh_token"] == 1
    assert len(machine.opened) == 1


def test_a_provider_that_is_away_is_told(machine: Machine, own_issuer: LocalIssuer) -> None:
    """Status 1, and the sign-in is kept for later."""
    own_issuer.switches.access_token_lifetime = LIFETIME
    assert machine.run("login", "-f", "demo.env", "--flow", "code").returncode == 0
    own_issuer.switches.drop("/oauth/token")
    time.sleep(LIFETIME)  # then the token has ended
    away = machine.run("token", "-f", "demo.env", "--flow", "code")
    assert (away.returncode, away.stdout) == (1, "")
    assert "cannot be reached" in away.stderr
    assert len(away.stderr.splitlines()) == 1
    assert machine.run("token", "-f", "demo.env", "--flow", "code").returncode == 0


def test_an_ended_token_that_cannot_be_renewed(machine: Machine, own_issuer: LocalIssuer) -> None:
    """Implicit has no refresh token: status 1, who it was, and the line to run."""
    own_issuer.switches.access_token_lifetime = LIFETIME
    assert machine.run("login", "-f", "demo.env", "--flow", "implicit").returncode == 0
    time.sleep(LIFETIME)  # then the token has ended
    status = machine.run("status", "-f", "demo.env")
    assert status.returncode == 1
    assert "The sign-in of alice has ended" in status.stderr
    assert "Run: python -m ipyauth_magic login -f demo.env --flow implicit" in status.stderr


def test_a_person_at_a_terminal_signs_in_on_the_way(machine: Machine) -> None:
    """`curl -H "Authorization: Bearer $(... token ...)"`: the pipe gets the token, the terminal the rest."""
    line = 'printf "Bearer %s" "$(python -m ipyauth_magic token -f demo.env)" > header'
    said, status = machine.shell(line)
    assert status == 0
    assert "Signed in as alice" in said
    assert not JWT.search(said)
    header = (machine.folder / "header").read_text()
    assert JWT.fullmatch(header.removeprefix("Bearer "))
    said, status = machine.shell(line)
    assert (said, status) == ("", 0), "the second time nothing is to be asked"
    assert (machine.folder / "header").read_text() == header
    forced, status = machine.shell(line.replace("token -f", "token --force -q -f"))
    assert status == 0
    assert "Signed in as" not in forced
    assert len(machine.opened) == 2


def test_a_browser_that_stays_open_and_talks_disturbs_nobody(machine: Machine) -> None:
    """It gets no hold of standard output: `$(...)` would have its words, and wait for its end."""
    tab = machine.environ["BROWSER"].split(" ")[0]
    script = machine.folder / "talker"
    script.write_text(
        f'#!/bin/sh\necho "Opening in existing session"\n"{tab}" "$1"\n'
        f'while [ ! -e "{machine.folder}/over" ]; do sleep 0.1; done\n'
    )
    script.chmod(0o755)
    machine.environ["BROWSER"] = f"{script} %s &"
    try:
        said, status = machine.shell('printf %s "$(python -m ipyauth_magic token -f demo.env)" > token; touch over')
        assert status == 0
        assert "Signed in as alice" in said
        assert JWT.fullmatch((machine.folder / "token").read_text())
    finally:
        (machine.folder / "over").touch()


def test_a_terminal_gets_the_token_only_if_asked(machine: Machine) -> None:
    """Without `--raw` nothing is done at all."""
    said, status = machine.shell("python -m ipyauth_magic token -f demo.env")
    assert status == 2
    assert "--raw" in said
    assert len(said.splitlines()) == 2
    assert machine.opened == []
    said, status = machine.shell("python -m ipyauth_magic token --raw -f demo.env")
    assert status == 0
    assert JWT.fullmatch(said.splitlines()[-1])


def test_a_slip_in_the_file_is_told_with_what_is_missing(machine: Machine) -> None:
    """In the same error."""
    (machine.folder / "slip.env").write_text("domain=t.auth0.com\ncleint_id=abc\n")
    ran = machine.run("status", "-f", "slip.env")
    assert ran.returncode == 2
    assert "`client_id` is missing" in ran.stderr
    assert "`cleint_id` (from file slip.env) is ignored." in ran.stderr


def test_a_header_for_curl(machine: Machine) -> None:
    """`curl -H @-` reads it from the pipe, so no argument of a program has the token."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    alone = machine.run("token", "-f", "demo.env", "--format", "token")
    header = machine.run("token", "-f", "demo.env", "--format", "header")
    assert (header.returncode, header.stderr) == (0, "")
    assert header.stdout == f"Authorization: Bearer {alone.stdout}"
    assert JWT.search(header.stdout)
    said, status = machine.shell("python -m ipyauth_magic token -f demo.env --format header")
    assert status == 2
    assert not JWT.search(said)


def test_the_line_that_signs_in_has_no_format(machine: Machine) -> None:
    """It is an option of `token` alone."""
    for format in (["--format", "header"], ["--format=header"]):
        said = machine.run("token", *format, "-f", "demo.env").stderr
        assert said.endswith("Run: python -m ipyauth_magic login -f demo.env\n")


OUTPUTS = {
    "closed": (">&-", 1, "Standard output is closed, so there is nowhere to print the token."),
    "full": ("> /dev/full", 1, "The token cannot be written to standard output: No space left on device."),
    "both closed": (">&- 2>&-", 1, ""),
    "standard error closed": ("2>&- > token", 0, ""),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_that_fail(name: str, machine: Machine) -> None:
    """One sentence at the most, no traceback; with standard error closed the token alone is printed still."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    redirection, expected, sentence = OUTPUTS[name]
    said, status = machine.shell(f"python -m ipyauth_magic token -f demo.env {redirection}")
    assert (said.strip(), status) == (sentence, expected)
    if status == 0:
        assert JWT.fullmatch((machine.folder / "token").read_text().removesuffix("\n"))
    quiet, status = machine.shell("python -m ipyauth_magic status -f demo.env 2>&-")
    assert (quiet, status) == ("", 0)


def test_a_reader_that_has_gone(machine: Machine) -> None:
    """No traceback and no word about the pipe."""
    assert machine.run("login", "-f", "demo.env").returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ipyauth_magic", "token", "-f", "demo.env"]
    try:
        ran = subprocess.run(
            command,
            cwd=machine.folder,
            env=machine.environ,
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=DEADLINE,
        )
    finally:
        os.close(writer)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_a_locked_keyring_is_told_before_anybody_signs_in(machine: Machine) -> None:
    """Nothing could be kept for the next command; the way out is named, and works."""
    locked = {"PYTHON_KEYRING_BACKEND": "tests.support.keyrings.LockedKeyring"}
    login = machine.run("login", "-f", "demo.env", "--flow", "code", **locked)
    assert login.returncode == 1
    assert "Tokens cannot be kept in the keyring store: it is locked" in login.stderr
    assert "Choose `--store file`" in login.stderr
    assert machine.opened == []
    for command in ("status", "token"):
        ran = machine.run(command, "-f", "demo.env", "--flow", "code", **locked)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "it is locked, broken, or not yours to write (KeyringLocked). Choose `--store file`" in ran.stderr
    for command in ("login", "token"):
        assert machine.run(command, "-f", "demo.env", "--flow", "code", "--store", "file", **locked).returncode == 0


def test_a_real_keyring_is_the_default_store(machine: Machine) -> None:
    """Where there is none it is the file; `--store` says otherwise; `status` tells which it is."""
    real = {"PYTHON_KEYRING_BACKEND": "tests.support.keyrings.MemoryKeyring"}
    assert re.search(r"Store +keyring\b", machine.run("status", "-f", "demo.env", **real).stderr)
    assert re.search(r"Store +file\b", machine.run("status", "-f", "demo.env").stderr)
    assert re.search(r"Store +memory\b", machine.run("status", "-f", "demo.env", "--store", "memory", **real).stderr)
    refused = machine.run("login", "-f", "demo.env", "--store", "keyring")
    assert refused.returncode == 1
    assert "Tokens cannot be kept in the keyring store" in refused.stderr
    assert machine.opened == []


def test_a_login_that_could_not_be_kept_has_failed(machine: Machine) -> None:
    """It says so before the browser opens, without a line of our source; `--store none` wants nothing kept."""
    read_only = {"PYTHON_KEYRING_BACKEND": "tests.support.keyrings.ReadOnlyKeyring"}
    ran = machine.run("login", "-f", "demo.env", **read_only)
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stderr.startswith("Tokens cannot be kept in the keyring store: ")
    assert "(read-only). Choose `--store file`" in ran.stderr
    assert ".py" not in ran.stderr
    assert machine.opened == []
    assert machine.run("login", "-f", "demo.env", "--store", "none", **read_only).returncode == 0


def test_a_folder_that_cannot_be_used_is_told_before_anybody_signs_in(machine: Machine) -> None:
    """As a file in its place."""
    (machine.folder / "data").write_text("a file where a folder should be")
    ran = machine.run("login", "-f", "demo.env")
    assert ran.returncode == 1
    assert ran.stderr.startswith("Tokens cannot be kept in the file store")
    assert machine.opened == []


def test_asking_who_it_is_loads_little(machine: Machine) -> None:
    """Neither IPython, nor an HTTP client or server: `status` answers at once."""
    program = (
        "import sys; from ipyauth_magic.cli import main; main(['status', '-f', 'demo.env', '--store', 'file']); "
        "print(*sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=machine.folder,
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    loaded = set(ran.stdout.split())
    assert "ipyauth_magic.cli" in loaded
    assert loaded & HEAVY == set()


def test_the_options_are_those_of_the_magic() -> None:
    """But for the names of variables; each command takes them, so that a script can give all commands the same."""
    from ipyauth_magic.cli.parsers import parser
    from ipyauth_magic.ipython.arguments import parser_of
    from ipyauth_magic.ipython.magics import Auth0Magics

    def options(parser: object) -> set[str]:
        found = {name for action in parser._actions for name in action.option_strings}
        return {name for name in found if name.startswith("--")} - {"--help"}

    magic = options(parser_of(Auth0Magics.auth0))
    for own in parser()[1].values():
        assert options(own) - ON_COMMANDS_ONLY - {"--save"} == magic - ON_MAGICS_ONLY


HELP = {
    "login": ({"--flow", "--timeout", "--force", "--store", "--bind", "--quiet", "--save"}, {"--raw", "--format"}),
    "token": ({"--flow", "--raw", "--format", "--force"}, {"--save"}),
    "status": ({"--flow", "--store", "--quiet"}, {"--raw", "--force", "--timeout", "--bind", "--no-browser"}),
    "logout": ({"--flow", "--store", "--no-browser"}, {"--raw", "--force", "--timeout", "--bind"}),
    "check": ({"--dotenv-file"}, {"--raw", "--force", "--timeout", "--store", "--flow"}),
}


@pytest.mark.parametrize("command", HELP)
def test_help_is_the_commands_own(command: str, machine: Machine) -> None:
    """With an example, and without the options of other commands; docs/command-line.md tells each of them."""
    shown, others = HELP[command]
    helped = machine.run(command, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert helped.stdout.startswith(f"usage: python -m ipyauth_magic {command} ")
    assert f"examples:\n  python -m ipyauth_magic {command}" in helped.stdout
    options = set(re.findall(r"--[a-z-]+(?=[ ,\n])", helped.stdout.partition("examples:")[0]))
    assert shown <= options
    assert not others & options
    documented = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert [
        each for each in options - {"--help"} if f"`{each}" not in documented and f", `{each}" not in documented
    ] == []


def test_help_lists_the_commands(machine: Machine) -> None:
    """With a line for each; without any word it goes to standard error, and the status is that of bad usage."""
    helped, alone = machine.run("--help"), machine.run()
    assert (helped.returncode, helped.stderr, alone.returncode, alone.stdout) == (0, "", 2, "")
    assert helped.stdout == alone.stderr
    for command in HELP:
        assert re.search(rf"^  {command} +[A-Z].*\.$", helped.stdout, re.MULTILINE)


def test_the_version(machine: Machine) -> None:
    """Of the package."""
    import ipyauth_magic

    ran = machine.run("--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"ipyauth {ipyauth_magic.__version__}\n", "")


def test_the_command_has_the_name_by_which_it_was_started(machine: Machine) -> None:
    """`ipyauth`, which pip installs, is the same program."""
    ran = machine.run_installed("token", "-f", "demo.env")
    assert ran.returncode == 1
    assert ran.stderr.endswith("Run: ipyauth login -f demo.env\n")
    assert machine.run_installed("login", "--help").stdout.startswith("usage: ipyauth login ")
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options.entry_points"]["console_scripts"].split() == ["ipyauth", "=", "ipyauth_magic.__main__:run"]
