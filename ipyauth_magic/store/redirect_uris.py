"""The provider that each redirect URI belongs to, for providers that do not name themselves in their responses.

A malicious provider could redirect the browser to an honest one. The code of the honest provider would then come to the
redirect URI, and go to the token endpoint of the malicious one (mix-up: RFC 9700, 4.4). A redirect URI for each of them
prevents that, as far as the honest provider compares redirect URIs exactly (4.4.2).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from ..errors import SignInFailed
from . import Store
from .private_directory import PrivateFolder

KEPT_FOR = 3600.0
"""Seconds for which a redirect URI belongs to the provider that used it last."""

FILE = "redirect-uris"
_LONGEST = 64 * 1024
_MOST = 100

Used = Mapping[str, tuple[str, float]]
"""The issuer that used a redirect URI last, and when, in seconds since 1970."""

_used: dict[str, tuple[str, float]] = {}
"""In this process, by redirect URI."""


class RedirectUris:
    """Remembers for an hour which provider each redirect URI belongs to: in this process, and in a file of *folder*.

    Args:
        folder: where other processes find it too; None for this process only.
        now: the time, in seconds since 1970.
    """

    def __init__(self, folder: PrivateFolder | None = None, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now

    @classmethod
    def beside(cls, store: Store) -> RedirectUris:
        """Return those for sign-ins that *store* keeps: a sign-in that leaves no file leaves none of this either."""
        folder = getattr(store, "folder", None)
        return cls(folder if isinstance(folder, PrivateFolder) else None)

    def is_of_another(self, issuer: str, redirect_uri: str) -> bool:
        """Return whether *redirect_uri* belongs to another provider than *issuer*."""
        return self._other(issuer, redirect_uri) is not None

    def check(self, issuer: str, redirect_uri: str) -> None:
        """Check that *redirect_uri* does not belong to another provider than *issuer*.

        Raises:
            SignInFailed: it does.
        """
        if (other := self._other(issuer, redirect_uri)) is not None:
            # Without a port it is for providers that do not compare ports, so another one would not tell them apart.
            part = "port" if urlsplit(redirect_uri).port else "path"
            raise SignInFailed(
                f"The redirect URI `{redirect_uri}` was used to sign in at `{other}` less than an hour ago. `{issuer}` "
                "does not name itself in its responses (RFC 9207), so the code of one provider could be sent to the "
                f"other. Register another redirect URI there (another {part} will do) and give it as redirect_uri, or "
                "wait an hour."
            )

    def take(self, issuer: str, redirect_uri: str) -> None:
        """Let *redirect_uri* belong to *issuer* for an hour: a code has come there, and is about to be sent.

        Raises:
            SignInFailed: it belongs to another provider.
        """
        self.check(issuer, redirect_uri)
        # No lock: only one sign-in at a time has the port of a redirect URI.
        _used[redirect_uri] = issuer, self._now()
        if self._folder is not None:
            latest = sorted(self._known().items(), key=lambda each: each[1][1])[-_MOST:]
            with suppress(OSError):  # a store that cannot be written warns by itself
                self._folder.replace(FILE, json.dumps(dict(latest)).encode("ascii"))

    def _other(self, issuer: str, redirect_uri: str) -> str | None:
        owner, _ = self._known().get(redirect_uri, (issuer, 0.0))
        return None if owner == issuer else owner

    def _known(self) -> Used:
        """Return what is not over yet; of two memories the newer one counts."""
        known = dict(_used)
        for redirect_uri, used in self._kept().items():
            if redirect_uri not in known or known[redirect_uri][1] < used[1]:
                known[redirect_uri] = used
        now = self._now()
        return {redirect_uri: used for redirect_uri, used in known.items() if 0 <= now - used[1] < KEPT_FOR}

    def _kept(self) -> Used:
        """Return what the file has; nothing if it is not a file of ours."""
        data = None if self._folder is None else self._folder.read(FILE, _LONGEST)
        try:
            return {str(uri): (str(issuer), float(at)) for uri, (issuer, at) in json.loads(data or b"{}").items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}
