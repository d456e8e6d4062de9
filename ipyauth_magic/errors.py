"""The errors of this package, as a tree. Each class writes its own sentence for the user.

`except IpyauthError` catches all of them:

    IpyauthError
    ├── InvalidParams            parameters are missing or wrong; one error names all of them
    ├── NotSignedIn              the code needs a token, and there is no sign-in, or a sign-out elsewhere ended it
    ├── SignInNeeded             the token has expired and only the user can get another
    ├── ProviderError            the provider cannot be reached, or its metadata is wrong
    │   └── ProviderUnreachable  no answer, or none in time; a later try may succeed
    ├── SignOutIncomplete        the tokens are erased here, but the provider still has a token or a session
    ├── StoreUnavailable         the store that was chosen does not work here
    ├── StoreBusy                another thread or process holds the lock of the store
    ├── InsecureApi              the URL of an API has no TLS
    ├── InsecureCluster          the connection to a cluster has no TLS
    ├── NoTokenHere              on a worker of a cluster: the notebook sent no token, or the `with` block has ended
    └── SignInFailed             a sign-in was started and gave no token
        ├── PortTaken            no port of the redirect URIs is free
        ├── NobodyCanAnswer      no browser can be opened, and the notebook runs unattended
        ├── SignInTimeout        no response came in time
        ├── SignInCancelled      the user or the program ended the wait
        ├── ProviderRefused      the provider answered with an error
        ├── InvalidResponse      a response breaks its standard
        └── InvalidIdToken       the ID token failed a check
            ├── UnknownKey       the provider publishes no key that fits the signature
            └── OutOfTime        the ID token is valid at another time than this machine's clock shows
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from .text import plain

REMEDIES = {
    "access_denied": "Sign in again and allow the request, or ask the API's owner for these scopes.",
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


class IpyauthError(Exception):
    """Base class of all errors of this package. `str(error)` is a sentence for the user."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers of a cluster pickle errors. The default calls the constructor with `args`, which is the sentence and
        # not what most of these constructors take.
        return restored, (type(self), self.args, self.__dict__)


def restored(kind: type[IpyauthError], args: tuple[Any, ...], state: Mapping[str, Any]) -> IpyauthError:
    """Return an error of class *kind* with *args* and *state*, without a call of its constructor (for `pickle`)."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


@dataclass(frozen=True)
class Problem:
    """One parameter that cannot be used: its name, the fault, and the place where its value was set."""

    name: str
    message: str
    origin: str | None = None

    def __str__(self) -> str:
        where = f" (from {self.origin})" if self.origin else ""
        return plain(f"{self.name}: {self.message}{where}", 1500)


class InvalidParams(IpyauthError):
    """Parameters are missing or wrong. One error names all of them.

    `problems` holds one `Problem` for each. `hints` holds what is no problem by itself and may be the cause of one, as
    a misspelt name in a dotenv file. The sentence has both.
    """

    def __init__(self, problems: Sequence[Problem], hints: Sequence[str] = ()) -> None:
        super().__init__("\n".join([*map(str, problems), *hints]))
        self.problems = tuple(problems)
        self.hints = tuple(hints)


class NotSignedIn(IpyauthError):
    """The caller needs a token or its claims, and there is no sign-in.

    With *elsewhere*, there was one, and another notebook or program that shares the store has signed out.
    """

    def __init__(self, elsewhere: bool = False) -> None:
        super().__init__(
            "You were signed out by another notebook or program that shares these tokens. "
            "Run the %%auth0 cell again, or call sign_in()."
            if elsewhere
            else "You are not signed in yet. Run a cell with %%auth0, or call sign_in()."
        )


class SignInNeeded(IpyauthError):
    """The access token has expired, and only the user can get another.

    With *in_child*, the caller is a forked process. Its parent has the refresh token, which only one of them may use.
    """

    def __init__(self, in_child: bool = False) -> None:
        super().__init__(
            "The access token has expired, and only the process that signed in renews it: this one was forked from it. "
            'Pass `str(auth.access_token)` to each task, or sign in with store="file", which processes share.'
            if in_child
            else "The access token has expired and cannot be renewed. Run the %%auth0 cell again, or call sign_in()."
        )


class ProviderError(IpyauthError):
    """The provider cannot be reached, or its metadata or its answer cannot be used."""


class ProviderUnreachable(ProviderError):
    """No answer came, or none in time, or the provider is busy. A later try may succeed."""


class SignInFailed(IpyauthError):
    """A sign-in was started and gave no token."""


class PortTaken(SignInFailed):
    """No port of the redirect URIs can be opened, mostly because another program uses it. `ports` lists them."""

    def __init__(self, ports: Sequence[int], reason: str = "") -> None:
        names = " and ".join(str(port) for port in ports)
        port = f"Port {names} is" if len(ports) == 1 else f"Ports {names} are"
        why = f" ({reason})" if reason else ""
        jupyter = " Jupyter itself mostly uses 8888." if 8888 in ports else ""
        super().__init__(
            f"{port} in use or cannot be opened{why}, so the provider's response could not arrive.{jupyter} End the "
            "program that uses it (another notebook may be waiting there), or give another redirect_uri that is listed "
            "in the application's Allowed Callback URLs."
        )
        self.ports = tuple(ports)


class NobodyCanAnswer(SignInFailed):
    """No browser can be opened, and the notebook runs unattended, as under nbclient or papermill."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"You cannot sign in here: this notebook runs unattended and no browser can be opened ({reason}). "
            "Run it where you can follow a link, or set BROWSER to the command of a browser."
        )


class SignInTimeout(SignInFailed):
    """No response came in time: the user did not sign in, or the provider showed an error page.

    `redirect_uri` is None in the device flow, which has none. *advice* is about scopes that the user did not write.
    """

    def __init__(self, seconds: float, redirect_uri: str | None, advice: str = "") -> None:
        super().__init__(
            f"No response came within {seconds:g} seconds. If the provider showed an error page, read there what it "
            "refused: the `client_id`, a scope, the `prompt`, or a redirect URI that is not registered."
            f"{advice and ' '}{advice}\nThe exact redirect URI to register (at Auth0: Allowed Callback URLs):\n"
            f"    {redirect_uri}"
            if redirect_uri
            else f"The code was not entered within {seconds:g} seconds. Run the cell again to get a new one."
        )
        self.redirect_uri = redirect_uri


class SignInCancelled(SignInFailed):
    """The user or the program ended the wait, by an interrupt, by `clear()` or by a shutdown of the kernel."""

    def __init__(self, reason: str = "it was cancelled") -> None:
        super().__init__(f"The sign-in did not finish: {reason}. Run the cell again to sign in.")


class ProviderRefused(SignInFailed):
    """The provider answered with an error (RFC 6749, 4.2.2.1). `error` is its code."""

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
    """A response of the provider breaks its standard. `check` names the parameter at fault.

    *consequence* replaces the last two sentences where the response is not one with tokens.
    """

    def __init__(self, check: str, message: str, consequence: str = "No token was accepted. Try again.") -> None:
        super().__init__(f"The provider's response cannot be trusted: {message}. {consequence}")
        self.check = check


class InvalidIdToken(SignInFailed):
    """The ID token failed a check of OpenID Connect Core. `check` names it, as `"nonce"`. *remedy* is the next step."""

    def __init__(self, check: str, message: str, remedy: str = "Try again.") -> None:
        super().__init__(f"The ID token cannot be trusted: {message}. No token was accepted. {remedy}")
        self.check = check


class UnknownKey(InvalidIdToken):
    """No known key of the provider fits the ID token. The keys may have changed: fetch them again, once."""

    def __init__(
        self, check: str = "key", message: str = "it is signed with a key that the provider does not publish"
    ) -> None:
        super().__init__(check, message)


class OutOfTime(InvalidIdToken):
    """The ID token passes every check but that of its times. Mostly this machine's clock is wrong.

    `ahead` says by how many seconds this clock is ahead of the token's time; None where the token does not tell.
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


class SignOutIncomplete(IpyauthError):
    """The tokens are erased here, but a step at the provider failed.

    `revocation` is the reason why the tokens were not revoked, `session` the reason why the session was not ended.
    Each is None if that step did not fail.
    """

    def __init__(self, revocation: str | None, session: str | None) -> None:
        sentences = ["The tokens are erased on this machine, but the sign-out is not complete."]
        if revocation:
            sentences.append(f"The provider did not revoke them: {revocation}")
        if session:
            sentences.append(f"The provider was not asked to end its session: {session}")
        sentences.append("Sign out on the provider's own pages, or wait until the tokens and the session expire.")
        super().__init__(" ".join(sentences))
        self.revocation = revocation
        self.session = session


class StoreUnavailable(IpyauthError):
    """The store that was chosen does not work here. `store` is its name."""

    def __init__(self, store: str, reason: str, remedy: str = "") -> None:
        others = "`--store memory`" if store == "file" else "`--store file` or `--store memory`"
        choice = f"{remedy}, or choose {others}." if remedy else f"Choose {others}."
        super().__init__(f"Tokens cannot be kept in the {store} store: {reason}. {choice}")
        self.store = store


class StoreBusy(IpyauthError):
    """Another thread or process has held a store's lock for longer than any renewal takes."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Another notebook or thread has locked these tokens for {seconds:g} seconds. "
            "Try again. If that does not help, end the process that hangs, or use `--store memory`."
        )


class InsecureApi(IpyauthError):
    """A token would go to an API over a network without TLS (RFC 6750, 5.3). `origin` is that of the API."""

    def __init__(self, origin: str) -> None:
        shown = plain(origin, 200)
        super().__init__(
            f"The token is not sent to {shown}, because other machines on the network could read it there. Use the "
            f'API\'s https address. If you trust the network, use `auth.session("{shown}", without_tls=True)` or '
            "`auth.httpx(without_tls=True)`."
        )
        self.origin = origin


class InsecureCluster(IpyauthError):
    """A token would go to the workers of a cluster over a network without TLS. `address` is that of the connection."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The cluster's connection to {plain(address, 100)} has no TLS, so other machines on the network could "
            "read or change the messages. Start the cluster with TLS (distributed.Security). If you trust the network, "
            "use `auth.on_dask(client, without_tls=True)`."
        )
        self.address = address


class NoTokenHere(IpyauthError):
    """A worker of a cluster has no token, after *seconds* of waiting or for a *reason* that the notebook sent."""

    def __init__(self, seconds: float | None = None, reason: str = "") -> None:
        if reason:
            sentence = f"The notebook sends this worker no token: {reason}"
        elif seconds is not None:
            sentence = (
                f"The notebook sent no valid token within {seconds:g} seconds. Check the notebook: its kernel may have "
                "stopped, or the provider cannot be reached."
            )
        else:
            sentence = (
                "There is no token here. Use this object on the workers of the cluster, within the block "
                "`with auth.on_dask(client) as worker_auth:`. In the notebook, use `auth` itself."
            )
        super().__init__(sentence)
