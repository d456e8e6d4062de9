"""Errors about the tokens of a sign-in, their stores, and the APIs and clusters that get them."""

from __future__ import annotations

from ..text import counted, plain
from .base import IpyauthError


class NotSignedIn(IpyauthError):
    """The caller needs a token or its claims, and there was no sign-in, or the user has signed out.

    Args:
        elsewhere: another notebook or program that shares the store has signed out.
    """

    def __init__(self, elsewhere: bool = False) -> None:
        super().__init__(
            "You were signed out by another notebook or program that shares these tokens. "
            "Run the cell that signs in again, or call `auth.sign_in()`."
            if elsewhere
            else "You are not signed in. Run a cell with `%%login` or `%%auth0`, or call `auth.sign_in()`."
        )


class SignInNeeded(IpyauthError):
    """The access token has expired, and only the user can get another.

    Args:
        in_child: the caller is a forked process. Only its parent has the refresh token, because only one may use it.
    """

    def __init__(self, in_child: bool = False) -> None:
        super().__init__(
            "The access token has expired, and this process was forked from the one that signed in, which alone renews "
            "it. For short work, pass `str(auth.access_token)` to each task. For long work, sign in with "
            '`store="file"` (`--store file`), where processes share the tokens.'
            if in_child
            else "The access token has expired and cannot be renewed. Run the cell that signs in again, or call "
            "`auth.sign_in()`."
        )


class SignOutIncomplete(IpyauthError):
    """The tokens are erased here, but a step at the provider failed.

    Attributes:
        revocation: the reason why the tokens were not revoked (RFC 7009), as a sentence; None if that did not fail.
        session: the reason why the provider was not asked to end its session, as a sentence; None if that did not fail.
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
    """The store that was chosen does not work here.

    Attributes:
        store: its name.
    """

    def __init__(self, store: str, reason: str, remedy: str = "") -> None:
        others = "`--store memory`" if store == "file" else "`--store file` or `--store memory`"
        choice = f"{remedy}, or choose {others}." if remedy else f"Choose {others}."
        super().__init__(f"Tokens cannot be kept in the {store} store: {reason}. {choice}")
        self.store = store


class StoreBusy(IpyauthError):
    """Another thread or process has held a store's lock for *seconds*, which is longer than any renewal takes."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Another notebook or thread has locked these tokens for {counted(seconds, 'second')}. "
            "Try again. If that does not help, end the process that hangs, or use `--store memory`."
        )


class InsecureApi(IpyauthError):
    """A token would be sent to an API over a network without TLS (RFC 6750, 5.3). It was not sent.

    Attributes:
        origin: scheme, host and port of the API.
    """

    def __init__(self, origin: str) -> None:
        shown = plain(origin, 200)
        super().__init__(
            f"The token is not sent to {shown}, because other machines on the network could read it there. Use the "
            f'API\'s https address. If you trust the network, use `auth.session("{shown}", without_tls=True)` or '
            "`auth.httpx(without_tls=True)`."
        )
        self.origin = origin


class OtherOrigin(IpyauthError):
    """The user signed in by an API's address, and the token would be sent to another origin. It was not sent.

    Attributes:
        origin: scheme, host and port of the request.
        api: the origin that the token is for.
    """

    def __init__(self, origin: str, api: str) -> None:
        shown = plain(origin, 200)
        super().__init__(
            f"The token is for {plain(api, 200)}, so it is not sent to {shown}. Send that request without `auth`, or "
            f"sign in there: `%login {shown}`."
        )
        self.origin = origin
        self.api = api


class InsecureCluster(IpyauthError):
    """A token would be sent to the workers of a cluster over a network without TLS. It was not sent.

    Attributes:
        address: of the connection.
    """

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The cluster's connection to {plain(address, 100)} has no TLS, so other machines on the network could "
            "read or change the messages. Start the cluster with TLS (distributed.Security). If you trust the network, "
            "use `auth.on_dask(client, without_tls=True)`."
        )
        self.address = address


class NoTokenHere(IpyauthError):
    """A task needs a token, and its worker has none.

    Args:
        seconds: for which the worker has waited for a token; None if it did not wait.
        reason: a sentence that the notebook sent instead of a token; may be empty.
    """

    def __init__(self, seconds: float | None = None, reason: str = "") -> None:
        if reason:
            sentence = f"The notebook sends this worker no token: {reason}"
        elif seconds is not None:
            waited = counted(seconds, "second")
            sentence = (
                f"The notebook sent no valid token within {waited}. Check the notebook: its kernel may have stopped, "
                "or the provider cannot be reached."
            )
        else:
            sentence = (
                "There is no token here. Use this object on the workers of the cluster, within the block "
                "`with auth.on_dask(client) as worker_auth:`. In the notebook, use `auth` itself."
            )
        super().__init__(sentence)
