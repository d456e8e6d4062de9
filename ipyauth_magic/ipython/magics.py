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

from .namespace import Namespace as Variables

if TYPE_CHECKING:
    from argparse import Namespace

    from IPython.core.interactiveshell import InteractiveShell

    from ..auth import Auth
    from ..flows.authenticator import Authenticator
    from ..settings.params import ParamsAuth0

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
        self.variables = Variables(shell)
        self._latest: Authenticator | None = None
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

            return token(self.variables, self._latest, _parse(self.token, line))

    def _auth0(self, options: Namespace, cell: str | None) -> None:
        from ..settings.options import warnings_about

        self._check_options(options)
        params = self.params(options, cell)
        for warning in warnings_about(options, params.warnings):
            print(f"Warning: {warning}", file=sys.stderr)
        auth = self._auth(options, params)
        self._sign_in(auth, options)
        self.variables.bind(options.token_name, options.auth_name, auth)

    def _sign_in(self, auth: Auth, options: Namespace) -> None:
        from ..auth import authenticator_of
        from ..display.panel import panel
        from ..display.view import card_of

        shown, authenticator = panel(owns_cell=True), authenticator_of(auth)
        self._latest = authenticator
        asked = authenticator.authenticate(shown, int(options.timeout), not options.no_browser, options.force)
        if asked or not options.quiet:
            shown.end(None if options.quiet else card_of(authenticator))

    def params(self, options: Namespace, cell: str | None) -> ParamsAuth0:
        """Return the parameters of the line, the cell and the configuration."""
        from ..settings.options import line_parameters
        from ..settings.params import ParamsAuth0

        configuration = {name: value for name in self.trait_names(config=True) if (value := getattr(self, name))}
        return ParamsAuth0.from_magic(line_parameters(options), cell, configuration)

    def _auth(self, options: Namespace, params: ParamsAuth0) -> Auth:
        """Return the `Auth` that the variable was bound to, if it signs in for just this, or a new one."""
        from ..auth import Auth, authenticator_of

        auth = Auth(
            params,
            flow=options.flow,
            store=options.store,
            renewable=not options.no_renewable,
            bind=options.bind,
            paste=options.paste,
        )
        earlier = self.variables.named(options.auth_name)
        if earlier is not None and authenticator_of(earlier).request == authenticator_of(auth).request:
            return earlier
        return auth

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
            magics.variables.drop()
    if "ipyauth_magic.auth" in sys.modules:
        from ..display.guards import unguard

        unguard(shell)
