"""A program to name in BROWSER: opens a link as ScriptedBrowser does, in the way that a file says.

The folder in SCRIPTED_TAB holds `change.json`, the parameters to change in the response (null takes one away), and
gets `secrets.txt`, a line for each value that nobody may see afterwards, `opened.txt`, a line for each link
(of a sign-in without its query), `arguments.txt`, what each tab was started with, and `page.txt`, what the last tab
showed in the end.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

from tests.support.scripted_browser import ScriptedBrowser, link_behind, query_of, send

FOLDER = "SCRIPTED_TAB"


def main(url: str) -> None:
    """Open *url* and follow it to the end."""
    folder = Path(os.environ[FOLDER])
    changes = json.loads((folder / "change.json").read_text()) if (folder / "change.json").exists() else {}

    def change(parameters: dict[str, str]) -> dict[str, str]:
        changed = parameters | changes
        return {name: value for name, value in changed.items() if value is not None}

    with (folder / "arguments.txt").open("a") as file:
        file.write(f"{url}\n")
    url = link_behind(url)
    asked = query_of(url)
    is_sign_in = "state" in asked
    with (folder / "opened.txt").open("a") as file:
        file.write(f"{url.partition('?')[0] if is_sign_in else url}\n")
    if not is_sign_in:
        (folder / "page.txt").write_text(send("GET", url).text)
        return
    note(folder, asked["state"], asked["nonce"])
    browser = ScriptedBrowser(change=change)
    try:
        (folder / "page.txt").write_text(browser.open(url).text)
    finally:
        note(folder, *(value for value in browser.seen if len(value) > 30))


def note(folder: Path, *secrets: str) -> None:
    """Write down what must stay secret."""
    with (folder / "secrets.txt").open("a") as file:
        file.writelines(f"{secret}\n" for secret in secrets)


def browser_command(folder: Path, module: str = "tests.support.scripted_tab") -> str:
    """Return what to set BROWSER to, so that *module* opens the link; *folder* gets an executable of one line."""
    script = folder / "tab"
    root = Path(__file__).parents[2]
    script.write_text(f'#!/bin/sh\ncd "{root}" && {FOLDER}="{folder}" exec "{sys.executable}" -m {module} "$1"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return f"{script} %s &"


if __name__ == "__main__":
    main(sys.argv[1])
