"""The options of `%%auth0`, `%token` and the command line, listed once.

`%load_ext` imports this file, so it imports no more than it must.
"""

from __future__ import annotations

from typing import Any

STORES = ("memory", "keyring", "file", "none")

MAGIC, COMMAND = "magic", "command"


class Option:  # a dataclass would cost each %load_ext half a millisecond, a named tuple a third of that
    """An option, or a word without a name, of a magic and of the command line.

    Attributes:
        names: as the user types them, the short one first; a word without a name has the name of its attribute only.
        help: one line for users.
        metavar: stands for the value in the help; None for an option without a value.
        default: the value where the user gives none.
        nargs: how often a word without a name may stand, as argparse has it.
        only: `MAGIC` or `COMMAND` if one of them alone has the option.
        command_help: the help on the command line, where it differs.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        help: str,
        metavar: str | None = None,
        default: str | None = None,
        nargs: str | None = None,
        only: str | None = None,
        command_help: str | None = None,
    ) -> None:
        self.names = names
        self.help = help
        self.metavar = metavar
        self.default = default
        self.nargs = nargs
        self.only = only
        self.command_help = command_help

    def for_argparse(self, place: str = MAGIC) -> dict[str, Any]:
        """Return the keywords of argparse's `add_argument` and of IPython's `argument`; *place* is MAGIC or COMMAND."""
        help = self.command_help if place == COMMAND and self.command_help else self.help
        if self.metavar is None:
            return {"action": "store_true", "help": help}
        given = {"metavar": self.metavar, "help": help, "default": self.default, "nargs": self.nargs}
        return {name: value for name, value in given.items() if value is not None}


_SIGN_IN = (
    Option(("-f", "--dotenv-file"), "dotenv file with some of the parameters", "FILE"),
    Option(("-d", "--dotenv-folder"), "folder of the dotenv file (default: .)", "FOLDER"),
    Option(("-t", "--token-name"), "variable for the access token", "NAME", default="token", only=MAGIC),
    Option(
        ("-a", "--auth-name"),
        "variable for the Auth, which holds the tokens and renews them",
        "NAME",
        default="auth",
        only=MAGIC,
    ),
    Option(("--flow",), "how to sign in: implicit, code or device; overrides response_type", "FLOW"),
    Option(("--timeout",), "wait for the browser, 1 to 3600 (default: 300)", "SECONDS"),
    Option(("--no-browser",), "only show the link"),
    Option(("--paste",), "also ask for the URL at which the browser ended"),
    Option(("--bind",), "listen on this address instead of the redirect URI's (containers)", "ADDRESS"),
    Option(
        ("--store",),
        "keep tokens in: memory (default), keyring (encrypted), file (readable by this user alone, not encrypted), "
        "none",
        "WHERE",
        command_help="keep tokens in: keyring (encrypted; the default if there is one), file (the default otherwise; "
        "readable by this user alone, not encrypted), memory, none",
    ),
    Option(("--renewable",), "ask for a refresh token in any case (default: if the provider knows offline_access)"),
    Option(("--no-renewable",), "ask for no refresh token"),
    Option(
        ("--force",),
        "sign in again even if a good token is there",
    ),
    Option(("-q", "--quiet"), "show no card when done", command_help="print errors only"),
    Option(("--raw",), "print the token on a terminal too", only=COMMAND),
    Option(
        ("--format",),
        "print the token alone (token, the default) or as an Authorization header (header), for curl -H @-",
        "FORMAT",
        only=COMMAND,
    ),
    Option(
        ("parameters",),
        "parameters; they count before those of the cell. A word without = is the name of a profile. +SCOPE adds a "
        "scope",
        "KEY=VALUE",
        nargs="*",
        command_help="parameters; they count before those of the file. A word without = is the name of a profile",
    ),
)

HELP = Option(("-h", "--help"), "show this")

AUTH0 = tuple(option for option in _SIGN_IN if option.only != COMMAND)
"""The options of `%%auth0`."""

COMMANDS = tuple(option for option in _SIGN_IN if option.only != MAGIC)
"""The options of the command line."""

TOKEN = (
    Option(("name",), "variable given by -t or -a (default: the latest sign-in)", "NAME", nargs="?"),
    Option(("--json",), "return header, claims, id_claims, expires_at, expires_in and scope as a dict"),
    Option(("--raw",), "print the token itself: the only command that shows it"),
    Option(("--renew",), "renew the token now"),
    Option(("--clear",), "forget the token, and remove its variables"),
    Option(("--config",), "list each setting, its value and its origin"),
    Option(("--list",), "list the sign-ins of this session"),
)
"""The options of `%token`."""

LOGIN = (
    *AUTH0[:-1],
    Option(("--save",), "save the parameters of the line and the cell as a profile, after the sign-in", "NAME"),
    Option(("--check",), "do not sign in; show the parts of a sign-in that work at this provider"),
    Option(
        ("parameters",),
        "parameters; they count before those of the cell. A word without = is the address of an API, or the name of a "
        "profile. +SCOPE adds a scope",
        "KEY=VALUE",
        nargs="*",
    ),
)
"""The options of `%%login`."""

LOGOUT = (
    Option(("name",), "variable given by -t or -a, or a profile (default: the latest sign-in)", "NAME", nargs="?"),
    Option(("--no-browser",), "only show the link that ends the provider's session"),
)
"""The options of `%logout`."""

MAGICS = {"auth0": AUTH0, "login": LOGIN, "token": TOKEN, "logout": LOGOUT}
"""The options by the name of the magic."""

GROUPS = {
    "Where to": ("parameters", "--dotenv-file", "--dotenv-folder"),
    "How": ("--flow", "--timeout", "--no-browser", "--paste", "--bind", "--force", "--check"),
    "Keeping": ("--store", "--renewable", "--no-renewable", "--token-name", "--auth-name", "--save"),
    "Showing": ("--quiet", "--help"),
}
"""The options of a sign-in in the help of a magic, by their last names."""
