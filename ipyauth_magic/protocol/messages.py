"""The authorization request and its response: built, parsed, and checked against each other."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from ..errors import InvalidResponse, ProviderRefused
from .pkce import CodeVerifier, code_challenge
from .tokens import AccessToken, ClientSecret, IdToken, Received

_TOKEN_CHARACTERS = re.compile(r"[\x21-\x7e]+")  # RFC 6749, A.12, without the space, which would end a header's value
_CODE_CHARACTERS = re.compile(r"[\x20-\x7e]+")  # RFC 6749, A.11
_MAX_PARAMETERS = 100
PASTE_LIMIT = 64 * 1024
"""Longest pasted text, in characters. A response with two large tokens has a tenth of that."""

MAX_LIFETIME = 10 * 365 * 24 * 3600
"""Longest lifetime of a token, in seconds. A longer one counts as this."""


class MalformedResponse(ValueError):
    """A body, query or pasted text is not an authorization response."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """An authorization request (RFC 6749, 4.1.1 and 4.2.1; OpenID Connect Core, 3.1.2.1 and 3.2.2.1).

    `state` binds the response to this request, and `nonce` the ID token. In the code grant `code_verifier` binds the
    token request: its hash goes into the URL (RFC 7636, 4.3). `client_secret` is for the token request alone.
    """

    response_type: str
    response_mode: str
    client_id: str
    redirect_uri: str
    scope: str
    issuer: str
    audience: str | None = None
    passed_on: tuple[tuple[str, str], ...] = ()
    code_verifier: CodeVerifier | None = field(default=None, repr=False)
    client_secret: ClientSecret | None = field(default=None, repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def wants_id_token(self) -> bool:
        """Whether an ID token is asked for, by the scope `openid` (OpenID Connect Core, 3.1.2.1)."""
        return "openid" in self.scope.split()

    def url(self, authorization_endpoint: str) -> str:
        """Return the URL for the user's browser (RFC 6749, 3.1)."""
        parameters = [
            ("response_type", self.response_type),
            ("response_mode", self.response_mode),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            *([("scope", self.scope)] if self.scope else []),
            ("state", self.state),
            *([("nonce", self.nonce)] if self.wants_id_token else []),
            *(
                [("code_challenge", code_challenge(self.code_verifier)), ("code_challenge_method", "S256")]
                if self.code_verifier
                else []
            ),
            *([("audience", self.audience)] if self.audience else []),
            *self.passed_on,
        ]
        separator = "&" if "?" in authorization_endpoint else "?"
        # Authlib's prepare_grant_uri does the same, but its imports delay the browser by tens of milliseconds.
        return f"{authorization_endpoint}{separator}{urlencode(parameters)}"

    def validate_code(self, parameters: Mapping[str, str], *, iss_promised: bool = False) -> Received:
        """Return the authorization code in *parameters*. The caller has compared `state` before.

        Args:
            parameters: the parameters of the response, each name once.
            iss_promised: the provider's metadata says that its responses contain `iss` (RFC 9207, 2.4).

        Raises:
            ProviderRefused: the provider answered with an error (RFC 6749, 4.1.2.1).
            InvalidResponse: a parameter is missing or wrong (RFC 6749, 4.1.2).
        """
        self._check_origin_and_error(parameters, iss_promised)
        code = parameters.get("code")
        if not code:
            raise InvalidResponse("code", "it has no code")
        if not _CODE_CHARACTERS.fullmatch(code):
            raise InvalidResponse("code", "its code contains invalid characters")
        return Received(code)

    def validate(self, parameters: Mapping[str, str], *, iss_promised: bool = False) -> ImplicitResponse:
        """Return the implicit response in *parameters*. The caller has compared `state` before.

        Args:
            parameters: the parameters of the response, each name once.
            iss_promised: the provider's metadata says that its responses contain `iss` (RFC 9207, 2.4).

        Raises:
            ProviderRefused: the provider answered with an error (RFC 6749, 4.2.2.1).
            InvalidResponse: a parameter is missing or wrong (RFC 6749, 4.2.2; OpenID Connect Core, 3.2.2.5).
        """
        self._check_origin_and_error(parameters, iss_promised)
        self._check_token_type(parameters)
        return ImplicitResponse(
            access_token=AccessToken(_required_token(parameters, "access_token")),
            id_token=IdToken(_required_token(parameters, "id_token")),
            expires_in=_expires_in(parameters),
            scope=" ".join(parameters.get("scope", "").split()) or self.scope,
        )

    def _check_origin_and_error(self, parameters: Mapping[str, str], iss_promised: bool) -> None:
        self._check_iss(parameters, iss_promised)  # first: an error of another issuer is not an answer to this request
        if "error" in parameters:
            raise ProviderRefused(parameters["error"], parameters.get("error_description"))

    def _check_iss(self, parameters: Mapping[str, str], promised: bool) -> None:
        if "iss" in parameters and parameters["iss"] != self.issuer:
            raise InvalidResponse("iss", "it names another issuer (RFC 9207)")
        # A verified ID token names the issuer too, so `iss` may be absent beside one (RFC 9207, section 4).
        if promised and "iss" not in parameters and "id_token" not in parameters:
            fault = "it does not name its issuer, though the provider promises to (RFC 9207)"
            if "error" not in parameters:
                raise InvalidResponse("iss", fault)
            # It is not believed, but it is most likely the provider's: the user needs both to find the cause.
            refusal = ProviderRefused(parameters["error"], parameters.get("error_description"))
            raise InvalidResponse("iss", fault, f"No token was accepted. If it is the provider's: {refusal}")

    @staticmethod
    def _check_token_type(parameters: Mapping[str, str]) -> None:
        if not parameters.get("token_type"):
            raise InvalidResponse("token_type", "it has no token_type")
        if parameters["token_type"].lower() != "bearer":
            raise InvalidResponse("token_type", "its token_type is not Bearer")


@dataclass(frozen=True)
class ImplicitResponse:
    """A successful response of the implicit grant (RFC 6749, 4.2.2), not verified.

    Attributes:
        expires_in: lifetime in seconds; None if the response has none.
        scope: the granted scopes; the requested ones if the response has none (RFC 6749, 3.3).
    """

    access_token: AccessToken
    id_token: IdToken
    expires_in: int | None
    scope: str


def parse_response(encoded: str) -> dict[str, str]:
    """Return the parameters of a form-encoded response, each name once.

    Raises:
        MalformedResponse: it is not form-encoded UTF-8, empty, too long, or names a parameter twice
            (RFC 6749, 3.1: parameters MUST NOT be included more than once).
    """
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise MalformedResponse("This is not a provider's response.") from error
    if not pairs:
        raise MalformedResponse("This is not a provider's response.")
    _check_once(name for name, _ in pairs)
    return dict(pairs)


def parse_pasted(text: str) -> tuple[dict[str, str], bool]:
    """Return the parameters of a response that the user copied, and whether they stood in the query.

    Args:
        text: the URL in the browser's address bar, or its last part with the parameters.

    Raises:
        MalformedResponse: the text contains no response, or is longer than `PASTE_LIMIT`.
    """
    text = "".join(text.split())  # a terminal may have inserted line breaks
    if "=" not in text or len(text) > PASTE_LIMIT:
        raise MalformedResponse("Copy the whole address from the browser's address bar, to its last character.")
    before, hash_sign, fragment = text.partition("#")
    query = before.partition("?")[2]
    # Some providers add an empty fragment to a response in the query.
    if hash_sign and ("state=" in fragment or not query):
        return parse_response(fragment), False
    return parse_response(query or before.lstrip("?&")), bool(query)


def _check_once(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise MalformedResponse("The response names a parameter twice.")
        seen.add(name)


def _required_token(parameters: Mapping[str, str], name: str) -> str:
    token = parameters.get(name)
    if not token:
        raise InvalidResponse(name, f"it has no {name}")
    if not _TOKEN_CHARACTERS.fullmatch(token):
        raise InvalidResponse(name, f"its {name} contains invalid characters")
    return token


def _expires_in(parameters: Mapping[str, str]) -> int | None:
    text = parameters.get("expires_in")
    if text is None:
        return None
    return seconds_in(text)


def seconds_in(text: str) -> int:
    """Return the lifetime that *text*, an `expires_in`, says in seconds.

    The grammar is `1*DIGIT` (RFC 6749, A.14). Some providers write a number with a point, as `3600.0`, which means the
    same. A lifetime of 0 is in the grammar too, but it is that of a token that cannot be used.

    Raises:
        InvalidResponse: it is not a number of seconds, or it is 0.
    """
    if not re.fullmatch(r"[0-9]{1,12}(\.0{1,9})?", text):
        raise InvalidResponse("expires_in", "its expires_in is not a positive number of seconds")
    if (seconds := int(text.partition(".")[0])) == 0:
        raise InvalidResponse("expires_in", "its expires_in is 0, so its access token has expired already")
    return min(seconds, MAX_LIFETIME)
