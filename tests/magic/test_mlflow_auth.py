"""`MLFLOW_TRACKING_AUTH=ipyauth`: which sign-in of the process an MLflow server gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import distribution

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.clients.mlflow_auth import MlflowAuth
from ipyauth_magic.errors import NotSignedIn
from ipyauth_magic.flows.authenticator import SESSION
from tests.support.web import Web, serving


@pytest.fixture(autouse=True)
def nobody_signed_in() -> None:
    """A process of its own, as far as its sign-ins go."""
    SESSION.forget_tokens()


@pytest.fixture
def server() -> Iterator[Web]:
    """A server that plays MLflow's."""
    with serving() as running:
        running.answers["/"] = (200, {}, b"{}")
        yield running


def for_another_api(auth: Auth) -> Auth:
    """Return an `Auth` like *auth*, without an audience."""
    params = authenticator_of(auth).params
    values = {name: getattr(params, name) for name in ("domain", "client_id", "redirect_uri")}
    return Auth(ParamsAuth0(**values), flow="code")


def sent_to(server: Web, plugin: MlflowAuth) -> str:
    """Return the token that a request to *server* has."""
    requests.get(f"{server.url}/", auth=plugin.get_auth(), timeout=20)
    return server.headers[-1]["Authorization"].removeprefix("Bearer ")


def test_it_is_where_mlflow_looks() -> None:
    """An entry point, whose class is made without arguments, as MLflow makes it."""
    [entry] = distribution("ipyauth-magic").entry_points.select(group="mlflow.request_auth_provider")
    assert entry.name == entry.load()().get_name() == "ipyauth"


def test_a_server_gets_the_latest_sign_in(make_auth: Callable[..., Auth], server: Web) -> None:
    """Before any sign-in, an error and no request."""
    plugin = MlflowAuth()
    with pytest.raises(NotSignedIn):
        sent_to(server, plugin)
    assert server.asked == []
    auth = make_auth()
    for_another_api(auth).sign_in()
    auth.sign_in()
    assert sent_to(server, plugin) == auth.access_token


def test_a_later_sign_in_for_another_api_is_not_sent_there(make_auth: Callable[..., Auth], server: Web) -> None:
    """After a sign-out there is no other to take its place."""
    plugin, auth = MlflowAuth(), make_auth().sign_in()
    sent_to(server, plugin)
    another = for_another_api(auth).sign_in()
    assert sent_to(server, plugin) == auth.access_token
    auth.clear()
    with pytest.raises(NotSignedIn):
        sent_to(server, plugin)
    with serving() as second:
        assert sent_to(second, plugin) == another.access_token


def test_a_later_sign_in_for_the_same_api_is_sent_there(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], server: Web
) -> None:
    """It takes the place of the earlier one."""
    plugin, auth = MlflowAuth(), make_auth().sign_in()
    sent_to(server, plugin)
    own_issuer.switches.access_token_lifetime += 1  # two tokens of one second are equal
    again = make_auth(store="none").sign_in()
    assert sent_to(server, plugin) == again.access_token != auth.access_token


def test_a_token_that_was_refused_decides_nothing(make_auth: Callable[..., Auth], server: Web) -> None:
    """The first sign-in was for another API: the user makes the right one, and calls again."""
    plugin, auth = MlflowAuth(), make_auth()
    server.answers["/"] = (401, {}, b"{}")
    for_another_api(auth).sign_in()
    sent_to(server, plugin)
    auth.sign_in()
    assert sent_to(server, plugin) == auth.access_token
