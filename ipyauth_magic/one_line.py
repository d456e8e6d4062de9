"""login(), the one line that signs in, for scripts, marimo, Colab and notebooks alike.

The file is not called login.py: a module of that name would take the place of the function in the package.
"""

from __future__ import annotations

import warnings
from typing import Any

from .auth import Auth
from .errors import InvalidParams, Problem
from .settings.params import IpyauthWarning, ParamsAuth0
from .store import Store


def login(
    profile: str | None = None,
    /,
    *,
    store: str | Store | None = None,
    renewable: bool | None = None,
    bind: str | None = None,
    paste: bool = False,
    open_browser: bool = True,
    force: bool = False,
    **parameters: Any,
) -> Auth:
    """Sign in, and return the `Auth`: `login("work")`, or `login(issuer="https://...", client_id="...")`.

    A token that is still good is kept, without a browser; one that has ended is renewed. The flow is `code` where
    neither *parameters* nor any other place says one.

    Args:
        profile: the name of a profile; *parameters* go before its values.
        store: where tokens are kept, or a `Store` of your own.
        renewable: True asks for a refresh token in any case, False never; None where the provider can give one.
        bind: another address to listen on than the redirect URI's.
        paste: ask also for the URL at which the browser ended.
        open_browser: open one; if not, only the link is shown.
        force: sign in again even if there is a good token.
        parameters: those of `ParamsAuth0`, as `domain`, `scope`, `flow` and `timeout`.

    Raises:
        InvalidParams: names every missing or bad parameter at once, or the profile that is not there.
        StoreUnavailable: there is no such store here.
        SignInFailed: there is no token; its subclasses tell why.
        ProviderError: the provider cannot be reached.
        KeyboardInterrupt: the user interrupted; the port is free again.
    """
    if profile is not None and "://" in profile:
        sentence = (
            "is missing: an API's address alone does not say where to sign in. Write "
            '`login(issuer="https://...", client_id="...")`, or `domain=` for Auth0'
        )
        raise InvalidParams([Problem("issuer", sentence)])
    if isinstance(store, str):
        parameters["store"] = store
    params = ParamsAuth0.from_magic(parameters, origin="keyword", profile=profile, default_flow="code")
    for warning in params.warnings:
        warnings.warn(warning, IpyauthWarning, stacklevel=2)
    own_store = None if isinstance(store, str) else store
    auth = Auth(params, store=own_store, renewable=renewable, bind=bind, paste=paste)
    return auth.sign_in(open_browser=open_browser, force=force)
