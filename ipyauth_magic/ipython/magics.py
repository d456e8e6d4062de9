"""%%auth0, %%login, %token and %logout: their options, and what IPython loads and unloads with them.

What is imported at the top costs every `%load_ext`; the rest is imported by the first call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from traitlets import Bool, CUnicode, Dict, TraitError, Unicode

from ..settings.parameters import PARAMETERS, Parameter
from .arguments import arguments, parsed
from .usage_errors import usage_errors

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from .namespace import Namespace

MAGICS = (
    ("line", "auth0"),
    ("cell", "auth0"),
    ("line", "login"),
    ("cell", "login"),
    ("line", "token"),
    ("line", "logout"),
)
"""What is registered, by its kind and its name."""


def _kind(parameter: Parameter) -> type[Dict[str, str] | Unicode[str, str] | CUnicode[str, Any]]:
    """Return the trait that takes a value of *parameter*."""
    return Dict if parameter.is_group else CUnicode if parameter.is_number else Unicode


@magics_class
class Auth0Magics(Magics):
    """The magics, and the parameters that IPython's configuration may set (`c.Auth0Magics.domain = ...`)."""

    locals().update(  # None is a value that is not set: an empty `default_scope` means something
        (name, _kind(each)(default_value=None, allow_none=True, help=each.help).tag(config=True))
        for name, each in PARAMETERS.items()
    )
    guard_outputs = Bool(True, help="hide live tokens in every output of a kernel").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)

    @cached_property
    def namespace(self) -> Namespace:
        """The variables that the sign-ins were bound to."""
        from .namespace import Namespace

        return Namespace(self.shell)

    @line_cell_magic("auth0")
    @arguments("%%auth0")
    def auth0(self, line: str, cell: str | None = None) -> None:
        """Sign in and put the access token in a variable.

        The cell holds the parameters, as in a dotenv file:

            %%auth0 --flow code
            domain=tenant.eu.auth0.com
            client_id=...
            audience=api/fruit
            scope=read:usual-fruit write:usual-fruit

        Then call the API: `requests.get(url, auth=auth)`. `%auth0 -f FILE` on one
        line does the same without a cell.
        """
        with usage_errors(self._interrupted):
            if (options := parsed(self.auth0, line)) is not None:
                self._sign_in(options, cell)

    @line_cell_magic("login")
    @arguments("%%login")
    def login(self, line: str, cell: str | None = None) -> None:
        """Sign in at any provider, and put the access token in a variable.

        The flow is `code`, unless you choose another. For an API that says where to
        sign in, its address is enough:

            %login https://api.example.com/v1

        Then `api` is a session for it: `api.get("/v1/items")`. For any other, the cell
        holds the parameters, as in a dotenv file:

            %%login
            issuer=https://issuer.example.com
            client_id=...
            scope=email

        Then call the API: `requests.get(url, auth=auth)`. `%login NAME` on one line
        takes the parameters of a profile, and `%%login --save NAME` keeps those of a
        cell as one. `%logout` signs out.
        """
        with usage_errors(self._interrupted):
            if (options := parsed(self.login, line)) is None:
                return
            from .address_magic import names_api, sign_in_by_address
            from .login_magic import DEFAULT_FLOW, check

            if options.check:
                check(options, cell, self._configuration())
            elif names_api(options):
                sign_in_by_address(options, cell, self._configuration(), self.namespace)
            else:
                self._sign_in(options, cell, DEFAULT_FLOW)

    def _sign_in(self, options: Options, cell: str | None, default_flow: str | None = None) -> None:
        from .sign_in import sign_in_as_asked

        sign_in_as_asked(options, cell, self._configuration(), self.namespace, default_flow)

    def _configuration(self) -> dict[str, str]:
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}

    def _interrupted(self) -> str:
        """Return the sentence for an interrupt; without a sign-in, as while a keyring is unlocked, no port was held."""
        if self.namespace.latest is None:
            return "Interrupted."
        from ..display.view import interrupted

        return interrupted(self.namespace.latest)

    @line_magic("token")
    @arguments("%token")
    def token(self, line: str) -> dict[str, Any] | None:
        """Show the claims of the access token and of the ID token; checks nothing on the network.

        Of the latest sign-in, or of a variable. The claims as a dict, or the token itself:

            %token
            %token NAME
            claims = %token --json
            %token --raw
        """
        with usage_errors(lambda: "Interrupted."):
            if (options := parsed(self.token, line)) is None:
                return None
            from .token_magic import token

            return token(self.namespace, options)

    @line_magic("logout")
    @arguments("%logout")
    def logout(self, line: str) -> None:
        """Sign out: forget the tokens, revoke them, and end the provider's session.

        For the latest sign-in, or for the one of a variable or a profile:

            %logout
            %logout work

        The variables with the token are taken away. The `Auth` stays, and can sign in
        again.
        """
        with usage_errors(lambda: "Interrupted."):
            if (options := parsed(self.logout, line)) is None:
                return
            from .login_magic import logout

            logout(self.namespace, options, self._configuration())


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion."""
    try:
        magics = Auth0Magics(shell)
    except TraitError as error:
        print(f"ipyauth_magic: a value of c.Auth0Magics cannot be used, so none is: {error}", file=sys.stderr)
        del shell.config["Auth0Magics"]
        magics = Auth0Magics(shell)
    shell.register_magics(magics)
    if _with_a_body not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_with_a_body)
    _add_completion(shell, magics)
    if "ipyauth_magic.auth" in sys.modules:  # else there is no Auth yet, and the first one guards the shell
        from ..display.guards import guard

        guard(shell)


def _with_a_body(lines: list[str]) -> list[str]:
    """Return the *lines* of a cell, with an empty one below a `%%login` or `%%auth0` that stands alone.

    IPython refuses a cell magic without a body before it calls us, and asks whether `%login` was meant.
    """
    is_alone = len(lines) == 1 and lines[0].split(maxsplit=1)[:1] in (["%%auth0"], ["%%login"])
    return [lines[0].rstrip("\n") + "\n", "\n"] if is_alone else lines


# IPython leaves such a transformer out when it asks whether a cell is complete: else a terminal would run `%%login` at
# the end of its first line.
_with_a_body.has_side_effects = True  # type: ignore[attr-defined]


def _add_completion(shell: InteractiveShell, magics: Auth0Magics) -> None:
    """Add a matcher to the shell's completer, except before IPython 8.6: matchers see one word only there."""
    from IPython.core import completer

    def complete_auth0(context: CompletionContext) -> SimpleMatcherResult:
        from .completion import complete

        return complete(context, magics.namespace)

    if hasattr(completer, "context_matcher"):
        shell.Completer.custom_matchers.append(completer.context_matcher()(complete_auth0))


def unload(shell: InteractiveShell) -> None:
    """Take away the magics, the completion, and what sign-ins left."""
    matchers: list[Any] = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "__module__", "") != __name__]
    if _with_a_body in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(_with_a_body)
    table: Mapping[str, dict[str, Callable[..., Any]]] = shell.magics_manager.magics
    for kind, name in MAGICS:
        table[kind].pop(name, None)
    shell.magics_manager.registry.pop(Auth0Magics.__name__, None)
    for magics in [each for each in shell.configurables if type(each).__name__ == Auth0Magics.__name__]:
        shell.configurables.remove(magics)
        if isinstance(magics, Auth0Magics):
            magics.namespace.drop()
    if "ipyauth_magic.auth" in sys.modules:
        from ..display.guards import unguard
        from ..display.view import signed_in

        count = len(signed_in())
        unguard(shell)
        if count:
            said = "a sign-in" if count == 1 else f"{count} sign-ins"
            print(f"ipyauth_magic forgot {said} of this session. Run the cell again to sign in.")
