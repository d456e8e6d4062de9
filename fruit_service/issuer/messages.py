"""An OAuth request in Authlib's form, and an authorization response in its three modes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from bottle import HTTPResponse

from ..errors import BadRequest
from ..pages import page, policy_source, secure_headers
from .terms import Terms

PACKAGE = __package__ or ""
MAX_PARAMETERS = 100


class Parameters(OAuth2Payload):
    """The parameters of a request, by name, from its form-encoded text."""

    def __init__(self, encoded: str) -> None:
        self._datalist: defaultdict[str, list[str]] = defaultdict(list)
        try:
            pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError as error:
            raise BadRequest(f"A request has at most {MAX_PARAMETERS} parameters.") from error
        for name, value in pairs:
            self._datalist[name].append(value)
        self._data = {name: values[0] for name, values in self._datalist.items()}

    @property
    def data(self) -> dict[str, str]:
        """The first value of each parameter."""
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Every value of each parameter."""
        return self._datalist


class Request(OAuth2Request):
    """A request to an endpoint of the issuer, with the extensions of Auth0 and OpenID Connect."""

    payload: Parameters
    user: Any
    """The user who is signed in, or None."""
    authorization_code: Any
    """The authorization of the code in a token request."""
    refresh_token: Any
    """The authorization of the refresh token in a token request."""
    auth_time: int = 0
    """Time of the user's sign-in, in seconds since 1970."""
    acr: str | None = None
    """The class of the user's sign-in, or None for one without a second step."""
    audience: str
    """The identifier of the API for the access token, or empty. At first it is the parameter of that name."""

    def __init__(self, method: str, uri: str, encoded: str, headers: Mapping[str, str]) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = Parameters(encoded)
        self.audience = self.get("audience")

    @property
    def args(self) -> dict[str, str | None]:
        """The parameters, for Authlib's code that reads arguments."""
        return dict(self.payload.data)

    @property
    def form(self) -> dict[str, str]:
        """The parameters, for Authlib's code that reads a form."""
        return self.payload.data

    def get(self, name: str) -> str:
        """Return the parameter *name*, or an empty text. Empty means absent (RFC 6749, section 3.1)."""
        return self.payload.data.get(name, "")

    @property
    def resources(self) -> tuple[str, ...]:
        """The URLs of the API for the access token (RFC 8707, section 2)."""
        return tuple(dict.fromkeys(each for each in self.payload.datalist.get("resource", ()) if each))

    @property
    def acr_values(self) -> list[str]:
        """The requested classes of sign-in (OpenID Connect Core, section 3.1.2.1)."""
        return self.get("acr_values").split()

    @property
    def terms(self) -> Terms:
        """The terms of the tokens, once the user has signed in."""
        auth_time = self.auth_time if self.get("max_age") or self.acr else None
        return Terms(self.audience, self.resources, auth_time, self.acr)

    @property
    def prompts(self) -> list[str]:
        """The values of `prompt` (OpenID Connect Core, section 3.1.2.1)."""
        return self.get("prompt").split()

    @property
    def default_response_mode(self) -> str:
        """The response mode of the response type (OAuth 2.0 Multiple Response Types, section 5)."""
        return "query" if self.payload.response_type in (None, "", "code") else "fragment"

    @property
    def response_mode(self) -> str:
        """The requested response mode if it is allowed, else the default."""
        asked = self.get("response_mode")
        return asked if asked in self._allowed_response_modes() else self.default_response_mode

    def check_response_mode(self) -> None:
        """Refuse an unknown response mode, and one that would put a token into a query (RFC 9700, section 4.3.2)."""
        asked = self.get("response_mode")
        if asked and asked not in self._allowed_response_modes():
            raise InvalidRequestError("This response_mode is not supported for this response_type.")

    def check_no_repetition(self) -> None:
        """Refuse a repeated parameter (RFC 6749, section 3.2), but for `resource` (RFC 8707, section 2)."""
        if any(len(values) > 1 for name, values in self.payload.datalist.items() if name != "resource"):
            raise InvalidRequestError("Send each parameter once.")

    def _allowed_response_modes(self) -> set[str]:
        return {"fragment", "form_post", self.default_response_mode}


def authorization_response(
    request: Request, redirect_uri: str, parameters: Iterable[tuple[str, object]], issuer: str | None
) -> HTTPResponse:
    """Return the answer by which the browser sends *parameters*, and the state, to *redirect_uri*.

    *issuer* is named in it as `iss` (RFC 9207, section 2), errors included; None leaves that out.
    """
    carried = [(name, str(value)) for name, value in parameters if name != "state"]
    if issuer is not None:
        carried.append(("iss", issuer))
    if request.payload.state:
        carried.append(("state", request.payload.state))
    if request.response_mode == "form_post":
        source = policy_source(redirect_uri)
        data: dict[str, Any] = {"redirect_uri": redirect_uri, "parameters": carried}
        return page(PACKAGE, "form_post.html", "Returning", mood="waiting", form_action=source, **data)
    location = add_params_to_uri(redirect_uri, carried, fragment=request.response_mode == "fragment")
    # 303: the browser must not post the user's form again, to the client (RFC 9700, section 4.12).
    return HTTPResponse("", 303, {**secure_headers(), "Location": location})


def response_without_equal_scope(response: tuple[int, Any, Any], requested: str) -> tuple[int, Any, Any]:
    """Return a grant's token response (status, parameters, headers) without a `scope` that equals the requested one."""
    status, token, headers = response
    return status, without_equal_scope(token, requested), headers


def without_equal_scope(token: Mapping[str, Any], requested: str) -> dict[str, Any]:
    """Return *token* without `scope` if it equals the requested one (RFC 6749, section 5.1)."""
    equal = set(token["scope"].split()) == set(requested.split())
    return {name: value for name, value in token.items() if not (equal and name == "scope")}
