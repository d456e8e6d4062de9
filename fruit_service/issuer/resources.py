"""Resource indicators: the API that a client names by its URL (RFC 8707)."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error

from .directory import Directory
from .messages import Request
from .terms import Terms


class InvalidTargetError(OAuth2Error):
    """The `resource` is not an API of this issuer, or not the one that the user has allowed (section 2)."""

    error = "invalid_target"


def audience_of(request: Request, directory: Directory) -> str:
    """Return the identifier of the API that *request* names by `audience`, by `resource`, or by both.

    Raises:
        InvalidTargetError: no API has that URL, or two APIs are named.
    """
    named = {_identifier(resource, directory) for resource in request.resources}
    if request.audience:
        named.add(request.audience)
    if len(named) > 1:
        raise InvalidTargetError("A token is for one API. The audience and each resource must name the same one.")
    return next(iter(named), "")


def with_resources_of(request: Request, granted: Terms, directory: Directory) -> Terms:
    """Return *granted* for those of its resources that a token request names (section 2.2).

    Raises:
        InvalidTargetError: the user did not allow one of them.
    """
    for resource in request.resources:
        is_granted = resource in granted.resources if granted.resources else True
        if not is_granted or _identifier(resource, directory) != granted.audience:
            raise InvalidTargetError("The user did not allow this resource.")
    return Terms(granted.audience, request.resources or granted.resources, granted.auth_time, granted.acr)


def _identifier(resource: str, directory: Directory) -> str:
    api = directory.find_api(resource)
    if api is None:
        raise InvalidTargetError(
            "This issuer has no API with this resource. Start it with --resource IDENTIFIER=URL, "
            "or ask for http://127.0.0.1:PORT/IDENTIFIER."
        )
    return api.identifier
