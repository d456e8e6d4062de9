"""python -m ipyauth_magic: signs in, gives the token to other programs, shows who is signed in, signs out, and checks.

Only the token goes to standard output; all that a person reads goes to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from ..display.view import view_of_tokens
from ..errors import InvalidParams, IpyauthError, NotSignedIn, SignInNeeded
from ..protocol.tokens import AuthorizationHeader
from ..settings.line import BadOption, check_options
from ..settings.options import COMMAND, COMMANDS
from .check import check
from .command import PROGRAM, Command, check_token_options
from .output import BAD_USAGE, FAILED, GOOD, INTERRUPTED, Output, say


def main(arguments: Sequence[str]) -> int:
    """Do what *arguments* say, once in a process, and return the exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # `print` would take standard output in its place
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader has closed the pipe: there is nothing more to write
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        return FAILED


def _run(arguments: Sequence[str]) -> int:
    options = parser().parse_intermixed_args(arguments)
    command = None
    try:
        check_options(options)
        check_token_options(options)
        if options.command == "check":
            return check(options)
        command = Command(options, arguments)
        return _COMMANDS[options.command](command)
    except KeyboardInterrupt:
        has_asked = command is not None and command.has_asked
        say("The sign-in was interrupted; the port is free again." if has_asked else "Interrupted.")
        return INTERRUPTED
    except (BadOption, InvalidParams) as error:
        say(str(error))
        return BAD_USAGE
    except IpyauthError as error:
        say(str(error))
        return FAILED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        PROGRAM,
        usage=f"{PROGRAM} login|token|status|logout|check [options] [KEY=VALUE ...]",
        description="Sign in at Auth0 or any OpenID provider, and use the access token in other programs.",
        epilog=f"{PROGRAM} token -f demo.env --format header | curl -H @- https://api.example.com/",
        allow_abbrev=False,
    )
    made.add_argument(
        "command", choices=[*_COMMANDS, "check"], metavar="login|token|status|logout|check", help="what to do"
    )
    for option in COMMANDS:
        made.add_argument(*option.names, **option.for_argparse(COMMAND))
    return made


def _login(command: Command) -> int:
    outlasts_this_process = command.store[0] not in ("memory", "none")
    if outlasts_this_process:
        will_ask = command.options.force or not command.kept.is_good
        command.kept.check_place(is_to_save=will_ask)  # else the tokens of a sign-in would be lost
    command.ask()
    if outlasts_this_process and not command.authenticator.source.is_stored:
        say("The tokens could not be kept, so no other command will find them.")
        return FAILED
    return GOOD


def _token(command: Command) -> int:
    output = Output.taken()
    if output is None:
        say("Standard output is closed, so there is nowhere to print the token.")
        return FAILED
    if output.is_terminal and not command.options.raw:
        raise BadOption("Standard output is a terminal, where the token would stay readable: use a pipe, or --raw.")
    try:
        if command.options.force:
            raise SignInNeeded
        token = command.kept.get().access_token
    except (NotSignedIn, SignInNeeded):
        if not sys.stderr.isatty():
            command.kept.check_place()  # else a locked keyring would look like an empty one
            say(f"There is no valid token, and no terminal at which to sign in. Run: {command.login_line()}")
            return FAILED
        command.ask()
        token = command.auth.access_token
    return output.write(AuthorizationHeader.line(token) if command.options.format == "header" else token)


def _status(command: Command) -> int:
    tokens, store = command.kept.tokens, ("Store", command.store[0])
    if tokens is None:
        command.kept.check_place()  # else a locked keyring would look like an empty one
    view = view_of_tokens(command.params, tokens)
    if not command.options.quiet:
        more = [("Renewable", "yes" if view.is_renewable else "no")] if tokens is not None else []
        say(view.card((*more, store), hint=f"Run: {command.login_line()}").text())
    return GOOD if view.serves else FAILED


def _logout(command: Command) -> int:
    from ..auth import sign_out

    try:
        sign_out(command.authenticator, not command.options.no_browser)
    except NotSignedIn:
        say("You are not signed in for this.")
        return FAILED
    return GOOD


_COMMANDS: dict[str, Callable[[Command], int]] = {
    "login": _login,
    "token": _token,
    "status": _status,
    "logout": _logout,
}
