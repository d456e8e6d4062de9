"""ParamsAuth0: what a sign-in needs to know, gathered from every place where a user may say it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self

from ..errors import InvalidParams, Problem
from ..text import plain
from .dotenv import UnreadableDotenv, parse_dotenv, read_dotenv
from .parameters import (
    ALIASES,
    DEFAULTS,
    ENVIRONMENT,
    FIELDS,
    PASSED_ON,
    SECRETS,
    BadValue,
    canonical_name,
    check_value,
    looks_misspelt,
    nearest_name,
    to_text,
    with_openid,
)


class IpyauthWarning(UserWarning):
    """Something in the parameters is probably not meant; the sign-in goes on."""


class Explained(NamedTuple):
    """A parameter, its value, and where the value comes from."""

    name: str
    value: str
    origin: str


class Explanation(tuple[Explained, ...]):
    """Every parameter with its origin; prints as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        width = max(len(row.name) for row in self)
        return "\n".join(f"{row.name:<{width}}  {row.value}  ({row.origin})" for row in self)


@dataclass(frozen=True, init=False, repr=False)
class ParamsAuth0:
    """The parameters of a sign-in at Auth0 or any OpenID provider; frozen.

    `ParamsAuth0(dotenv_file="demo.env", audience="api/fruit")`: keywords go before the dotenv file, that
    before the environment's `AUTH0_*`. Every value is text; None is a parameter that is not set.

    Args:
        response_type: `token id_token` (implicit) or `code` (authorization code + PKCE).
        response_mode: `fragment`, `form_post` or, for `code`, `query`.
        domain: Auth0 domain, as `tenant.eu.auth0.com`, or `http://localhost:PORT`.
        issuer: in place of `domain`, the issuer URL of any OpenID provider.
        client_id: the application's Client ID.
        redirect_uri: one loopback URI, or several separated by spaces, tried in order.
        audience: the API's identifier.
        scope: the scopes to ask for, space separated; `openid` and `profile` are added.
        dotenv_folder: folder of the dotenv file.
        dotenv_file: dotenv file with some of the parameters.

    Raises:
        InvalidParams: names every missing or bad parameter at once.
    """

    response_type: str = field(init=False)
    response_mode: str = field(init=False)
    domain: str | None = field(init=False)
    issuer: str | None = field(init=False)
    client_id: str = field(init=False)
    redirect_uri: str = field(init=False)
    audience: str | None = field(init=False)
    scope: str = field(init=False)
    dotenv_folder: str = field(init=False)
    dotenv_file: str | None = field(init=False)
    prompt: str | None = field(init=False)
    login_hint: str | None = field(init=False)
    connection: str | None = field(init=False)
    organization: str | None = field(init=False)
    screen_hint: str | None = field(init=False)
    ui_locales: str | None = field(init=False)
    max_age: str | None = field(init=False)
    acr_values: str | None = field(init=False)
    resource: str | None = field(init=False)
    warnings: tuple[str, ...] = field(init=False, compare=False)
    _origins: Mapping[str, str] = field(init=False, compare=False)

    def __init__(
        self,
        *,
        response_type: str | None = None,
        response_mode: str | None = None,
        domain: str | None = None,
        issuer: str | None = None,
        client_id: str | None = None,
        redirect_uri: str | Iterable[str] | None = None,
        audience: str | None = None,
        scope: str | Iterable[str] | None = None,
        dotenv_folder: str | None = None,
        dotenv_file: str | None = None,
        prompt: str | None = None,
        login_hint: str | None = None,
        connection: str | None = None,
        organization: str | None = None,
        screen_hint: str | None = None,
        ui_locales: str | Iterable[str] | None = None,
        max_age: str | int | None = None,
        acr_values: str | Iterable[str] | None = None,
        resource: str | None = None,
        **aliases: Any,
    ) -> None:
        # The names stand above for whoever asks with `?` or Tab; here they are one mapping again.
        keywords = {name: value for name, value in locals().items() if name in FIELDS}
        self._gather(_Source("keyword", keywords | aliases))
        for warning in self.warnings:
            warnings.warn(warning, IpyauthWarning, stacklevel=2)

    @classmethod
    def from_magic(
        cls,
        line: Mapping[str, str],
        cell: str | None = None,
        configuration: Mapping[str, str] | None = None,
        origin: str = "the magic's line",
    ) -> Self:
        """Return the parameters of a magic's *line*, its *cell* and IPython's *configuration*.

        Warnings are kept in `warnings` and not issued: a magic shows them itself. *origin* is what errors call *line*.
        """
        params = cls.__new__(cls)
        params._gather(
            _Source(origin, line),
            cell=cell,
            configuration=_Source("IPython configuration", configuration or {}),
        )
        return params

    def _gather(self, keywords: _Source, cell: str | None = None, configuration: _Source | None = None) -> None:
        gathering = _Gathering()
        gathering.read(keywords)
        if cell is not None:
            gathering.read_cell(cell)
        if (
            configuration is not None
        ):  # which file, it may say; what stands in the file goes before all else that it says
            gathering.read(configuration.part("dotenv_file", "dotenv_folder"))
        gathering.read_dotenv_file()
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        gathering.read(_Source("environment", environment))
        if configuration is not None:
            gathering.read(configuration)
        values, origins = gathering.finish()
        for name in (f.name for f in fields(self) if not f.name.startswith("_") and f.name != "warnings"):
            object.__setattr__(self, name, values.get(name))
        object.__setattr__(self, "warnings", tuple(gathering.warnings))
        object.__setattr__(self, "_origins", origins)

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The redirect URIs, in the order in which they are tried."""
        return tuple(self.redirect_uri.split())

    @property
    def is_response_mode_chosen(self) -> bool:
        """Whether the user asked for the `response_mode`, so that no better one is to take its place."""
        return self._origins["response_mode"] != "default"

    @property
    def expected_issuer(self) -> str:
        """The exact issuer of the provider; Auth0's ends with a slash."""
        if self.issuer:
            return self.issuer
        return f"{self.domain}/" if str(self.domain).startswith("http") else f"https://{self.domain}/"

    @property
    def passed_on(self) -> tuple[tuple[str, str], ...]:
        """The parameters that go to the provider as they are."""
        return tuple((name, value) for name in PASSED_ON if (value := getattr(self, name)))

    def with_response_type(self, response_type: str, origin: str) -> Self:
        """Return these parameters for another *response_type*; a `response_mode` that does not suit it goes."""
        if response_type == self.response_type:
            return self
        changed = copy(self)
        origins = {**self._origins, "response_type": origin}
        object.__setattr__(changed, "response_type", response_type)
        if origins["response_mode"] == "default" or self.response_mode == "query":
            object.__setattr__(changed, "response_mode", "query" if response_type == "code" else "fragment")
            origins["response_mode"] = "default"
        object.__setattr__(changed, "_origins", origins)
        return changed

    def explain(self) -> Explanation:
        """Return each parameter that is set, with its value and its origin; it prints as a table."""
        return Explanation(Explained(name, value, self._origins[name]) for name, value in self._set())

    def _set(self) -> Iterator[tuple[str, str]]:
        for name in self._origins:
            yield name, getattr(self, name)

    def __repr__(self) -> str:
        return f"ParamsAuth0({', '.join(f'{name}={value!r}' for name, value in self._set())})"


@dataclass(frozen=True)
class _Source:
    """Values from one place, under whatever names the user gave them there."""

    origin: str
    values: Mapping[str, Any]
    may_hold_other_things: bool = False

    def part(self, *names: str) -> _Source:
        """Return what it says of *names*."""
        return _Source(self.origin, {name: self.values[name] for name in names if name in self.values})


class _Gathering:
    """Reads the sources, highest first; the first value of a parameter wins, every problem is kept."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def read(self, source: _Source) -> None:
        here: dict[str, tuple[str, str]] = {}
        for given_name, raw in source.values.items():
            name = self._known(given_name, source)
            if name is None or raw is None:
                continue
            if name in here and here[name][1] != str(raw):
                self._problem(name, f"is given twice, as {here[name][0]} and as {given_name}", source)
                continue
            here[name] = (given_name, str(raw))
            self._take(name, given_name, raw, source)
        self._one_of_domain_and_issuer(here, source)

    def read_cell(self, cell: str) -> None:
        try:
            text = parse_dotenv(cell, "the cell")
        except UnreadableDotenv as error:
            self.problems.append(Problem("cell", str(error)))
            return
        self.problems += [Problem("cell", mistake) for mistake in text.mistakes]
        self.problems += [Problem(plain(name, 60), "is given twice", "the cell") for name in text.repeated]
        self.read(_Source("the cell", text.variables))

    def read_dotenv_file(self) -> None:
        name = self.values.get("dotenv_file")
        if not name:
            return
        try:
            text = read_dotenv(self.values.get("dotenv_folder") or DEFAULTS["dotenv_folder"], name)
        except UnreadableDotenv as error:
            self.problems.append(Problem("dotenv_file", str(error), self.origins["dotenv_file"]))
            return
        self.warnings += text.mistakes
        self.read(_Source(f"file {name}", text.variables, may_hold_other_things=True))

    def finish(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return values and origins, defaults filled in.

        Raises:
            InvalidParams: there were problems.
        """
        for name, default in DEFAULTS.items():
            if not self.values.get(name):
                self.values[name], self.origins[name] = default, "default"
        self._add_openid()
        self._choose_response_mode()
        self._require()
        if self.problems:
            raise InvalidParams(self.problems)
        values = {name: self.values[name] for name in FIELDS if self.values.get(name)}
        return values, {name: self.origins[name] for name in values}

    def _known(self, given_name: str, source: _Source) -> str | None:
        if given_name in SECRETS:
            self._secret(given_name, source)
            return None
        name = canonical_name(given_name)
        if name is not None and not (source.may_hold_other_things and name.startswith("dotenv_")):
            return name
        if name is None and not source.may_hold_other_things:
            near = nearest_name(given_name.partition("=")[0])
            self._problem(given_name, f"is not a parameter; did you mean `{near}`?", source)
        elif name is None and looks_misspelt(given_name):
            near = nearest_name(given_name)
            self.warnings.append(f"{source.origin}: `{plain(given_name, 60)}` is left alone; did you mean `{near}`?")
        return None

    def _secret(self, given_name: str, source: _Source) -> None:
        if source.may_hold_other_things:
            self.warnings.append(
                f"{source.origin}: {given_name} is not used and does not belong there. An application in a notebook "
                "cannot keep a secret: make it Native or Single Page at the provider."
            )
            return
        self._problem(
            given_name,
            "is not taken: an application in a notebook cannot keep a secret. Make it Native or Single Page "
            "at the provider, and remove the secret here (it may stand in the notebook and in its history)",
            source,
        )

    def _take(self, name: str, given_name: str, raw: object, source: _Source) -> None:
        if name in self.values:
            return
        origin = source.origin if given_name == name else f"{source.origin}, as {given_name}"
        self.origins[name] = origin
        try:
            text = to_text(raw)
            self.values[name] = check_value(name, text)
            if text and not self.values[name]:
                raise BadValue("must not be blank")
        except BadValue as error:
            self.values[name] = ""
            self.problems.append(Problem(name, str(error), origin))

    def _one_of_domain_and_issuer(self, here: Mapping[str, tuple[str, str]], source: _Source) -> None:
        """Refuse both in one place; else let the higher place decide."""
        given = [name for name in ("domain", "issuer") if name in here and here[name][1]]
        if len(given) == 2:
            self._problem("issuer", "stands in place of domain: give one of them", source)
        for name, other in (("domain", "issuer"), ("issuer", "domain")):
            if name in given and other not in self.values:
                self.values[other] = ""
                self.origins[other] = source.origin

    def _add_openid(self) -> None:
        asked = self.values["scope"]
        self.values["scope"] = with_openid(asked)
        if self.origins["scope"] != "default" and self.values["scope"] != asked:
            self.origins["scope"] += ", openid and profile added"

    def _choose_response_mode(self) -> None:
        implicit = self.values["response_type"] != "code"
        if implicit and self.values.get("response_mode") == "query":
            self.problems.append(
                Problem(
                    "response_mode",
                    "must be `fragment` or `form_post`: a token never travels in a query (RFC 9700, 4.3.2)",
                    self.origins["response_mode"],
                )
            )
        if not self.values.get("response_mode"):
            self.values["response_mode"] = "fragment" if implicit else "query"
            self.origins["response_mode"] = "default"

    def _require(self) -> None:
        named = {problem.name for problem in self.problems}
        if not self.values.get("domain") and not self.values.get("issuer") and not named & {"domain", "issuer"}:
            self._missing("domain", "tenant.eu.auth0.com", "; or give `issuer`, any OpenID provider's URL")
        if not self.values.get("client_id") and "client_id" not in named:
            self._missing("client_id", "...", ", from the application's settings at the provider")

    def _missing(self, name: str, example: str, more: str) -> None:
        alias = next((alias for alias in ALIASES if alias.startswith("AUTH0_") and ALIASES[alias] == name), name)
        self.problems.append(
            Problem(name, f"is missing: write `{name}={example}` in the cell or the dotenv file, or set {alias}{more}")
        )

    def _problem(self, name: str, message: str, source: _Source) -> None:
        self.problems.append(Problem(plain(name, 60), message, source.origin))
