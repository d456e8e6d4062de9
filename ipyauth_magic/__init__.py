"""An OAuth 2.0 / OpenID Connect access token in a notebook.

In a notebook:

    %load_ext ipyauth_magic

    %%auth0
    domain=tenant.eu.auth0.com
    client_id=...
    audience=api/fruit
    scope=read:usual-fruit

    requests.get(url, headers={"Authorization": f"Bearer {token}"})

`%%login` does the same for any provider, with an authorization code and PKCE. In Python,
`login(issuer=..., client_id=...)` or `Auth(ParamsAuth0(...)).sign_in()` returns an `Auth`, whose `access_token` is the
token.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .auth import Auth
    from .errors import IpyauthError
    from .one_line import login
    from .settings.params import ParamsAuth0

__version__ = "0.1.0"
__all__ = [
    "Auth",
    "IpyauthError",
    "ParamsAuth0",
    "__version__",
    "load_ipython_extension",
    "login",
    "unload_ipython_extension",
]

# Imported when they are used: %load_ext is to cost nothing.
_HOMES = {"Auth": "auth", "ParamsAuth0": "settings.params", "IpyauthError": "errors", "login": "one_line"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from .display.traceback_masking import guard_tracebacks

    guard_tracebacks()  # parameters that are wrong are the first error that a user meets
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Name the server extension that takes responses for the kernels of a Jupyter server; Jupyter calls this."""
    return [{"module": f"{__name__}.callback.jupyter_extension"}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register `%%login`, `%%auth0`, `%token` and `%logout`; IPython calls this for `%load_ext ipyauth_magic`."""
    if sys.platform == "emscripten":
        print("ipyauth_magic cannot work in JupyterLite: a kernel in the browser cannot listen for a response.")
        return
    from .ipython.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics, the variables that they set, and all tokens; IPython calls this for `%unload_ext`."""
    from .ipython.magics import unload

    unload(shell)
