"""Profiles at the command line: `ipyauth login --save work ...`, then `ipyauth token work`."""

from __future__ import annotations

import re

from tests.support.command_line import Machine

JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def test_a_profile_is_saved_and_used_by_each_command(machine: Machine) -> None:
    """What the line says is the profile."""
    words = (machine.folder / "demo.env").read_text().replace("read:usual", "read:exotic").split()
    saved = machine.run("login", "--save", "work", *words)
    assert saved.returncode == 0
    assert "Profile `work` is saved in " in saved.stderr
    assert "`python -m ipyauth_magic login work` signs in with it." in saved.stderr
    assert machine.run("login", "-f", "demo.env").returncode == 0, "another sign-in"
    status = machine.run("status", "work")
    assert status.returncode == 0
    assert "read:exotic-fruit" in status.stderr
    token = machine.run("token", "work")
    assert JWT.fullmatch(token.stdout.strip())
    assert machine.run("login", "work").returncode == 0
    assert machine.run("token", "work").stdout == token.stdout, "it is signed in already"
    assert machine.run("logout", "work").returncode == 0
    assert machine.run("status", "work").returncode == 1
    assert machine.run("token", "work").stderr.endswith("Run: python -m ipyauth_magic login work\n")
    assert machine.run("token").returncode == 0, "the other one is still there"


def test_a_profile_and_more(machine: Machine) -> None:
    """A parameter on the line goes before the profile's."""
    assert machine.run("login", "--save", "work", "-f", "demo.env").returncode == 0
    assert machine.run("login", "work", "scope=email").returncode == 0
    status = machine.run("status", "work", "scope=email")
    assert status.returncode == 0
    assert "email" in status.stderr


def test_an_unknown_profile(machine: Machine) -> None:
    """The nearest one, or how to save one in a terminal."""
    for command in ("login", "token", "status", "logout"):
        ran = machine.run(command, "work")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "`python -m ipyauth_magic login --save work issuer=... client_id=...`" in ran.stderr
        assert "%login" not in ran.stderr
    assert machine.run("login", "--save", "work", "-f", "demo.env").returncode == 0
    ran = machine.run("token", "wrok")
    assert ran.returncode == 2
    assert "`work`" in ran.stderr
    assert "is missing" not in ran.stderr


def test_a_profile_is_not_saved_before_the_user_is_signed_in(machine: Machine) -> None:
    """Nor over another one, nor from one."""
    assert machine.run("login", "--save", "work", "-f", "demo.env", "--timeout", "1", "--no-browser").returncode == 1
    assert machine.run("status", "work").returncode == 2
    assert machine.run("login", "--save", "work", "-f", "demo.env").returncode == 0
    opened = len(machine.opened)
    for words in (("--save", "work", "-f", "demo.env", "scope=email"), ("--save", "other", "work")):
        ran = machine.run("login", *words)
        assert (ran.returncode, len(machine.opened)) == (2, opened)
    assert machine.run("login", "--save", "issuer", "-f", "demo.env").returncode == 2


def test_flow_and_store_may_stand_in_a_profile(machine: Machine) -> None:
    """As in a file; the option prevails."""
    with (machine.folder / "demo.env").open("a") as file:
        file.write("flow=implicit\nstore=file\n")
    assert machine.run("login", "-f", "demo.env").returncode == 0
    assert re.search(r"Store +file", machine.run("status", "-f", "demo.env").stderr)
    assert machine.run("token", "-f", "demo.env", "--flow", "code").returncode == 1
    assert machine.run("token", "-f", "demo.env", "--store", "none").returncode == 1
