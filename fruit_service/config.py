"""Configuration from options, then the environment, then a dotenv file; checked once."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from .access_token import TYPES, Rules
from .addresses import is_safe
from .errors import BadConfig

ALGORITHMS = ("RS256", "ES256")
FLAGS = ("1", "true", "yes", "on", "0", "false", "no", "off")
"""The values of a flag. The first half means on."""
MAX_DOTENV = 64 * 1024
"""Largest dotenv file in bytes. python-dotenv takes a minute for a few megabytes."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")


@dataclass(frozen=True)
class Config:
    """The settings of the service. Each but the issuer has a default."""

    issuer: str
    host: str = "127.0.0.1"
    port: int = 5000
    audience: str = "api/fruit"
    database: str = field(default="", repr=False)  # may contain a password
    threads: int = 2
    leeway: int = 60
    token_profile: str = "auth0"
    algorithms: tuple[str, ...] = ("RS256",)
    metrics: bool = False
    public_url: str = ""
    """The URL, without a path, at which clients reach the service. Empty: its Host header, on this machine only."""

    @property
    def rules(self) -> Rules:
        """The requirements for an access token."""
        return Rules(self.issuer, self.audience, self.algorithms, self.token_profile, self.leeway)

    @classmethod
    def of(cls, *sources: Mapping[str, str | None]) -> Config:
        """Return the configuration from *sources* of `FRUIT_*` names. For each name, the first source with it wins."""
        values = _Values(sources)
        return cls(
            issuer=values.issuer(),
            host=values.text("HOST", cls.host),
            port=values.number("PORT", cls.port, 0, 65_535),
            audience=values.text("AUDIENCE", cls.audience),
            database=values.text("DATABASE", "") or default_database(),
            threads=values.number("THREADS", cls.threads, 1, 64),
            leeway=values.number("LEEWAY", cls.leeway, 0, 300),
            token_profile=values.choice("TOKEN_PROFILE", cls.token_profile, tuple(TYPES)),
            algorithms=values.choices("ALGORITHMS", cls.algorithms, ALGORITHMS),
            public_url=values.public_url(),
            metrics=values.choice("METRICS", "0", tuple(FLAGS)) in FLAGS[:4],
        )


@dataclass(frozen=True)
class _Values:
    sources: tuple[Mapping[str, str | None], ...]

    def text(self, name: str, default: str) -> str:
        found = (source.get(f"FRUIT_{name}") for source in self.sources)
        return next((value for value in found if value), default)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name, str(default))
        if not (re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most):
            raise BadConfig(f"FRUIT_{name} must be a whole number from {least} to {most}.")
        return int(text)

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        return self.choices(name, (default,), known)[0]

    def choices(self, name: str, default: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
        chosen = tuple(self.text(name, " ".join(default)).replace(",", " ").split())
        if not chosen or not set(chosen) <= set(known):
            raise BadConfig(f"FRUIT_{name} must be one of: {', '.join(known)}.")
        return chosen

    def issuer(self) -> str:
        issuer = self.text("ISSUER", "")
        if not issuer:
            raise BadConfig(
                "The fruit service needs the issuer whose access tokens it accepts: give --issuer URL (FRUIT_ISSUER), "
                "or --with-issuer to run the local issuer too."
            )
        if not is_safe(issuer):
            raise BadConfig("FRUIT_ISSUER must be an https URL, or an http one on this machine.")
        return issuer

    def public_url(self) -> str:
        url = self.text("PUBLIC_URL", "").rstrip("/")
        # It stands in a header. A path would need routes of its own: `/.well-known/` is at the root (RFC 9728, 3.1).
        if url and not (is_safe(url) and _ORIGIN.fullmatch(url)):
            raise BadConfig("FRUIT_PUBLIC_URL must be an https URL without a path, or an http one on this machine.")
        return url


def dotenv(path: str | os.PathLike[str]) -> dict[str, str | None]:
    """Return the values of a dotenv file.

    Raises:
        BadConfig: it is missing (python-dotenv would take it as empty), too large, or not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_DOTENV + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"The dotenv file {os.fspath(path)} cannot be read: {_reason(error)}.") from error
    if len(content) > MAX_DOTENV:
        raise BadConfig(f"The dotenv file {os.fspath(path)} is larger than {MAX_DOTENV} bytes.")
    return dotenv_values(stream=StringIO(text))


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "unknown") if isinstance(error, OSError) else "it is not UTF-8"


def default_database() -> str:
    """Return the URL of the SQLite file in the user's data directory."""
    return f"sqlite:///{_data_directory() / 'fruit-service' / 'fruits.sqlite'}"


def _data_directory() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
