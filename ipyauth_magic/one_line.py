"""login(), the one line that signs in, for scripts, marimo, Colab and notebooks alike.

The file is not called login.py: a module of that name would take the place of the function in the package.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from .auth import Auth, authenticator_of
from .display.cards import introduction_card
from .display.panel import introduce
from .errors import InvalidParams, Problem
from .flows.by_address import ByAddress, Introduction
from .protocol.urls import why_not_an_api
from .settings.params import Found, IpyauthWarning, ParamsAuth0
from .store import Store


def login(
    where: str | None = None,
    /,
    *,
    store: str | Store | None = None,
    renewable: bool | None = None,
    bind: str | None = None,
    paste: bool = False,
    open_browser: bool = True,
    force: bool = False,
    challenge: str | None = None,
    **parameters: Any,
) -> Auth:
    """Sign in, and return the `Auth`: `login("https://api.example.com")`, `login("work")`, or `login(issuer="...")`.

    A token that is still good is kept, without a browser. An expired token is renewed. The default flow is `code`. The
    call blocks until the user is signed in, the provider refuses, the time is over, or the user interrupts.

    Args:
        where: the address of an API that names its authorization server (RFC 9728), or the name of a profile.
            *parameters* take precedence over both. None if *parameters* are enough.
        store: the place for tokens: `memory`, `keyring`, `file` or `none`, or a `Store` of your own. None is the
            `store` of a profile or another place, otherwise `memory`.
        renewable: True asks for a refresh token in any case, False never. None asks for one if the flow can give one,
            unless the provider lists its scopes without `offline_access`.
        bind: listen on this address instead of the redirect URI's.
        paste: also ask for the URL at which the browser ended.
        open_browser: open a browser. If False, only the link is shown.
        force: sign in again even if there is a good token.
        challenge: the `WWW-Authenticate` header of a 401 of the API, if you have it. By default, a GET without a token
            asks the API for it. An API that does not accept GET may answer without the header.
        parameters: keywords of `ParamsAuth0`, such as `domain`, `scope`, `flow` and `timeout`.

    Raises:
        InvalidParams: a parameter is missing or wrong, or there is no such profile. One error names all of them.
        StoreUnavailable: the store does not work here.
        SignInFailed: there is no token; the subclass is the reason.
        ProviderError: the provider or the API cannot be reached, or its metadata cannot be used.
        KeyboardInterrupt: the user interrupted; the port is free again.
    """
    if isinstance(store, str):
        parameters["store"] = store
    own_store = None if isinstance(store, str) else store

    def signed_in(params: ParamsAuth0, before_asking: Callable[[], None] = lambda: None) -> Auth:
        auth = Auth(params, store=own_store, renewable=renewable, bind=bind, paste=paste)
        if force or not authenticator_of(auth).without_user():
            before_asking()
        return auth.sign_in(open_browser=open_browser, force=force)

    if where is not None and "://" in where:
        by_address = _by_address(where, parameters, challenge, renewable)
        _warn(by_address.given)
        return by_address.sign_in(lambda params: signed_in(params, by_address.introduce))
    params = ParamsAuth0.from_magic(parameters, origin="keyword", profile=where, default_flow="code")
    _warn(params)
    return signed_in(params)


def _by_address(url: str, parameters: Mapping[str, Any], challenge: str | None, renewable: bool | None) -> ByAddress:
    """Return the sign-in by the address *url* of an API.

    Raises:
        InvalidParams: that is not such an address, or a parameter cannot be used.
    """
    if sentence := why_not_an_api(url):
        raise InvalidParams([Problem("the address", f"The address {sentence}")])

    def make(found: Found) -> ParamsAuth0:
        return ParamsAuth0.from_magic(parameters, origin="keyword", default_flow="code", found=found)

    def show(told: Introduction) -> None:
        introduce(introduction_card(*astuple(told)))

    return ByAddress(url, make, show, challenge, renewable)


def _warn(params: ParamsAuth0) -> None:
    for warning in params.warnings:
        warnings.warn(warning, IpyauthWarning, stacklevel=3)
