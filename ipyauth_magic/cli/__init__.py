"""The command line: signs in, gives the token to other programs, shows who is signed in, signs out, and checks.

Only the token goes to standard output; all that a person reads goes to standard error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence

from ..display.view import view_of_tokens
from ..errors import InvalidParams, IpyauthError, NotSignedIn, SignInNeeded
from ..protocol.tokens import AuthorizationHeader
from ..settings.line import BadOption
from .check import check
from .command import Command
from .kept import NothingKept
from .output import BAD_USAGE, FAILED, GOOD, INTERRUPTED, Output, card_text, say, say_card, say_error
from .parsers import ABOUT, line_to_fill_in, parsed, parser, program


def main(arguments: Sequence[str]) -> int:
    """Do what *arguments* say, once in a process, and return the exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # `print` would take standard output in its place
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader has closed the pipe: there is nothing more to write
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # until the process ends
        return FAILED


def _run(arguments: Sequence[str]) -> int:
    command = None
    try:
        if (status := _without_command(arguments)) is not None:
            return status
        options = parsed(arguments, parser()[1])
        if options.command == "check":
            return check(options)
        command = Command(options, arguments)
        return _COMMANDS[options.command](command)
    except SystemExit as end:  # after --help
        return int(end.code or 0)
    except KeyboardInterrupt:
        say(command.interrupted() if command is not None else "Interrupted.")
        return INTERRUPTED
    except BadOption as error:
        say_error(error)
        if len(re.findall(r"[.?](?=\s)", str(error))) == 0:  # it says what happened, and not yet what to do
            known = f" {arguments[0]}" if arguments and arguments[0] in ABOUT else ""
            say(f"`{program()}{known} --help` shows how it is used.")
        return BAD_USAGE
    except InvalidParams as error:
        if error.is_bare:
            say(line_to_fill_in())
        else:
            say_error(error)
        return BAD_USAGE
    except (IpyauthError, NothingKept) as error:
        say_error(error)
        return FAILED


def _without_command(arguments: Sequence[str]) -> int | None:
    """Do what *arguments* say where they name no command, and return the exit status; None where they name one."""
    if "_ARGCOMPLETE" in os.environ:
        from .completion import complete

        complete()
        return GOOD
    if not arguments:
        say(parser()[0].format_help().rstrip())
        return BAD_USAGE
    if arguments[0] in ("-h", "--help"):
        parser()[0].print_help()
        return GOOD
    if arguments[0] == "--version":
        print(f"ipyauth {_version()}")
        return GOOD
    return None


def _version() -> str:
    return str(sys.modules[__name__.partition(".")[0]].__version__)  # of the package, from which no layer imports


def _login(command: Command) -> int:
    profile = _to_save(command)
    outlasts_this_process = command.store[0] not in ("memory", "none")
    if outlasts_this_process:
        will_ask = command.options.force or not command.kept.is_good
        command.kept.check_place(is_to_save=will_ask)  # else the tokens of a sign-in would be lost
    command.ask()
    if profile is not None:
        from .profile import save

        save(command, profile)
    if outlasts_this_process and not command.authenticator.source.is_stored:
        say("The tokens could not be kept, so no other command will find them.")
        return FAILED
    return GOOD


def _to_save(command: Command) -> Mapping[str, str] | None:
    if not command.options.save:
        return None
    from .profile import to_save

    return to_save(command)


def _token(command: Command) -> int:
    output = Output.taken()
    if output is None:
        say("Standard output is closed, so there is nowhere to print the token.")
        return FAILED
    if output.is_terminal and not command.options.raw:
        raise BadOption("Standard output is a terminal, where the token would stay readable.\nUse a pipe, or --raw.")
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
    if command.given.is_empty and command.all_kept:
        views = [(view_of_tokens(each.asked.params, each.tokens), each.store_name) for each in command.all_kept]
        if not command.options.quiet:
            hint = f"Run `{program()} login` with its parameters."
            say("\n\n".join(card_text(view.card((("Store", store),), hint)) for view, store in views))
        return GOOD if any(view.serves for view, _ in views) else FAILED
    tokens = command.kept.tokens
    if tokens is None:
        command.kept.check_place()  # else a locked keyring would look like an empty one
    view = view_of_tokens(command.asked.params, tokens)
    if not command.options.quiet:
        say_card(view.card(command.store_row, hint=f"Run: {command.login_line()}"))
    return GOOD if view.serves else FAILED


def _logout(command: Command) -> int:
    from .logout import logout

    return logout(command)


_COMMANDS: dict[str, Callable[[Command], int]] = {
    "login": _login,
    "token": _token,
    "status": _status,
    "logout": _logout,
}
