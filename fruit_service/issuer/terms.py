"""The terms of a sign-in: what its tokens say besides user, client and scope."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """For which API the tokens of a sign-in are, and how the user signed in.

    Attributes:
        audience: the identifier of the API, or empty.
        resources: the URLs by which the client named it (RFC 8707).
        auth_time: time of the sign-in in seconds since 1970, or None if the tokens do not say it.
        acr: the class of the sign-in, or None for one without a second step.
    """

    audience: str = ""
    resources: tuple[str, ...] = ()
    auth_time: int | None = None
    acr: str | None = None
