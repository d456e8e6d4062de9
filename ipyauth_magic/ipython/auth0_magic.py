"""What %%auth0 and %%login do: they take the options and parameters, sign in, and bind the variables."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from ..auth import Auth, authenticator_of
from ..display.cards import ready
from ..display.panel import panel
from ..display.view import card_of
from ..errors import InvalidParams, Problem
from ..protocol.step_up import NOTHING_MORE, StepUp
from ..settings.line import line_of, no_address, option_problems, renewable, warnings_about
from ..settings.params import Found, ParamsAuth0
from ..settings.template import template

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from ..flows.authenticator import Authenticator
    from .namespace import Namespace

_IPYTHON_NAMES = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})


@dataclass(frozen=True)
class Request:
    """What a cell asks for: its options, and its parameters with those from elsewhere.

    Attributes:
        profile: the profile that it names.
        to_save: what becomes a profile once the user is signed in.
        more: scopes with a plus before them, which are asked for even if a good token is there.
    """

    options: Options
    params: ParamsAuth0
    profile: str | None = None
    to_save: Mapping[str, str] | None = None
    more: StepUp = NOTHING_MORE


def requested(
    options: Options,
    cell: str | None,
    configuration: Mapping[str, str],
    default_flow: str | None = None,
    found: Found | None = None,
) -> Request:
    """Return what a cell asks for, and print its warnings; *default_flow* is the flow where no place says one.

    *found* is what an API says whose address is on the line.

    Raises:
        UsageError: there are no parameters at all; it has the lines to fill in.
        BadOption: `--save` cannot be used as given.
        InvalidParams: names every bad option and every missing or bad parameter at once.
    """
    line = line_of(options)
    problems = [*_name_problems(options), *option_problems(options), *line.problems]
    if line.address and found is None:
        problems.append(no_address())
    try:
        params = ParamsAuth0.from_magic(
            line.parameters,
            cell,
            configuration,
            profile=line.profile,
            default_flow=default_flow,
            problems=problems,
            found=found,
        )
    except InvalidParams as error:
        if not error.is_bare:
            raise
        raise UsageError(template("%%login" if default_flow else "%%auth0")) from None
    for warning in warnings_about(options, params.warnings):
        print(f"Warning: {warning}", file=sys.stderr)
    if not getattr(options, "save", None):
        return Request(options, params, line.profile, more=StepUp(line.added))
    from .login_magic import to_save

    return Request(options, params, line.profile, to_save(options, cell))


def _name_problems(options: Options) -> Iterator[Problem]:
    """Return what is wrong with the names of the variables."""
    for option in ("token_name", "auth_name", "api_name"):
        if not hasattr(options, option):
            continue
        name, typed = getattr(options, option), "--" + option.replace("_", "-")
        if not name.isidentifier() or keyword.iskeyword(name):
            yield Problem(typed, "takes the name of a variable: letters, digits and `_`")
        elif is_reserved(name):
            yield Problem(typed, f"cannot be `{name}`, a name of Python's or IPython's own. Choose another")
    if options.token_name == options.auth_name:
        yield Problem("--token-name", "and `--auth-name` must be different names")


def auth_for(request: Request, namespace: Namespace) -> tuple[Auth, Authenticator]:
    """Return the `Auth` of an earlier run of the cell if it signs in for the same, else a new one.

    Raises:
        StoreUnavailable: the store asked for cannot be used here.
    """
    options = request.options
    auth = Auth(
        request.params,
        renewable=renewable(options),
        bind=options.bind,
        paste=options.paste,
    )
    authenticator, earlier = authenticator_of(auth), namespace.named(options.auth_name)
    if earlier is not None and authenticator_of(earlier).request == authenticator.request:
        auth, authenticator = earlier, authenticator_of(earlier)
    namespace.latest = authenticator
    return auth, authenticator


def sign_in(auth: Auth, authenticator: Authenticator, request: Request, namespace: Namespace) -> None:
    """Sign in with *auth* as *request* says, show the card, and bind the variables.

    Raises:
        IpyauthError: there is no token; the sentence tells why.
    """
    options = request.options
    names = ready(options.auth_name, options.token_name, options.api_name if request.params.api else "")
    authenticate(authenticator, options, names, request.more)
    namespace.bind(options.token_name, options.auth_name, auth)
    if request.params.api is not None:
        namespace.bind_session(options.api_name, auth)
    if (name := request.profile) and name.isidentifier() and not keyword.iskeyword(name) and not is_reserved(name):
        namespace.bind_profile(name, auth)
    if request.to_save is not None:
        from .login_magic import save

        save(options, request.to_save)


def authenticate(
    authenticator: Authenticator, options: Options, names: str, more: StepUp, timeout: float | None = None
) -> None:
    """Get good tokens, which are for *more* too, as *options* say, and show the card with the sentence *names*.

    Raises:
        IpyauthError: there is no token; the sentence tells why.
    """
    shown = panel(owns_cell=True)
    has_asked = authenticator.authenticate(shown, timeout, not options.no_browser, options.force, more=more)
    if has_asked or not options.quiet:
        shown.end(None if options.quiet else card_of(authenticator, names))


def is_reserved(name: str) -> bool:
    """Return whether *name* is one of Python's or IPython's own."""
    own = re.fullmatch(r"_+|_i+|_[ioId]h|_i?[0-9]+|__\w+__", name)
    return name in _IPYTHON_NAMES or hasattr(builtins, name) or own is not None
