"""The routes for fruits, each for the scopes that serve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import bottle
from bottle import Bottle

from .access_token import AccessToken
from .answers import answer
from .baskets import READ, WRITE, allowed, checked, readable
from .errors import BadRequest, BodyTooLarge, NotJson
from .resource import API
from .serving import MAX_BODY
from .sign_in import MULTI_FACTOR, RequiredSignIn
from .store import FruitStore

RECIPE = ("Cut two usual fruits and an exotic one.", "Add lime and a pinch of salt.", "Wait for ten minutes.")
RECIPE_SIGN_IN = RequiredSignIn(MULTI_FACTOR, max_age=300)


def add_fruit_routes(app: Bottle, store: FruitStore) -> None:
    """Add the routes that read and write the fruits of *store*, and that of the recipe."""

    def read(access_token: AccessToken) -> bytes:
        baskets = readable(access_token.scopes)
        # Most requests come here. The fruits and the claims are JSON texts already, computed once.
        fruits = store.snapshot().json(baskets)
        msg = f"Fruits that you may see: {' and '.join(baskets)}."
        return answer(f'{{"msg": "{msg}", "fruits": {fruits}, "token_info": {access_token.json}}}')

    def write(access_token: AccessToken) -> bytes:
        fruits = checked(_json_body())
        baskets = allowed(access_token.scopes, WRITE)
        added = store.add({basket: names for basket, names in fruits.items() if basket in baskets})
        refused = {basket: names for basket, names in fruits.items() if basket not in baskets}
        msg = f"Fruits added: {sum(map(len, added.values()))}."
        if refused:
            msg += f" Your token's scopes do not allow adding to: {' and '.join(refused)}."
        said = json.dumps({"msg": msg, "fruits_added": added, "fruits_refused": refused})
        return answer(f'{said[:-1]}, "token_info": {access_token.json}}}')

    app.get(API, callback=read, scopes=tuple(READ))
    app.post(API, callback=write, scopes=tuple(WRITE))
    app.get(f"{API}/recipe", callback=_recipe, scopes=tuple(READ), sign_in=RECIPE_SIGN_IN)


def _recipe(access_token: AccessToken) -> bytes:
    said = json.dumps({"msg": "The recipe of the fruit salad.", "recipe": RECIPE})
    return answer(f'{said[:-1]}, "token_info": {access_token.json}}}')


def _json_body() -> Any:
    request = bottle.request
    if request.content_length > MAX_BODY:
        raise BodyTooLarge(f"A body has at most {MAX_BODY} bytes.")
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise NotJson("Send the fruits as Content-Type: application/json.")
    try:
        return json.loads(_body(request.environ).decode("utf-8"))
    # RecursionError: 80 kB of "[" are too deep for Python's parser.
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON in UTF-8.") from error


def _body(environ: Mapping[str, Any]) -> bytes:
    """Return the body. `wsgi.input_terminated` means that the server has decoded chunks, so Bottle must not."""
    if not environ.get("wsgi.input_terminated"):
        return bytes(bottle.request.body.read())
    try:
        body: bytes = environ["wsgi.input"].read(MAX_BODY + 1)
    except Exception as error:  # each server raises its own error for an incomplete body
        raise BadRequest("The body cannot be read to its end.") from error
    if len(body) > MAX_BODY:
        raise BodyTooLarge(f"A body has at most {MAX_BODY} bytes.")
    return body
