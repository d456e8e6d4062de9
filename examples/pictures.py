"""Which pictures the documentation has, what each is made from, and whether it still shows that.

`make picture` takes all of them from a real JupyterLab and a real browser, and writes down beside them the digests of
their sources, as they were then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
EXECUTED = ROOT / "docs" / "executed"
"""The example notebooks with their outputs."""

RECORD = "sources.json"
"""Of each picture its own digest, and those of its sources."""

LIGHT, DARK = "light", "dark"
SCALE = 2
"""Pixels of a picture for each pixel of a page, as screens have them today."""

MOVIE = "sign-in.gif"

STORY = (
    "%load_ext ipyauth_magic",
    "%%auth0 --flow code\ndomain=http://localhost:9400\nclient_id=ipyauth-demo\naudience=api/fruit\n"
    "scope=read:exotic-fruit write:usual-fruit",
    'import requests\n\nrequests.get("http://127.0.0.1:5000/api/fruit", auth=auth).json()["fruits"]',
)
"""The cells of the moving picture."""

GALLERY = (
    *STORY[:2],
    "%token",
    "auth",
    "auth.sign_out()",
    "%login -f ipyauth-Auth0-demo.env --flow device",
    "%login -f ipyauth-Auth0-demo.env --paste --no-browser",
    "%%login\ndomian=tenant.eu.auth0.com\nclient_id=YOUR_CLIENT_ID",
)
"""The cells of the other pictures."""

CELLS = "the cells"

_CARD = tuple(f"ipyauth_magic/display/{name}.py" for name in ("card", "cards", "panel", "view"))
_PAGES = tuple(f"fruit_service/issuer/pages/{name}.html" for name in ("frame", "consent"))
SOURCES: Mapping[str, Sequence[str]] = {
    MOVIE: (*_CARD, *_PAGES, "fruit_service/baskets.py", "examples/ipyauth-Auth0-demo.env"),
    "waiting.png": _CARD,
    "token.png": (*_CARD, "ipyauth_magic/display/claims.py", "ipyauth_magic/ipython/token_magic.py"),
    "widget.png": tuple(f"ipyauth_magic/display/{name}" for name in ("view.py", "widget.js", "widget.css")),
    "sign-out.png": _CARD,
    "device.png": (*_CARD, "ipyauth_magic/display/qr.py"),
    "paste.png": (*_CARD, "ipyauth_magic/display/prompt.py"),
    "mistake.png": ("ipyauth_magic/settings/resolve.py", "ipyauth_magic/settings/sources.py"),
    "allow.png": ("fruit_service/pages/style.css", *_PAGES, "fruit_service/issuer/directory.py"),
}
"""Of each picture the files that decide what it shows; the cells that are run decide it too."""


def path_of(name: str, scheme: str, folder: Path = IMAGES) -> Path:
    """Return the file of picture *name* in the colours of *scheme*: `name.png` in light ones, else `name-dark.png`."""
    path = folder / name
    return path if scheme == LIGHT else path.with_name(f"{path.stem}-{scheme}{path.suffix}")


def files(name: str, folder: Path = IMAGES) -> list[Path]:
    """Return both files of picture *name*."""
    return [path_of(name, scheme, folder) for scheme in (LIGHT, DARK)]


def digests(name: str) -> dict[str, str]:
    """Return the digests of what picture *name* is made from now."""
    files = {source: _digest((ROOT / source).read_bytes()) for source in SOURCES[name]}
    return {**files, CELLS: _digest(json.dumps(STORY if name == MOVIE else GALLERY).encode())}


def record(folder: Path = IMAGES) -> None:
    """Write down what the pictures in *folder*, just taken, are made from."""
    found = {
        name: {"pictures": [_digest(path.read_bytes()) for path in files(name, folder)], "sources": digests(name)}
        for name in SOURCES
    }
    (folder / RECORD).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def stale(folder: Path = IMAGES) -> list[str]:
    """Return which pictures in *folder* show something of another time, each with what has changed since."""
    recorded = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    changed = []
    for name in SOURCES:
        then, now = recorded[name]["sources"], digests(name)
        if recorded[name]["pictures"] != [_digest(path.read_bytes()) for path in files(name, folder)]:
            changed.append(f"{name}: not the picture that `make picture` has taken")
        changed += [f"{name}: {each}" for each in sorted(then.keys() | now.keys()) if then.get(each) != now.get(each)]
    return changed


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
