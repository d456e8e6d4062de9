"""The parameters of a sign-in, listed once in `Parameters`, and the names by which users may give them.

`%load_ext` imports this file, so it imports no more than it must.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, dataclass_transform

from .options import STORES

C = TypeVar("C", bound=type)


class Parameter:  # a dataclass would cost each %load_ext half a millisecond, a named tuple a third of that
    """What is known of a parameter beside its name and its type.

    Attributes:
        help: one line for users.
        default: the value where the user gives none.
        aliases: other names that users type; those that begin with `AUTH0_` are environment variables too.
        known_values: values that Tab offers.
        is_passed_on: sent to the provider as it is (OpenID Connect Core 3.1.2.1; Auth0's documentation).
        may_be_empty: an empty value means something, and does not stand for the default.
        is_group: a name after a dot follows, as in `extra.hd=example.com`.
        is_number: a whole number, which may be given as one.
    """

    def __init__(
        self,
        help: str,
        default: str | None = None,
        aliases: tuple[str, ...] = (),
        known_values: tuple[str, ...] = (),
        is_passed_on: bool = False,
        may_be_empty: bool = False,
        is_group: bool = False,
        is_number: bool = False,
    ) -> None:
        self.help = help
        self.default = default
        self.aliases = aliases
        self.known_values = known_values
        self.is_passed_on = is_passed_on
        self.may_be_empty = may_be_empty
        self.is_group = is_group
        self.is_number = is_number


def _parameter(help: str, **more: Any) -> Any:
    """Return a `Parameter`, typed so that it can stand as the value of any field."""
    return Parameter(help, **more)


def _passed_on(help: str, *known_values: str, is_number: bool = False) -> Any:
    """Return a `Parameter` that goes to the provider as it is."""
    return Parameter(help, known_values=known_values, is_passed_on=True, is_number=is_number)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def _dataclass_to_be(cls: C) -> C:
    """Tell type checkers that the fields of *cls* are keywords; params.py makes it a dataclass at run time."""
    return cls


@_dataclass_to_be
class Parameters:
    """The list of the parameters. Keywords, fields, traits, help, Tab and aliases are all made from it."""

    response_type: str = _parameter(
        "`token id_token` (implicit) or `code` (authorization code + PKCE)",
        default="token id_token",
        known_values=("code", "token id_token"),
    )
    response_mode: str = _parameter(
        "`fragment`, `form_post` or, for `code`, `query`", known_values=("fragment", "form_post", "query")
    )
    domain: str | None = _parameter(
        "Auth0 domain, such as `tenant.eu.auth0.com`, or `http://localhost:PORT`", aliases=("AUTH0_DOMAIN",)
    )
    issuer: str | None = _parameter("in place of `domain`, the issuer URL of any OpenID provider")
    discovery_url: str | None = _parameter("address of the discovery document, if it is not below `issuer`")
    client_id: str = _parameter("the application's Client ID", aliases=("AUTH0_CLIENT_ID",))
    redirect_uri: str = _parameter(
        "one redirect URI, or several separated by spaces, tried in order",
        default="http://127.0.0.1:8765/callback/",
        aliases=("redirect_url", "AUTH0_CALLBACK_URL"),
        known_values=("http://127.0.0.1:8765/callback/",),
    )
    audience: str | None = _parameter("the API's identifier", aliases=("AUTH0_AUDIENCE",))
    scope: str = _parameter(
        "scopes to ask for, separated by spaces; the scopes of `default_scope` are added",
        default="openid profile",
        aliases=("requested_scopes",),
        known_values=("openid", "profile", "email"),
    )
    default_scope: str = _parameter(
        "scopes that are added to `scope`; empty: plain OAuth 2.0, without an ID token (`code` and `device` only)",
        default="openid profile",
        may_be_empty=True,
    )
    flow: str | None = _parameter(
        "how to sign in: implicit, code or device; overrides a `response_type` from a place that counts less",
        known_values=("code", "implicit", "device"),
    )
    store: str | None = _parameter("the place for tokens: memory, keyring, file or none", known_values=STORES)
    timeout: str | None = _parameter("seconds to wait for the browser, 1 to 3600", is_number=True)
    extra: Any = _parameter(  # a Mapping[str, str]: typed so, it would refuse `ParamsAuth0(**texts)`
        "parameters of the authorization request that are the provider's own: `extra.NAME=value`, in Python "
        '`extra={"NAME": "value"}`',
        is_group=True,
    )
    dotenv_folder: str = _parameter("folder of the dotenv file", default=".")
    dotenv_file: str | None = _parameter("dotenv file with some of the parameters")
    prompt: str | None = _passed_on(
        "the questions of the provider to the user: none, login, consent or select_account",
        *("none", "login", "consent", "select_account"),
    )
    login_hint: str | None = _passed_on("the user's name or address, filled in on the provider's page")
    connection: str | None = _passed_on("Auth0: the connection to sign in with")
    organization: str | None = _passed_on("Auth0: the organization to sign in to")
    screen_hint: str | None = _passed_on("Auth0: the page to begin with", "signup")
    ui_locales: str | None = _passed_on("languages of the provider's pages, separated by spaces")
    max_age: str | None = _passed_on(
        "seconds since the last sign-in after which the user has to sign in again", is_number=True
    )
    acr_values: str | None = _passed_on("classes of authentication to ask for, separated by spaces")
    resource: str | None = _passed_on("identifier of the API that the token is for (RFC 8707)")


PARAMETERS: Mapping[str, Parameter] = {name: vars(Parameters)[name] for name in Parameters.__annotations__}
FIELDS = tuple(PARAMETERS)
DEFAULTS: Mapping[str, str] = {name: each.default for name, each in PARAMETERS.items() if each.default}
PASSED_ON = tuple(name for name, each in PARAMETERS.items() if each.is_passed_on)
ALIASES: Mapping[str, str] = {alias: name for name, each in PARAMETERS.items() for alias in each.aliases}
"""Other names that users type; they are translated where a source is read, and used nowhere else."""

ENVIRONMENT = tuple(alias for alias in ALIASES if alias.startswith("AUTH0_"))
"""The environment variables that count: Auth0's own names, nothing else."""

NOT_OURS = frozenset({"AUTH0_ISSUER_BASE_URL", "ISSUER_BASE_URL"})
"""Names by which Auth0's own libraries take the domain with `https://` before it. It is not their issuer, which ends
with a slash, so the value is not taken; a user whose domain is missing is told so."""

KNOWN_VALUES: Mapping[str, tuple[str, ...]] = {
    name: each.known_values for name, each in PARAMETERS.items() if each.known_values
}

CLIENT_SECRET = "client_secret"
SECRETS = frozenset({CLIENT_SECRET, "AUTH0_CLIENT_SECRET"})
"""Names of the application's secret, for a dotenv file; the second one is an environment variable too. It is not among
the parameters, because a notebook must not hold it: elsewhere it is refused by a sentence of its own."""


EVERYDAY_WORDS = frozenset({"flow", "store", "timeout"})
"""Parameters whose names in capitals are mostly variables of other programs."""


def canonical_name(name: str) -> str | None:
    """Return the parameter that *name* is a name of, or None for an unknown name; `extra.NAME` is its own name."""
    name = ALIASES.get(name, name)
    group, dot, _ = name.partition(".")
    is_known = name in PARAMETERS or (dot and group in PARAMETERS and PARAMETERS[group].is_group)
    return name if is_known else None


def is_secret(name: str) -> bool:
    """Return whether *name* was meant to be that of the application's secret."""
    return in_small(name) in {in_small(each) for each in SECRETS}


def in_small(name: str) -> str:
    """Return *name* as names are compared: capitals and hyphens make no difference."""
    return name.lower().replace("-", "_")
