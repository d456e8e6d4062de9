"""How tokens are asked for: the flow, and whether they are to be renewable (RFC 6749, 1.3; RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass

RESPONSE_TYPES = {"implicit": "token id_token", "code": "code"}
"""The flows that go through the authorization endpoint."""

FLOWS = ("implicit", "code", "device")

PassedOn = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grant:
    """How tokens are asked for.

    Attributes:
        flow: `implicit`, `code` or `device`.
        renewable: ask for a refresh token; the implicit flow has none (RFC 6749, 4.2.2).
        silent: the provider is to answer at once, without asking the user (OpenID Connect Core, 3.1.2.1).
        subject: who must sign in, where that is known already; else whoever does.
    """

    flow: str
    renewable: bool = True
    silent: bool = False
    subject: str | None = None

    @classmethod
    def of(cls, response_type: str, flow: str | None = None, renewable: bool = True) -> Grant:
        """Return the grant of *flow*, or else of *response_type*."""
        flow = flow or next(name for name, named in RESPONSE_TYPES.items() if named == response_type)
        return cls(flow, renewable and flow != "implicit")

    @property
    def store_name(self) -> str | None:
        """The part of the store's key that the response type does not tell; None where it tells all.

        Tokens that cannot be renewed have a key of their own, so that they do not hide others that can.
        """
        if self.renewable or self.flow == "implicit":
            return "device" if self.flow == "device" else None
        return f"{self.flow}, not renewable"

    def scope(self, scope: str) -> str:
        """Return *scope*, with `offline_access` where a refresh token is wanted (OpenID Connect Core, 11)."""
        return " ".join(dict.fromkeys([*scope.split(), *(["offline_access"] if self.renewable else [])]))

    def passed_on(self, passed_on: PassedOn, needs_consent: bool) -> PassedOn:
        """Return the parameters that go to the authorization endpoint as they are, with a `prompt` where one is due.

        *needs_consent* tells that the provider gives a refresh token only with `prompt=consent` (section 11); a
        `prompt` of the user's own goes before it.
        """
        if self.silent:
            return (*(pair for pair in passed_on if pair[0] != "prompt"), ("prompt", "none"))
        if self.renewable and needs_consent and "prompt" not in dict(passed_on):
            return (*passed_on, ("prompt", "consent"))
        return passed_on
