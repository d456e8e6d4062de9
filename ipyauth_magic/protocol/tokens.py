"""Tokens with a masked `repr`, and the set of tokens that a sign-in gives."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Self, SupportsIndex, overload
from urllib.parse import quote_plus

from ..errors.attributes import no_attribute_of_token
from ..text import encodable

UNKNOWN = "unknown"
"""The name of a user whom the provider does not name."""


class Masked(str):
    """A `str` whose `repr` shows no part of it, nor does that of its parts.

    `print`, `format` and `json` give the value, because a header needs it. `copy` works. `pickle` is refused, because
    a pickled file does not show that it contains a secret.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, hidden>"

    def __getitem__(self, key: SupportsIndex | slice) -> Self:
        # Programs that show variables cut a long text first, and take the `repr` of what is left (rich, reprlib).
        return type(self)(super().__getitem__(key))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is a secret and is not pickled. Where another process needs it, pass its text: "
            "str(token)."
        )


class Described(Masked):
    """A token whose `repr` also says whose it is, for what and until when, once `describe` was called."""

    __slots__ = ("_about",)

    def describe(self, about: object) -> None:
        """Let the `repr` have `str(about)` in it: public facts in one line, which is made anew each time.

        A copy has the same facts. A part of the token has none.
        """
        self._about = about

    def __repr__(self) -> str:
        about = str(getattr(self, "_about", ""))
        if not about:
            return super().__repr__()
        how = ": %token shows its claims" if self.count(".") == 2 else ""  # else it is opaque
        return f"<{type(self).__name__} {about}; hidden{how}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(encodable(repr(self), sys.stdout))  # a terminal may lack letters of a name

    if not TYPE_CHECKING:  # type checkers tell by themselves that there is no such attribute

        def __getattr__(self, name):
            raise no_attribute_of_token(self, name, "ID token" if isinstance(self, IdToken) else "access token")


class AccessToken(Described):
    """An access token: a `str` to put into a header. Its `repr` hides it.

        requests.get(url, headers={"Authorization": f"Bearer {token}"})

    It does not renew itself. `requests.get(url, auth=auth)` always sends a valid token.
    `%token` shows its claims, and `print` shows the token itself.
    """

    __slots__ = ()


class IdToken(Described):
    """An ID token: a `str` that identifies the user (OpenID Connect Core, 2). Its `repr` hides it.

    `auth.claims` has its verified claims. APIs expect the access token instead.
    """

    __slots__ = ()


class RefreshToken(Masked):
    """A refresh token (RFC 6749, 1.5): a `str` whose `repr` is masked."""

    __slots__ = ()


class ClientSecret(Masked):
    """A client secret (RFC 6749, 2.3.1): a `str` whose `repr` is masked.

    Attributes:
        method: `client_secret_basic` or `client_secret_post`, if the provider registered the application (RFC 7591, 2);
            None for a secret that the user gave.
    """

    __slots__ = ("method",)
    method: str | None

    def __new__(cls, secret: str, method: str | None = None) -> Self:
        """Return *secret*, which is sent by *method*."""
        made = super().__new__(cls, secret)
        made.method = method if method is not None else getattr(secret, "method", None)
        return made


class Received(Masked):
    """A parameter of an authorization response, which may be a token or a code: a `str` whose `repr` is masked."""

    __slots__ = ()


class RequestBody(Masked):
    """The body of a request to the provider, with a code or a token in it: a `str` whose `repr` is masked."""

    __slots__ = ()


class AuthorizationHeader(Masked):
    """The value of an `Authorization` header (RFC 9110, 11.6.2): a `str` whose `repr` is masked."""

    __slots__ = ()

    @classmethod
    def bearer(cls, token: str) -> Self:
        """Return `Bearer` and the token (RFC 6750, 2.1)."""
        return cls(f"Bearer {token}")

    @classmethod
    def basic(cls, client_id: str, client_secret: str) -> Self:
        """Return `Basic` and a client's credentials, each form encoded (RFC 6749, 2.3.1; RFC 7617, 2)."""
        credentials = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
        return cls(f"Basic {b64encode(credentials.encode('ascii')).decode('ascii')}")

    @classmethod
    def line(cls, token: str) -> Self:
        """Return the header with its name, as a file of headers has it."""
        return cls(f"Authorization: Bearer {token}")

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> HeaderBytes:
        """Return the bytes that are sent, masked too: httpx holds its headers as bytes."""
        return HeaderBytes(super().encode(encoding, errors))


class HeaderBytes(bytes):
    """The bytes of an `Authorization` header: their `repr` shows no part of them, and a pickle holds none."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, hidden>"

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> Self: ...

    def __getitem__(self, key: SupportsIndex | slice) -> int | Self:
        part = super().__getitem__(key)
        return part if isinstance(part, int) else type(self)(part)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> tuple[type[bytes], tuple[bytes]]:
        # Not refused as other secrets are: responses of httpx are pickled by caches, with their requests.
        return bytes, (repr(self).encode(),)


@dataclass(frozen=True)
class TokenSet:
    """The tokens of a sign-in, with their scopes and their lifetime.

    Attributes:
        access_token: for the API. This package does not read it.
        id_token: verified. None if the provider gave none and need not, as in plain OAuth 2.0.
        scope: the granted scopes, separated by spaces.
        expires_at: the time at which the access token expires; aware, UTC. None without a lifetime (RFC 6749, 5.1).
        obtained_at: the time at which it was requested or received, and its lifetime begins; aware, UTC.
        claims: the verified claims of the ID token; empty without one.
        refresh_token: gets the next access token without the user; None if the provider gave none.
        userinfo: the claims of the userinfo endpoint, if there is no ID token; otherwise empty.
        sign_in_id: a random name of the sign-in, if neither names the user; otherwise empty. A renewal keeps it.
        asked_for: the parameters of the request, without any secret; empty if they were not recorded.
    """

    access_token: AccessToken
    id_token: IdToken | None
    scope: str
    expires_at: datetime | None
    obtained_at: datetime
    claims: Mapping[str, Any] = field(repr=False)
    refresh_token: RefreshToken | None = None
    userinfo: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sign_in_id: str = ""
    asked_for: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def is_expired(self, now: datetime, leeway: timedelta | None = None) -> bool:
        """Return whether the access token expires within *leeway* of *now* (default `min(30 s, lifetime / 10)`).

        Return False if the lifetime is not known: the API refuses the token when it has expired.
        """
        if self.expires_at is None:
            return False
        if leeway is None:
            leeway = min(timedelta(seconds=30), (self.expires_at - self.obtained_at) / 10)
        return now + leeway >= self.expires_at

    def is_of_same_user(self, other: TokenSet) -> bool:
        """Return whether both are of the same user (OpenID Connect Core, 2).

        If the provider names no user, they are only if both come from one sign-in.
        """
        return (self.subject, self.sign_in_id) == (other.subject, other.sign_in_id)

    @property
    def subject(self) -> str | None:
        """The user's `sub`; None if the provider does not give it."""
        subject = self._about_user.get("sub")
        return subject if isinstance(subject, str) else None

    @property
    def logged_as(self) -> str:
        """The user's name: `nickname`, else `name`, else `email`, else `sub`; `unknown` if the provider gives none."""
        for name in ("nickname", "name", "email"):
            value = self._about_user.get(name)
            if isinstance(value, str) and value.strip():
                return value
        return self.subject or UNKNOWN

    @property
    def full_name(self) -> str:
        """The user's `name`, else `email`; empty if the provider tells neither. Any user may choose the same."""
        named = (self._about_user.get(name) for name in ("name", "email"))
        return next((each for each in named if isinstance(each, str) and each.strip()), "")

    @property
    def account(self) -> str:
        """The provider's own name of the user: `email` if it is verified, else `sub` (OpenID Connect Core, 5.7).

        It is `unknown` if the provider gives none.

        The names in `logged_as` are the user's choice, and another user may choose the same.
        """
        email = self._about_user.get("email")
        if self._about_user.get("email_verified") is True and isinstance(email, str) and email.strip():
            return email
        return self.subject or UNKNOWN

    @property
    def _about_user(self) -> Mapping[str, Any]:
        return self.claims or self.userinfo


_NOT_PICKLED = (
    "An `Auth` stays in the process that signed in, and is not pickled. For short work, pass "
    "`str(auth.access_token)` to each task. For long work, sign in with "
    '`store="file"` (`--store file`), and call '
    '`Auth(params, store="file").sign_in()` in each process. It opens no browser while that sign-in lasts. '
    "Threads share `auth` itself, and a Dask cluster has `auth.on_dask(client)`."
)


class OneProcess:
    """An object with a refresh token, which one process may use (RFC 9700, 4.14.2); a copy is the object itself."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(_NOT_PICKLED)
