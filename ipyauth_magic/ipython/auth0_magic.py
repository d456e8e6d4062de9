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

from ..auth import Auth, authenticator_of
from ..display.cards import ready
from ..display.panel import panel
from ..display.view import card_of
from ..settings.line import check_options, line_parameters, renewable, warnings_about
from ..settings.params import ParamsAuth0

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from ..flows.authenticator import Authenticator
    from .namespace import Namespace

_IPYTHON_NAMES = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})


@dataclass(frozen=True)
class Request:
    """What a cell asks for: its options, and its parameters with those from elsewhere."""

    options: Options
    params: ParamsAuth0


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


def auth_for(request: Request, namespace: Namespace) -> tuple[Auth, Authenticator]:
    """Return the `Auth` of an earlier run of the cell if it signs in for the same, else a new one.

    Raises:
        StoreUnavailable: the store asked for cannot be used here.
    """
    options = request.options
    auth = Auth(
        request.params,
        flow=options.flow,
        store=options.store or "memory",
        renewable=renewable(options),
        bind=options.bind,
        paste=options.paste,
    )
    authenticator, earlier = authenticator_of(auth), namespace.named(options.auth_name)
    if earlier is not None and authenticator_of(earlier).request == authenticator.request:
        return earlier, authenticator_of(earlier)
    return auth, authenticator


def sign_in(auth: Auth, authenticator: Authenticator, options: Options, namespace: Namespace) -> None:
    """Sign in with *auth* as *options* say, show the card, and bind the variables.

    Raises:
        IpyauthError: there is no token; the sentence tells why.
    """
    shown = panel(owns_cell=True)
    asked = authenticator.authenticate(shown, int(options.timeout), not options.no_browser, options.force)
    if asked or not options.quiet:
        names = ready(options.auth_name, options.token_name)
        shown.end(None if options.quiet else card_of(authenticator, names))
    namespace.bind(options.token_name, options.auth_name, auth)


def _check_name(name: str, option: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{option} takes the name of a variable.")
    reserved = (
        name in _IPYTHON_NAMES or hasattr(builtins, name) or re.fullmatch(r"_+|_i+|_[ioId]h|_i?[0-9]+|__\w+__", name)
    )
    if reserved:
        raise UsageError(f"{option}: {name} is a name of Python's or IPython's own; choose another.")
