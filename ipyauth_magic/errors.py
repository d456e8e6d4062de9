"""Every error a user can meet, as a tree; each class writes its own sentence.

`except IpyauthError` takes them all:

    IpyauthError
    ├── InvalidParams            parameters are missing or wrong, all named at once
    ├── NotSignedIn              a token was asked for before any sign-in, or after a sign-out elsewhere
    ├── SignInNeeded             the token has ended and only the user can get another
    ├── ProviderError            the provider cannot be reached, or describes itself wrongly
    │   └── ProviderUnreachable  no answer came, or none in time: later it may
    ├── SignOutIncomplete        the tokens are erased here, and something at the provider is left
    ├── StoreUnavailable         the place asked for, to keep tokens in, is not there
    ├── StoreBusy                another thread or process did not let go of a store's lock
    ├── InsecureCluster          a token would go to the workers of a cluster over a network without TLS
    ├── NoTokenHere              on a worker of a cluster: no token came from the notebook, or its block has ended
    └── SignInFailed             a sign-in was begun and gave no token
        ├── PortTaken            no redirect URI's port is free
        ├── NobodyCanAnswer      no browser, and nobody who could follow a link
        ├── SignInTimeout        no response came in time
        ├── SignInCancelled      the wait was ended from our side
        ├── ProviderRefused      the provider answered with an error
        │   └── UserNeeded       it was asked to answer without the user, and cannot
        ├── InvalidResponse      a response breaks its standard
        └── InvalidIdToken       the ID token failed a check
            ├── UnknownKey       no key that the provider publishes is its own
            └── OutOfTime        it is good at another time than this machine's clock shows
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .text import plain

REMEDIES = {
    "access_denied": "Sign in again and allow what is asked, or ask the API's owner for these scopes.",
    "login_required": "Sign in again without prompt=none.",
    "consent_required": "Sign in again without prompt=none and give your consent.",
    "interaction_required": "Sign in again without prompt=none.",
    "invalid_scope": (
        "Check `scope` against the scopes that the API defines; a provider without refresh tokens needs --no-renewable."
    ),
    "invalid_target": "Check `audience`: it must be the identifier of an API that the provider knows.",
    "unauthorized_client": "Enable this grant for the application: at Auth0, Settings > Advanced > Grant Types.",
    "unsupported_response_type": "Enable this grant for the application: at Auth0, Settings > Advanced > Grant Types.",
    "invalid_request": "Check the parameters with `%token --config`.",
    "invalid_grant": "Sign in again.",
    "invalid_client": "Check `client_id`, and that the application is Native or Single Page, without a secret.",
    "expired_token": "The code was not entered in time. Run the cell again for a new one.",
    "server_error": "The provider failed; try again in a moment.",
    "temporarily_unavailable": "The provider is busy; try again in a moment.",
}
"""What to do next, by the error code of RFC 6749 (4.2.2.1, 5.2), RFC 8628 (3.5) or OpenID Connect Core (3.1.2.6)."""


class IpyauthError(Exception):
    """Base of all errors of this package; `str` gives a sentence for the user."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers of a cluster raise them too, and pickle them; most are made from other arguments than `args`.
        return restored, (type(self), self.args, self.__dict__)


def restored(kind: type[IpyauthError], args: tuple[Any, ...], state: Mapping[str, Any]) -> IpyauthError:
    """Return an error of *kind* as it was made, whatever its own constructor takes."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


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
    """A token, or something told by a token, was asked for before any sign-in, or after a sign-out *elsewhere*."""

    def __init__(self, elsewhere: bool = False) -> None:
        super().__init__(
            "You were signed out by another notebook or program that shares these tokens. "
            "Run the %%auth0 cell again, or call sign_in()."
            if elsewhere
            else "Nobody is signed in yet. Run %%auth0, or call sign_in(), first."
        )


class SignInNeeded(IpyauthError):
    """The token has ended, and renewing it needs the user."""

    def __init__(self) -> None:
        super().__init__("The access token has ended. Run the %%auth0 cell again, or call sign_in().")


class ProviderError(IpyauthError):
    """The provider cannot be reached, or what it says of itself cannot be used."""


class ProviderUnreachable(ProviderError):
    """No answer came, or none in time, or the provider said that it is busy: later it may serve."""


class SignInFailed(IpyauthError):
    """A sign-in was begun and gave no token."""


class PortTaken(SignInFailed):
    """No redirect URI's port can be listened on, mostly because another program holds it; `ports` names them."""

    def __init__(self, ports: Sequence[int], reason: str = "") -> None:
        names = " and ".join(str(port) for port in ports)
        port = f"Port {names} is" if len(ports) == 1 else f"Ports {names} are"
        why = f" ({reason})" if reason else ""
        jupyter = " 8888 is mostly Jupyter's own port." if 8888 in ports else ""
        super().__init__(
            f"{port} taken or cannot be used{why}, so the response could not arrive.{jupyter} Free it (another "
            "notebook may be waiting there), or give another redirect_uri that is listed in the application's Allowed "
            "Callback URLs."
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
    """No response came in time; the usual cause is a redirect URI that is not registered.

    `redirect_uri` is None where the user was to enter a code.
    """

    def __init__(self, seconds: float, redirect_uri: str | None) -> None:
        super().__init__(
            f"No response came within {seconds:g} seconds. If the provider showed an error page instead of "
            f"coming back, check `client_id`, and add this exact line to the application's Allowed Callback URLs:\n"
            f"    {redirect_uri}"
            if redirect_uri
            else f"Nobody entered the code within {seconds:g} seconds. Run the cell again for a new one."
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
        super().__init__(f"The provider refused the sign-in ({said}). {self._remedy()}")

    def _remedy(self) -> str:
        # Auth0's words, and its code, for what RFC 8707 (2) calls invalid_target.
        is_about_api = self.error == "access_denied" and (self.error_description or "").startswith("Service not found")
        error = "invalid_target" if is_about_api else self.error
        return REMEDIES.get(error, "Check the application's settings at the provider, then try again.")


class UserNeeded(ProviderRefused):
    """The provider was asked to sign in without asking the user, and cannot (OpenID Connect Core, 3.1.2.6)."""

    def __init__(self, refused: ProviderRefused) -> None:
        super().__init__(refused.error, refused.error_description)
        self.args = ("The provider wants to ask you again: go on in the tab that opens next, or sign in again.",)


class InvalidResponse(SignInFailed):
    """A response of the provider breaks its standard; `check` names the parameter at fault.

    *consequence* says what that means for the user, where it is no token that was asked for.
    """

    def __init__(self, check: str, message: str, consequence: str = "No token was taken. Try again.") -> None:
        super().__init__(f"The provider's response cannot be trusted: {message}. {consequence}")
        self.check = check


class InvalidIdToken(SignInFailed):
    """The ID token failed a check of OpenID Connect Core; `check` names it, as `"nonce"` or `"signature"`."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(f"The ID token cannot be trusted: {message}. No token was taken. Try again.")
        self.check = check


class UnknownKey(InvalidIdToken):
    """The ID token's key is not among the provider's, as far as they are known; fetching them may help, once."""

    def __init__(
        self, check: str = "key", message: str = "it is signed with a key that the provider does not publish"
    ) -> None:
        super().__init__(check, message)


class OutOfTime(InvalidIdToken):
    """The ID token is good in all but its times: mostly it is this machine's clock that is wrong."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(check, f"{message} (check that this machine's clock is right)")


class SignOutIncomplete(IpyauthError):
    """The tokens are erased here, but not everything at the provider could be done.

    `revocation` and `session` tell why that half failed; None is a half that did not fail.
    """

    def __init__(self, revocation: str | None, session: str | None) -> None:
        sentences = ["The tokens are erased here, but the sign-out is not complete."]
        if revocation:
            sentences.append(f"The provider has not revoked them: {revocation}")
        if session:
            sentences.append(f"The provider's session goes on: {session}")
        sentences.append("Sign out on the provider's own pages; what is left ends by itself in time.")
        super().__init__(" ".join(sentences))
        self.revocation = revocation
        self.session = session


class StoreUnavailable(IpyauthError):
    """The place asked for, to keep tokens in, is not there; `store` is its name."""

    def __init__(self, store: str, reason: str, remedy: str = "") -> None:
        others = "`--store memory`" if store == "file" else "`--store file` or `--store memory`"
        choice = f"{remedy}, or choose {others}." if remedy else f"Choose {others}."
        super().__init__(f"Tokens cannot be kept in the {store} store: {reason}. {choice}")
        self.store = store


class StoreBusy(IpyauthError):
    """Another thread or process has held a store's lock for longer than any renewal takes."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Another notebook or thread has been busy with these tokens for {seconds:g} seconds and has not let go. "
            "Try again; if that does not help, end the process that hangs, or use `--store memory`."
        )


class InsecureCluster(IpyauthError):
    """A token would go to the workers of a cluster over a network without TLS; `address` is the one at fault."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The cluster's connection to {plain(address, 100)} has no TLS, so others on the network could read or "
            "take over what is sent. Start the cluster with TLS (distributed.Security), or, where you trust the "
            "network, say `auth.on_dask(client, without_tls=True)`."
        )
        self.address = address


class NoTokenHere(IpyauthError):
    """On a worker of a cluster: there is no token, after *seconds* of waiting, or for a *reason*."""

    def __init__(self, seconds: float | None = None, reason: str = "") -> None:
        if reason:
            sentence = f"This worker is sent no token: {reason}"
        elif seconds is not None:
            sentence = (
                f"No token that is still good came from the notebook within {seconds:g} seconds. Look there: its "
                "kernel may be gone, or the provider cannot be reached."
            )
        else:
            sentence = (
                "There is no token here. This auth object serves on the workers of its cluster, within the block "
                "`with auth.on_dask(client) as worker_auth:`; in the notebook use `auth` itself."
            )
        super().__init__(sentence)
