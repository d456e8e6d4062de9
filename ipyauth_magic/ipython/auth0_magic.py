"""What %%auth0 does: it takes the options and parameters, signs in, and binds the variables."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..auth import Auth
from ..display.panel import panel
from ..flows.sign_in import ways_here
from ..protocol.grant import Grant
from ..settings.line import check_options, line_parameters, warnings_about
from ..settings.params import ParamsAuth0

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from ..callback.routes import Way
    from .namespace import Namespace

_IPYTHON_NAMES = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})


@dataclass(frozen=True)
class Settings:
    """What a sign-in is for, and how: `%token --config` shows it.

    Attributes:
        params: the parameters.
        grant: how tokens are asked for.
        ways: the routes by which the response may come, in the order in which they are tried.
    """

    params: ParamsAuth0
    grant: Grant
    ways: tuple[Way, ...]


def settings_of(auth: Auth) -> Settings:
    """Return the settings of *auth*."""
    return Settings(auth.params, auth.grant, auth.ways())


@dataclass(frozen=True)
class Request:
    """What a cell asks for: its options, and its parameters with those from elsewhere."""

    options: Options
    params: ParamsAuth0

    @property
    def grant(self) -> Grant:
        """How tokens are asked for."""
        return Grant.of(self.params.response_type, self.options.flow, not self.options.no_renewable)

    def settings(self) -> Settings:
        """Return the settings, also of a sign-in that failed."""
        is_device = self.grant.flow == "device"
        ways = () if is_device else ways_here(self.params, self.options.bind, self.options.paste)
        return Settings(self.params, self.grant, ways)


def requested(options: Options, cell: str | None, configuration: Mapping[str, str]) -> Request:
    """Return what a cell asks for, and print its warnings.

    Raises:
        UsageError: a name that a variable cannot have.
        BadOption: an option that cannot be used as given.
        InvalidParams: names every missing or bad parameter at once.
    """
    for option in ("token_name", "auth_name"):
        _check_name(getattr(options, option), "--" + option.replace("_", "-"))
    if options.token_name == options.auth_name:
        raise UsageError("--token-name and --auth-name must be different names.")
    check_options(options)
    params = ParamsAuth0.from_magic(line_parameters(options), cell, configuration)
    for warning in warnings_about(options, params.warnings):
        print(f"Warning: {warning}", file=sys.stderr)
    return Request(options, params)


def sign_in(request: Request, namespace: Namespace) -> None:
    """Sign in as *request* asks, show the card, and bind the variables.

    Raises:
        IpyauthError: there is no token; the sentence tells why.
    """
    options = request.options
    auth = _auth(request, namespace)
    shown = panel(owns_cell=True)
    asked = auth.ask_on(shown, int(options.timeout), not options.no_browser, options.force)
    if asked or not options.quiet:
        shown.end(None if options.quiet else auth.card())
    namespace.bind(options.token_name, options.auth_name, auth)


def _auth(request: Request, namespace: Namespace) -> Auth:
    """Return the `Auth` of an earlier run of the cell if it signs in for the same, else a new one."""
    options = request.options
    auth = Auth(
        request.params,
        flow=request.grant.flow,
        store=options.store or "memory",
        renewable=not options.no_renewable,
        bind=options.bind,
        paste=options.paste,
    )
    earlier = namespace.named(options.auth_name)
    return earlier if earlier is not None and earlier.is_like(auth) else auth


def _check_name(name: str, option: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{option} takes the name of a variable.")
    reserved = (
        name in _IPYTHON_NAMES or hasattr(builtins, name) or re.fullmatch(r"_+|_i+|_[ioId]h|_i?[0-9]+|__\w+__", name)
    )
    if reserved:
        raise UsageError(f"{option}: {name} is a name of Python's or IPython's own; choose another.")
