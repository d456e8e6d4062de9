"""An application's data in a JSON file that its provider offers for download (`client_secret_....json`)."""

from __future__ import annotations

import json

from ..protocol.urls import is_safe_url, origin_of

_KINDS = ("installed", "web")
"""The member that holds the data: of an application on the user's machine, or on a server."""


def client_in(text: str) -> dict[str, str] | None:
    """Return the parameters in *text*; None if it is not such a file.

    The file has no issuer. Its authorization endpoint stands at the issuer's own origin, and the discovery document
    found there must name that issuer, so a wrong guess is an error, and no other provider's tokens are taken.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kinds = [document.get(kind) for kind in _KINDS] if isinstance(document, dict) else []
    client = next((each for each in kinds if isinstance(each, dict)), {})
    found = {name: client[name] for name in ("client_id", "client_secret") if isinstance(client.get(name), str)}
    if "client_id" not in found:
        return None
    if is_safe_url(client.get("auth_uri")):
        found["issuer"] = origin_of(client["auth_uri"])
    return found
