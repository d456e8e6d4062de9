"""`ParamsAuth0`: the parameters of a sign-in, with the origin of each value."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..errors import InvalidParams, Problem
from ..markup import Table
from ..protocol import auth0
from ..protocol.flow import FLOWS, OFFLINE_ACCESS, Flow
from ..protocol.step_up import NOTHING_MORE, StepUp
from ..protocol.tokens import ClientSecret
from ..text import encodable
from .checks import BadValue, checked
from .extra import PREFIX, Extra
from .parameters import CLIENT_SECRET, FIELDS, PARAMETERS, PASSED_ON, Parameters
from .resolve import Resolved, default_response_mode, resolve
from .sources import BY_ADDRESS, BY_DEFAULT, Source, collect

_NOT_KEPT = frozenset({CLIENT_SECRET, "dotenv_folder", "dotenv_file", "response_type", "flow", "store", "timeout"})
"""What a record of a sign-in does not hold."""


class IpyauthWarning(UserWarning):
    """Something in the parameters is probably a mistake; the sign-in continues."""


class Explained(NamedTuple):
    """A parameter, its value, and the place that gave the value."""

    name: str
    value: str
    origin: str

    @property
    def is_default(self) -> bool:
        """Whether it is not set."""
        return self.origin == BY_DEFAULT


class Explanation(tuple[Explained, ...]):
    """Every parameter that is set, with its value and its origin; prints as a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        width = max(len(row.name) for row in self)
        return "\n".join(f"{row.name:<{width}}  {row.value}  ({row.origin})" for row in self)

    def _repr_html_(self) -> str:
        return Table(("Parameter", "Value", "From"), self).html()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(encodable(repr(self), sys.stdout))  # a terminal may lack letters of a value


@dataclass(frozen=True)
class Found:
    """What an API and its authorization server say about themselves, as parameters.

    Attributes:
        api: the API's address, whose origin alone gets the token.
        values: the parameters, by name.
    """

    api: str
    values: Mapping[str, object] = field(repr=False)


# Here and not beside the list: a dataclass takes half a millisecond, which %load_ext can do without.
dataclass(frozen=True, init=False, repr=False)(Parameters)


@dataclass(frozen=True, init=False, repr=False)
class ParamsAuth0(Parameters):
    """The parameters of a sign-in at Auth0 or any OpenID provider; frozen.

    `ParamsAuth0(dotenv_file="demo.env", audience="api/fruit")`: a keyword takes precedence over the dotenv file, and
    the file over `AUTH0_*` in the environment. Every value is text, and None if it is not set; `extra` is a mapping.

    Raises:
        InvalidParams: a parameter is missing or wrong. One error names all of them.
    """

    client_secret: ClientSecret | None
    timeout: str | None = field(compare=False)  # how long to wait makes no other sign-in
    warnings: tuple[str, ...] = field(compare=False)
    _origins: Mapping[str, str] = field(compare=False)
    typed: Mapping[str, str] = field(compare=False)
    api: str | None
    is_registered_here: bool = field(compare=False)  # this package registered the application, and not the user

    if not TYPE_CHECKING:  # type checkers take the keywords from `Parameters`, `?` and Tab from the signature below

        def __init__(self, **keywords: object) -> None:
            self._hold(resolve(collect(Source("keyword", keywords))))
            for warning in self.warnings:
                warnings.warn(warning, IpyauthWarning, stacklevel=2)

    @classmethod
    def from_magic(
        cls,
        line: Mapping[str, str],
        cell: str | None = None,
        configuration: Mapping[str, str] | None = None,
        origin: str = "the magic's line",
        profile: str | None = None,
        default_flow: str | None = None,
        problems: Sequence[Problem] = (),
        below: str = "IPython configuration",
        found: Found | None = None,
    ) -> Self:
        """Return the parameters of a magic's *line*, its *cell*, a *profile* by its name and IPython's *configuration*.

        Warnings are kept in `warnings` and not issued: a magic shows them itself. *origin* is what errors call *line*,
        and *below* what they call *configuration*. *default_flow* is the flow where no place says one. *problems* of
        the options are told with the others. *found* is what an API says whose address was given.

        Raises:
            InvalidParams: names every missing or bad parameter at once.
        """
        params = cls.__new__(cls)
        lowest = Source(below, configuration or {})
        said = None if found is None else found.values
        readings = collect(Source(origin, line), cell, lowest, profile, default_flow, said)
        params._hold(resolve(readings, problems))
        if found is not None:
            _hold_found(params, found)
        return params

    def _hold(self, resolved: Resolved) -> None:
        texts = {name: value.text for name, value in resolved.values.items()}
        extra = Extra(tuple((name[len(PREFIX) :], text) for name, text in texts.items() if name.startswith(PREFIX)))
        values = {**{name: text for name, text in texts.items() if not name.startswith(PREFIX)}, "extra": extra}
        origins = {name: value.origin for name, value in resolved.values.items()}
        self._set({**dict.fromkeys([*FIELDS, CLIENT_SECRET]), **values, "warnings": resolved.warnings})
        self._set({"_origins": origins, "typed": resolved.typed, "api": None, "is_registered_here": False})

    def _set(self, attributes: Mapping[str, object]) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)  # the class is frozen

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The redirect URIs, in the order in which they are tried."""
        return tuple(self.redirect_uri.split())

    @property
    def is_response_mode_chosen(self) -> bool:
        """Whether the user chose the `response_mode`; if not, another one may be better."""
        return self._origins["response_mode"] != BY_DEFAULT

    @property
    def expected_issuer(self) -> str:
        """The issuer that the provider must name, to the letter; an issuer of Auth0 ends with a slash."""
        if self.issuer:
            return self.issuer
        return auth0.issuer_of(str(self.domain))

    @property
    def wants_id_token(self) -> bool:
        """Whether an ID token is asked for: the scope `openid` asks for it (OpenID Connect Core, 3.1.2.1)."""
        return "openid" in self.scope.split()

    @property
    def passed_on(self) -> tuple[tuple[str, str], ...]:
        """The parameters that go to the provider unchanged, as pairs; those of `extra` come last."""
        own = ((name, value) for name in PASSED_ON if (value := getattr(self, name)))
        return (*own, *self.extra.items())

    def with_response_type(self, response_type: str, origin: str) -> Self:
        """Return these parameters for another *response_type*, with a `response_mode` that suits it."""
        changed = copy(self)
        changed._set({"typed": {**self.typed, "response_type": ""}})  # for this one no order of words was typed
        if response_type == self.response_type:
            return changed
        origins = {**self._origins, "response_type": origin}
        if not self.is_response_mode_chosen or self.response_mode == "query":
            origins["response_mode"] = BY_DEFAULT
            changed._set({"response_mode": default_response_mode(response_type)})
        changed._set({"response_type": response_type, "_origins": origins})
        return changed

    def with_flow(self, flow: str, origin: str) -> Self:
        """Return these parameters for *flow*, with a `response_type` and a `response_mode` that suit it."""
        response_type = FLOWS[flow].response_type
        changed = self.with_response_type(response_type, f"{origin}, by flow") if response_type else copy(self)
        changed._set({"flow": flow, "_origins": {**changed._origins, "flow": origin}})
        return changed

    def check_flow(self, flow: Flow) -> None:
        """Check that *flow* works without an ID token, if none is asked for.

        Raises:
            InvalidParams: it does not.
        """
        if flow.needs_id_token and not self.wants_id_token:
            sentence = (
                f"has no `openid`, and the {flow.name} flow needs an ID token to check the access token by. Choose "
                '`--flow code` or `--flow device` (in Python `flow="code"`), or add `openid` to `scope`'
            )
            raise InvalidParams([Problem("default_scope", sentence, self._origins["default_scope"])])

    def explain(self) -> Explanation:
        """Return each parameter that is set, with its value and its origin; a secret is hidden. Prints as a table."""
        shown = ((name, "hidden" if isinstance(value, ClientSecret) else value) for name, value in _values(self))
        return Explanation(Explained(name, value, self._origins[name]) for name, value in shown)

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in _values(self) if not name.startswith(PREFIX)]
        if self.extra:
            shown.append(f"extra={self.extra!r}")
        return f"ParamsAuth0({', '.join(shown)})"

    def _repr_html_(self) -> str:
        return self.explain()._repr_html_()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(encodable(repr(self), sys.stdout))  # a terminal may lack letters of a value


def with_more(params: ParamsAuth0, more: StepUp, granted: str = "") -> ParamsAuth0:
    """Return *params* with what *more* asks for beside them, and with the scopes *granted* so far."""
    kept = [each for each in granted.split() if each != OFFLINE_ACCESS]  # the grant adds that by itself
    scope = " ".join(dict.fromkeys([*params.scope.split(), *kept, *more.scope.split()]))
    wanted = {"scope": scope, "acr_values": more.acr_values, "max_age": more.max_age}
    new = {name: value for name, value in wanted.items() if value and value != getattr(params, name)}
    changed = copy(params)
    changed._set({**new, "_origins": {**params._origins, **dict.fromkeys(new, "added since")}})
    return changed


def more_scopes(add_scope: str | None, name: str = "add_scope") -> StepUp:
    """Return the step-up to the scopes *add_scope*, which the user gave under *name*; to nothing for None.

    Raises:
        InvalidParams: they are not scopes.
    """
    try:
        return StepUp(scope=checked("scope", add_scope)) if add_scope else NOTHING_MORE
    except BadValue as error:
        raise InvalidParams([Problem(name, str(error).replace("`scope=", f"`{name}="))]) from None


def _values(params: ParamsAuth0) -> Iterator[tuple[str, str]]:
    for name in params._origins:
        is_extra = name.startswith(PREFIX)
        yield name, params.extra[name.removeprefix(PREFIX)] if is_extra else getattr(params, name)


def _hold_found(params: ParamsAuth0, found: Found) -> None:
    """Let *params* be for the API of *found*."""
    params._set({"api": found.api, "is_registered_here": params._origins["client_id"] == BY_ADDRESS})
    secret = found.values.get(CLIENT_SECRET)
    if secret is not None and secret == params.client_secret:
        params._set({CLIENT_SECRET: secret})  # it knows how it is to be sent


def values_to_keep(params: ParamsAuth0) -> dict[str, str]:
    """Return the values of *params* that the user chose, and the scopes, by name, for a record of the sign-in.

    Neither a secret nor the place of a file is among them, nor the flow, which a record notes beside them.
    """
    chosen = {name: value for name, value, origin in params.explain() if origin != BY_DEFAULT and name not in _NOT_KEPT}
    return {"default_scope": params.default_scope, **chosen, "scope": params.scope}


def _signature() -> inspect.Signature:
    """Return the signature of `ParamsAuth0.__init__`: each parameter of the list as a keyword, and the aliases."""
    keywords = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=each.default)
        for name, each in PARAMETERS.items()
    ]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    return inspect.Signature([own, *keywords, inspect.Parameter("aliases", inspect.Parameter.VAR_KEYWORD)])


def _documented(cls: Any) -> None:
    """Give *cls* its signature and a line of documentation for each parameter, for `?`, Shift-Tab and Tab."""
    cls.__init__.__signature__ = _signature()
    lines = [f"    {name}: {each.help}." for name, each in PARAMETERS.items()]
    cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Args:", *lines])


_documented(ParamsAuth0)
