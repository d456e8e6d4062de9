"""The plugin that MLflow loads for `MLFLOW_TRACKING_AUTH=ipyauth`: an auth object with a sign-in of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import NotSignedIn
from ..protocol.urls import origin_of
from .requests_auth import RequestsAuth

if TYPE_CHECKING:
    import requests

    from ..flows.authenticator import Authenticator


class MlflowAuth:
    """Puts a token of this process on each request to an MLflow server; a plugin of `mlflow.request_auth_provider`.

    The first request to a server uses the latest sign-in. Later requests use the latest sign-in for the same API, so a
    token for another API is not sent there. After a 401, the next request uses the latest sign-in again.
    """

    def __init__(self) -> None:
        self._api_at: dict[str, tuple[str | None, ...]] = {}

    def get_name(self) -> str:
        """Return the value of `MLFLOW_TRACKING_AUTH` that chooses this plugin."""
        return "ipyauth"

    def get_auth(self) -> MlflowAuth:
        """Return an auth object of `requests`."""
        return self

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on *request*.

        Raises:
            NotSignedIn: there is no sign-in in this process.
            SignInNeeded: the token has expired, and only the user can get another.
            ProviderError: the token has expired, and the provider cannot be reached.
            InsecureApi: *request* goes to another machine over plain http.
        """
        server = origin_of(str(request.url))
        authenticator = self._signed_in(server)
        RequestsAuth(authenticator.source)(request)
        self._api_at[server] = _api_of(authenticator)
        request.hooks["response"].append(self._note)
        return request

    def _signed_in(self, server: str) -> Authenticator:
        """Return the latest sign-in for the API of *server*, or the latest of all that may be sent there."""
        from ..flows.authenticator import SESSION  # MLflow loads this file whenever it is imported itself

        api = self._api_at.get(server)
        for each in reversed(SESSION.signed_in()):
            may_go_there = each.source.api is None or origin_of(each.source.api) == server
            if may_go_there and api in (None, _api_of(each)):
                return each
        raise NotSignedIn

    def _note(self, response: requests.Response, **_: Any) -> None:
        """Forget which API *response* came from, if it refuses the token."""
        if response.status_code == 401:
            self._api_at.pop(origin_of(str(response.request.url)), None)


def _api_of(authenticator: Authenticator) -> tuple[str | None, ...]:
    """Return what tells an API from others of a sign-in's provider, and the provider."""
    params = authenticator.params
    return params.expected_issuer, params.audience, params.resource
