"""Every error a user can meet, as a tree; each class writes its own sentence.

IpyauthError
├── InvalidParams            parameters are missing or wrong, all named at once
├── NotSignedIn              a token was asked for before any sign-in
├── SignInNeeded             the token has ended and only the user can get another
├── ProviderError            the provider cannot be reached, or describes itself wrongly
└── SignInFailed             a sign-in was begun and gave no token
    ├── UnknownGrant         the grant asked for is not there yet
    ├── PortTaken            no redirect URI's port is free
    ├── NobodyCanAnswer      no browser, and nobody who could follow a link
    ├── SignInTimeout        no response came in time
    ├── SignInCancelled      the wait was ended from our side
    ├── ProviderRefused      the provider answered with an error
    ├── InvalidResponse      the response breaks its standard
    └── InvalidIdToken       the ID token failed a check
        └── UnknownKey       it names a key that the provider does not publish
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .text import plain

REMEDIES = {
    "access_denied": "Sign in again and allow what is asked, or ask the API's owner for these scopes.",
    "login_required": "Sign in again without prompt=none.",
    "consent_required": "Sign in again without prompt=none and give your consent.",
    "interaction_required": "Sign in again without prompt=none.",
    "invalid_scope": "Check `scope` against the scopes that the API defines.",
    "invalid_target": "Check `audience`: it must be the identifier of an API that the provider knows.",
    "unauthorized_client": "Enable this grant for the application: at Auth0, Settings > Advanced > Grant Types.",
    "unsupported_response_type": "Enable this grant for the application: at Auth0, Settings > Advanced > Grant Types.",
    "invalid_request": "Check the parameters with `%token --config`.",
    "server_error": "The provider failed; try again in a moment.",
    "temporarily_unavailable": "The provider is busy; try again in a moment.",
}
"""What to do next, by the error code of RFC 6749 (4.2.2.1) or OpenID Connect Core (3.1.2.6)."""


class IpyauthError(Exception):
    """Base of all errors of this package; `str` gives a sentence for the user."""


@dataclass(frozen=True)
class Problem:
    """One parameter that cannot be used: its name, what is wrong, and where to mend it."""

    name: str
    message: str
    origin: str | None = None

    def __str__(self) -> str:
        where = f" (from {self.origin})" if self.origin else ""
        return f"{self.name}: {self.message}{where}"


class InvalidParams(IpyauthError):
    """Parameters are missing or wrong; all of them are named at once.

    `problems` holds them, one `Problem` each.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotSignedIn(IpyauthError):
    """A token, or something told by a token, was asked for before any sign-in."""

    def __init__(self) -> None:
        super().__init__("Nobody is signed in yet. Run %%auth0, or call sign_in(), first.")


class SignInNeeded(IpyauthError):
    """The token has ended, and renewing it needs the user."""

    def __init__(self) -> None:
        super().__init__("The access token has ended. Run the %%auth0 cell again, or call sign_in().")


class ProviderError(IpyauthError):
    """The provider cannot be reached, or what it says of itself cannot be used."""


class SignInFailed(IpyauthError):
    """A sign-in was begun and gave no token."""


class UnknownGrant(SignInFailed):
    """The grant asked for is not there yet."""

    def __init__(self, response_type: str) -> None:
        super().__init__(
            f"response_type={response_type} is not available in this version. Leave it out: the implicit grant, "
            "`token id_token`, is what there is."
        )


class PortTaken(SignInFailed):
    """No redirect URI's port can be listened on, mostly because another program holds it; `ports` names them."""

    def __init__(self, ports: Sequence[int], reason: str = "") -> None:
        names = " and ".join(str(port) for port in ports)
        port = f"Port {names} is" if len(ports) == 1 else f"Ports {names} are"
        why = f" ({reason})" if reason else ""
        jupyter = " 8888 is mostly Jupyter's own port." if 8888 in ports else ""
        super().__init__(
            f"{port} taken or cannot be used{why}, so the response could not arrive.{jupyter} Free it, or give another "
            "redirect_uri that is listed in the application's Allowed Callback URLs."
        )
        self.ports = tuple(ports)


class NobodyCanAnswer(SignInFailed):
    """No browser can be opened here and nobody can follow a link, as under nbclient or papermill."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Nobody can sign in here: this notebook runs unattended and no browser can be opened ({reason}). "
            "Run it where a person can follow the link, or set BROWSER to the command of a browser."
        )


class SignInTimeout(SignInFailed):
    """No response came in time; the usual cause is a redirect URI that is not registered."""

    def __init__(self, seconds: float, redirect_uri: str) -> None:
        super().__init__(
            f"No response came within {seconds:g} seconds. If the provider showed an error page instead of "
            f"coming back, add this exact line to the application's Allowed Callback URLs:\n    {redirect_uri}"
        )
        self.redirect_uri = redirect_uri


class SignInCancelled(SignInFailed):
    """The wait was ended from our side, by an interrupt, `clear()` or the end of the kernel."""

    def __init__(self, reason: str = "it was cancelled") -> None:
        super().__init__(f"The sign-in did not finish: {reason}. Run the cell again to start afresh.")


class ProviderRefused(SignInFailed):
    """The provider answered with an error (RFC 6749, 4.2.2.1); `error` is its code."""

    def __init__(self, error: str, error_description: str | None = None) -> None:
        self.error = plain(error, 60) or "unspecified"
        self.error_description = plain(error_description, 300) if error_description else None
        said = f"{self.error}: {self.error_description.rstrip('.')}" if self.error_description else self.error
        remedy = REMEDIES.get(self.error, "Check the application's settings at the provider, then try again.")
        super().__init__(f"The provider refused the sign-in ({said}). {remedy}")


class InvalidResponse(SignInFailed):
    """The authorization response breaks its standard; `check` names the parameter at fault."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"The provider's response cannot be trusted: {message}. No token was taken. Try again.")
        self.check = check


class InvalidIdToken(SignInFailed):
    """The ID token failed a check of OpenID Connect Core; `check` names it, as `"nonce"` or `"signature"`."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"The ID token cannot be trusted: {message}. No token was taken. Try again.")
        self.check = check


class UnknownKey(InvalidIdToken):
    """The ID token names a key that is not among the provider's; fetching the keys again may help, once."""

    def __init__(self) -> None:
        super().__init__("key", "it is signed with a key that the provider does not publish")
