"""A Magics class with our arguments and traits that does nothing: what they cost in themselves."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from traitlets import Bool, CUnicode, Unicode


@magics_class
class EmptyMagics(Magics):
    """Our options (tests/test_bench.py compares them), and no work."""

    response_type = Unicode("", help="`token id_token` (implicit) or `code` (authorization code + PKCE)").tag(
        config=True
    )
    response_mode = Unicode("", help="`fragment`, `form_post` or, for `code`, `query`").tag(config=True)
    domain = Unicode("", help="Auth0 domain, such as `tenant.eu.auth0.com`, or `http://localhost:PORT`").tag(
        config=True
    )
    issuer = Unicode("", help="in place of `domain`, the issuer URL of any OpenID provider").tag(config=True)
    discovery_url = Unicode("", help="address of the provider's discovery document, if it is not below the issuer").tag(
        config=True
    )
    client_id = Unicode("", help="the application's Client ID").tag(config=True)
    redirect_uri = Unicode("", help="one redirect URI, or several separated by spaces, tried in order").tag(config=True)
    audience = Unicode("", help="the API's identifier").tag(config=True)
    scope = Unicode("", help="scopes to ask for, separated by spaces; `openid` and `profile` are added").tag(
        config=True
    )
    default_scope = Unicode("", help="scopes that are added to `scope`; empty: plain OAuth 2.0").tag(config=True)
    flow = Unicode("", help="how to sign in: implicit, code or device").tag(config=True)
    store = Unicode("", help="the place for tokens: memory, keyring, file or none").tag(config=True)
    timeout = CUnicode("", help="seconds to wait for the browser, 1 to 3600").tag(config=True)
    dotenv_folder = Unicode("", help="folder of the dotenv file").tag(config=True)
    dotenv_file = Unicode("", help="dotenv file with some of the parameters").tag(config=True)
    guard_outputs = Bool(True, help="hide live tokens in every output of a kernel").tag(config=True)

    @magic_arguments()
    @argument("-f", "--dotenv-file", metavar="FILE", help="dotenv file with some of the parameters")
    @argument("-d", "--dotenv-folder", metavar="FOLDER", help="folder of the dotenv file (default: .)")
    @argument("-t", "--token-name", metavar="NAME", help="variable for the access token", default="token")
    @argument(
        "-a",
        "--auth-name",
        metavar="NAME",
        help="variable for the Auth, which holds the tokens and renews them",
        default="auth",
    )
    @argument("--flow", metavar="FLOW", help="how to sign in: implicit, code or device; overrides response_type")
    @argument("--timeout", metavar="SECONDS", help="wait for the browser, 1 to 3600 (default: 300)")
    @argument("--no-browser", action="store_true", help="only show the link")
    @argument("--paste", action="store_true", help="also ask for the URL at which the browser ended")
    @argument("--bind", metavar="ADDRESS", help="listen on this address instead of the redirect URI's (containers)")
    @argument(
        "--store",
        metavar="WHERE",
        help="keep tokens in: memory (default), keyring (encrypted), file (readable by this user alone, not "
        "encrypted), none",
    )
    @argument(
        "--renewable",
        action="store_true",
        help="ask for a refresh token in any case (default: if the provider knows offline_access)",
    )
    @argument("--no-renewable", action="store_true", help="ask for no refresh token")
    @argument("--force", action="store_true", help="sign in again even if a good token is there")
    @argument("-q", "--quiet", action="store_true", help="show no card when done")
    @argument(
        "parameters",
        metavar="KEY=VALUE",
        help="parameters; they count before those of the cell. A word without = is the name of a profile. +SCOPE adds "
        "a scope",
        nargs="*",
    )
    @line_cell_magic("auth0")
    def auth0(self, line: str, cell: str | None = None) -> None:
        """Do nothing."""

    @magic_arguments()
    @argument("-f", "--dotenv-file", metavar="FILE", help="dotenv file with some of the parameters")
    @argument("-d", "--dotenv-folder", metavar="FOLDER", help="folder of the dotenv file (default: .)")
    @argument("-t", "--token-name", metavar="NAME", help="variable for the access token", default="token")
    @argument(
        "-a",
        "--auth-name",
        metavar="NAME",
        help="variable for the Auth, which holds the tokens and renews them",
        default="auth",
    )
    @argument("--flow", metavar="FLOW", help="how to sign in: implicit, code or device; overrides response_type")
    @argument("--timeout", metavar="SECONDS", help="wait for the browser, 1 to 3600 (default: 300)")
    @argument("--no-browser", action="store_true", help="only show the link")
    @argument("--paste", action="store_true", help="also ask for the URL at which the browser ended")
    @argument("--bind", metavar="ADDRESS", help="listen on this address instead of the redirect URI's (containers)")
    @argument(
        "--store",
        metavar="WHERE",
        help="keep tokens in: memory (default), keyring (encrypted), file (readable by this user alone, not "
        "encrypted), none",
    )
    @argument(
        "--renewable",
        action="store_true",
        help="ask for a refresh token in any case (default: if the provider knows offline_access)",
    )
    @argument("--no-renewable", action="store_true", help="ask for no refresh token")
    @argument("--force", action="store_true", help="sign in again even if a good token is there")
    @argument("-q", "--quiet", action="store_true", help="show no card when done")
    @argument(
        "--save", metavar="NAME", help="save the parameters of the line and the cell as a profile, after the sign-in"
    )
    @argument(
        "--check", action="store_true", help="do not sign in; show the parts of a sign-in that work at this provider"
    )
    @argument(
        "parameters",
        metavar="KEY=VALUE",
        help="parameters; they count before those of the cell. A word without = is the address of an API, or the name "
        "of a profile. +SCOPE adds a scope",
        nargs="*",
    )
    @line_cell_magic("login")
    def login(self, line: str, cell: str | None = None) -> None:
        """Do nothing."""

    @magic_arguments()
    @argument("name", metavar="NAME", nargs="?", help="variable given by -t or -a (default: the latest sign-in)")
    @argument(
        "--json",
        action="store_true",
        help="return header, claims, id_claims, expires_at, expires_in and scope as a dict",
    )
    @argument("--raw", action="store_true", help="print the token itself: the only command that shows it")
    @argument("--renew", action="store_true", help="renew the token now")
    @argument("--clear", action="store_true", help="forget the token, and remove its variables")
    @argument("--config", action="store_true", help="list each setting, its value and its origin")
    @argument("--list", action="store_true", help="list the sign-ins of this session")
    @line_magic("token")
    def token(self, line: str) -> None:
        """Do nothing."""

    @magic_arguments()
    @argument(
        "name", metavar="NAME", help="variable given by -t or -a, or a profile (default: the latest sign-in)", nargs="?"
    )
    @argument("--no-browser", action="store_true", help="only show the link that ends the provider's session")
    @line_magic("logout")
    def logout(self, line: str) -> None:
        """Do nothing."""


def load_ipython_extension(shell: Any) -> None:
    """Register them."""
    shell.register_magics(EmptyMagics(shell))
