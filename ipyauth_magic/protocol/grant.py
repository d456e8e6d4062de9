"""The grant of a sign-in: its flow, and whether the tokens shall be renewable (RFC 6749, 1.3; RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass

RESPONSE_TYPES = {"implicit": "token id_token", "code": "code"}
"""The flows that use the authorization endpoint, with their `response_type`."""

FLOWS = ("implicit", "code", "device")

PassedOn = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grant:
    """The flow of a sign-in, with its choices.

    Attributes:
        flow: `implicit`, `code` or `device`.
        renewable: ask for a refresh token. The implicit flow has none (RFC 6749, 4.2.2).
        silent: send `prompt=none`, so that the provider answers without asking the user (OpenID Connect Core, 3.1.2.1).
        subject: the `sub` of the user that must sign in; None allows any user.
    """

    flow: str
    renewable: bool = True
    silent: bool = False
    subject: str | None = None

    @classmethod
    def of(cls, response_type: str, flow: str | None = None, renewable: bool = True) -> Grant:
        """Return the grant of *flow*; without it, that of *response_type*."""
        flow = flow or next(name for name, named in RESPONSE_TYPES.items() if named == response_type)
        return cls(flow, renewable and flow != "implicit")

    def scope(self, scope: str) -> str:
        """Return *scope*, with `offline_access` if the grant is renewable (OpenID Connect Core, 11)."""
        return " ".join(dict.fromkeys([*scope.split(), *(["offline_access"] if self.renewable else [])]))

    def passed_on(self, passed_on: PassedOn, needs_consent: bool) -> PassedOn:
        """Return the extra parameters of the authorization request: *passed_on*, with a `prompt` if one is needed.

        *needs_consent* is true if the provider gives a refresh token only with `prompt=consent` (OpenID Connect Core,
        11). A `prompt` in *passed_on* comes first.
        """
        if self.silent:
            return (*(pair for pair in passed_on if pair[0] != "prompt"), ("prompt", "none"))
        if self.renewable and needs_consent and "prompt" not in dict(passed_on):
            return (*passed_on, ("prompt", "consent"))
        return passed_on
