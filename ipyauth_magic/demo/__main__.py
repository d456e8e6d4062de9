"""`python -m ipyauth_magic.demo`: try everything without an account."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from .services import Ports, api, exit_on_signals, has_display, issuer, run_jupyterlab, running, unused

NOTEBOOK = "sign-in.ipynb"
NEEDED = ("jupyterlab", "sqlalchemy")
"""What the extra `demo` brings."""

DESCRIPTION = """\
Try ipyauth-magic without an account: a local issuer signs you in, an API asks
for the token, and JupyterLab opens a notebook that uses both. All three run on
this machine only. Ctrl-C stops them."""

EXAMPLE = "example: python -m ipyauth_magic.demo my-first-sign-in"

SAID = """\
Trying ipyauth-magic, on this machine only and without an account.

  Local issuer  http://localhost:{ports.issuer}/   signs you in as Alice or Bob
  Fruit API     http://127.0.0.1:{ports.fruit}/   asks for an access token
  Notebook      {notebook}
                {kept}

Starting, which takes some seconds."""

READY = """\
{opened}. Run its cells with Shift+Enter.
Ctrl-C here stops all three programs.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration until Ctrl-C. Return the exit status."""
    options = _parser().parse_args(arguments)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        print(
            f"The demonstration needs {' and '.join(missing)}: pip install 'ipyauth-magic[demo]'",
            file=sys.stderr,
        )
        return 2
    exit_on_signals()
    try:
        # On Windows a file may be held for a moment after its program has ended.
        with tempfile.TemporaryDirectory(prefix="ipyauth-demo-", ignore_cleanup_errors=True) as temporary:
            return _run(Path(temporary), options.folder, not options.no_browser)
    except KeyboardInterrupt:
        return 130


def _run(temporary: Path, folder: Path | None, browser: bool) -> int:
    ports = Ports.available()
    notebook = copied(folder or temporary / "notebook", ports)
    kept = "A copy, which stays there." if folder else "A copy, removed at the end. To keep it, name a folder."
    print(SAID.format(ports=ports, notebook=notebook, kept=kept), flush=True)
    opens = browser and has_display()
    opened = "Your browser opens the notebook" if opens else "Open the notebook by a link below"
    try:
        with running([issuer(ports), api("fruit", ports.fruit, ports, temporary)], temporary):
            print(READY.format(opened=opened), flush=True)
            return run_jupyterlab(notebook.parent, notebook.name, ports.jupyter, opens)
    finally:
        print("Stopped: JupyterLab, the fruit API and the local issuer.", flush=True)


def copied(folder: Path, ports: Ports) -> Path:
    """Return the path of a new copy of the notebook in *folder*, with *ports*.

    Raises:
        SystemExit: nothing can be written there.
    """
    text = ports.written_into((files(__package__) / NOTEBOOK).read_text(encoding="utf-8"))
    path = unused(folder.absolute(), Path(NOTEBOOK).stem, Path(NOTEBOOK).suffix)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SystemExit(
            f"The notebook cannot be written to {path} ({error.strerror}). Name another folder."
        ) from error
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ipyauth_magic.demo",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="keep the notebook there (default: a temporary folder)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the link")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
