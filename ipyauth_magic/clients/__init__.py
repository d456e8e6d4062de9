"""Objects that put the token on requests: for requests, httpx, httpx2, MLflow, and the workers of a Dask cluster.

Each is imported when it is used. If its library is missing, the error names the extra to install.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

    from ..flows.token_source import TokenSource
    from .dask.worker import WorkerAuth as WorkerAuth
    from .httpx_auth import TokenAuth as TokenAuth
    from .requests_auth import RequestsAuth
    from .requests_session import TokenSession as TokenSession

    Subscribe = Callable[[Callable[[], None]], AbstractContextManager[None]]


def for_requests(source: TokenSource) -> RequestsAuth:
    """Return an auth object of `requests`."""
    from .requests_auth import RequestsAuth

    return RequestsAuth(source)


def session(source: TokenSource, base_url: str | None, without_tls: bool) -> TokenSession:
    """Return a `requests.Session` that sends the token to one origin."""
    from .requests_session import TokenSession as TokenSession

    return TokenSession(source, base_url, without_tls)


def for_httpx(source: TokenSource, without_tls: bool) -> TokenAuth:
    """Return an auth object for httpx and httpx2.

    Raises:
        ImportError: neither is installed. The message names the extra.
    """
    try:
        from .httpx_auth import token_auth

        return token_auth(source, without_tls)
    except ImportError as error:
        raise ImportError(
            "Neither httpx nor httpx2 is installed here: run `pip install 'ipyauth-magic[httpx]'`."
        ) from error


def for_dask(
    source: TokenSource, subscribe: Subscribe, client: Client, without_tls: bool
) -> AbstractContextManager[WorkerAuth]:
    """Return a context that gives an auth object of `requests` for the workers of a Dask cluster.

    Raises:
        ImportError: Dask is not installed. The message names the extra.
    """
    try:
        from .dask.kernel import worker_auth
    except ImportError as error:
        raise ImportError("Dask is not installed here: run `pip install 'ipyauth-magic[dask]'`.") from error
    return worker_auth(source, subscribe, client, without_tls)
