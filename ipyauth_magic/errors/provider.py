"""Errors about the provider and its answers."""

from __future__ import annotations

from copy import copy

from ..text import plain
from .base import IpyauthError
from .sign_in import SignInFailed

REMEDIES = {
    "access_denied": (
        "You denied access there, or a rule of the provider did. Sign in again and allow the request, or ask the API's "
        "owner for these scopes."
    ),
    "login_required": "Sign in again without prompt=none.",
    "consent_required": "Sign in again without prompt=none and give your consent.",
    "interaction_required": "Sign in again without prompt=none.",
    "invalid_scope": "Check `scope` against the scopes that the provider allows for this application and its API.",
    "invalid_target": "Check `audience`: it must be the identifier of an API that the provider knows.",
    "unauthorized_client": "Enable this grant for the application: at Auth0, Settings > Advanced > Grant Types.",
    "unsupported_response_type": "Enable this grant for the application: at Auth0, Settings > Advanced > Grant Types.",
    "invalid_request": "Check the parameters with `%token --config`, and that the application is native (or mobile).",
    "invalid_grant": "Sign in again.",
    "invalid_response_mode": "The provider answers in the query only. Use --flow code with response_mode=query.",
    "invalid_client": (
        "Check `client_id`. If the application has a secret, put it into a dotenv file as `client_secret`, or register "
        "an application without a secret (at Auth0: Native or Single Page)."
    ),
    "expired_token": "The code was not entered in time. Run the cell again to get a new one.",
    "server_error": "The provider failed. Try again in a moment.",
    "temporarily_unavailable": "The provider is busy. Try again in a moment.",
}
"""Next steps for the user, by error code (RFC 6749, 4.2.2.1 and 5.2; RFC 8628, 3.5; OpenID Connect Core, 3.1.2.6)."""


class ProviderError(IpyauthError):
    """The provider cannot be reached, or its metadata or its answer cannot be used."""


class ProviderUnreachable(ProviderError):
    """The provider or an API did not answer in time, or it is busy (status 429, or 500 and above). Try again later."""


class ProviderRefused(SignInFailed):
    """The provider answered with an error (RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5).

    Attributes:
        error: the provider's code, such as `access_denied`.
        error_description: the provider's own words, or None.
    """

    def __init__(self, error: str, error_description: str | None = None) -> None:
        self.error = plain(error, 60) or "unspecified"
        self.error_description = plain(error_description, 300) if error_description else None
        said = f"{self.error}: {self.error_description.rstrip('.')}" if self.error_description else self.error
        super().__init__(f"The provider refused the sign-in ({said}). {self._remedy()}")

    def with_advice(self, advice: str) -> ProviderRefused:
        """Return this error with the sentences *advice* after its own."""
        advised = copy(self)
        advised.args = (f"{self} {advice}".rstrip(),)
        return advised

    def _remedy(self) -> str:
        # Auth0 reports an unknown audience as access_denied with this description. RFC 8707 (2) has invalid_target.
        is_about_api = self.error == "access_denied" and (self.error_description or "").startswith("Service not found")
        error = "invalid_target" if is_about_api else self.error
        if "client_secret" in (self.error_description or ""):  # as Google says it, by invalid_request
            error = "invalid_client"
        return REMEDIES.get(error, "Check the application's settings at the provider, then try again.")


class InvalidResponse(SignInFailed):
    """A response of the provider breaks its standard. No token was accepted.

    Args:
        check: the parameter at fault.
        message: the fault.
        consequence: the last sentences of the error.

    Attributes:
        check: the parameter at fault.
    """

    def __init__(self, check: str, message: str, consequence: str = "No token was accepted. Try again.") -> None:
        super().__init__(f"The provider's response cannot be trusted: {message}. {consequence}")
        self.check = check


class InvalidIdToken(SignInFailed):
    """The ID token failed a check (OpenID Connect Core, 3.1.3.7, 3.2.2.11 and 12.2). No token was accepted.

    Args:
        check: the name of the check, such as `nonce`.
        message: the fault.
        remedy: the next step for the user.

    Attributes:
        check: the name of the check.
    """

    def __init__(self, check: str, message: str, remedy: str = "Try again.") -> None:
        super().__init__(f"The ID token cannot be trusted: {message}. No token was accepted. {remedy}")
        self.check = check


class UnknownKey(InvalidIdToken):
    """The ID token is signed with a key that the provider does not publish, or its signature is wrong."""

    def __init__(
        self, check: str = "key", message: str = "it is signed with a key that the provider does not publish"
    ) -> None:
        super().__init__(check, message)


class OutOfTime(InvalidIdToken):
    """The ID token passes every check except those of its times. Usually this machine's clock is wrong.

    Attributes:
        ahead: the seconds by which this clock is ahead of the provider's, negative if it is behind; None if unknown.
    """

    def __init__(self, check: str, message: str, ahead: float | None = None) -> None:
        seems = ""
        if ahead is not None:
            seems = f": it seems to be {_in_words(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the provider's"
        super().__init__(check, f"{message} (check that this machine's clock is right{seems})")
        self.ahead = ahead


def _in_words(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
