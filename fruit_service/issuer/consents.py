"""Consents: what each user has allowed each client."""

from __future__ import annotations

from .messages import Request


class Consents:
    """The scopes that users have allowed. With *are_skipped* the user is asked only if the request demands it."""

    def __init__(self, are_skipped: bool) -> None:
        self._are_skipped = are_skipped
        self._given: set[tuple[str, str, str, str]] = set()

    def add(self, request: Request) -> None:
        """Keep that the user has allowed *request*."""
        self._given |= _asked(request)

    def are_needed(self, request: Request) -> bool:
        """Return whether the user is to be asked for *request*."""
        if "consent" in request.prompts:
            return True
        return not self._are_skipped and not _asked(request) <= self._given


def _asked(request: Request) -> set[tuple[str, str, str, str]]:
    # By client: one that has registered itself must not profit from what the user has allowed another.
    asker = (request.get("client_id"), request.user.sub, request.audience)
    return {(*asker, scope) for scope in request.scope.split()}
