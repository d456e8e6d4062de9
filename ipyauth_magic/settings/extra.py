"""`extra.NAME`: parameters of the authorization request that are a provider's own (RFC 6749, 3.1 and 8.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .parameters import ALIASES, FIELDS, SECRETS

PREFIX = "extra."

_NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")  # RFC 6749, A: 1*name-char

_OF_THE_PROTOCOL = frozenset(
    {
        # RFC 6749, 4.1.1; OpenID Connect Core, 3.1.2.1
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce"),
        # They bind the code and the token, which this package does, or does not do (RFC 7636, 4.3; RFC 9449, 10)
        *("code_challenge", "code_challenge_method", "code_verifier", "dpop_jkt"),
        # They take the place of all the others (RFC 9101, 5; RFC 9126, 4; OpenID Connect Core, 6 and 7.2.1)
        *("request", "request_uri", "registration"),
        # They hold secrets, or are of the token request (RFC 6749, 4.1.3; RFC 7521, 4; OpenID Connect Core, 3.1.2.1)
        *("grant_type", "code", "device_code", "access_token", "refresh_token", "id_token", "id_token_hint"),
        *("assertion", "client_assertion", "client_assertion_type", "username", "password"),
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class Extra(Mapping[str, str]):
    """Parameters by name, in the user's order; frozen, and equal to a dict of the same."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        return dict(self.pairs)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    def __len__(self) -> int:
        return len(self.pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self.pairs))

    def __repr__(self) -> str:
        return repr(dict(self.pairs))


def spread(values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Return names and values, those in the dict of `extra` under names of their own."""
    for name, value in values.items():
        if name == "extra" and isinstance(value, Mapping):
            yield from ((f"{PREFIX}{each}", more) for each, more in value.items())
        else:
            yield name, value


def why_not(name: str) -> str | None:
    """Return why the request cannot have a parameter *name* by `extra`, as a sentence; None if it can.

    Capitals make no difference: some servers do not compare them.
    """
    if not _NAME.fullmatch(name):
        return "needs a name of ASCII letters, digits, `.`, `_` and `-` after `extra.` (RFC 6749, 8.2)"
    small = name.lower()
    if small in _OF_THE_PROTOCOL or small in {each.lower() for each in SECRETS}:
        return "is a name that the protocol uses, so `extra` does not take it. Leave it out"
    own = next((each for each in (*FIELDS, *ALIASES) if each.lower() == small), None)
    if own is not None:
        return f"is a parameter by its own name. Write `{own}=...`"
    return None
