"""Tab in a shell: a real bash with the line of argcomplete, and what zsh and fish ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.support.command_line import Machine

WORDS = {
    "ipyauth ": {"login", "token", "status", "logout", "check"},
    "ipyauth l": {"login", "logout"},
    "ipyauth login --fl": {"--flow"},
    "ipyauth login --flow ": {"implicit", "code", "device"},
    "ipyauth login --store k": {"keyring"},
    "ipyauth token --format ": {"token", "header"},
    "ipyauth token --no-": {"--no-browser", "--no-renewable"},
    "ipyauth status --no-": {"--no-renewable"},
    "ipyauth login cli": {"client_id="},
    "ipyauth login response_mode=f": {"fragment", "form_post"},
    "ipyauth login -f dem": {"demo.env"},
    "ipyauth login --timeout ": set(),
    "ipyauth token wo": {"work"},
    "ipyauth login --sa": {"--save"},
}


@pytest.fixture
def machine(tmp_path: Path, own_issuer: LocalIssuer) -> Machine:
    """A machine on which the command is installed."""
    machine = Machine(tmp_path, own_issuer)
    machine.environ["PATH"] = os.pathsep.join(
        [str(machine.installed().parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    profiles = machine.folder / "config" / "ipyauth_magic" / "profiles.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text('[work]\nissuer = "https://issuer.example"\n')
    return machine


def test_bash(machine: Machine) -> None:
    """Commands, options, their values, parameters and files; bash has cut the word at `=`."""
    lines = ['eval "$(register-python-argcomplete ipyauth)"']
    for line in WORDS:
        # As bash does it: words are cut at the signs of COMP_WORDBREAKS, `=` among them.
        words = [part for word in line.split(" ")[1:] for part in cut(word)]
        shell_words = " ".join(f"'{word}'" for word in ["ipyauth", *words])
        lines += [
            f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_TYPE=9",
            f"COMP_WORDS=({shell_words}) COMP_CWORD={len(words)} COMPREPLY=()",
            f"_python_argcomplete ipyauth '{words[-1]}' '{words[-2] if len(words) > 1 else 'ipyauth'}' 2>/dev/null",
            'echo "${COMPREPLY[@]}"',
        ]
    ran = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        cwd=machine.folder,
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    answers = [set(answer.split()) for answer in ran.stdout.split("\n")[: len(WORDS)]]
    assert dict(zip(WORDS, answers, strict=True)) == WORDS


def cut(word: str) -> list[str]:
    """Return the words of bash in *word*."""
    name, equals, value = word.partition("=")
    return [name, equals, value] if equals else [name]


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_have_a_line_too(shell: str, machine: Machine) -> None:
    """Argcomplete writes it, for the name of our command."""
    ran = subprocess.run(
        ["register-python-argcomplete", "--shell", shell, "ipyauth"],
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "ipyauth" in ran.stdout


def test_without_argcomplete_tab_finds_nothing(machine: Machine) -> None:
    """And the command neither fails with a traceback nor waits for anything."""
    program = "import sys; sys.modules['argcomplete'] = None; from ipyauth_magic.cli import main; sys.exit(main([]))"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=machine.environ | {"_ARGCOMPLETE": "1", "COMP_LINE": "ipyauth l", "COMP_POINT": "9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
