"""python -m ipyauth_magic: signs in, gives the token to other programs, tells who is signed in, and signs out.

The token alone goes to standard output; whatever a person reads goes to standard error.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .errors import InvalidParams, IpyauthError, NotSignedIn, SignInNeeded, StoreUnavailable
from .flows.token_source import TokenSource
from .protocol.flow import Grant
from .protocol.tokens import AccessToken
from .settings.options import BadOption, check_options, line_parameters, warnings_about
from .settings.params import ParamsAuth0
from .store import Store
from .store.opening import open_store

if TYPE_CHECKING:
    from .auth import Auth
    from .flows.authenticator import Authenticator

GOOD, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses; the last one is what a shell reports of a program that Ctrl-C ended."""

PROGRAM = "python -m ipyauth_magic"


def main(arguments: Sequence[str]) -> int:
    """Do what *arguments* say and return the exit status; meant to be called once in a process."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # `print` would take standard output in its place
    try:
        return _run(arguments)
    except BrokenPipeError:  # nobody reads any more, and nothing is left to be said
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        return FAILED


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_intermixed_args(arguments)
    try:
        check_options(options)
        if options.raw and options.command != "token":
            raise BadOption("--raw is an option of token.")
        command = _Command(options, arguments)
        return _COMMANDS[options.command](command)
    except KeyboardInterrupt:
        signs_in = options.command in ("login", "token")
        _say("The sign-in was interrupted; the port is free again." if signs_in else "Interrupted.")
        return INTERRUPTED
    except (BadOption, InvalidParams) as error:
        _say(str(error))
        return BAD_USAGE
    except IpyauthError as error:
        _say(str(error))
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM,
        usage=f"{PROGRAM} login|token|status|logout [options] [KEY=VALUE ...]",
        description="Sign in at Auth0 or any OpenID provider, and use the access token in other programs.",
        epilog=f'curl -H "Authorization: Bearer $({PROGRAM} token -f demo.env)" https://api.example.com/',
        allow_abbrev=False,
    )
    parser.add_argument("command", choices=[*_COMMANDS], metavar="login|token|status|logout", help="what to do")
    parser.add_argument("-f", "--dotenv-file", metavar="FILE", help="dotenv file with some of the parameters")
    parser.add_argument("-d", "--dotenv-folder", metavar="FOLDER", help="folder of the dotenv file (default: .)")
    parser.add_argument("--flow", help="how to sign in: implicit, code or device; overrides response_type")
    parser.add_argument(
        "--timeout", metavar="SECONDS", default="300", help="wait for the browser, 1 to 3600 (default: 300)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only show the link")
    parser.add_argument("--paste", action="store_true", help="ask also for the URL at which the browser ended")
    parser.add_argument("--bind", metavar="ADDRESS", help="listen on another address than the redirect URI's")
    parser.add_argument(
        "--store",
        metavar="WHERE",
        help="keep tokens in: keyring (default where there is one; encrypted), file (else; readable by this user "
        "alone, not encrypted), memory, none",
    )
    parser.add_argument("--renewable", action="store_true", help="ask for a refresh token (on for code and device)")
    parser.add_argument("--no-renewable", action="store_true", help="ask for no refresh token")
    parser.add_argument(
        "--force", action="store_true", help="login, token: sign in again even if a good token is there"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of what went well")
    parser.add_argument("--raw", action="store_true", help="token: print it on a terminal too")
    parser.add_argument("parameters", metavar="KEY=VALUE", nargs="*", help="parameters, before those of the file")
    return parser


class _Command:
    """What a command works with, made when it is needed."""

    def __init__(self, options: argparse.Namespace, arguments: Sequence[str]) -> None:
        self.options = options
        self._arguments = arguments
        line = line_parameters(options)
        self.params = ParamsAuth0.from_magic(line, origin="the command line")
        for warning in warnings_about(options, self.params.warnings):
            _warn(warning)

    @cached_property
    def store(self) -> tuple[str, Store]:
        """The store's name, and the store: the one asked for, else a real keyring, else files."""
        if self.options.store:
            return self.options.store, open_store(self.options.store, _warn)
        try:
            return "keyring", open_store("keyring", _warn)
        except StoreUnavailable:
            return "file", open_store("file", _warn)

    @property
    def _flow(self) -> str | None:
        return "device" if self.options.flow == "device" else None

    @cached_property
    def kept(self) -> TokenSource:
        """The tokens of an earlier sign-in, if there are any."""
        grant = Grant.of(self.params.response_type, self._flow, not self.options.no_renewable)
        kept = TokenSource(self.params, grant, self.store[1])
        kept.adopt()
        return kept

    @cached_property
    def auth(self) -> Auth:
        """The sign-in itself; it takes longer to load."""
        from .auth import Auth

        renewable = not self.options.no_renewable
        bind, paste = self.options.bind, self.options.paste
        return Auth(self.params, flow=self._flow, store=self.store[1], renewable=renewable, bind=bind, paste=paste)

    @property
    def authenticator(self) -> Authenticator:
        """What the sign-in works with."""
        from .auth import authenticator_of

        return authenticator_of(self.auth)

    def ask(self) -> None:
        """Sign in, as a cell does."""
        from .display.panel import panel
        from .display.view import card_of

        options, shown = self.options, panel()
        self.authenticator.authenticate(shown, int(options.timeout), not options.no_browser, options.force)
        shown.end(None if options.quiet else card_of(self.authenticator))

    def login_line(self) -> str:
        """Return the line that signs in for the same."""
        words = [word for word in self._arguments if word not in ("--raw", "--force")]
        words.remove(self.options.command)
        return f"{PROGRAM} {shlex.join(['login', *words])}"


def _login(command: _Command) -> int:
    outlasts_this_process = command.store[0] not in ("memory", "none")
    if outlasts_this_process:
        command.kept.check_place()  # else a sign-in would be for nothing
    command.ask()
    if outlasts_this_process and not command.authenticator.source.is_stored:
        _say("The tokens could not be kept, so no other command will find them.")
        return FAILED
    return GOOD


def _token(command: _Command) -> int:
    output = _Output.taken()
    if output is None:
        _say("Standard output is closed, so there is nowhere to print the token.")
        return FAILED
    if output.is_terminal and not command.options.raw:
        raise BadOption("Standard output is a terminal, where the token would stay to be read: use a pipe, or --raw.")
    try:
        if command.options.force:
            raise SignInNeeded
        token = command.kept.get().access_token
    except (NotSignedIn, SignInNeeded):
        if not sys.stderr.isatty():
            command.kept.check_place()  # else a locked keyring would look like an empty one
            _say(f"There is no token that is still good, and nobody here to sign in. Run: {command.login_line()}")
            return FAILED
        command.ask()
        token = command.auth.access_token
    return output.write(token)


def _status(command: _Command) -> int:
    from .display.view import view_of_tokens

    tokens, store = command.kept.tokens, ("Store", command.store[0])
    if tokens is None:
        command.kept.check_place()  # else a locked keyring would look like an empty one
    view = view_of_tokens(command.params, tokens)
    if not command.options.quiet:
        more = [("Renewable", "yes" if view.is_renewable else "no")] if tokens is not None else []
        _say(view.card((*more, store), hint=f"Run: {command.login_line()}").text())
    return GOOD if view.serves else FAILED


def _logout(command: _Command) -> int:
    try:
        command.auth.sign_out(open_browser=not command.options.no_browser)
    except NotSignedIn:
        _say("You are not signed in for this.")
        return FAILED
    return GOOD


_COMMANDS: dict[str, Callable[[_Command], int]] = {
    "login": _login,
    "token": _token,
    "status": _status,
    "logout": _logout,
}


@dataclass(frozen=True)
class _Output:
    """Standard output, for the token alone."""

    descriptor: int

    @classmethod
    def taken(cls) -> _Output | None:
        """Take standard output away from everybody else, unless it is closed; what they write goes to standard error.

        A browser would inherit it: its words would come between, and `$(...)` would wait for the browser's end.
        """
        if sys.stdout is None:
            return None
        own = os.dup(1)
        try:
            os.dup2(2, 1)
        except OSError:  # standard error is closed
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return cls(own)

    @property
    def is_terminal(self) -> bool:
        """Whether a person would read it."""
        return os.isatty(self.descriptor)

    def write(self, token: AccessToken) -> int:
        """Write *token* and a line's end, once; return the exit status."""
        try:
            with open(self.descriptor, "wb") as stream:
                stream.write(f"{token}\n".encode("ascii"))
        except BrokenPipeError:
            return FAILED
        except OSError as error:
            _say(f"The token cannot be written to standard output: {error.strerror}.")
            return FAILED
        return GOOD


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _warn(sentence: str) -> None:
    _say(f"Warning: {sentence}")
