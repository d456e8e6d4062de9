"""The command line as a user has it: the real command in a process of its own, and a browser that signs in."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pexpect

from fruit_service.issuer.server import LocalIssuer
from tests.support.machine import NO_BROWSER, environment
from tests.support.scripted_tab import browser_command
from tests.support.threads import wait_for

ROOT = Path(__file__).parents[2]
DEADLINE = 60


class Machine:
    """Where the command runs: a folder with `demo.env`, a home without tokens, a browser."""

    def __init__(self, folder: Path, issuer: LocalIssuer) -> None:
        self.folder = folder
        self.port = int(issuer.callback_urls[0].split(":")[2].split("/")[0])
        (folder / "demo.env").write_text(
            f"domain={issuer.issuer.rstrip('/')}\nclient_id={issuer.client_id}\n"
            f"redirect_uri={issuer.callback_urls[0]}\naudience={issuer.audience}\nscope=read:usual-fruit\n"
        )
        own = {
            "BROWSER": browser_command(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(ROOT),
        }
        self.environ = environment(NO_BROWSER, own, {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})

    def run(self, *words: str, **environ: str | None) -> subprocess.CompletedProcess[str]:
        """Run the command and wait for its end; its three streams are pipes."""
        return subprocess.run(
            [sys.executable, "-m", "ipyauth_magic", *words],
            cwd=self.folder,
            env=environment(self.environ, environ) if environ else self.environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE,
        )

    def run_installed(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command as `ipyauth`, which is put on the machine as pip does it."""
        return subprocess.run(
            [str(self.installed()), *words],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE,
        )

    def installed(self) -> Path:
        """Return the script `ipyauth`, in a folder of its own."""
        script = self.folder / "bin" / "ipyauth"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom ipyauth_magic.__main__ import run\n"
            "if __name__ == '__main__':\n    sys.exit(run())\n"
        )
        script.chmod(0o755)
        return script

    def shell(self, line: str) -> tuple[str, int]:
        """Type *line* at a terminal's shell; return what came on it, and the exit status."""
        program = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}; {line}'
        child: pexpect.spawn[str] = pexpect.spawn(
            "/bin/sh", ["-c", program], cwd=str(self.folder), env=self.environ, encoding="utf-8", dimensions=(40, 1000)
        )
        try:
            child.expect(pexpect.EOF, timeout=DEADLINE)
            said = str(child.before)
        finally:
            child.close(force=True)
        return said.replace("\r\n", "\n"), int(child.exitstatus or 0)

    def page(self) -> str:
        """Wait for what the tab shows in the end, and take it away."""
        file = self.folder / "page.txt"
        assert wait_for(lambda: file.exists() and file.read_text(), DEADLINE), "the tab shows nothing"
        shown = file.read_text()
        file.unlink()
        return shown

    @property
    def opened(self) -> list[str]:
        """The links that were opened in the browser."""
        file = self.folder / "opened.txt"
        return file.read_text().split() if file.exists() else []
