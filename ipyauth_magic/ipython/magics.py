"""%%auth0 and %token: they parse, call, and show.

What is imported at the top here costs every `%load_ext`; the rest is imported by the first call.
"""

from __future__ import annotations

import builtins
import keyword
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from traitlets import TraitError, Unicode

if TYPE_CHECKING:
    from argparse import Namespace

    from IPython.core.interactiveshell import InteractiveShell

    from ..auth import Auth
    from ..callback.routes import Route
    from ..protocol.grant import Grant
    from ..settings.params import ParamsAuth0

    Settings = tuple[ParamsAuth0, Grant, tuple[Route, ...]]

_IPYTHON_NAMES = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})


@magics_class
class Auth0Magics(Magics):
    """The magics, and the parameters that IPython's configuration may set (`c.Auth0Magics.domain = ...`)."""

    response_type = Unicode("", help="`token id_token` or `code`").tag(config=True)
    response_mode = Unicode("", help="`fragment`, `form_post` or, for code, `query`").tag(config=True)
    domain = Unicode("", help="Auth0 domain, as tenant.eu.auth0.com").tag(config=True)
    issuer = Unicode("", help="in place of domain, the issuer URL of any OpenID provider").tag(config=True)
    client_id = Unicode("", help="the application's Client ID").tag(config=True)
    redirect_uri = Unicode("", help="redirect URIs, tried in order").tag(config=True)
    audience = Unicode("", help="the API's identifier").tag(config=True)
    scope = Unicode("", help="scopes to ask for, space separated").tag(config=True)
    dotenv_folder = Unicode("", help="folder of the dotenv file").tag(config=True)
    dotenv_file = Unicode("", help="dotenv file with some of the parameters").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        self.names: dict[str, Auth] = {}
        self._bound: dict[str, object] = {}
        """What the variables were given: the user may have put something else there since."""
        self._latest: tuple[Namespace, ParamsAuth0] | None = None
        super().__init__(shell=shell)

    @magic_arguments("%auth0")
    @argument("-f", "--dotenv-file", metavar="FILE", help="dotenv file with some of the parameters")
    @argument("-d", "--dotenv-folder", metavar="FOLDER", help="folder of the dotenv file (default: .)")
    @argument("-t", "--token-name", metavar="NAME", default="token", help="variable for the access token")
    @argument("-a", "--auth-name", metavar="NAME", default="auth", help="variable for the Auth")
    @argument("--flow", metavar="FLOW", help="how to sign in: implicit, code or device; overrides response_type")
    @argument("--timeout", metavar="SECONDS", default="300", help="wait for the browser, 1 to 3600 (default: 300)")
    @argument("--no-browser", action="store_true", help="only show the link")
    @argument("--paste", action="store_true", help="ask also for the URL at which the browser ended")
    @argument("--bind", metavar="ADDRESS", help="listen on another address than the redirect URI's (containers)")
    @argument(
        "--store",
        metavar="WHERE",
        default="memory",
        help="keep tokens in: memory (default), keyring (encrypted), file (readable by this user alone, "
        "not encrypted), none",
    )
    @argument("--renewable", action="store_true", help="ask for a refresh token (on for code and device)")
    @argument("--no-renewable", action="store_true", help="ask for no refresh token")
    @argument("--force", action="store_true", help="sign in again even if a good token is there")
    @argument("-q", "--quiet", action="store_true", help="show no card")
    @argument("parameters", metavar="KEY=VALUE", nargs="*", help="parameters, before those of the cell")
    @line_cell_magic("auth0")
    def auth0(self, line: str, cell: str | None = None) -> None:
        """Sign in and put the access token in a variable.

        The cell holds the parameters, as in a dotenv file::

            %%auth0
            domain=tenant.eu.auth0.com
            client_id=...
            audience=api/fruit
            scope=read:usual-fruit write:usual-fruit

        `%auth0 -f FILE` on one line does the same without a cell.
        """
        with usage_errors():
            self._auth0(_parse(self.auth0, line), cell)

    @magic_arguments()
    @argument("name", metavar="NAME", nargs="?", help="variable given by -t or -a (default: the latest sign-in)")
    @argument("--json", action="store_true", help="return header, claims, id_claims, expires_at, expires_in and scope")
    @argument("--raw", action="store_true", help="print the token itself: the only command that shows it")
    @argument("--renew", action="store_true", help="renew now")
    @argument("--clear", action="store_true", help="forget it")
    @argument("--config", action="store_true", help="list each setting, its value and its origin")
    @argument("--list", action="store_true", help="list the sign-ins of this session")
    @line_magic("token")
    def token(self, line: str) -> dict[str, Any] | None:
        """Show the claims of the access token and of the ID token; checks nothing on the network."""
        with usage_errors():
            from .token_magic import token

            return token(self, _parse(self.token, line))

    def _auth0(self, options: Namespace, cell: str | None) -> None:
        from ..settings.options import warnings_about

        self._check_options(options)
        params = self.params(options, cell)
        for warning in warnings_about(options, params.warnings):
            print(f"Warning: {warning}", file=sys.stderr)
        self._latest = options, params
        auth = self._auth(options, params)
        self._sign_in(auth, options)
        self._bind(options.token_name, options.auth_name, auth)

    @property
    def latest_settings(self) -> Settings | None:
        """What the last cell was to sign in for, and how, also if that failed; None before any."""
        return _settings(*self._latest) if self._latest else None

    def _sign_in(self, auth: Auth, options: Namespace) -> None:
        from ..display.panel import panel

        shown = panel(owns_cell=True)
        asked = auth.ask_on(shown, int(options.timeout), not options.no_browser, options.force)
        if asked or not options.quiet:
            shown.end(None if options.quiet else auth.card())

    def params(self, options: Namespace, cell: str | None) -> ParamsAuth0:
        """Return the parameters of the line, the cell and the configuration."""
        from ..settings.options import line_parameters
        from ..settings.params import ParamsAuth0

        configuration = {name: value for name in self.trait_names(config=True) if (value := getattr(self, name))}
        return ParamsAuth0.from_magic(line_parameters(options), cell, configuration)

    def _bind(self, token_name: str, auth_name: str, auth: Auth) -> None:
        """Put the token and *auth* in the user's namespace."""
        self._push({token_name: auth.access_token, auth_name: auth})
        self.names.update({token_name: auth, auth_name: auth})

    def rebind(self, auth: Auth) -> None:
        """Put the new token of *auth* in the variables that hold its token."""
        self._push({name: auth.access_token for name in self._own_names(auth) if self.shell.user_ns[name] is not auth})

    def _push(self, variables: dict[str, object]) -> None:
        """Give the user *variables*, out of sight of `%whos`."""
        self.shell.push(variables, interactive=False)
        self._bound.update(variables)

    def drop_names(self, auth: Auth | None = None) -> None:
        """Take the variables away that we made for *auth*, or for all, unless the user gave them another value."""
        for name in self._own_names(auth):
            del self.names[name]
            self._bound.pop(name, None)
            self.shell.drop_by_id({name: self.shell.user_ns[name]})

    def sign_in_of(self, name: str) -> Auth | None:
        """Return the sign-in whose variable *name* is, if its token, of whatever time, or the `Auth` is still in it."""
        auth, value = self.names.get(name), self.shell.user_ns.get(name)
        if auth is None or value is None:
            return None
        return auth if value is auth or value is self._bound.get(name) or auth.holds(value) else None

    def _own_names(self, auth: Auth | None = None) -> list[str]:
        mine = {name: named for name in self.names if (named := self.sign_in_of(name)) is not None}
        return [name for name, named in mine.items() if auth is None or named is auth]

    def _auth(self, options: Namespace, params: ParamsAuth0) -> Auth:
        from ..auth import Auth

        flow = _grant(options, params).flow
        auth = Auth(
            params,
            flow=flow,
            store=options.store,
            renewable=not options.no_renewable,
            bind=options.bind,
            paste=options.paste,
        )
        earlier = self.names.get(options.auth_name)
        return earlier if earlier is not None and earlier.is_like(auth) else auth

    def _check_options(self, options: Namespace) -> None:
        from ..settings.options import check_options

        for option in ("token_name", "auth_name"):
            _check_name(getattr(options, option), "--" + option.replace("_", "-"))
        if options.token_name == options.auth_name:
            raise UsageError("--token-name and --auth-name must be different names.")
        check_options(options)


def _parse(magic: Any, line: str) -> Namespace:
    """Return the options on *line*; IPython's own splitting breaks `scope="a b"` within its quotes."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""  # a path of Windows has backslashes
    try:
        words = list(lexer)
    except ValueError:
        raise UsageError("A quote is not closed.") from None
    parser = magic.parser
    parser.usage = parser.usage or parser.format_usage()[7:]  # else argparse makes it anew each time
    options: Namespace = parser.parse_intermixed_args(words)
    return options


def _settings(options: Namespace, params: ParamsAuth0) -> Settings:
    from ..flows.sign_in import ways_here

    grant = _grant(options, params)
    return params, grant, () if grant.flow == "device" else ways_here(params, options.bind, options.paste)


def _grant(options: Namespace, params: ParamsAuth0) -> Grant:
    from ..protocol.grant import Grant

    return Grant.of(params.response_type, options.flow, not options.no_renewable)


def _check_name(name: str, option: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{option} takes the name of a variable.")
    reserved = (
        name in _IPYTHON_NAMES or hasattr(builtins, name) or re.fullmatch(r"_+|_i+|_[ioId]h|_i?[0-9]+|__\w+__", name)
    )
    if reserved:
        raise UsageError(f"{option}: {name} is a name of Python's or IPython's own; choose another.")


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn our errors and an interrupt into `UsageError`: IPython shows exactly that class as one line.

    A subclass would show its traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        message = "The sign-in was interrupted; the port is free again."
    except Exception as error:
        from ..errors import IpyauthError
        from ..settings.options import BadOption

        if not isinstance(error, (IpyauthError, BadOption)):
            raise
        message = str(error)
    else:
        return
    raise UsageError(message)


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion."""
    try:
        magics = Auth0Magics(shell)
    except TraitError as error:
        print(f"ipyauth_magic: a value of c.Auth0Magics cannot be used, so none is: {error}", file=sys.stderr)
        del shell.config["Auth0Magics"]
        magics = Auth0Magics(shell)
    shell.register_magics(magics)
    from .completion import add_completion

    add_completion(shell)
    if "ipyauth_magic.auth" in sys.modules:  # else no Auth is there yet, and the first one guards the shell
        from ..display.guards import guard

        guard(shell)


def unload(shell: InteractiveShell) -> None:
    """Take away the magics, the completion, and what sign-ins left."""
    from .completion import remove_completion

    remove_completion(shell)
    table: Mapping[str, dict[str, Callable[..., Any]]] = shell.magics_manager.magics
    for kind, name in (("line", "auth0"), ("cell", "auth0"), ("line", "token")):
        table[kind].pop(name, None)
    shell.magics_manager.registry.pop(Auth0Magics.__name__, None)
    for magics in [each for each in shell.configurables if type(each).__name__ == Auth0Magics.__name__]:
        shell.configurables.remove(magics)
        if isinstance(magics, Auth0Magics):
            magics.drop_names()
    if "ipyauth_magic.auth" in sys.modules:
        from ..display.guards import unguard

        unguard(shell)
