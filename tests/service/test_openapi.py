"""The description of the API is true: of its routes, and of every answer that a generator of requests can draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from fruit_service.app import routes
from fruit_service.baskets import READ, WRITE
from fruit_service.config import Config
from fruit_service.description import openapi
from fruit_service.issuer.server import LocalIssuer
from fruit_service.keys import IssuerKeys
from fruit_service.sign_in import MULTI_FACTOR
from fruit_service.store import FruitStore

from .running import running_service

ASSETS = {"/pages/style.css", "/pages/icon.svg"}
"""Parts of the page for people, and not of the API."""
DESCRIPTION = schemathesis.openapi.from_dict(json.loads(openapi()))


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, str]]:
    """The address of a running service, and a token that may do everything."""
    with LocalIssuer(port=0, lifetime=3600) as issuer, running_service(issuer.issuer) as address:
        yield address, issuer.access_token(" ".join([*READ, *WRITE]), acr=MULTI_FACTOR)


def test_routes_are_those_of_the_description() -> None:
    """Each with its methods, and none beside them."""
    store = FruitStore("sqlite://")
    app = routes(Config(issuer="https://tenant.test/"), store, IssuerKeys("https://tenant.test/"))
    store.close()
    real = {(route.rule, route.method.lower()) for route in app.routes if route.rule not in ASSETS}
    described = {(path, method) for path, methods in json.loads(openapi())["paths"].items() for method in methods}
    assert real == described


def test_scopes_are_those_of_the_routes() -> None:
    """As the security of each operation names them."""
    paths = json.loads(openapi())["paths"]
    for path, method, rights in (
        ("/api/fruit", "get", READ),
        ("/api/fruit", "post", WRITE),
        ("/api/fruit/recipe", "get", READ),
    ):
        assert [scope for each in paths[path][method]["security"] for scope in each["bearer"]] == list(rights)


def test_description_is_served(service: tuple[str, str]) -> None:
    """As OpenAPI 3.1, without a token."""
    assert requests.get(f"{service[0]}/openapi.json", timeout=5).json() == json.loads(openapi())


def as_described(name: str) -> Callable[..., None]:
    """Return a test in which Schemathesis draws requests for one operation, and compares the answers."""

    @DESCRIPTION.include(name=name).parametrize()
    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def test(case: schemathesis.Case, service: tuple[str, str]) -> None:
        address, token = service
        case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=5)

    drawn.append(name)
    return test


# A test each: those that `parametrize` makes of one function have the same identifier.
drawn: list[str] = []
test_fruits_are_read_as_described = as_described("GET /api/fruit")
test_fruits_are_added_as_described = as_described("POST /api/fruit")
test_the_recipe_is_as_described = as_described("GET /api/fruit/recipe")
test_the_metadata_are_as_described = as_described("GET /.well-known/oauth-protected-resource/api/fruit")
test_life_is_told_as_described = as_described("GET /healthz")
test_readiness_is_told_as_described = as_described("GET /readyz")
test_the_description_is_as_described = as_described("GET /openapi.json")
test_the_page_is_as_described = as_described("GET /")


def test_requests_are_drawn_for_every_operation() -> None:
    """Good and bad ones, for all that the description has."""
    assert sorted(drawn) == sorted(each.ok().label for each in DESCRIPTION.get_all_operations())
