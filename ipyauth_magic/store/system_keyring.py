"""The user's own keyring, through the `keyring` package, if its backend protects its entries.

A call may ask the user to unlock the keyring, and lasts until the user answers. A sentence says so after two seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from ..errors import StoreUnavailable
from ..provider.threads import run_in_thread
from ..text import counted
from .warning import Warn, issue_warning, warn_once

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "ipyauth_magic"
"""The name under which the desktop's own keyring program lists our entries."""

_CHAIN = "keyring.backends.chainer"
_PROTECTS_NOTHING = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
"""No keyring at all; one that drops everything; files that every program can read."""

TOLD_AFTER = 2.0
"""Seconds without an answer after which the user is told what is waited for: a keyring asks in a window of its own."""

UNATTENDED = 30.0
"""Seconds for an answer where no person is known to be there."""

T = TypeVar("T")


class KeyringFailed(Exception):
    """The keyring is locked or broken; the message is the kind of failure alone, for backends may quote secrets."""


class SystemKeyring:
    """The entries of this package in the user's keyring, by name.

    Args:
        warn: shows the user a sentence, if the keyring does not answer for two seconds.
        is_attended: a person can unlock it, so the wait for its answer has no limit. Otherwise it is 30 seconds.

    Raises:
        StoreUnavailable: `keyring` is not installed, or has no backend that protects its entries.
    """

    def __init__(self, warn: Warn = issue_warning, is_attended: bool = True) -> None:
        self._warn = warn
        self._limit = None if is_attended else UNATTENDED
        try:
            self._backends = self._answer(_real_backends)
        except KeyringFailed as failure:
            raise StoreUnavailable("keyring", str(failure)) from None

    def get(self, name: str) -> str | None:
        """Return the secret called *name*."""
        for backend in self._backends:
            found = self._attempt(backend.get_password, SERVICE, name)
            if found is not None:
                return found
        return None

    def set(self, name: str, secret: str) -> None:
        """Keep *secret* as *name*."""
        for backend in self._backends:
            with suppress(NotImplementedError):  # a backend for reading only
                return self._attempt(backend.set_password, SERVICE, name, secret)
        raise KeyringFailed("read-only")

    def _attempt(self, call: Callable[..., T], *arguments: str) -> T:
        return self._answer(lambda: _attempt(call, *arguments))

    def _answer(self, ask: Callable[[], T]) -> T:
        """Return what *ask* returns. It runs in a thread of its own, so an interrupt ends the wait.

        Raises:
            KeyringFailed: no answer came in time.
        """
        notice = threading.Timer(TOLD_AFTER, self._tell)
        notice.daemon = True
        notice.start()
        try:
            return run_in_thread(ask, "ipyauth-keyring", self._limit)
        except TimeoutError:  # only of the wait: `_attempt` turns those of a backend into another error
            raise KeyringFailed(f"no answer within {counted(self._limit or 0, 'second')}") from None
        finally:
            notice.cancel()

    def _tell(self) -> None:
        sentence = (
            "Waiting for the keyring to be unlocked. Answer its question, or interrupt, and choose `--store file`."
        )
        warn_once("an answer of the keyring", sentence, self._warn)


def _attempt(call: Callable[..., T], *arguments: str) -> T:
    try:
        return call(*arguments)
    except NotImplementedError:
        raise
    except Exception as error:
        # Whatever a backend's own libraries raise. Not `from error`: its frames hold the secret.
        raise KeyringFailed(type(error).__name__) from None


def _real_backends() -> tuple[KeyringBackend, ...]:
    try:
        import keyring
    except ImportError:
        raise StoreUnavailable(
            "keyring", "the `keyring` package is not installed", "Run `pip install 'ipyauth-magic[keyring]'`"
        ) from None
    try:
        found = keyring.get_keyring()
    except Exception as error:  # a backend named in the environment or a file, that cannot be loaded
        raise StoreUnavailable("keyring", f"`keyring` cannot be set up ({type(error).__name__})") from error
    chain = getattr(found, "backends", ()) if type(found).__module__ == _CHAIN else (found,)
    if real := tuple(backend for backend in chain if _is_real(backend)):
        return real
    raise StoreUnavailable("keyring", f"there is no keyring here that protects what it keeps (found: {found.name})")


def _is_real(backend: KeyringBackend) -> bool:
    """Tell whether *backend* protects what it keeps, also against what it inherits from."""
    modules = [each.__module__ for each in type(backend).__mro__]
    return not any(f"{module}.".startswith(f"{bad}.") for module in modules for bad in _PROTECTS_NOTHING)
