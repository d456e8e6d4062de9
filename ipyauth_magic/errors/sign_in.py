"""Errors of a sign-in that was started."""

from __future__ import annotations

from collections.abc import Sequence

from ..text import counted, plain
from .base import IpyauthError


class SignInFailed(IpyauthError):
    """A sign-in was started and gave no token. The subclass is the reason."""


class PortTaken(SignInFailed):
    """No port of the redirect URIs can be opened, usually because another program uses it.

    Attributes:
        ports: that were tried, in order.
    """

    def __init__(self, ports: Sequence[int], reason: str = "") -> None:
        names = " and ".join(str(port) for port in ports)
        port = f"Port {names} is" if len(ports) == 1 else f"Ports {names} are"
        why = f" ({reason})" if reason else ""
        jupyter = " Jupyter itself mostly uses 8888." if 8888 in ports else ""
        super().__init__(
            f"{port} in use or cannot be opened{why}, so the provider's response could not arrive.{jupyter} End the "
            "program that uses it (another notebook may be waiting there), or give another `redirect_uri` that is "
            "registered for the application (at Auth0: Allowed Callback URLs)."
        )
        self.ports = tuple(ports)


class NobodyCanAnswer(SignInFailed):
    """No browser can be opened, and the notebook runs unattended, as under nbclient or papermill."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"You cannot sign in here: this notebook runs unattended and no browser can be opened ({reason}). "
            "Run it where you can follow a link, or set BROWSER to the command of a browser."
        )


class NothingGranted(SignInFailed):
    """The user signed in for further scopes, and the provider granted none of them. The earlier token is kept.

    Attributes:
        scopes: that were asked for and not granted.
    """

    def __init__(self, scopes: Sequence[str]) -> None:
        names = ", ".join(f"`{plain(each, 80)}`" for each in scopes)
        super().__init__(
            f"You signed in, and the provider did not grant {names}. Your earlier token is kept. Ask the API's "
            "owner for that scope."
        )
        self.scopes = tuple(scopes)


class SignInTimeout(SignInFailed):
    """No response came in time: the user did not sign in, or the provider showed an error page.

    Args:
        seconds: of the wait.
        redirect_uri: of the sign-in; None in the device flow.
        advice: sentences about scopes that the user did not write.
        is_registered_here: this package registered the application, so that the user has nothing to register.

    Attributes:
        redirect_uri: of the sign-in, or None.
    """

    def __init__(
        self, seconds: float, redirect_uri: str | None, advice: str = "", is_registered_here: bool = False
    ) -> None:
        waited = counted(seconds, "second")
        if not redirect_uri:
            said = f"The code was not entered within {waited}. Run the cell again to get a new one."
        else:
            what = "the `client_id`, a scope, the `prompt`, or a redirect URI that is not registered."
            uri = f"The exact redirect URI to register (at Auth0: Allowed Callback URLs):\n    {redirect_uri}"
            if is_registered_here:
                what = "a scope, or the application, which was registered there for you."
                uri = "Run the line again: if the provider has forgotten the application, it is registered anew."
            page = f"If the provider showed an error page, read there what it refused: {what}"
            said = f"No response came within {waited}. {page}{advice and ' '}{advice}\n{uri}"
        super().__init__(said)
        self.redirect_uri = redirect_uri


class SignInCancelled(SignInFailed):
    """The user or the program ended the wait: an interrupt, `clear()`, or a shutdown of the kernel."""

    def __init__(self, reason: str = "it was cancelled") -> None:
        super().__init__(f"The sign-in did not finish: {reason}. Run the cell again to sign in.")
